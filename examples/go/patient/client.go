// Package patient makes go-openai wait for answers that take hours.
//
// That library never repeats a request by itself, and the gateway holds a call for minutes only (nothing on the way keeps
// a silent connection for longer). So here is the loop that other SDKs bring along: as long as the gateway says 503,
// wait as it asks and send the same request again.
//
// It sits below the library, as its HTTP client, because the errors above do not carry the Retry-After header, and
// because there it serves every endpoint.
package patient

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/sashabaranov/go-openai"
)

// NewClient takes OPENAI_BASE_URL and OPENAI_API_KEY from the environment.
func NewClient() *openai.Client {
	config := openai.DefaultConfig(os.Getenv("OPENAI_API_KEY"))
	config.BaseURL = os.Getenv("OPENAI_BASE_URL")
	config.HTTPClient = doer{http.DefaultClient} // without a timeout: the context says how long to wait
	// While a stream waits the gateway sends comments, which this library counts, and gives up after 300.
	config.EmptyMessagesLimit = 1_000_000
	return openai.NewClientWithConfig(config)
}

type doer struct{ next openai.HTTPDoer }

// Do sends the request until the answer is there.
func (d doer) Do(request *http.Request) (*http.Response, error) {
	// One key for all tries of one call: by it the gateway knows them to be the same job. A second call with the same
	// prompt gets another key and so its own answer. With a key that you store beside your data even a restarted
	// program comes back to its job.
	if request.Header.Get("Idempotency-Key") == "" {
		request.Header.Set("Idempotency-Key", randomKey())
	}
	for {
		response, err := d.next.Do(request)
		if err != nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("x-should-retry") == "false" {
			return response, err
		}
		io.Copy(io.Discard, response.Body) // so that the connection can be used again
		response.Body.Close()

		select {
		case <-time.After(retryAfter(response)):
		case <-request.Context().Done():
			return nil, request.Context().Err()
		}
		if request.GetBody != nil { // the first try has read the body
			if request.Body, err = request.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

func retryAfter(response *http.Response) time.Duration {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		seconds = 30
	}
	return time.Duration(seconds) * time.Second
}

func randomKey() string {
	key := make([]byte, 16)
	if _, err := rand.Read(key); err != nil {
		panic(err)
	}
	return hex.EncodeToString(key)
}
