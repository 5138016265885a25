package notify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestACallFollowsRedirectsOnItsOwnHostAlone(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t, always(http.StatusOK))
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, elsewhere.URL+"/got", http.StatusTemporaryRedirect)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusPermanentRedirect)
		case "/get":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusTemporaryRedirect)
		default:
			b, _ := io.ReadAll(r.Body)
			bodies = append(bodies, r.Method+" "+string(b))
		}
	}))
	t.Cleanup(s.Close)
	for path, passes := range map[string]bool{"/away": false, "/here": true, "/get": false, "/loop": false} {
		_, failed := newClient(Endpoint{URL: s.URL + path, Timeout: patience}).post(t.Context(), "1", []byte("body"), nil)
		if (failed == nil) != passes {
			t.Errorf("post to %s = %v, want a pass: %v", path, failed, passes)
		}
	}
	if n := len(elsewhere.to("/got")); n != 0 {
		t.Errorf("another host was called %d times", n)
	}
	if len(bodies) != 1 || bodies[0] != "POST body" {
		t.Errorf("after a redirect came %q, want the POST with its body", bodies)
	}
}

func TestALinkLocalAddressIsRefusedBeforeAConnectionIsTried(t *testing.T) {
	t.Parallel()
	_, failed := newClient(Endpoint{URL: "http://[fe80::1%25lo]:1/x", Timeout: time.Second}).post(t.Context(), "1", nil, nil)
	if failed == nil || !strings.Contains(failed.detail, "link-local address") {
		t.Errorf("post to fe80::1 = %v, want it refused before a connection is tried", failed)
	}
	r := newReceiver(t, always(http.StatusOK))
	if _, failed := newClient(Endpoint{URL: r.URL, Timeout: patience}).post(t.Context(), "1", nil, nil); failed != nil {
		t.Errorf("loopback = %v, want it allowed", failed)
	}
}

func TestWhatGoesWrongIsToldWithoutTheURL(t *testing.T) {
	t.Parallel()
	hangs := newReceiver(t, always(0))
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, strings.Repeat("\x00\x1b[31m no\r\n", 1<<20))
	}))
	t.Cleanup(garbage.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	for url, want := range map[string]string{
		hangs.URL: "no answer within 50ms", closed.URL: "no answer: ", garbage.URL: "418: [31m no [31m no",
	} {
		timeout := patience
		if url == hangs.URL {
			timeout = 50 * time.Millisecond
		}
		_, failed := newClient(Endpoint{URL: url + "/s3cret?key=s3cret", Timeout: timeout}).post(t.Context(), "1", nil, nil)
		if failed == nil || !strings.HasPrefix(failed.detail, want) || strings.Contains(failed.detail, "s3cret") || len(failed.detail) > 300 {
			t.Errorf("post = %v, want %q and no URL", failed, want)
		}
	}
}

func TestABackoffDoublesWithJitterUpToItsMost(t *testing.T) {
	t.Parallel()
	p := Pace{}
	p.complete()
	for n, want := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 4: 4 * time.Second, 100: time.Minute} {
		different := map[time.Duration]bool{}
		for range 20 {
			d := p.backoff(n)
			different[d] = true
			if d < want/2 || d > want*3/2 {
				t.Errorf("backoff(%d) = %s, want %s give or take half", n, d, want)
			}
		}
		if len(different) < 2 {
			t.Errorf("backoff(%d) has no jitter", n)
		}
	}
}
