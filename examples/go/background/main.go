// A background response: create it, go away, retrieve it later; follow it as a stream; cancel it; delete it.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"offpeak-examples/check"
)

var (
	ctx    = context.Background()
	client = openai.NewClient(option.WithMaxRetries(1000))
)

// A question, which is answered at once with a queued response, whatever the batch takes.
func background(question string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model:      "gpt-4.1-mini",
		Input:      responses.ResponseNewParamsInputUnion{OfString: openai.String(question)},
		Background: openai.Bool(true),
	}
}

func create(asked responses.ResponseNewParams) *responses.Response {
	response, err := client.Responses.New(ctx, asked)
	check.NoError(err)
	fmt.Println(response.ID, response.Status)
	return response
}

// Asks for a response until it has ended.
func ended(response *responses.Response) *responses.Response {
	for response.Status == responses.ResponseStatusQueued || response.Status == responses.ResponseStatusInProgress {
		time.Sleep(time.Second)
		var err error
		response, err = client.Responses.Get(ctx, response.ID, responses.ResponseGetParams{})
		check.NoError(err)
		fmt.Println(response.ID, response.Status)
	}
	return response
}

func main() {
	// The id is all that you need to keep. A service tier of "flex" in place of Background does the same.
	question := "What is the tallest mountain of Norway?"
	asked := background(question)
	asked.Metadata = map[string]string{"invoice": "4711"}
	queued := create(asked)
	check.Expect("status", queued.Status, responses.ResponseStatusQueued)
	check.Expect("metadata", queued.Metadata["invoice"], "4711")
	response := ended(queued)
	check.Expect("id", response.ID, queued.ID)
	check.Expect("status", response.Status, responses.ResponseStatusCompleted)
	check.Expect("output", response.OutputText(), "echo: "+question)
	check.Expect("background", response.Background, true)
	check.Expect("tier", response.ServiceTier, responses.ResponseServiceTierFlex)

	// A conversation goes on from it by its id.
	asked = background("And of Sweden?")
	asked.PreviousResponseID = openai.String(response.ID)
	following := create(asked)

	// As a stream: the first events say the id, so that whoever loses the connection goes on after the event that came last.
	question = "Tell me a very short story."
	stream := client.Responses.NewStreaming(ctx, background(question))
	var id string
	var cursor int64
	for id == "" && stream.Next() {
		event := stream.Current()
		fmt.Println(event.SequenceNumber, event.Type)
		if event.Type == "response.queued" {
			id, cursor = event.Response.ID, event.SequenceNumber
		}
	}
	check.NoError(stream.Err())
	check.NoError(stream.Close()) // as if the connection had been cut here

	// This SDK (3.99) puts "stream" into a body, where a GET has none: without the option no stream comes.
	after := responses.ResponseGetParams{StartingAfter: openai.Int(cursor)}
	stream = client.Responses.GetStreaming(ctx, id, after, option.WithQuery("stream", "true"))
	var story string
	var last responses.ResponseStreamEventUnion
	for stream.Next() {
		last = stream.Current()
		fmt.Println(last.SequenceNumber, last.Type)
		check.Expect("sequence number", last.SequenceNumber, cursor+1)
		cursor = last.SequenceNumber
		if last.Type == "response.output_text.delta" {
			story += last.Delta
		}
	}
	check.NoError(stream.Err())
	check.Expect("last event", last.Type, "response.completed")
	check.Expect("id of the story", last.Response.ID, id)
	check.Expect("story", story, "echo: "+question)

	// Cancelled at once while it waits; once it is in a batch, when that ends, unless its answer is faster.
	cancelled, err := client.Responses.Cancel(ctx, following.ID)
	check.NoError(err)
	switch cancelled = ended(cancelled); cancelled.Status {
	case responses.ResponseStatusCancelled, responses.ResponseStatusCompleted:
	default:
		check.Expect("end of a cancelled response", cancelled.Status, responses.ResponseStatusCancelled)
	}

	// Deleted, it is not found any more.
	check.NoError(client.Responses.Delete(ctx, id))
	_, err = client.Responses.Get(ctx, id, responses.ResponseGetParams{})
	var refused *openai.Error
	check.Expect("a deleted response is refused", errors.As(err, &refused), true)
	check.Expect("refusal", refused.StatusCode, http.StatusNotFound)
	fmt.Println("ok")
}
