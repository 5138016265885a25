package live

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// backendHeader names the backend in its answers.
const backendHeader = "Bench-Backend"

// backend is one version of the service.
type backend struct {
	url    string
	server *fasthttp.Server
	done   chan struct{}
}

func serve(name string, b behaviour) (*backend, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the backend %s: %w", name, err)
	}
	out := &backend{url: "http://" + l.Addr().String(), done: make(chan struct{}), server: &fasthttp.Server{
		NoDefaultServerHeader: true, CloseOnShutdown: true,
		Handler: func(c *fasthttp.RequestCtx) {
			c.Response.Header.Set(backendHeader, name)
			if rand.Float64() < b.errors {
				c.SetStatusCode(fasthttp.StatusInternalServerError)
				return
			}
			time.Sleep(time.Duration(float64(b.median) * math.Exp(sigma*rand.NormFloat64())))
			c.SetBodyString("ok")
		},
	}}
	go func() {
		defer close(out.done)
		_ = out.server.Serve(l)
	}()
	return out, nil
}

func (b *backend) stop() {
	_ = b.server.Shutdown()
	<-b.done
}
