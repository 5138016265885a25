package admin_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/metrics"
)

func TestOnlyKnownHostsAndOwnPagesAreAnswered(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	address := admintest.Serve(t, proxy, func(c *admin.Config) { c.AllowedHosts = []string{"localhost", "127.0.0.1", "Ops.example", "[::1]"} })
	const abort = "/api/v1/routes/checkout/rollout/abort"
	for _, c := range []struct {
		method, path string
		header       []string
		want         int
	}{
		{"GET", "/version", []string{"Host", "localhost"}, 200},
		{"GET", "/version", []string{"Host", "LOCALHOST:1"}, 200},
		{"GET", "/version", []string{"Host", "ops.example:9900"}, 200},
		{"GET", "/version", []string{"Host", "[::1]:9900"}, 200},
		{"GET", "/version", []string{"Host", "rebound.example"}, 403},
		{"GET", "/healthz", []string{"Host", "rebound.example:9900"}, 403},
		{"GET", "/version", []string{"Host", "localhost.rebound.example"}, 403},
		{"POST", abort, []string{"Host", "rebound.example"}, 403},
		{"POST", abort, []string{"Origin", "http://evil.example"}, 403},
		{"POST", abort, []string{"Origin", "null"}, 403},
		{"POST", abort, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", abort, []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"POST", "/api/v1/reload", []string{"Origin", "http://evil.example"}, 403},
		{"GET", "/version", []string{"Origin", "http://evil.example"}, 200},
		{"POST", abort, []string{"Origin", "http://" + address}, 200},
		{"POST", abort, []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"POST", abort, nil, 200},
	} {
		if status, _, body := ask(t, address, c.method, c.path, "", c.header...); status != c.want {
			t.Errorf("%s %s %q = %d %s, want %d", c.method, c.path, c.header, status, body, c.want)
		}
	}
	if n := len(controller.Commands()); n != 3 {
		t.Errorf("%d commands were carried out, want 3", n)
	}
}

func TestTheTokenOpensAllAndOnlyHealthIsOpenWithoutIt(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	address := admintest.Serve(t, proxy, func(c *admin.Config) { c.Tokens = []admin.Token{{Role: admin.Operate, Secret: "s3cret"}} })
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _, _ := ask(t, address, "GET", path, ""); status != 200 {
			t.Errorf("%s without a token = %d, want 200", path, status)
		}
	}
	for _, path := range []string{"/metrics", "/version", "/api/v1/routes", "/api/v1/routes/checkout"} {
		for shown, want := range map[string]int{
			"": 401, "Bearer": 401, "Bearer s3cre": 401, "Bearer s3cret2": 401, "Basic s3cret": 401, "Bearer s3cret": 200, "bearer s3cret": 200,
		} {
			status, header, _ := ask(t, address, "GET", path, "", "Authorization", shown)
			if status != want {
				t.Errorf("%s with %q = %d, want %d", path, shown, status, want)
			}
			if status == 401 && header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: 401 without WWW-Authenticate", path)
			}
		}
	}
}

func TestAnAddressThatOthersReachNeedsAToken(t *testing.T) {
	t.Parallel()
	l := addressed{addr: &net.TCPAddr{IP: net.IPv4zero, Port: 9900}}
	proxy, _ := admintest.New()
	c := admin.Config{Listener: l, Proxy: proxy, Process: new(metrics.Process)}
	if _, err := admin.New(c); err == nil || !strings.Contains(err.Error(), "admin.tokenFile or admin.tokens") {
		t.Errorf("New on %s without a token = %v, want a refusal that names admin.tokenFile", l.addr, err)
	}
	c.Tokens = []admin.Token{{Role: admin.Operate, Secret: "s3cret"}}
	if _, err := admin.New(c); err != nil {
		t.Errorf("New on %s with a token = %v", l.addr, err)
	}
}

// addressed is a listener that is never served.
type addressed struct {
	net.Listener
	addr net.Addr
}

func (a addressed) Addr() net.Addr { return a.addr }

func TestAUnixSocketTakesAnyHost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	proxy, _ := admintest.New()
	admintest.ServeOn(t, l, proxy, nil)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
	resp, err := client.Get("http://whatever.example/version")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("status %d, want 200", resp.StatusCode)
	}
}
