package interop

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

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
