// A large file in small parts: for a gateway behind which one call cannot carry all of it, as on AWS (4 MiB there).
package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3"

	"offpeak-examples/check"
)

const partBytes = 64 * 1024 // on AWS: 4 * 1024 * 1024

var (
	ctx    = context.Background()
	client = openai.NewClient()
)

func begin(name string, bytes int) *openai.Upload {
	upload, err := client.Uploads.New(ctx, openai.UploadNewParams{
		Filename: name,
		Bytes:    int64(bytes),
		MimeType: "application/jsonl",
		Purpose:  openai.FilePurposeBatch,
	})
	check.NoError(err)
	check.Expect("begun", upload.Status, openai.UploadStatusPending)
	return upload
}

func main() {
	var lines strings.Builder
	for number := range 1_000 {
		input := strings.Repeat("hello ", 20)
		body := fmt.Sprintf(`{"model": "text-embedding-3-small", "input": %q}`, input)
		fmt.Fprintf(&lines, `{"custom_id": "%d", "method": "POST", "url": "/v1/embeddings", "body": %s}`+"\n", number, body)
	}
	content := lines.String()

	// Parts may arrive in any order, and the last call says which comes first.
	upload := begin("embeddings.jsonl", len(content))
	parts := make([]string, (len(content)+partBytes-1)/partBytes)
	for at := len(parts) - 1; at >= 0; at-- {
		data := content[at*partBytes : min((at+1)*partBytes, len(content))]
		part, err := client.Uploads.Parts.New(ctx, upload.ID, openai.UploadPartNewParams{Data: strings.NewReader(data)})
		check.NoError(err)
		check.Expect("upload of the part", part.UploadID, upload.ID)
		parts[at] = part.ID
	}
	fmt.Println(len(content), "bytes in", len(parts), "parts")
	sum := md5.Sum([]byte(content))
	upload, err := client.Uploads.Complete(ctx, upload.ID, openai.UploadCompleteParams{
		PartIDs: parts,
		Md5:     openai.String(hex.EncodeToString(sum[:])),
	})
	check.NoError(err)
	check.Expect("completed", upload.Status, openai.UploadStatusCompleted)
	check.Expect("size", upload.File.Bytes, int64(len(content)))
	check.Expect("purpose", upload.File.Purpose, openai.FileObjectPurposeBatch)
	response, err := client.Files.Content(ctx, upload.File.ID)
	check.NoError(err)
	stored, err := io.ReadAll(response.Body)
	check.NoError(err)
	check.Expect("content is as it was", string(stored) == content, true)

	upload = begin("never.jsonl", 11)
	upload, err = client.Uploads.Cancel(ctx, upload.ID)
	check.NoError(err)
	check.Expect("cancelled", upload.Status, openai.UploadStatusCancelled)
	_, err = client.Uploads.Parts.New(ctx, upload.ID, openai.UploadPartNewParams{Data: strings.NewReader("late")})
	var refused *openai.Error
	check.Expect("a late part is refused", errors.As(err, &refused), true)
	check.Expect("refusal", refused.StatusCode, http.StatusBadRequest)
	fmt.Println("ok")
}
