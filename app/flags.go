package app

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"sluice/admin/ofrep"
	"sluice/backend"
	"sluice/config"
	"sluice/flags"
	"sluice/metrics"
	"sluice/request"
	"sluice/router"
	"sluice/selector"
)

// featureFlags are those of the configuration in force, asked of the table in force.
type featureFlags struct{ app *App }

// Keys are in the file's order.
func (f featureFlags) Keys() []string {
	var keys []string
	for _, flag := range f.app.config.Load().Flags {
		keys = append(keys, flag.Name)
	}
	return keys
}

// Evaluate implements ofrep.Flags.
func (f featureFlags) Evaluate(key string, c *flags.Context) (flags.Evaluation, error) {
	for _, flag := range f.app.config.Load().Flags {
		if flag.Name == key {
			return flags.Evaluate(f.app.live.Load(), flagOf(&flag), c)
		}
	}
	return flags.Evaluation{}, ofrep.ErrUnknown
}

func flagOf(c *config.Flag) *flags.Flag {
	out := &flags.Flag{Key: c.Name, Route: c.Route, Variants: map[string]json.RawMessage{}}
	for _, v := range c.Variants {
		out.Variants[v.Backend] = v.Value
	}
	return out
}

// flagDoor answers flags on the clients' listeners: a route that comes before all others, and leads to a server in this process. What the
// proxy promises of requests (limits, framing, HTTP/2) holds for these as for any.
type flagDoor struct {
	route  *router.Route
	conns  within
	server *http.Server
}

// openFlagDoor makes the door when the first listener wants it; it stays until the process ends.
func (a *App) openFlagDoor(cfg *config.Config) error {
	if a.door != nil || !slices.ContainsFunc(cfg.Listeners, func(l config.Listener) bool { return l.OFREP }) {
		return nil
	}
	d := &flagDoor{conns: within{conns: make(chan net.Conn), closed: make(chan struct{})}}
	inside, err := backend.New(backend.Config{
		Name: "ofrep", Endpoints: []string{"http://127.0.0.1:80"}, Dial: d.conns.dial, ConnectTimeout: patience, Sweeper: &a.sweeper,
		Timeouts: backend.Timeouts{FirstByte: patience, Idle: patience},
	})
	if err != nil {
		return err
	}
	path := request.PathPrefix("/ofrep/v1")
	d.route = &router.Route{
		Name: "ofrep", Match: []request.Condition{{Path: &path}}, Backends: []*backend.Backend{inside}, Meters: []*metrics.Meter{a.noRoute},
		Selector: selector.New(selector.Config{}, selector.Split{Canary: -1}), Fallback: router.NoFallback, Timeout: patience,
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+ofrep.OnePath, ofrep.One(featureFlags{a}))
	mux.Handle("POST "+ofrep.AllPath, ofrep.All(featureFlags{a}))
	d.server = &http.Server{Handler: mux, ReadHeaderTimeout: patience, ErrorLog: zap.NewStdLog(a.Log)}
	go func() { _ = d.server.Serve(&d.conns) }()
	a.door = d
	return nil
}

// patience is how long anything behind the door may take.
const patience = 30 * time.Second

// entrance is nil where there is no door.
func (d *flagDoor) entrance() *router.Route {
	if d == nil {
		return nil
	}
	return d.route
}

func (d *flagDoor) close() {
	if d != nil {
		_ = d.server.Close()
	}
}

// within is a listener whose connections come from this process.
type within struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (w *within) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case w.conns <- theirs:
		return ours, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *within) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// Close is called once, by the server.
func (w *within) Close() error { close(w.closed); return nil }

func (w *within) Addr() net.Addr { return &net.UnixAddr{Name: "ofrep", Net: "unix"} }
