package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sluice/bench/child"
)

// The checks, for a proxy that compares with stable and for one that knows absolute limits only.
const (
	comparing = `      blastRadius: 0.1%
      confidence: 99.9%
      analysis:
        checks:
          - {metric: error-rate}
          - {metric: latency}
`
	limiting = `      analysis:
        checks:
          - {metric: error-rate, max: 5%}
          - {metric: latency, quantile: p95, max: 1s}
`
)

const file = `version: 1
listeners:
  - {name: web, address: "WEB"}
admin: {address: "ADMIN"}
state: {dir: "DIR/state"}
log: {level: warn, access: {format: "off"}}
shutdownTimeout: 1s
routes:
  - name: live
    backends:
      stable: {endpoints: ["STABLE"], version: "1"}
      canary: {endpoints: ["CANARY"], version: "2"}
    rollout:
      autoStart: false
PLAN`

// The plans: a bad canary stays at the first step; an equal one goes through all of them as fast as it may.
const (
	staying = "      steps: [5%, 100%]\n      hold: 10m\n"
	passing = "      steps: [5%, 25%, 50%, 100%]\n      hold: 2s\n      minRequests: 20\n      bake: 2s\n"
)

// compares asks the binary whether its files can name a comparison.
func compares(ctx context.Context, binary, dir string) (bool, error) {
	path := filepath.Join(dir, "probe.yaml")
	text := config(dir, place{web: "127.0.0.1:1", admin: "127.0.0.1:2", stable: "http://127.0.0.1:3", canary: "http://127.0.0.1:4"}, staying+comparing)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return false, err
	}
	err := exec.CommandContext(ctx, binary, "validate", path).Run()
	var refused *exec.ExitError
	if errors.As(err, &refused) {
		return false, nil
	}
	return err == nil, err
}

type place struct{ web, admin, stable, canary string }

func config(dir string, at place, plan string) string {
	return strings.NewReplacer("WEB", at.web, "ADMIN", at.admin, "STABLE", at.stable, "CANARY", at.canary, "DIR", dir, "PLAN", plan).Replace(file)
}

// proxy is a running one.
type proxy struct {
	*child.Process
	web, admin string
	client     http.Client
}

func startProxy(ctx context.Context, binary, dir, plan, stable, canary string) (*proxy, error) {
	p := &proxy{client: http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	var err error
	if p.web, p.admin, err = child.TwoAddresses(); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(path, []byte(config(dir, place{p.web, p.admin, stable, canary}, plan)), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	if p.Process, err = child.Start(nil, dir, binary, "run", "-c", path); err != nil {
		return nil, err
	}
	if err = p.Listens(ctx, p.web); err == nil {
		err = p.Listens(ctx, p.admin)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// decision is an entry of the journal, and status what the API says of a rollout; only what is needed here.
type decision struct {
	At       time.Time `json:"at"`
	Action   string    `json:"action"`
	From     string    `json:"from"`
	Reason   string    `json:"reason"`
	Sentence string    `json:"sentence"`
}

type status struct {
	Phase   string `json:"phase"`
	Outcome string `json:"outcome"`
}

func (p *proxy) call(ctx context.Context, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		panic("bug: " + err.Error())
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.admin+"/api/v1/routes/live"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the proxy: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		var why bytes.Buffer
		_, _ = why.ReadFrom(http.MaxBytesReader(nil, answer.Body, 4096))
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, child.Tail(why.String()))
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
