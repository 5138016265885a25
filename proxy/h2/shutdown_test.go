package h2

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"sluice/internal/testkit"
)

func TestShutdownWaitsForRequestsUnderWay(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	for kind, url := range origins(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, "whole")
	})) {
		b := newBench(t, options{}, url)
		got := make(chan string, 1)
		go func() {
			resp, err := b.client.Get(b.url("/"))
			if err != nil {
				got <- err.Error()
				return
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				text = append(text, err.Error()...)
			}
			got <- string(text)
		}()
		testkit.Until(t, testkit.Patience, "the request at the backend", func() (bool, any) { return b.backend.InFlight() == 1, nil })
		ended := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
			defer cancel()
			ended <- b.server.Shutdown(ctx)
		}()
		testkit.Until(t, testkit.Patience, "the server to retire", func() (bool, any) { return b.server.Retiring(), nil })
		select {
		case err := <-ended:
			t.Fatalf("%s: Shutdown returned %v before the request ended", kind, err)
		case <-time.After(50 * time.Millisecond): // what is shown is that it waits
		}
		release <- struct{}{}
		if text := <-got; text != "whole" {
			t.Errorf("%s: the answer is %q, want it whole", kind, text)
		}
		if err := <-ended; err != nil {
			t.Errorf("%s: Shutdown: %v", kind, err)
		}
	}
}
