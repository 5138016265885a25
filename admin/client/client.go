// Package client asks a running proxy's admin API and commands it, over TCP or a unix socket.
//
// It knows no command line and prints nothing. Answers are the shapes of package admin; errors are *admin.Problem, when the proxy refused,
// and *Unreachable, when there was no proxy to ask. Start at New.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/admin"
	"sluice/rollout"
)

// Client talks to one admin API. It is safe for use by many goroutines.
type Client struct {
	address, base, token string
	http                 *http.Client
}

// Unreachable says that no admin API answered at Address.
type Unreachable struct {
	Address string
	Err     error
}

func (e *Unreachable) Error() string {
	return fmt.Sprintf("no admin API at %s: %v; is the proxy running, with this admin.address? (--admin, SLUICE_ADMIN)", e.Address, e.Err)
}

// Unwrap is what happened.
func (e *Unreachable) Unwrap() error { return e.Err }

const (
	// timeout is longer than the server waits for a change.
	timeout = 40 * time.Second
	// maxAnswer bounds what is read of an answer: a block log has two files of 16 MB.
	maxAnswer = 64 << 20
)

// New makes a client for HOST:PORT or unix:PATH. token may be "".
func New(address, token string) (*Client, error) {
	var dialer net.Dialer
	transport := &http.Transport{} // no Proxy: the admin API is beside us or on our own network
	c := &Client{address: address, base: "http://" + address, token: token}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if path == "" {
			return nil, errors.New("admin address unix: has no path, write unix:/run/sluice/admin.sock")
		}
		c.base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
	} else if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return nil, fmt.Errorf("admin address %q is neither HOST:PORT nor unix:PATH", address)
	}
	c.http = &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Ready is nil when the proxy takes new traffic.
func (c *Client) Ready(ctx context.Context) error { return c.get(ctx, "/readyz", &struct{}{}) }

// Routes are all routes, in the file's order.
func (c *Client) Routes(ctx context.Context) (list admin.RouteList, err error) {
	return list, c.get(ctx, "/api/v1/routes", &list)
}

// Route is one route.
func (c *Client) Route(ctx context.Context, route string) (o admin.RouteObject, err error) {
	return o, c.get(ctx, routePath(route), &o)
}

// Rollout is a route's rollout; a problem with status 404 when it has none.
func (c *Client) Rollout(ctx context.Context, route string) (s rollout.Status, err error) {
	return s, c.get(ctx, routePath(route)+"/rollout", &s)
}

// Decisions are the newest of a route's journal, newest first.
func (c *Client) Decisions(ctx context.Context, route string, limit int) (list admin.DecisionList, err error) {
	return list, c.get(ctx, routePath(route)+"/decisions?limit="+strconv.Itoa(limit), &list)
}

// Series is what is newer than since of a route's last hour.
func (c *Client) Series(ctx context.Context, route string, since time.Time) (o admin.SeriesObject, err error) {
	return o, c.get(ctx, routePath(route)+"/series?since="+url.QueryEscape(since.UTC().Format(time.RFC3339)), &o)
}

// Blocks is the block log of an attempt; a problem with status 404 when there is none.
func (c *Client) Blocks(ctx context.Context, route, attempt string) (log []byte, err error) {
	return log, c.get(ctx, routePath(route)+"/blocks?attempt="+url.QueryEscape(attempt), &log)
}

// Do gives a route's rollout a command, any but set-weight, and returns its state afterwards.
func (c *Client) Do(ctx context.Context, route string, command rollout.Command) (s rollout.Status, err error) {
	return s, c.post(ctx, routePath(route)+"/rollout/"+command.Verb, command, &s)
}

// SetWeight divides a route's traffic anew and returns the route afterwards.
func (c *Client) SetWeight(ctx context.Context, route string, command rollout.Command) (o admin.RouteObject, err error) {
	return o, c.post(ctx, routePath(route)+"/rollout/set-weight", command, &o)
}

// Explain asks where a request would go.
func (c *Client) Explain(ctx context.Context, r admin.ExplainRequest) (e admin.Explanation, err error) {
	return e, c.post(ctx, "/api/v1/explain", r, &e)
}

// Reload makes the proxy read its configuration again. actor is for the log.
func (c *Client) Reload(ctx context.Context, actor string) (r admin.Reloaded, err error) {
	return r, c.post(ctx, "/api/v1/reload", rollout.Command{Actor: actor}, &r)
}

func routePath(route string) string { return "/api/v1/routes/" + url.PathEscape(route) }

func (c *Client) get(ctx context.Context, path string, answer any) error {
	return c.call(ctx, http.MethodGet, path, nil, answer)
}

func (c *Client) post(ctx context.Context, path string, body, answer any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, b, answer)
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the admin API at %s: %w", c.address, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.failed(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.failed(ctx, err)
	}
	return c.read(resp, b, answer)
}

// failed tells a caller who gave up from a proxy that isn't there.
func (c *Client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // the address is in our own message
	}
	return &Unreachable{Address: c.address, Err: err}
}

// read takes only what an admin API answers: something else may listen at the address.
func (c *Client) read(resp *http.Response, b []byte, answer any) error {
	kind := resp.Header.Get("Content-Type")
	raw, isRaw := answer.(*[]byte)
	switch {
	case resp.StatusCode == http.StatusOK && kind == "application/octet-stream" && isRaw:
		*raw = b
		return nil
	case resp.StatusCode == http.StatusOK && kind == "application/json" && !isRaw:
		if err := json.Unmarshal(b, answer); err != nil {
			return fmt.Errorf("read the answer of the admin API at %s: %w", c.address, err)
		}
		return nil
	case kind == "application/problem+json":
		p := new(admin.Problem)
		if err := json.Unmarshal(b, p); err != nil {
			return fmt.Errorf("read the answer of the admin API at %s: %w", c.address, err)
		}
		return p
	default:
		err := fmt.Errorf("what listens there answered %q as %q, which no admin API does", resp.Status, kind)
		return &Unreachable{Address: c.address, Err: err}
	}
}
