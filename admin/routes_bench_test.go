package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/metrics"
)

// BenchmarkRoutes is what one look at all routes costs, and BenchmarkSample what the last hour costs every two seconds, both with 200
// routes of two backends.
func BenchmarkRoutes(b *testing.B) {
	s := many(b)
	r := httptest.NewRequest("GET", "/api/v1/routes", http.NoBody)
	r.Host = "localhost"
	for b.Loop() {
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
}

func BenchmarkSample(b *testing.B) {
	s := many(b)
	for b.Loop() {
		s.Sample(admintest.At)
	}
}

func many(b *testing.B) *admin.Server {
	proxy, _ := admintest.New()
	one := proxy.List[0]
	for i := range 200 {
		next := one
		next.Name = fmt.Sprint("route-", i)
		next.Backends = nil
		for _, name := range []string{"stable", "canary"} {
			m := metrics.New(metrics.Config{Blocks: true})
			send(m, 100, 1)
			next.Backends = append(next.Backends, admin.Backend{Name: name, Meter: m})
		}
		proxy.List = append(proxy.List, next)
	}
	return serverOf(b, proxy, nil)
}
