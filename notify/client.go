package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"sluice/internal/outbound"
)

const (
	// maxAnswer bytes of an answer are read.
	maxAnswer = 64 << 10
	// maxRedirects on one host.
	maxRedirects = 3
)

// SignatureHeader has "sha256=" and the HMAC-SHA256 of the body in hexadecimal, where there is a secret. IDHeader has the id, which is the
// same each time that the same thing is said or asked.
const (
	SignatureHeader = "Sluice-Signature"
	IDHeader        = "Sluice-Id"
)

// client calls one endpoint. It keeps no connection: calls are seldom, and what was proven of an address holds for that one connection.
type client struct {
	endpoint Endpoint
	http     http.Client
}

func newClient(e Endpoint) *client {
	dialer := net.Dialer{Timeout: e.Timeout, Control: outbound.Control(e.AllowLinkLocal)}
	return &client{endpoint: e, http: http.Client{
		Timeout:   e.Timeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: maxAnswer},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			first := via[0]
			if next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme || next.Method != first.Method || len(via) > maxRedirects {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// failure is a call that did not pass. Its text has no URL in it: that may be a secret.
type failure struct {
	status int // 0 is no answer
	detail string
	// wait is how long the receiver wants to be left alone.
	wait time.Duration
}

func (f *failure) Error() string { return f.detail }

// hopeless says that the same call will hardly pass another time.
func (f *failure) hopeless() bool {
	switch f.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return f.status >= 400 && f.status < 500
}

// post calls the endpoint. Any 2xx passes; the text is what it said, in one line.
func (c *client) post(ctx context.Context, id string, body []byte, header map[string]string) (string, *failure) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.URL, bytes.NewReader(body))
	if err != nil {
		return "", &failure{detail: "the URL can't be called"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sluice")
	req.Header.Set(IDHeader, id)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	if len(c.endpoint.Secret) > 0 {
		req.Header.Set(SignatureHeader, sign(c.endpoint.Secret, body))
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return "", &failure{detail: outbound.Why(err, c.endpoint.Timeout)}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	said := outbound.OneLine(string(text))
	if answer.StatusCode/100 == 2 { // what it says beside that decides nothing, and may be cut
		return said, nil
	}
	f := &failure{status: answer.StatusCode, detail: strconv.Itoa(answer.StatusCode)}
	switch {
	case answer.StatusCode/100 == 3:
		f.detail += ": a redirect to elsewhere, which is not followed"
	case err == nil && said != "":
		f.detail += ": " + said
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		f.wait = min(time.Duration(seconds)*time.Second, 5*time.Minute)
	}
	return "", f
}

func sign(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// backoff before repetition n, from 1: doubled each time, and half to one and a half of that, so that many don't come together.
func (p *Pace) backoff(n int) time.Duration {
	d := p.Backoff
	for range min(n-1, 20) {
		d = min(2*d, p.MaxBackoff)
	}
	return time.Duration(float64(d) * (0.5 + rand.Float64()))
}
