package admin_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/admin/admintest"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// ask sends a request as it stands and returns status, header and body.
func ask(t *testing.T, address, method, path, body string, header ...string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, b
}

func TestEveryAnswerHasItsShape(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	address := admintest.Serve(t, proxy, nil)
	for name, c := range map[string]struct{ method, path, body string }{
		"healthz":                {"GET", "/healthz", ""},
		"readyz":                 {"GET", "/readyz", ""},
		"version":                {"GET", "/version", ""},
		"routes":                 {"GET", "/api/v1/routes", ""},
		"route":                  {"GET", "/api/v1/routes/checkout", ""},
		"route-without-rollout":  {"GET", "/api/v1/routes/search", ""},
		"rollout":                {"GET", "/api/v1/routes/checkout/rollout", ""},
		"rollout-abort":          {"POST", "/api/v1/routes/checkout/rollout/abort", `{"actor": "ops", "comment": "too slow"}`},
		"rollout-set-weight":     {"POST", "/api/v1/routes/search/rollout/set-weight", `{"weights": {"stable": 75, "canary": 25}}`},
		"decisions":              {"GET", "/api/v1/routes/checkout/decisions?limit=50", ""},
		"decisions-none":         {"GET", "/api/v1/routes/search/decisions", ""},
		"decisions-one-backend":  {"GET", "/api/v1/routes/plain/decisions", ""},
		"explain":                {"POST", "/api/v1/explain", `{"method": "GET", "url": "http://a/b", "headers": {}, "from": "10.0.0.9"}`},
		"conversion":             {"POST", "/api/v1/events/conversion", `{"route": "checkout", "user": "ann", "id": "order-77", "at": "2026-11-24T10:00:00Z"}`},
		"reload":                 {"POST", "/api/v1/reload", ""},
		"reload-with-an-actor":   {"POST", "/api/v1/reload", `{"actor": "ops"}`},
		"reload-with-empty-body": {"POST", "/api/v1/reload", `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, header, body := ask(t, address, c.method, c.path, c.body)
			if status != 200 || header.Get("Content-Type") != "application/json" {
				t.Errorf("status %d, type %q; want 200, application/json", status, header.Get("Content-Type"))
			}
			golden(t, name+".json", body)
			conforms(t, c.method+" "+c.path, answerSchema(t, c.method, c.path), body)
		})
	}
}

// moving is what depends on the moment in which the test looks.
var moving = regexp.MustCompile(`(?s)"recent": \{.*?\}.*?\}`)

// golden compares JSON with a file, both indented, but for what moves.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, got, "", "  "); err != nil {
		t.Fatalf("%s is no JSON: %v", got, err)
	}
	text := moving.ReplaceAll(b.Bytes(), []byte(`"recent": {}`))
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
