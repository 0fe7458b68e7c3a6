// A chat completion with go-openai.
package main

import (
	"context"
	"fmt"

	"github.com/sashabaranov/go-openai"

	"offpeak-examples/check"
	"offpeak-examples/patient"
)

func main() {
	client := patient.NewClient()

	question := "Why is the sky blue?"
	chat, err := client.CreateChatCompletion(context.Background(), openai.ChatCompletionRequest{
		Model: "gpt-4.1-mini",
		Messages: []openai.ChatCompletionMessage{
			{Role: openai.ChatMessageRoleSystem, Content: "Answer in one sentence."},
			{Role: openai.ChatMessageRoleUser, Content: question},
		},
	})
	check.NoError(err)
	fmt.Println(chat.Header().Get("x-offpeak-job"), chat.Choices[0].Message.Content)
	check.Expect("chat", chat.Choices[0].Message.Content, "echo: "+question)
	fmt.Println("ok")
}
