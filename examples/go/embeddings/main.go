// Embeddings of several texts in one request; the vectors come in the order of the texts.
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

	texts := []string{"tea", "coffee", "tea"}
	answer, err := client.CreateEmbeddings(context.Background(), openai.EmbeddingRequestStrings{
		Model: openai.SmallEmbedding3,
		Input: texts,
	})
	check.NoError(err)
	check.Expect("number of vectors", len(answer.Data), len(texts))
	for i, item := range answer.Data {
		fmt.Println(texts[i], item.Embedding)
		check.Expect("order", item.Index, i)
		check.Expect("dimensions", len(item.Embedding), 8)
	}
	check.Expect("vector of the same text", answer.Data[2].Embedding, answer.Data[0].Embedding)
	fmt.Println("ok")
}
