package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/admin/ofrep"
	"sluice/flags"
	"sluice/metrics"
	"sluice/rollout"
	"sluice/selector"
)

// operations of the document by "METHOD /path".
func operations(t *testing.T) map[string]node {
	t.Helper()
	d, all := openapi(t), map[string]node{}
	for path, item := range d["paths"].(node) {
		for method, op := range item.(node) {
			if method != "parameters" {
				all[strings.ToUpper(method)+" "+path] = op.(node)
			}
		}
	}
	return all
}

func TestEveryPathServedIsDescribedAndEveryOneDescribedIsServed(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	served := slices.Sorted(slices.Values(serverOf(t, proxy, nil).Endpoints()))
	described := slices.Sorted(maps.Keys(operations(t)))
	if diff := cmp.Diff(described, served); diff != "" {
		t.Errorf("operations (-described +served):\n%s", diff)
	}
}

// serverOf is a server that is asked without a network.
func serverOf(t testing.TB, p *admintest.Proxy, tokens []admin.Token) *admin.Server {
	t.Helper()
	l := addressed{addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9900}}
	s, err := admin.New(admin.Config{Listener: l, Proxy: p, Process: new(metrics.Process), Flags: flagsOf{}, Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// flagsOf are some feature flags, one of which stands in the way of itself.
type flagsOf struct{}

func (flagsOf) Keys() []string { return []string{"new-checkout", "broken"} }

func (flagsOf) Evaluate(key string, _ *flags.Context) (flags.Evaluation, error) {
	switch key {
	case "new-checkout":
		return flags.Evaluation{Variant: "canary", Value: json.RawMessage("true"), Reason: selector.Sticky}, nil
	case "broken":
		return flags.Evaluation{}, errors.New("the table is being replaced")
	}
	return flags.Evaluation{}, ofrep.ErrUnknown
}

// trouble is a way to ask, and a state to ask in, that some operations have a status of their own for.
type trouble struct {
	route, query, body string
	flag               string
	header             http.Header
	tokens             []admin.Token
	set                func(*admintest.Proxy, *admintest.Controller, *admin.Server)
}

func troubles() map[string]trouble {
	reader := []admin.Token{{Name: "board", Role: admin.Read, Secret: "r"}}
	failing := func(command, reload error) func(*admintest.Proxy, *admintest.Controller, *admin.Server) {
		return func(p *admintest.Proxy, c *admintest.Controller, _ *admin.Server) {
			c.Err, p.ReloadErr = command, reload
		}
	}
	refused := &rollout.Refused{Reason: "not now"}
	return map[string]trouble{
		"none":             {body: `{}`},
		"no token":         {tokens: reader},
		"a reader's token": {tokens: reader, header: http.Header{"Authorization": {"Bearer r"}}},
		"a foreign host":   {header: http.Header{"Host": {"rebound.example"}}},
		"garbage":          {query: "?limit=x&format=x&since=x&attempt=./x", body: "{", header: http.Header{"Last-Event-Id": {"x"}}},
		"no such route":    {route: "nosuch", flag: "nosuch", body: `{}`},
		"a broken flag":    {flag: "broken", body: `{}`},
		"an answer known":  {header: http.Header{"If-None-Match": {"*"}}, body: `{}`},
		"nothing replaced": {query: "?before=true"},
		"a body too long":  {body: strings.Repeat(" ", 65<<10) + "{}"},
		"a wrong phase":    {set: failing(refused, refused)},
		"a broken file":    {set: failing(nil, &admin.InvalidConfig{Errors: []string{"a.yaml:1:1: error: x"}})},
		"a route without conversions": {body: `{}`, set: func(p *admintest.Proxy, _ *admintest.Controller, _ *admin.Server) {
			p.ConvertErr = refused
		}},
		"a disk that sleeps": {set: failing(context.DeadlineExceeded, context.DeadlineExceeded)},
		"a process that begins or is full": {set: func(p *admintest.Proxy, _ *admintest.Controller, s *admin.Server) {
			p.NotReady, p.Configured = true, nil
			s.FillFeed()
		}},
	}
}

// send asks one operation in one kind of trouble.
func (x trouble) send(t *testing.T, operation string) *httptest.ResponseRecorder {
	t.Helper()
	proxy, controller := admintest.New()
	s := serverOf(t, proxy, x.tokens)
	if x.set != nil {
		x.set(proxy, controller, s)
	}
	method, path, _ := strings.Cut(operation, " ")
	route := x.route
	if route == "" {
		route = "checkout"
	}
	body := x.body
	switch {
	case !strings.HasSuffix(path, "/explain") || body != `{}`:
	case x.route != "":
		body = fmt.Sprintf(`{"route": %q}`, x.route)
	default:
		body = `{"url": "/"}`
	}
	if strings.HasSuffix(path, "/events/conversion") && body == `{}` {
		body = `{"user": "ann", "route": "` + route + `"}`
	}
	flag := x.flag
	if flag == "" {
		flag = "new-checkout"
	}
	path = strings.NewReplacer("{route}", route, "{key}", flag).Replace(path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a stream ends after its beginning
	r := httptest.NewRequestWithContext(ctx, method, path+x.query, strings.NewReader(body))
	r.Host = "localhost"
	for name, values := range x.header {
		r.Header[name] = values
		if name == "Host" {
			r.Host = values[0]
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestEveryStatusServedIsDescribedAndEveryOneDescribedIsServed(t *testing.T) {
	t.Parallel()
	d := openapi(t)
	for name, op := range operations(t) {
		served := map[string]string{}
		for what, x := range troubles() {
			w := x.send(t, name)
			status := fmt.Sprint(w.Code)
			served[status] = what
			response := resolved(d, op["responses"].(node)[status])
			if response == nil {
				t.Errorf("%s answers %s to %s, which is not described: %s", name, status, what, w.Body)
				continue
			}
			if w.Code == http.StatusNotModified {
				continue // it has no content
			}
			kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
			content, ok := response["content"].(node)[kind].(node)
			if !ok {
				t.Errorf("%s answers %s to %s as %q, which is not described", name, status, what, kind)
				continue
			}
			if strings.HasSuffix(kind, "json") {
				conforms(t, name+" "+status, content["schema"], w.Body.Bytes())
			}
		}
		for status := range op["responses"].(node) {
			if served[status] == "" && status != "default" {
				t.Errorf("%s describes the status %s, which it never answers", name, status)
			}
		}
	}
}

func TestTheDocumentIsServedAsItIs(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	status, header, body := ask(t, admintest.Serve(t, proxy, nil), "GET", "/api/openapi.json", "")
	if status != 200 || header.Get("Content-Type") != "application/json" || !strings.Contains(string(body), `"openapi": "3.1.0"`) {
		t.Errorf("GET /api/openapi.json = %d %q %.80s", status, header.Get("Content-Type"), body)
	}
}

// answerSchema is what the document says of the answer 200 to a request; the path is one that was sent.
func answerSchema(t *testing.T, method, path string) any {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	for name, op := range operations(t) {
		m, pattern, _ := strings.Cut(name, " ")
		if m == method && matches(pattern, path) {
			return op["responses"].(node)["200"].(node)["content"].(node)["application/json"].(node)["schema"]
		}
	}
	t.Fatalf("%s %s is not described", method, path)
	return nil
}

func matches(pattern, path string) bool {
	a, b := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(a, b, func(p, s string) bool { return p == s || p == "{route}" || p == "{key}" })
}
