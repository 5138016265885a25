package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sluice/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// tool is the path of a program, which comes in the Debian package of that name.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	message := fmt.Sprintf("%s is missing: install it (apt-get install %s); `make needs` does so as root", name, pkg)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// before is a proxy before one origin, with limits of its listener (keys and values).
func before(t *testing.T, origin, limits string) *testkit.Proxy {
	t.Helper()
	p := testkit.Prepare(t, "")
	p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners:\n  - {name: web, address: %q, limits: {%s}}\nadmin: {address: %q}\nstate: {dir: %q}\n"+
		"routes:\n  - {name: shop, backends: {stable: {endpoints: [%q]}}}\n", p.Web, limits, p.Admin, p.StateDir, origin))
	p.Run(t)
	p.AwaitReady(t)
	return p
}

// peer is the path of a program of tools/peers.
func peer(t *testing.T, name string) string {
	t.Helper()
	return installed(t, filepath.Join("../../.bin/peers", name))
}

// installed is the whole path of what `make needs` makes.
func installed(t *testing.T, made string) string {
	t.Helper()
	path, err := filepath.Abs(made)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err == nil {
		return path
	}
	message := fmt.Sprintf("%s is missing: `make needs` makes it", path)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// edge is a proxy with a plain listener that takes both versions of HTTP, and one with TLS.
type edge struct {
	*testkit.Proxy
	// Secure is the address of the listener with TLS.
	Secure string
	// Authority has signed its certificate.
	Authority *testkit.Authority
}

// newEdge starts one with these routes, which are lines of YAML.
func newEdge(t *testing.T, routes string) *edge {
	t.Helper()
	e := &edge{Proxy: testkit.Prepare(t, ""), Secure: testkit.FreeAddress(t), Authority: testkit.NewAuthority(t)}
	c := e.Authority.Issue(t, "server", time.Now().Add(time.Hour), "127.0.0.1", "localhost")
	e.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners:\n  - {name: web, address: %q, protocols: [http1, h2c]}\n"+
		"  - {name: secure, address: %q, tls: {certificates: [{certFile: %q, keyFile: %q}]}}\nadmin: {address: %q}\nstate: {dir: %q}\nroutes:\n%s",
		e.Web, e.Secure, c.CertFile, c.KeyFile, e.Admin, e.StateDir, routes))
	e.Run(t)
	e.AwaitReady(t)
	return e
}
