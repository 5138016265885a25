package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// flagged is a route with every kind of rule, and a flag that follows it.
const flagged = `identity:
  trust: [127.0.0.1/32]
  key: [{header: X-User-Id}]
  email: [{header: X-User-Email}]
  segment: [{header: X-User-Segment}]
routes:
  - name: shop
    backends:
      stable: {endpoints: [%q]}
      canary: {endpoints: [%q]}
      third: {endpoints: [%q]}
    weights: {stable: 60%%, canary: 30%%, third: 10%%}
    sticky: {by: [%s], header: X-User-Id, query: user}
    select:
      - {internal: {emailDomains: [company.com]}, to: canary}
      - {beta: {users: [user-3, user-4]}, to: third}
      - {segment: {in: [free]}, to: stable, percent: 50%%}
      - {match: {headers: {X-Canary: {exact: "always"}}}, to: canary}
flags:
  new-checkout: {route: shop, variants: {stable: 1, canary: 2, third: 3}}
`

type flagAnswer struct {
	Reason, Variant, ErrorCode, ErrorDetails string
	Value                                    any
	Metadata                                 struct{ SluiceReason string }
}

// evaluate asks at the clients' listener.
func (r *running) evaluate(t *testing.T, key string, context map[string]any) (int, flagAnswer) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"context": context})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post("http://"+r.listen+"/ofrep/v1/evaluate/flags/"+key, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a flagAnswer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, a
}

func TestAFlagIsWhatTheProxyDoesWithTheSameUsersRequest(t *testing.T) {
	t.Parallel()
	for _, sticky := range []string{"identity", "header", "cookie, identity", "query"} {
		t.Run(sticky, func(t *testing.T) {
			t.Parallel()
			r := start(t, fmt.Sprintf(flagged, origin(t, "one"), origin(t, "two"), origin(t, "three"), sticky))
			reasons, variants := map[string]int{}, map[string]int{}
			for i := range 400 {
				user := fmt.Sprintf("user-%d", i)
				req, err := http.NewRequest("GET", "http://"+r.listen+"/?user="+user, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-User-Id", user)
				context := map[string]any{"targetingKey": user, "plan": map[string]any{"unknown": true}}
				switch i % 8 {
				case 5:
					req.Header.Set("X-User-Email", "ann@company.com")
					context["email"] = "ann@company.com"
				case 6:
					req.Header.Set("X-User-Segment", "old,free")
					context["segment"] = []string{"old", "free"}
				case 7:
					req.Header.Set("X-Canary", "always")
					context["headers"] = map[string]string{"x-CANARY": "always"}
				}
				status, flag := r.evaluate(t, "new-checkout", context)
				got := do(t, req)
				if status != 200 || !strings.HasSuffix(got, " "+flag.Variant) || fmt.Sprint(flag.Value) != map[string]string{"stable": "1", "canary": "2", "third": "3"}[flag.Variant] {
					t.Fatalf("%s: the request got %q, the flag is %d %+v", user, got, status, flag)
				}
				reasons[flag.Reason+" "+flag.Metadata.SluiceReason]++
				variants[flag.Variant]++
			}
			if len(variants) != 3 || reasons["SPLIT sticky"] == 0 || reasons["TARGETING_MATCH internal"] != 50 || reasons["TARGETING_MATCH beta"] != 2 || reasons["TARGETING_MATCH segment"] == 0 {
				t.Errorf("variants %v, reasons %v", variants, reasons)
			}
		})
	}
}

func do(t *testing.T, req *http.Request) string {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return strings.TrimSpace(string(b))
}

func TestAFlagFollowsTheFallbackOfABackendThatIsDown(t *testing.T) {
	t.Parallel()
	stable, down := origin(t, "one"), address(t)
	r := start(t, fmt.Sprintf(`routes:
  - name: shop
    backends:
      stable: {endpoints: [%q]}
      canary: {endpoints: ["http://%s"], healthCheck: {path: /, interval: 10ms, timeout: 1s, unhealthyAfter: 1}}
    weights: {stable: 0%%, canary: 100%%}
    sticky: {by: header, header: X-User-Id}
flags: {f: {route: shop, variants: {stable: false, canary: true}}}
`, stable, down))
	until(t, "fallen back", func() bool { return r.get(t) == "200 one stable" })
	if status, a := r.evaluate(t, "f", map[string]any{"targetingKey": "u"}); status != 200 || a.Variant != "stable" || a.Value != false || a.Reason != "DEFAULT" {
		t.Errorf("%d %+v", status, a)
	}
}

func TestWhatAFlagCanNotSayHasACode(t *testing.T) {
	t.Parallel()
	r := start(t, fmt.Sprintf(flagged, origin(t, "one"), origin(t, "two"), origin(t, "three"), "identity"))
	for _, c := range []struct {
		key     string
		context map[string]any
		status  int
		code    string
	}{
		{"new-checkout", nil, 400, "TARGETING_KEY_MISSING"},
		{"new-checkout", map[string]any{"targetingKey": ""}, 400, "TARGETING_KEY_MISSING"},
		{"new-checkout", map[string]any{"targetingKey": 7}, 400, "INVALID_CONTEXT"},
		{"new-checkout", map[string]any{"targetingKey": "u", "segment": 7}, 400, "INVALID_CONTEXT"},
		{"new-checkout", map[string]any{"targetingKey": "u", "clientIP": "here"}, 400, "INVALID_CONTEXT"},
		{"new-checkout", map[string]any{"email": "ann@company.com"}, 200, ""}, // no draw is needed
		{"nosuch", map[string]any{"targetingKey": "u"}, 404, "FLAG_NOT_FOUND"},
	} {
		if status, a := r.evaluate(t, c.key, c.context); status != c.status || a.ErrorCode != c.code || (a.ErrorDetails == "") != (c.code == "") {
			t.Errorf("%s %v: %d %+v, want %d %s", c.key, c.context, status, a, c.status, c.code)
		}
	}
}

func TestWithoutAListenerForFlagsTheirPathIsARoutes(t *testing.T) {
	t.Parallel()
	r := start(t, fmt.Sprintf(pair, origin(t, "one"), origin(t, "two"), 100, 0))
	status, _, _ := r.post(t, "/ofrep/v1/evaluate/flags", "{}")
	r.set(fmt.Sprintf(pair, origin(t, "one"), origin(t, "two"), 100, 0))
	text := strings.Replace(*r.text.Load(), ", ofrep: true", "", 1)
	r.text.Store(&text)
	if _, err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after, _, body := r.post(t, "/ofrep/v1/evaluate/flags", "{}"); status != 200 || after != 200 || !strings.HasPrefix(body, "one stable") {
		t.Errorf("%d, then %d %q, want flags, then the route", status, after, body)
	}
}

func TestAllFlagsComeWithATagThatStandsForThem(t *testing.T) {
	t.Parallel()
	body := fmt.Sprintf(flagged, origin(t, "one"), origin(t, "two"), origin(t, "three"), "identity")
	r := start(t, body+"  second: {route: shop, variants: {stable: a, canary: b, third: c}}\n")
	ask := `{"context": {"targetingKey": "user-9"}}`
	status, tag, all := r.post(t, "/ofrep/v1/evaluate/flags", ask)
	var flags struct {
		Flags []struct {
			Key   string
			Value any
		}
	}
	if err := json.Unmarshal([]byte(all), &flags); err != nil || status != 200 || len(flags.Flags) != 2 || flags.Flags[1].Key != "second" || tag == "" {
		t.Fatalf("%d %s %q: %v", status, all, tag, err)
	}
	if status, again, b := r.post(t, "/ofrep/v1/evaluate/flags", ask, "If-None-Match", `"x", W/`+tag); status != 304 || again != tag || b != "" {
		t.Errorf("the same again: %d %q %q", status, again, b)
	}
	r.set(strings.NewReplacer("60%", "0%", "30%", "90%").Replace(body) + "  second: {route: shop, variants: {stable: a, canary: x, third: c}}\n")
	if _, err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, other, _ := r.post(t, "/ofrep/v1/evaluate/flags", ask, "If-None-Match", tag); status != 200 || other == tag {
		t.Errorf("after the flags have changed: %d %q", status, other)
	}
}

func TestManyAskForFlagsAndOneThatEndsInTheMiddleHarmsNobody(t *testing.T) {
	t.Parallel()
	r := start(t, fmt.Sprintf(flagged, origin(t, "one"), origin(t, "two"), origin(t, "three"), "identity"))
	c, err := net.Dial("tcp", r.listen)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "POST /ofrep/v1/evaluate/flags HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
	_ = c.Close()
	done := make(chan int)
	for range 16 {
		go func() {
			for range 20 {
				status, _ := r.evaluate(t, "new-checkout", map[string]any{"targetingKey": "u"})
				done <- status
			}
		}()
	}
	for range 16 * 20 {
		if status := <-done; status != 200 {
			t.Errorf("status %d", status)
		}
	}
	long := `{"context": {"targetingKey": "` + strings.Repeat("x", 70<<10) + `"}}`
	if status, _, body := r.post(t, "/ofrep/v1/evaluate/flags", long); status != 413 || !strings.Contains(body, "PARSE_ERROR") {
		t.Errorf("a long question: %d %s", status, body)
	}
}

// post sends a body to the clients' listener.
func (r *running) post(t *testing.T, path, body string, header ...string) (status int, tag, answer string) {
	t.Helper()
	req, err := http.NewRequest("POST", "http://"+r.listen+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("ETag"), string(b)
}
