// A batch: many requests in one file, of several models, whose results come as one file. The code is OpenAI's own.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"offpeak-examples/check"
)

const count = 40

var (
	ctx    = context.Background()
	client = openai.NewClient()
	models = []string{"gpt-4.1-mini", "gpt-4.1-nano"}
)

// One line. OpenAI takes one model in a file; here each line may name its own.
func request(number int) string {
	question := map[string]string{"role": "user", "content": fmt.Sprintf("Describe product %d.", number)}
	line, err := json.Marshal(map[string]any{
		"custom_id": fmt.Sprintf("good %d", number),
		"method":    "POST",
		"url":       "/v1/chat/completions",
		"body":      map[string]any{"model": models[number%2], "messages": []any{question}},
	})
	check.NoError(err)
	return string(line) + "\n"
}

func store(name, content string) *openai.FileObject {
	file, err := client.Files.New(ctx, openai.FileNewParams{
		File:    openai.File(strings.NewReader(content), name, "application/jsonl"),
		Purpose: openai.FilePurposeBatch,
	})
	check.NoError(err)
	return file
}

func create(file *openai.FileObject, options ...option.RequestOption) *openai.Batch {
	batch, err := client.Batches.New(ctx, openai.BatchNewParams{
		InputFileID:      file.ID,
		Endpoint:         openai.BatchNewParamsEndpointV1ChatCompletions,
		CompletionWindow: openai.BatchNewParamsCompletionWindow24h,
		Metadata:         map[string]string{"team": "catalogue"},
	}, options...)
	check.NoError(err)
	return batch
}

// Asks for a batch until it has ended.
func ended(batch *openai.Batch) *openai.Batch {
	going := []openai.BatchStatus{"validating", "in_progress", "finalizing", "cancelling"}
	for slices.Contains(going, batch.Status) {
		time.Sleep(500 * time.Millisecond) // with a real provider: a minute
		var err error
		batch, err = client.Batches.Get(ctx, batch.ID)
		check.NoError(err)
		fmt.Println(batch.Status, batch.RequestCounts.Completed, "of", batch.RequestCounts.Total)
	}
	return batch
}

func content(id string) string {
	response, err := client.Files.Content(ctx, id)
	check.NoError(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	check.NoError(err)
	return string(content)
}

// The status of an error that must be there.
func status(err error) int {
	var refused *openai.Error
	if !errors.As(err, &refused) {
		check.Expect("error", err, "one of the API")
		return 0
	}
	fmt.Println(refused.StatusCode, refused.Message)
	return refused.StatusCode
}

func main() {
	var lines string
	wanted := map[string]string{}
	for number := range count {
		lines += request(number)
		wanted[fmt.Sprintf("good %d", number)] = fmt.Sprintf("echo: Describe product %d.", number)
	}
	file := store("products of today.jsonl", lines)
	file, err := client.Files.Get(ctx, file.ID)
	check.NoError(err)
	check.Expect("name", file.Filename, "products of today.jsonl")
	check.Expect("size", file.Bytes, int64(len(lines)))
	check.Expect("status", file.Status, openai.FileObjectStatusProcessed)
	check.Expect("content", content(file.ID), lines)

	// With an Idempotency-Key a repeat of this call, even by another process, finds the same batch.
	key := option.WithHeader("Idempotency-Key", "products of "+file.ID)
	batch := create(file, key)
	check.Expect("repeated batch", create(file, key).ID, batch.ID)

	batch = ended(batch)
	check.Expect("status", batch.Status, openai.BatchStatusCompleted)
	counts := batch.RequestCounts
	check.Expect("counts", []int64{counts.Total, counts.Completed, counts.Failed}, []int64{count, count, 0})
	check.Expect("metadata", batch.Metadata["team"], "catalogue")
	check.Expect("error file", batch.ErrorFileID, "")
	check.Expect("tokens", batch.Usage.TotalTokens > 0, true)

	answers := map[string]string{}
	for results := bufio.NewScanner(strings.NewReader(content(batch.OutputFileID))); results.Scan(); {
		var result struct {
			CustomID string `json:"custom_id"`
			Response struct {
				StatusCode int                   `json:"status_code"`
				Body       openai.ChatCompletion `json:"body"`
			} `json:"response"`
		}
		check.NoError(json.Unmarshal(results.Bytes(), &result))
		check.Expect("status of a line", result.Response.StatusCode, 200)
		answers[result.CustomID] = result.Response.Body.Choices[0].Message.Content
	}
	check.Expect("answers", answers, wanted)

	// A batch whose input is wrong says so, line by line.
	wrong := store("wrong.jsonl", "{\"custom_id\": \"a\"}\nnot json\n")
	failed := ended(create(wrong))
	check.Expect("status", failed.Status, openai.BatchStatusFailed)
	var codes []string
	for _, each := range failed.Errors.Data {
		fmt.Printf("line %d: %s: %s\n", each.Line, each.Code, each.Message)
		codes = append(codes, fmt.Sprintf("%d %s", each.Line, each.Code))
	}
	check.Expect("errors", codes, []string{"1 missing_required_parameter", "2 invalid_json_line"})

	// Lists go on by themselves from page to page.
	batches := client.Batches.ListAutoPaging(ctx, openai.BatchListParams{Limit: openai.Int(1)})
	var seen []string
	for batches.Next() {
		seen = append(seen, batches.Current().ID)
	}
	check.NoError(batches.Err())
	check.Expect("listed batches", slices.Contains(seen, batch.ID) && slices.Contains(seen, failed.ID), true)
	files := client.Files.ListAutoPaging(ctx, openai.FileListParams{
		Limit:   openai.Int(1),
		Order:   openai.FileListParamsOrderAsc,
		Purpose: openai.String("batch"),
	})
	seen = nil
	for files.Next() {
		seen = append(seen, files.Current().ID)
	}
	check.NoError(files.Err())
	first, second := slices.Index(seen, file.ID), slices.Index(seen, wrong.ID)
	check.Expect("listed files", 0 <= first && first < second, true)

	// What has ended cannot be cancelled; what is cancelled before it has ended ends so.
	_, err = client.Batches.Cancel(ctx, batch.ID)
	check.Expect("cancelling what has ended", status(err), http.StatusConflict)
	cancelled, err := client.Batches.Cancel(ctx, create(store("mistaken.jsonl", request(count))).ID)
	if err != nil { // it was faster
		check.Expect("late cancellation", status(err), http.StatusConflict)
	} else {
		check.Expect("end of a cancelled batch", ended(cancelled).Status, openai.BatchStatusCancelled)
	}

	deleted, err := client.Files.Delete(ctx, wrong.ID)
	check.NoError(err)
	check.Expect("deleted", deleted.Deleted, true)
	_, err = client.Files.Get(ctx, wrong.ID)
	check.Expect("a deleted file", status(err), http.StatusNotFound)
	fmt.Println("ok")
}
