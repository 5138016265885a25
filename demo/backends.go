package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The versions that Config writes and the backends' pages name.
const (
	stableVersion = "1.0"
	canaryVersion = "1.1"
)

// backendHeader names the backend in its answers; the load counts by it.
const backendHeader = "Demo-Backend"

// Backends are the demonstration's two versions of one service, listening on loopback ports.
type Backends struct {
	// StableURL and CanaryURL are of the form http://127.0.0.1:port.
	StableURL, CanaryURL string

	servers []*http.Server
	serving sync.WaitGroup
}

// StartBackends starts both. The caller closes them.
func StartBackends(s Scenario) (*Backends, error) {
	b := &Backends{}
	for _, version := range []struct {
		url           *string
		name, version string
		behave        behaviour
	}{
		{&b.StableURL, "stable", stableVersion, stableBehaviour},
		{&b.CanaryURL, "canary", canaryVersion, s.canaryBehaviour()},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start the demo's %s backend: %w", version.name, err), b.Close())
		}
		*version.url = "http://" + l.Addr().String()
		server := &http.Server{Handler: newService(version.name, version.version, version.behave), ReadHeaderTimeout: 10 * time.Second}
		b.servers = append(b.servers, server)
		b.serving.Go(func() { _ = server.Serve(l) }) // ends with Close
	}
	return b, nil
}

// Close stops both at once and waits for them.
func (b *Backends) Close() error {
	var errs []error
	for _, s := range b.servers {
		errs = append(errs, s.Close())
	}
	b.serving.Wait()
	return errors.Join(errs...)
}

// service is one version of the demonstration's service.
type service struct {
	behave behaviour
	page   []byte
	name   string

	begin sync.Once
	first time.Time // of the first request; set by begin
	count atomic.Uint64
}

func newService(name, version string, behave behaviour) http.Handler {
	page, err := json.Marshal(map[string]string{"service": "demo", "backend": name, "version": version})
	if err != nil {
		panic("bug: a page of strings has no JSON: " + err.Error())
	}
	s := &service{behave: behave, page: append(page, '\n'), name: name}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("/", s.answer)
	return mux
}

func (s *service) answer(w http.ResponseWriter, r *http.Request) {
	s.begin.Do(func() { s.first = time.Now() })
	do := s.behave(time.Since(s.first), s.count.Add(1)-1, [2]float64{rand.Float64(), rand.Float64()})
	if !pause(r.Context(), do.after) {
		return
	}
	w.Header().Set(backendHeader, s.name)
	if do.fails {
		http.Error(w, "the demo fails on purpose", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.page)
}

// pause waits for d; false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
