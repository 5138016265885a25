// Package admin is the operators' side of a running proxy: its HTTP API and the exposition of its metrics.
//
// It shows what others own and hands them commands: it moves no weight, judges nothing and reads no configuration. What it needs of the
// process stands in proxy.go, the JSON shapes in shapes.go, the endpoints in endpoints.go. Start there. admin/client is the other end.
//
// It is served by net/http: http.ServeMux and http.CrossOriginProtection are the checks needed here, a request's context ends with its
// client, and the package is in the binary anyway (health checks, client_golang).
package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"sluice/admin/ofrep"
	"sluice/metrics"
)

// Config is what a server is made of. Listener, Proxy and Process are needed.
type Config struct {
	// Listener is where the API is served; Run closes it.
	Listener net.Listener
	Proxy    Proxy
	// Process counts what belongs to no backend.
	Process *metrics.Process
	// Unrouted counts the answers to requests that no route matched; nil is none.
	Unrouted *metrics.Meter
	Build    Build
	// Flags are the feature flags; nil is none.
	Flags ofrep.Flags
	// Tokens of which callers have to show one; none asks for none, which only loopback and unix sockets allow.
	Tokens []Token
	// AllowedHosts are the names that a Host header may carry, the port aside; nil is localhost and 127.0.0.1. Unix sockets take any.
	AllowedHosts []string
	// JournalErrors counts the writes of the journal that failed; nil is none.
	JournalErrors func() uint64
	// AccessLogDropped counts the lines of the access log that were lost; nil is none.
	AccessLogDropped func() uint64
	// Pending counts the decisions that somebody is still to be told of; nil is none.
	Pending func() int
	// Log takes what people should see; nil is none.
	Log *zap.Logger
}

// Server is the admin API on one listener.
type Server struct {
	listener net.Listener
	proxy    Proxy
	build    Build
	flags    ofrep.Flags
	guard    *guard
	feed     *feed
	series   *series
	registry *prometheus.Registry
	log      *zap.Logger
	http     *http.Server
}

// shutdownTimeout is how long requests under way may take when the process ends.
const shutdownTimeout = 5 * time.Second

// New makes a server. It refuses an address that others can reach when there is no token.
func New(c Config) (*Server, error) {
	if err := checkTokens(c.Tokens, c.Listener.Addr()); err != nil {
		return nil, err
	}
	s := &Server{listener: c.Listener, proxy: c.Proxy, build: c.Build, flags: c.Flags, guard: newGuard(c), feed: newFeed(c.Proxy), series: newSeries(c.Proxy), log: c.Log}
	if s.flags == nil {
		s.flags = ofrep.None{}
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	s.registry = newRegistry(c)
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          zap.NewStdLog(s.log),
	}
	return s, nil
}

// Run serves until ctx ends, then ends the streams of events and lets requests under way finish for some seconds.
func (s *Server) Run(ctx context.Context) error {
	following, stop := context.WithCancel(ctx)
	var followers sync.WaitGroup
	defer followers.Wait()
	defer stop()
	s.feed.look(following)
	followers.Go(func() { s.feed.run(following) })
	followers.Go(func() { s.series.run(following) })
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(s.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the admin API on %s: %w", s.listener.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-ended
	return err
}
