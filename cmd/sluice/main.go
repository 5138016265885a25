// Command sluice is the proxy and everything people do with it. Each command is a file; root.go puts them together and turns errors into
// exit codes. What the commands do is elsewhere: app runs the proxy, admin/client asks a running one.
package main

import (
	"context"
	"os"
)

// version is set by who builds a release: -ldflags "-X main.version=v1.2.3". Without it the toolchain's is shown.
var version string

func main() {
	os.Exit(run(context.Background(), os.Args[1:], console{out: os.Stdout, err: os.Stderr, env: os.Getenv}))
}
