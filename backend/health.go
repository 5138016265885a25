package backend

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// HealthCheck asks each endpoint every Interval, within a tenth of it more or less, so that many do not ask at the same moment.
type HealthCheck struct {
	Kind           CheckKind
	Path           string // of CheckHTTP: an answer of 200–399 is well
	Service        string // of CheckGRPC: "" is the whole server
	Interval       time.Duration
	Timeout        time.Duration
	UnhealthyAfter int // failures in a row
	HealthyAfter   int // successes in a row
}

// CheckKind is how an endpoint is asked.
type CheckKind uint8

// The kinds of checks.
const (
	CheckHTTP CheckKind = iota
	CheckTCP            // takes connections
	CheckGRPC           // grpc.health.v1 says SERVING; without TLS it is asked in HTTP/2 by prior knowledge
)

// tally is what a run of checks has shown: pure, so that the thresholds are tested without a clock or a socket.
type tally struct{ good, bad int }

// first takes the first result there is: nothing is known that could speak against it.
func (t *tally) first(ok bool) bool {
	t.add(ok, ok, &HealthCheck{})
	return ok
}

// add counts one result and says whether the endpoint is healthy now, given that it was.
func (t *tally) add(ok, was bool, h *HealthCheck) bool {
	if ok {
		t.good, t.bad = t.good+1, 0
		return was || t.good >= h.HealthyAfter
	}
	t.good, t.bad = 0, t.bad+1
	return was && t.bad < h.UnhealthyAfter
}

// watch asks until ctx ends; known is called after the first answer.
func (h *HealthCheck) watch(ctx context.Context, e *Endpoint, known func()) {
	client := h.client(e)
	var seen tally
	e.found(seen.first(h.ask(ctx, client, e)), false)
	known()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(h.pause(rand.Float64())):
		}
		e.found(seen.add(h.ask(ctx, client, e), e.Healthy(), h), true)
	}
}

// pause is the time to the next question, for a random number in [0, 1).
func (h *HealthCheck) pause(u float64) time.Duration {
	return h.Interval + time.Duration((u-0.5)*0.2*float64(h.Interval))
}

func (h *HealthCheck) client(e *Endpoint) *http.Client {
	t := e.asker()
	if h.Kind == CheckGRPC {
		t.DisableKeepAlives = false // CloseIdleConnections ends each
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP2(e.secure != nil)
		t.Protocols.SetUnencryptedHTTP2(e.secure == nil)
	}
	return &http.Client{
		Timeout: h.Timeout, Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialHealth connects to the endpoint's own address, whatever its name means to others.
func (e *Endpoint) dialHealth(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", e.address)
}

// ask asks once. Stopping is not a failure of the endpoint.
func (h *HealthCheck) ask(ctx context.Context, client *http.Client, e *Endpoint) bool {
	var well bool
	switch h.Kind {
	case CheckTCP:
		well = h.askTCP(ctx, e)
	case CheckGRPC:
		well = h.askGRPC(ctx, client, e)
	default:
		well = h.askHTTP(ctx, client, e)
	}
	return well || ctx.Err() != nil && e.Healthy()
}

func (h *HealthCheck) askHTTP(ctx context.Context, client *http.Client, e *Endpoint) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.scheme()+"://"+e.host+h.Path, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		e.unwell(err)
		return false
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	return resp.StatusCode >= 200 && resp.StatusCode < 400
}

// unwell tells of a check that could not be made over TLS: no request comes so far as to meet the same.
func (e *Endpoint) unwell(err error) {
	if e.secure != nil && isHandshake(err) {
		e.Trouble(handshakeFault(err))
	}
}

func (h *HealthCheck) askTCP(ctx context.Context, e *Endpoint) bool {
	ctx, stop := context.WithTimeout(ctx, h.Timeout)
	defer stop()
	c, err := e.dialHealth(ctx, "", "")
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// askGRPC calls grpc.health.v1.Health/Check, by hand: a message of one field in, one of one field out.
func (h *HealthCheck) askGRPC(ctx context.Context, client *http.Client, e *Endpoint) bool {
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.scheme()+"://"+e.host+"/grpc.health.v1.Health/Check", bytes.NewReader(healthRequest(h.Service)))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	resp, err := client.Do(req)
	if err != nil {
		e.unwell(err)
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	return err == nil && resp.StatusCode == http.StatusOK && resp.Trailer.Get("Grpc-Status") == "0" && serving(body)
}

// healthRequest is a HealthCheckRequest with its length before it: field 1 is the service.
func healthRequest(service string) []byte {
	var message []byte
	if service != "" {
		message = append([]byte{1<<3 | 2, byte(len(service))}, service...) // MaxService bounds the length to one byte
	}
	return append([]byte{0, 0, 0, 0, byte(len(message))}, message...)
}

// MaxService is the longest name of a service to ask for.
const MaxService = 120

// serving says whether a HealthCheckResponse, with its length before it, has field 1, the status, as SERVING.
func serving(body []byte) bool { return bytes.Equal(body, []byte{0, 0, 0, 0, 2, 1 << 3, 1}) }
