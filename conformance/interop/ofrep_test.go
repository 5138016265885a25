package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

func TestOpenFeaturesProviderIsToldWhatRequestsGet(t *testing.T) {
	t.Parallel()
	node := tool(t, "node", "nodejs")
	installed(t, "../../tools/ofrep/node_modules")
	p := testkit.Prepare(t, "")
	var backends []string
	for _, name := range []string{"stable", "canary"} {
		origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
		t.Cleanup(origin.Close)
		backends = append(backends, fmt.Sprintf("%s: {endpoints: [%q]}", name, origin.URL))
	}
	p.WriteWhole(t, fmt.Sprintf("version: 1\nlisteners: [{name: web, address: %q, ofrep: true}]\nadmin: {address: %q}\nstate: {dir: %q}\n"+
		"routes:\n  - name: shop\n    backends: {%s}\n    weights: {stable: 50%%, canary: 50%%}\n    sticky: {by: header, header: X-User}\n"+
		"flags: {new-checkout: {route: shop, variants: {stable: false, canary: true}}}\n", p.Web, p.Admin, p.StateDir, strings.Join(backends, ", ")))
	p.Run(t)
	p.AwaitReady(t)

	users := []string{""}
	for i := range 40 {
		users = append(users, fmt.Sprintf("user-%d", i))
	}
	for who, base := range map[string]string{"the clients' listener": p.Web, "the admin API": p.Admin} {
		answers := ask(t, node, "http://"+base, "new-checkout", users)
		if a := answers[""]; a.ErrorCode != "TARGETING_KEY_MISSING" || a.Value {
			t.Errorf("%s: nobody gets %+v", who, a)
		}
		seen := map[string]int{}
		for _, user := range users[1:] {
			got := requestOf(t, "http://"+p.Web, user)
			a := answers[user]
			if a.Variant != got || a.Value != (got == "canary") || a.Reason != "SPLIT" || a.ErrorCode != "" {
				t.Errorf("%s: %s's request went to %s, the flag is %+v", who, user, got, a)
			}
			seen[got]++
		}
		if len(seen) != 2 {
			t.Errorf("%s: all %d users have the same: %v", who, len(users), seen)
		}
		if a := ask(t, node, "http://"+base, "nosuch", []string{"user-1"})["user-1"]; a.ErrorCode != "FLAG_NOT_FOUND" {
			t.Errorf("%s: a flag that is not there: %+v", who, a)
		}
	}
}

// details are OpenFeature's evaluation details.
type details struct {
	TargetingKey, Variant, Reason, ErrorCode string
	Value                                    bool
}

func ask(t *testing.T, node, base, flag string, users []string) map[string]details {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, append([]string{"../../tools/ofrep/ask.mjs", base, flag}, users...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	answers := map[string]details{}
	for line := range strings.Lines(string(out)) {
		var d details
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		answers[d.TargetingKey] = d
	}
	return answers
}

func requestOf(t *testing.T, base, user string) string {
	t.Helper()
	req, err := http.NewRequest("GET", base+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-User", user)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}
