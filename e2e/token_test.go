package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"sluice/internal/testkit"
)

func TestATokenOfTheIssuerSelectsAndNoOther(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": "P-256", "kid": "k", "x": text(raw[1:33]), "y": text(raw[33:])}}})
	if err != nil {
		t.Fatal(err)
	}
	idp := testkit.NewOrigin(t, "idp", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) })
	stable, canary := pair(t)
	p := testkit.Start(t, "identity:\n  key: [{jwt: sub}]\n  segment: [{jwt: plan}]\n  jwt: {jwksURL: "+idp.URL+"/jwks.json, algorithms: [ES256], issuer: idp, audience: shop}\n"+
		shop(stable.URL, canary.URL, "    weights: {stable: 100%, canary: 0%}\n    select:\n      - {beta: {users: [alice]}, to: canary}\n      - {segment: {in: [free]}, to: canary}\n"))
	token := func(method jwt.SigningMethod, with any, claims jwt.MapClaims) string {
		claims["iss"], claims["aud"], claims["exp"] = "idp", "shop", time.Now().Add(time.Hour).Unix()
		one := jwt.NewWithClaims(method, claims)
		one.Header["kid"] = "k"
		s, err := one.SignedString(with)
		if err != nil {
			t.Fatal(err)
		}
		return "Authorization: Bearer " + s
	}
	for _, c := range []struct{ who, line, want string }{
		{"nobody", "Accept: */*", "stable"},
		{"a user of the list", token(jwt.SigningMethodES256, key, jwt.MapClaims{"sub": "alice"}), "canary"},
		{"another user", token(jwt.SigningMethodES256, key, jwt.MapClaims{"sub": "bob"}), "stable"},
		{"a segment", token(jwt.SigningMethodES256, key, jwt.MapClaims{"sub": "bob", "plan": []string{"x", "free"}}), "canary"},
		{"an unsigned token", token(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"sub": "alice"}), "stable"},
		{"a token by the public key", token(jwt.SigningMethodHS256, raw, jwt.MapClaims{"sub": "alice"}), "stable"},
	} {
		if got := testkit.Ask(t, p.Web, "GET", "/", c.line).ServedBy(); got != c.want {
			t.Errorf("%s: %s answered, want %s", c.who, got, c.want)
		}
	}
	if got := testkit.Sum(p.Metrics(t), "sluice_client_errors_total", `kind="token"`); got != 2 {
		t.Errorf("%v refused tokens were counted, want 2", got)
	}
}
