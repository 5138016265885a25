package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const withReceivers = `
admin: {publicURL: "https://ops.example/proxy/"}
routes:
  - name: shop
    backends:
      stable: {endpoints: [http://10.0.0.11:8080], version: "1"}
      canary: {endpoints: [http://10.0.1.11:8080], version: "2"}
    rollout:
      preset: fast
      steps: [{gate: qa, webhook: {url: "http://ci/approved"}}, 5%]
      webhooks:
        - {type: rollout, url: "http://ci/load"}
        - {type: rollout, url: "http://ci/more", timeout: 1m, retries: 0, metadata: {runs: 3}, secretFile: hook.key, allowLinkLocal: true}
      alerts: [{type: slack, url: "http://chat/T0"}, {type: teams, url: "http://chat/T1", severity: error}]
`

func TestReceiversAreReadWithTheirDefaults(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, key := filepath.Join(folder, "sluice.yaml"), filepath.Join(folder, "hook.key")
	if err := os.WriteFile(file, []byte(withReceivers), 0o600); err != nil {
		t.Fatal(err)
	}
	_, findings := Load(file)
	if err := findings.Err(); err == nil || !strings.Contains(err.Error(), "sluice.yaml:13:") || !strings.Contains(err.Error(), "hook.key") {
		t.Errorf("without the key: %v, want its place", err)
	}
	for _, secret := range []string{" \n", "secret\n"} {
		if err := os.WriteFile(key, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		c, findings := Load(file)
		if secret == " \n" {
			if findings.Err() == nil {
				t.Error("an empty key is taken")
			}
			continue
		}
		if err := findings.Err(); err != nil {
			t.Fatal(err)
		}
		r := c.Routes[0].Rollout
		hooks := []Webhook{
			{Type: "rollout", URL: "http://ci/load", Timeout: 10 * time.Second, Retries: 3},
			{
				Type: "rollout", URL: "http://ci/more", Timeout: time.Minute, Metadata: map[string]string{"runs": "3"}, SecretFile: key,
				AllowLinkLocal: true,
			},
		}
		alerts := []Alert{{Type: "slack", URL: "http://chat/T0", Severity: "warn"}, {Type: "teams", URL: "http://chat/T1", Severity: "error"}}
		gate := &GateWebhook{URL: "http://ci/approved", Interval: 10 * time.Second}
		if diff := cmp.Diff([]any{hooks, alerts, gate}, []any{r.Webhooks, r.Alerts, r.Stops[0].Webhook}); diff != "" {
			t.Errorf("receivers (-want +got):\n%s", diff)
		}
		if c.Admin.PublicURL != "https://ops.example/proxy" || r.HookName(0) != "rollout" || r.HookName(1) != "rollout-2" {
			t.Errorf("publicURL %q, names %s and %s", c.Admin.PublicURL, r.HookName(0), r.HookName(1))
		}
	}
}
