package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// echo is an origin that answers with what it got, in HTTP/2 without TLS where h2c says so.
func echo(t *testing.T, h2c bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(!h2c)
	s.Config.Protocols.SetUnencryptedHTTP2(h2c)
	s.Start()
	t.Cleanup(s.Close)
	if h2c {
		return "h2c" + strings.TrimPrefix(s.URL, "http")
	}
	return s.URL
}

// ask posts a text and says what is wrong with the answer. Nobody may send a POST again, so each one counts.
func ask(c *http.Client, url, text string) error {
	answer, err := c.Post(url, "text/plain", strings.NewReader(text))
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || string(page) != text {
		return fmt.Errorf("POST of %q = %d %q, %w", text, answer.StatusCode, page, err)
	}
	return nil
}

// A reload with another version makes another backend. Requests that loaded the table before finish on the old one.
func TestABackendThatIsReplacedUnderLoadLosesNoRequest(t *testing.T) {
	t.Parallel()
	for name, h2c := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stable, canary := echo(t, h2c), echo(t, h2c)
			body := func(version int) string {
				const route = "routes:\n  - name: shop\n    backends:\n      stable: {endpoints: [%q], version: s%d}\n      canary: {endpoints: [%q], version: c%d}\n" +
					"    weights: {stable: 50, canary: 50}\n"
				return fmt.Sprintf(route, stable, version/2, canary, version)
			}
			r := start(t, body(0))
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
			defer client.CloseIdleConnections()
			var answered atomic.Int64
			var all sync.WaitGroup
			done := make(chan struct{})
			for i := range 8 {
				all.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-done:
							return
						default:
						}
						if err := ask(client, "http://"+r.listen+"/", fmt.Sprint(i, " ", n)); err != nil {
							t.Error(err)
							return
						}
						answered.Add(1)
					}
				})
			}
			for version := range 30 {
				before := answered.Load()
				r.set(body(version + 1))
				if _, err := r.Reload(context.Background()); err != nil {
					t.Error(err)
				}
				until(t, "answers", func() bool { return t.Failed() || answered.Load() > before+8 })
			}
			close(done)
			all.Wait()
		})
	}
}
