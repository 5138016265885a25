package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"sluice/internal/testkit"
)

// ask makes a request and returns who answered, and the cookies that were set.
func ask(t *testing.T, client *http.Client, url string, header http.Header) (by string, cookies []*http.Cookie) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
		t.Errorf("%s: %s %d, want HTTP/2 and 200", url, resp.Proto, resp.StatusCode)
	}
	return resp.Header.Get(testkit.ServedBy), resp.Cookies()
}

func TestOverridesAndTokensCountOverHTTP2(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "secret.key")
	secret := []byte("0123456789abcdef0123456789abcdef")
	if err := os.WriteFile(key, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	stable, canary := pair(t)
	p, client := overHTTP2(t, "identity:\n  key: [{jwt: sub}]\n  segment: [{jwt: plan}]\n  jwt: {hmacSecretFile: "+key+", issuer: idp}\n"+
		shop(stable.URL, canary.URL, "    weights: {stable: 100%, canary: 0%}\n    override: {secretFile: "+key+"}\n"+
			"    select:\n      - {beta: {users: [alice]}, to: canary}\n      - {segment: {in: [free]}, to: canary}\n"))
	r := testkit.Run(t, "override", "sign", "shop", "canary", "--for", "1h", "-c", p.File)
	if r.Code != 0 {
		t.Fatalf("override sign: exit %d: %s", r.Code, r.Stderr)
	}
	override := strings.TrimSpace(r.Stdout)
	token := func(secret []byte, claims jwt.MapClaims) string {
		claims["iss"], claims["exp"] = "idp", time.Now().Add(time.Hour).Unix()
		s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + s
	}
	for _, c := range []struct{ what, target, name, value, want string }{
		{"nothing", "/", "Accept", "*/*", "stable"},
		{"an override in a header", "/", "Sluice-Override", override, "canary"},
		{"an override in a cookie", "/", "Cookie", "a=b; sluice-override=" + override, "canary"},
		{"an override in the query", "/?sluice-override=" + override, "Accept", "*/*", "canary"},
		{"one that is changed", "/", "Sluice-Override", strings.ToUpper(override), "stable"},
		{"a user of the list", "/", "Authorization", token(secret, jwt.MapClaims{"sub": "alice"}), "canary"},
		{"a segment", "/", "Authorization", token(secret, jwt.MapClaims{"sub": "bob", "plan": "free"}), "canary"},
		{"another user", "/", "Authorization", token(secret, jwt.MapClaims{"sub": "bob"}), "stable"},
		{"a token of somebody else", "/", "Authorization", token([]byte(strings.Repeat("x", 32)), jwt.MapClaims{"sub": "alice"}), "stable"},
	} {
		by, cookies := ask(t, client, "http://"+p.Web+c.target, http.Header{c.name: {c.value}})
		if by != c.want {
			t.Errorf("%s: %s answered, want %s", c.what, by, c.want)
		}
		if inQuery := c.target != "/"; inQuery != (len(cookies) == 1) {
			t.Errorf("%s: cookies %v, want one where the override is in the query", c.what, cookies)
		}
	}
	if got := testkit.Sum(p.Metrics(t), "sluice_client_errors_total", `kind="token"`); got != 1 {
		t.Errorf("%v refused tokens were counted, want 1", got)
	}
}
