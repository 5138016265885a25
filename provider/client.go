package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"sluice/internal/outbound"
)

const (
	// maxAnswer bytes of a provider's answer are read, maxScrape of an exporter's, and maxDetail of what comes with a status that is no good.
	maxAnswer = 1 << 20
	maxScrape = 16 << 20
	maxDetail = 800
)

// Endpoint is an address and how it is called.
type Endpoint struct {
	URL     string
	Timeout time.Duration
	// TokenFile holds a bearer token, read anew with every call; "" sends none.
	TokenFile string
	// AllowLinkLocal lets the address be a link-local one.
	AllowLinkLocal bool
}

// client calls one endpoint. It keeps its connection between two samples that follow each other soon.
type client struct {
	endpoint Endpoint
	most     int64
	accept   string
	http     http.Client
}

func newClient(e Endpoint, most int64, accept string) *client {
	dialer := net.Dialer{Timeout: e.Timeout, Control: outbound.Control(e.AllowLinkLocal)}
	return &client{endpoint: e, most: most, accept: accept, http: http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConns: 1, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// get reads what the address says, and the status that it says it with. The error has no URL in it: that may be a secret.
func (c *client) get(ctx context.Context, address string) (body []byte, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.endpoint.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, errors.New("the URL can't be called")
	}
	req.Header.Set("User-Agent", "sluice")
	req.Header.Set("Accept", c.accept)
	if err := c.authorize(req); err != nil {
		return nil, 0, err
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, 0, errors.New(outbound.Why(err, c.endpoint.Timeout))
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, c.most+1))
	switch {
	case err != nil:
		return nil, 0, errors.New(outbound.Why(err, c.endpoint.Timeout))
	case int64(len(body)) > c.most:
		return nil, 0, fmt.Errorf("the answer has more than %d KiB", c.most>>10)
	case answer.StatusCode/100 == 3:
		return nil, 0, fmt.Errorf("status %d: a redirect, which is not followed", answer.StatusCode)
	}
	return body, answer.StatusCode, nil
}

func (c *client) authorize(req *http.Request) error {
	if c.endpoint.TokenFile == "" {
		return nil
	}
	b, err := os.ReadFile(c.endpoint.TokenFile)
	token := string(bytes.TrimSpace(b))
	if err == nil && token == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fmt.Errorf("the token can't be read: %s", outbound.OneLine(err.Error()))
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// unless200 is an error for a status that is not 200, with what the body says.
func unless200(status int, body []byte) error {
	if status == http.StatusOK {
		return nil
	}
	if said := outbound.OneLine(string(body[:min(len(body), maxDetail)])); said != "" {
		return fmt.Errorf("status %d: %s", status, said)
	}
	return fmt.Errorf("status %d", status)
}
