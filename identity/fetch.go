package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	setBytes     = 1 << 20          // the longest key set
	fetchTime    = 10 * time.Second // the longest wait for one
	fetchEvery   = 5 * time.Minute
	fetchAtLeast = 5 * time.Second // between two, whatever tokens ask for
)

// fetch is where keys come from; without a url they are fixed.
type fetch struct {
	url    string
	report func(error)
	known  chan struct{} // closed after the first fetch, whatever came of it
	last   []byte
	over   http.RoundTripper
}

// FetchedKeys are those of a JSON Web Key Set (RFC 7517, section 5) at an URL. There is none before Run. report is told of each fetch
// that changes something, with nil, and of each that fails: then the keys stay as they are.
func FetchedKeys(url string, report func(error)) *Keys {
	return &Keys{want: make(chan struct{}, 1), fetch: fetch{
		url: url, report: report, known: make(chan struct{}),
		over: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
	}}
}

// Want asks for newer keys, without waiting for them.
func (k *Keys) Want() {
	select {
	case k.want <- struct{}{}:
	default: // somebody has asked already
	}
}

// Known is closed when the keys have been fetched once, or could not be; nil for fixed ones.
func (k *Keys) Known() <-chan struct{} { return k.fetch.known }

// Run fetches the keys, again and again, until ctx ends: every five minutes, and when a token names a key that is not among them, but
// never twice in five seconds.
func (k *Keys) Run(ctx context.Context) error {
	if k.fetch.url == "" {
		<-ctx.Done()
		return nil
	}
	client := &http.Client{Timeout: fetchTime, CheckRedirect: sameHost, Transport: k.fetch.over}
	wait := fetchAtLeast
	for first := true; ; first = false {
		err := k.look(ctx, client)
		if ctx.Err() != nil {
			return nil
		}
		if first {
			close(k.fetch.known)
		}
		next := fetchEvery
		if err != nil { // sooner, but not more and more often
			next, wait = wait, min(2*wait, fetchEvery)
		} else {
			wait = fetchAtLeast
		}
		if !k.pause(ctx, next) {
			return nil
		}
	}
}

// pause waits, for a shorter time where newer keys are wanted; false at the end of ctx.
func (k *Keys) pause(ctx context.Context, most time.Duration) bool {
	least := time.NewTimer(fetchAtLeast)
	defer least.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-least.C:
	}
	rest := time.NewTimer(most - fetchAtLeast)
	defer rest.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-rest.C:
	case <-k.want:
	}
	return true
}

// look fetches the keys once. A set that is the same stays the same, so that what it verified is not verified again.
func (k *Keys) look(ctx context.Context, client *http.Client) error {
	select {
	case <-k.want: // this is the answer to it
	default:
	}
	src, err := k.get(ctx, client)
	if err == nil && bytes.Equal(src, k.fetch.last) {
		return nil
	}
	var set *keySet
	if err == nil {
		set, err = parseSet(src)
	}
	if err != nil {
		if ctx.Err() == nil {
			k.fetch.report(fmt.Errorf("fetch keys from %s: %w", k.fetch.url, err))
		}
		return err
	}
	k.fetch.last = src
	k.set.Store(set)
	k.fetch.report(nil)
	return nil
}

func (k *Keys) get(ctx context.Context, client *http.Client) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, k.fetch.url, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept", "application/jwk-set+json, application/json")
	a, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", a.StatusCode)
	}
	src, err := io.ReadAll(io.LimitReader(a.Body, setBytes+1))
	if err == nil && len(src) > setBytes {
		err = fmt.Errorf("longer than %d bytes", setBytes)
	}
	return src, err
}

// sameHost keeps the keys' origin what the configuration says.
func sameHost(q *http.Request, via []*http.Request) error {
	if len(via) > 3 || q.URL.Host != via[0].URL.Host || q.URL.Scheme != via[0].URL.Scheme {
		return errors.New("it redirects to another host")
	}
	return nil
}
