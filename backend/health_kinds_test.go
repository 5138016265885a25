package backend

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// grpcHealth is a server of grpc.health.v1 in HTTP/2 by prior knowledge, on the wire as grpc-go is.
func grpcHealth(t *testing.T, status *atomic.Int32) string {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		if r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("Te") != "trailers" || string(body) != "\x00\x00\x00\x00\x06\n\x04shop" {
			w.Header().Set("Grpc-Status", "12")
			return
		}
		_, _ = w.Write([]byte{0, 0, 0, 0, 2, 8, byte(status.Load())})
		w.Header().Set("Grpc-Status", "0")
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}

func TestAGRPCCheckIsWellWhenTheServiceServes(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	e := newBackend(t, Config{Endpoints: []string{grpcHealth(t, &status)}}).Endpoints()[0]
	ask := func(service string) bool {
		h := &HealthCheck{Kind: CheckGRPC, Service: service, Timeout: 5 * time.Second}
		return h.ask(context.Background(), h.client(e), e)
	}
	for code, want := range []bool{false, true, false, false} { // UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN
		status.Store(int32(code))
		if got := ask("shop"); got != want {
			t.Errorf("status %d: well = %v, want %v", code, got, want)
		}
	}
	status.Store(1)
	if ask("other") {
		t.Error("a call that ends with grpc-status 12 is well")
	}
	plain, _ := acceptor(t)
	e = newBackend(t, Config{Endpoints: []string{plain}}).Endpoints()[0]
	h := &HealthCheck{Kind: CheckGRPC, Timeout: 50 * time.Millisecond}
	if h.ask(context.Background(), h.client(e), e) {
		t.Error("a server that says nothing is well")
	}
}

func TestATCPCheckIsWellWhenConnectionsAreTaken(t *testing.T) {
	t.Parallel()
	address, _ := acceptor(t)
	h := &HealthCheck{Kind: CheckTCP, Timeout: 5 * time.Second}
	e := newBackend(t, Config{Endpoints: []string{address}}).Endpoints()[0]
	if !h.ask(context.Background(), nil, e) {
		t.Error("a listener is not well")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	e = newBackend(t, Config{Endpoints: []string{"http://" + l.Addr().String()}}).Endpoints()[0]
	if h.ask(context.Background(), nil, e) {
		t.Error("a port that refuses is well")
	}
}

func TestChecksAreSpreadOverTime(t *testing.T) {
	t.Parallel()
	h := &HealthCheck{Interval: time.Second}
	if least, most := h.pause(0), h.pause(1); least != 900*time.Millisecond || most != 1100*time.Millisecond {
		t.Errorf("pauses are %v to %v, want a tenth around a second", least, most)
	}
}
