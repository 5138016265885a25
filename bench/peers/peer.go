package peers

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed conf
var conf embed.FS

// The names of what is measured. Direct is the backend without a proxy.
const (
	Direct  = "direct"
	Sluice  = "sluice"
	nginx   = "nginx"
	haproxy = "haproxy"
)

// Names are all there are, in the order of reports.
func Names() []string { return []string{Direct, nginx, haproxy, Sluice} }

// peer is a proxy that is installed.
type peer struct {
	name    string
	program string // "" for the backend itself
	config  string // name in conf
	args    []string
	asks    string // the argument that makes it print its version
}

// find looks for a proxy on the machine.
func find(name, sluice string) (peer, error) {
	switch name {
	case Direct:
		return peer{name: name}, nil
	case Sluice:
		return peer{name, sluice, "sluice.yaml", []string{"run", "-c"}, "version"}, nil
	case nginx:
		program, err := look(name)
		return peer{name, program, "nginx.conf", []string{"-c"}, "-v"}, err
	case haproxy:
		program, err := look(name)
		return peer{name, program, "haproxy.cfg", []string{"-db", "-f"}, "-v"}, err
	default:
		return peer{}, fmt.Errorf("%q is none of %s", name, strings.Join(Names(), ", "))
	}
}

// look finds a program on PATH, or where Debian puts servers.
func look(name string) (string, error) {
	program, err := exec.LookPath(name)
	if err == nil {
		return program, nil
	}
	for _, folder := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if program := filepath.Join(folder, name); exec.Command(program, "-v").Run() == nil {
			return program, nil
		}
	}
	return "", err
}

// version is the first line that the program says about itself.
func (p *peer) version() string {
	if p.program == "" {
		return ""
	}
	out, err := exec.Command(p.program, p.asks).CombinedOutput()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "nginx version: "))
}

// place is what a configuration is filled with.
type place struct {
	dir                           string
	listen, admin, stable, canary string // HOST:PORT
	threads                       int
}

// command writes the proxy's configuration and returns how to start it.
func (p *peer) command(at place) ([]string, error) {
	text, err := conf.ReadFile("conf/" + p.config)
	if err != nil {
		panic("bug: " + err.Error())
	}
	filled := strings.NewReplacer("DIR", at.dir, "LISTEN", at.listen, "ADMIN", at.admin, "STABLE", at.stable, "CANARY", at.canary,
		"THREADS", strconv.Itoa(at.threads)).Replace(string(text))
	file := filepath.Join(at.dir, p.config)
	if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration of %s: %w", p.name, err)
	}
	return append(append([]string{p.program}, p.args...), file), nil
}
