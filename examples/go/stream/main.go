// A streamed chat completion: the connection stays open until the answer is there, however long that is.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sashabaranov/go-openai"

	"offpeak-examples/check"
	"offpeak-examples/patient"
)

func main() {
	client := patient.NewClient()

	question := "Tell me a very short story."
	stream, err := client.CreateChatCompletionStream(context.Background(), openai.ChatCompletionRequest{
		Model:         "gpt-4.1-mini",
		Messages:      []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: question}},
		StreamOptions: &openai.StreamOptions{IncludeUsage: true},
	})
	check.NoError(err)
	defer stream.Close()

	var story string
	var finishReason openai.FinishReason
	var totalTokens int
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		check.NoError(err)      // "unexpected end of JSON input": go-openai's words for any error that follows a comment
		if chunk.Usage != nil { // the last chunk: it has no choices
			totalTokens = chunk.Usage.TotalTokens
		}
		for _, choice := range chunk.Choices {
			story += choice.Delta.Content
			finishReason += choice.FinishReason // empty but for one chunk
			fmt.Print(choice.Delta.Content)
		}
	}
	fmt.Println()

	check.Expect("finish_reason", finishReason, openai.FinishReasonStop)
	check.Expect("story", story, "echo: "+question)
	check.Expect("usage arrived", totalTokens > 0, true)
	fmt.Println("ok")
}
