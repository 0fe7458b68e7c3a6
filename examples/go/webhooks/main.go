// Webhooks: be told when a batch or a background response has ended, instead of asking. The code is OpenAI's own.
//
// The receiver is an ordinary web server, here one on this machine: a gateway for tests may call it (allow_private).
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/webhooks"

	"offpeak-examples/check"
)

var (
	ctx    = context.Background()
	client = openai.NewClient()
	told   = make(chan call, 100)
)

type call struct {
	body    []byte
	headers http.Header
}

// Keeps what comes, and says that it has it: any 2xx does.
func receive(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	check.NoError(err)
	told <- call{body, request.Header}
	answer.WriteHeader(http.StatusNoContent)
}

func next() call {
	select {
	case call := <-told:
		return call
	case <-time.After(time.Minute):
		fmt.Fprintln(os.Stderr, "nothing was told for a minute")
		os.Exit(1)
		return call{}
	}
}

// The next event, if its signature holds. The same event may come twice: its id tells.
func event(secret string) *webhooks.UnwrapWebhookEventUnion {
	call := next()
	event, err := client.Webhooks.Unwrap(call.body, call.headers, option.WithWebhookSecret(secret))
	check.NoError(err)
	return event
}

// Has an endpoint sent an event that tells of nothing.
func test(id string, kind webhooks.WebhookTestParamsEventType) *webhooks.WebhookEndpointTestResult {
	tested, err := client.Webhooks.Test(ctx, id, webhooks.WebhookTestParams{EventType: kind})
	check.NoError(err)
	return tested
}

// A batch of one request.
func createBatch() *openai.Batch {
	question := `{"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Describe product 7."}]}`
	line := `{"custom_id": "go 7", "method": "POST", "url": "/v1/chat/completions", "body": ` + question + `}`
	file, err := client.Files.New(ctx, openai.FileNewParams{
		File:    openai.File(strings.NewReader(line), "products.jsonl", "application/jsonl"),
		Purpose: openai.FilePurposeBatch,
	})
	check.NoError(err)
	batch, err := client.Batches.New(ctx, openai.BatchNewParams{
		InputFileID:      file.ID,
		Endpoint:         openai.BatchNewParamsEndpointV1ChatCompletions,
		CompletionWindow: openai.BatchNewParamsCompletionWindow24h,
	})
	check.NoError(err)
	return batch
}

// The ids of all endpoints.
func list() []string {
	ids := []string{}
	endpoints := client.Webhooks.ListAutoPaging(ctx, webhooks.WebhookListParams{})
	for endpoints.Next() {
		ids = append(ids, endpoints.Current().ID)
	}
	check.NoError(endpoints.Err())
	return ids
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(receive))
	defer server.Close()

	endpoint, err := client.Webhooks.New(ctx, webhooks.WebhookNewParams{
		Name:       "catalogue",
		URL:        server.URL + "/offpeak",
		EventTypes: []string{"batch.completed", "batch.failed", "response.completed"},
	})
	check.NoError(err)
	secret := endpoint.SigningSecret // told once: keep it where your receiver reads it
	check.Expect("hint", endpoint.SigningSecretHint, secret[len(secret)-4:])
	retrieved, err := client.Webhooks.Get(ctx, endpoint.ID)
	check.NoError(err)
	check.Expect("retrieved", []string{retrieved.Name, retrieved.URL}, []string{"catalogue", server.URL + "/offpeak"})
	check.Expect("listed", list(), []string{endpoint.ID})

	tested := test(endpoint.ID, webhooks.WebhookTestParamsEventTypeBatchCompleted)
	check.Expect("test", tested.StatusCode, int64(http.StatusNoContent))
	check.Expect("event of the test", event(secret).Type, "batch.completed")

	batch := createBatch()
	of := event(secret)
	check.Expect("event of the batch", []string{of.Type, of.Data.ID}, []string{"batch.completed", batch.ID})
	batch, err = client.Batches.Get(ctx, batch.ID)
	check.NoError(err)
	check.Expect("status by then", batch.Status, openai.BatchStatusCompleted)

	response, err := client.Responses.New(ctx, responses.ResponseNewParams{
		Model:      "gpt-4.1-mini",
		Input:      responses.ResponseNewParamsInputUnion{OfString: openai.String("Why?")},
		Background: openai.Bool(true),
	})
	check.NoError(err)
	of = event(secret)
	check.Expect("event of the response", []string{of.Type, of.Data.ID}, []string{"response.completed", response.ID})
	response, err = client.Responses.Get(ctx, response.ID, responses.ResponseGetParams{})
	check.NoError(err)
	check.Expect("answer by then", response.OutputText(), "echo: Why?")

	// A new secret, while receivers still have the old one: for a day each message is signed with both.
	rotated, err := client.Webhooks.RotateSecret(ctx, endpoint.ID, webhooks.WebhookRotateSecretParams{
		KeepOldSecretActiveFor24Hours: openai.Bool(true),
	})
	check.NoError(err)
	check.Expect("a new secret", rotated.SigningSecret != secret, true)
	for _, known := range []string{secret, rotated.SigningSecret} {
		test(endpoint.ID, webhooks.WebhookTestParamsEventTypeBatchFailed)
		check.Expect("event in rotation", event(known).Type, "batch.failed")
	}

	// What somebody else sends is refused.
	test(endpoint.ID, webhooks.WebhookTestParamsEventTypeBatchFailed)
	call := next()
	altered := bytes.Replace(call.body, []byte("failed"), []byte("expired"), 1)
	_, err = client.Webhooks.Unwrap(altered, call.headers, option.WithWebhookSecret(secret))
	check.Expect("an altered event is refused", err != nil, true)
	fmt.Println("refused:", err)

	updated, err := client.Webhooks.Update(ctx, endpoint.ID, webhooks.WebhookUpdateParams{EventTypes: []string{"batch.failed"}})
	check.NoError(err)
	check.Expect("updated", updated.EventTypes, []string{"batch.failed"})
	deleted, err := client.Webhooks.Delete(ctx, endpoint.ID)
	check.NoError(err)
	check.Expect("deleted", deleted.Deleted, true)
	check.Expect("left", list(), []string{})
	fmt.Println("ok")
}
