package config

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documented is a text as a document, without looking at its keys.
func documented(t *testing.T, src string) (asYAML, asJSON string) {
	t.Helper()
	d, ok := (&Config{Source: []byte(src)}).Document()
	if !ok {
		t.Fatalf("no document of %q", src)
	}
	y, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(y), string(j)
}

func TestADocumentIsTheFileWithoutCommentsAndAliases(t *testing.T) {
	t.Parallel()
	y, j := documented(t, `# mine
version: 1
base: &base {hold: 10m, minRequests: 100} # shared
routes:
  - {<<: *base, hold: 5m, version: 1.10, on: true, none: }
  - *base
`)
	const want = `{"version":1,"base":{"hold":"10m","minRequests":100},"routes":[{"hold":"5m","version":1.10,"on":true,"none":null,"minRequests":100},{"hold":"10m","minRequests":100}]}`
	if diff := cmp.Diff(want, j); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	for _, gone := range []string{"#", "&", "*", "<<"} {
		if strings.Contains(y, gone) {
			t.Errorf("the YAML has %q:\n%s", gone, y)
		}
	}
}

func TestADocumentHidesSecretsAndKeepsWhatIsNone(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`password: hunter2`:                                      `{"password":"***"}`,
		`passwordFile: etcd.txt`:                                 `{"passwordFile":"etcd.txt"}`,
		`admin: {tokens: [{name: ci, file: ci.token}]}`:          `{"admin":{"tokens":[{"name":"ci","file":"ci.token"}]}}`,
		`set: {Authorization: Bearer x, X-Env: prod}`:            `{"set":{"Authorization":"***","X-Env":"prod"}}`,
		`alerts: [{type: slack, url: "https://hooks.x/T0/abc"}]`: `{"alerts":[{"type":"slack","url":"***"}]}`,
		`url: "http://ann:pw@prom:9090/q?key=abc"`:               `{"url":"http://***@prom:9090/q?***"}`,
		`url: "${SLACK_URL}"`:                                    `{"url":"${SLACK_URL}"}`,
		`password: "${PW:-hunter2}"`:                             `{"password":"***"}`,
		`password: 5`:                                            `{"password":"***"}`,
		`endpoints: [http://10.0.0.11:8080]`:                     `{"endpoints":["http://10.0.0.11:8080"]}`,
		`key: [{header: X-User-Id}, {cookie: uid}]`:              `{"key":[{"header":"X-User-Id"},{"cookie":"uid"}]}`,
		`cookies: {token: {exact: a}}`:                           `{"cookies":{"token":{"exact":"a"}}}`,
		`sticky: {by: cookie}`:                                   `{"sticky":{"by":"cookie"}}`,
	} {
		if _, got := documented(t, src); got != want {
			t.Errorf("%s is shown as %s, want %s", src, got, want)
		}
	}
}

func TestFlagsHaveADocumentThatMeansTheSame(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]QuickOptions{
		"stable alone": {Stable: "http://127.0.0.1:3000"},
		"weight":       {Listen: ":9", Stable: "http://127.0.0.1:3000", Canary: "http://127.0.0.1:3001", Weight: "5%", Sticky: true},
		"rollout":      {Stable: "http://127.0.0.1:3000", Canary: "http://127.0.0.1:3001", Rollout: "slow"},
	} {
		o.Env = home
		c, findings := Quick(o)
		if findings.Err() != nil {
			t.Fatal(findings.Err())
		}
		if diff := cmp.Diff(mustParse(t, string(c.Source)), c, plainPrefix); diff != "" {
			t.Errorf("%s: the document differs (-document +flags):\n%s\n%s", name, diff, c.Source)
		}
	}
}
