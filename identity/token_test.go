package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// asked is a request with one header.
type asked struct{ name, value string }

func (a asked) Method() []byte     { return []byte("GET") }
func (a asked) Host() []byte       { return nil }
func (a asked) Path() []byte       { return []byte("/") }
func (a asked) Client() netip.Addr { return netip.Addr{} }
func (a asked) Listener() string   { return "" }
func (a asked) Cookie(string) []byte {
	return nil
}
func (a asked) Query(string) []byte { return nil }
func (a asked) Header(name string) []byte {
	if name == a.name {
		return []byte(a.value)
	}
	return nil
}

func bearer(token string) asked { return asked{"authorization", "Bearer " + token} }

var rsaTestKey = must(rsa.GenerateKey(rand.Reader, 2048))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func publicPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(&rsaTestKey.PublicKey))})
}

func claims(change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": "https://idp", "aud": []string{"shop", "other"}, "exp": time.Now().Add(time.Hour).Unix(),
		"sub": "alice", "email": "a@company.com", "plan": []string{"free", "new"}, "n": 42,
	}
	if change != nil {
		change(c)
	}
	return c
}

func sign(t *testing.T, m jwt.SigningMethod, key any, header map[string]any, c jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(m, c)
	for name, value := range header {
		token.Header[name] = value
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func reader(keys *Keys, algorithms ...string) *Reader {
	return New(Config{
		Key: []Source{{JWT: "sub"}}, Email: []Source{{JWT: "email"}}, Segment: []Source{{JWT: "plan"}},
		JWT: &TokenConfig{Header: "Authorization", Algorithms: algorithms, Issuer: "https://idp", Audience: "shop", Keys: keys},
	})
}

func TestAVerifiedTokenSaysWhoTheUserIs(t *testing.T) {
	t.Parallel()
	r := reader(must(PublicKeys(publicPEM())), "RS256")
	token := sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(nil))
	for range 2 {
		u := r.Read(bearer(token))
		if string(u.Key) != "alice" || string(u.Trusted) != "alice" || string(u.Email) != "a@company.com" || string(u.Segment) != "free,new" || u.TokenRefused {
			t.Errorf("Read = %q %q %q %q, refused %v", u.Key, u.Trusted, u.Email, u.Segment, u.TokenRefused)
		}
	}
	if u := r.Read(asked{"authorization", "bEARER " + token}); string(u.Key) != "alice" {
		t.Error("the scheme's case counts") // RFC 9110, section 11.1
	}
	for _, none := range []asked{{"authorization", "Basic YTpi"}, {"authorization", token}, {"x", "y"}} {
		if u := r.Read(none); u.Key != nil || u.TokenRefused {
			t.Errorf("Read(%q) = %q, refused %v, want nobody and nothing refused", none.name, u.Key, u.TokenRefused)
		}
	}
}

func TestATokenThatIsNotGoodYieldsNothing(t *testing.T) {
	t.Parallel()
	good := sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(nil))
	parts := strings.Split(good, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root","iss":"https://idp","aud":"shop","exp":99999999999}`))
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	stranger := must(rsa.GenerateKey(rand.Reader, 2048))
	at := func(name string, d time.Duration) string {
		return sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(func(c jwt.MapClaims) { c[name] = time.Now().Add(d).Unix() }))
	}
	with := func(name string, value any) string {
		return sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(func(c jwt.MapClaims) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}))
	}
	for name, token := range map[string]string{
		"alg none":               none + "." + forged + ".",
		"alg none, signed":       none + "." + forged + "." + parts[2],
		"alg None":               base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"None"}`)) + "." + forged + ".",
		"HS256 by the key":       sign(t, jwt.SigningMethodHS256, publicPEM(), nil, claims(nil)),
		"HS256 by the DER":       sign(t, jwt.SigningMethodHS256, must(x509.MarshalPKIXPublicKey(&rsaTestKey.PublicKey)), nil, claims(nil)),
		"another algorithm":      sign(t, jwt.SigningMethodRS512, rsaTestKey, nil, claims(nil)),
		"another's key":          sign(t, jwt.SigningMethodRS256, stranger, nil, claims(nil)),
		"expired":                at("exp", -time.Minute),
		"not yet":                at("nbf", time.Minute),
		"no end":                 with("exp", nil),
		"end as text":            with("exp", "tomorrow"),
		"wrong issuer":           with("iss", "https://idp.evil"),
		"no issuer":              with("iss", nil),
		"wrong audience":         with("aud", "shop2"),
		"no audience":            with("aud", nil),
		"changed claims":         parts[0] + "." + forged + "." + parts[2],
		"changed signature":      parts[0] + "." + parts[1] + "." + parts[2][:10] + "AAAA" + parts[2][14:],
		"without a signature":    parts[0] + "." + parts[1] + ".",
		"two parts":              parts[0] + "." + parts[1],
		"four parts":             good + ".x",
		"an extension":           sign(t, jwt.SigningMethodRS256, rsaTestKey, map[string]any{"crit": []string{"x"}, "x": 1}, claims(nil)),
		"kid that is a number":   sign(t, jwt.SigningMethodRS256, rsaTestKey, map[string]any{"kid": 1}, claims(nil)),
		"huge":                   sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(func(c jwt.MapClaims) { c["x"] = strings.Repeat("x", 20<<10) })),
		"huge and nothing else":  strings.Repeat(".", 60<<10),
		"nothing":                "x",
		"deep":                   base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 9000))) + ".e30.e30",
		"white space within":     parts[0] + "." + parts[1] + " ." + parts[2],
		"a key of its own (jwk)": sign(t, jwt.SigningMethodRS256, stranger, map[string]any{"jwk": ofRSA("", stranger), "jku": "http://evil"}, claims(nil)),
	} {
		r := reader(must(PublicKeys(publicPEM())), "RS256")
		for range 2 {
			if u := r.Read(bearer(token)); u.Key != nil || u.Email != nil || u.Segment != nil || !u.TokenRefused {
				t.Errorf("%s: Read = %q %q %q, refused %v, want nobody, refused", name, u.Key, u.Email, u.Segment, u.TokenRefused)
			}
		}
	}
	// A key is for algorithms of its own kind, whatever is allowed.
	r := reader(must(PublicKeys(publicPEM())), "RS256", "HS256", "none")
	for _, token := range []string{sign(t, jwt.SigningMethodHS256, publicPEM(), nil, claims(nil)), none + "." + forged + "."} {
		if u := r.Read(bearer(token)); u.Key != nil {
			t.Errorf("Read = %q with a public key for a secret", u.Key)
		}
	}
}

func TestClocksMayBeApartALittle(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]time.Duration{"exp": -10 * time.Second, "nbf": 10 * time.Second} {
		token := sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(func(c jwt.MapClaims) { c[name] = time.Now().Add(d).Unix() }))
		if u := reader(must(PublicKeys(publicPEM())), "RS256").Read(bearer(token)); string(u.Key) != "alice" {
			t.Errorf("%s %v: refused", name, d)
		}
	}
}

func TestAnAddressThatTheIssuerHasNotVerifiedIsNone(t *testing.T) {
	t.Parallel()
	r := reader(SecretKey([]byte("a secret that is shared with who makes tokens")), "HS256")
	for value, want := range map[any]string{true: "a@company.com", "true": "a@company.com", false: "", "false": "", 0: ""} {
		token := sign(t, jwt.SigningMethodHS256, []byte("a secret that is shared with who makes tokens"), nil, claims(func(c jwt.MapClaims) { c["email_verified"] = value }))
		if u := r.Read(bearer(token)); string(u.Email) != want || string(u.Key) != "alice" {
			t.Errorf("email_verified %v: Read = %q %q, want %q", value, u.Key, u.Email, want)
		}
	}
}

func TestATokenIsVerifiedOnceAndReadWithoutMemory(t *testing.T) {
	r := reader(must(PublicKeys(publicPEM())), "RS256")
	v := bearer(sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(nil)))
	token := []byte(v.value)[len("Bearer "):]
	_, _ = r.tokens.verified(token)
	if n := testing.AllocsPerRun(100, func() {
		if values, _ := r.tokens.verified(token); values == nil {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("a token that is known takes %v allocations, want none", n)
	}
}

func TestATokenEndsAlsoWhileItIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := reader(must(PublicKeys(publicPEM())), "RS256")
		v := bearer(sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(nil)))
		if u := r.Read(v); string(u.Key) != "alice" {
			t.Fatal("refused")
		}
		time.Sleep(time.Hour + tokenLeeway + time.Second)
		if u := r.Read(v); u.Key != nil || !u.TokenRefused {
			t.Errorf("Read = %q after its end, refused %v", u.Key, u.TokenRefused)
		}
	})
}

func ofRSA(kid string, k *rsa.PrivateKey) map[string]any {
	return map[string]any{
		"kty": "RSA", "kid": kid, "use": "sig", "n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
	}
}

func ofEC(kid string, k *ecdsa.PrivateKey) map[string]any {
	raw := must(k.PublicKey.Bytes())
	return map[string]any{
		"kty": "EC", "kid": kid, "crv": "P-256", "alg": "ES256",
		"x": base64.RawURLEncoding.EncodeToString(raw[1:33]), "y": base64.RawURLEncoding.EncodeToString(raw[33:]),
	}
}

func set(keys ...map[string]any) string {
	return string(must(json.Marshal(map[string]any{"keys": keys})))
}

func TestAKeySetIsReadAsFarAsItIsOfUse(t *testing.T) {
	t.Parallel()
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	off := ofEC("off", ec)
	off["y"] = off["x"]
	encryption := ofRSA("enc", rsaTestKey)
	encryption["use"] = "enc"
	s, err := parseSet([]byte(set(ofRSA("a", rsaTestKey), ofEC("b", ec), off, encryption,
		map[string]any{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, map[string]any{"kty": 1})))
	if err != nil || len(s.keys) != 2 {
		t.Fatalf("parseSet: %d keys, %v, want 2", len(s.keys), err)
	}
	for _, c := range []struct {
		id, algorithm string
		want          int
	}{{"a", "RS256", 1}, {"a", "ES256", 0}, {"b", "ES256", 1}, {"b", "ES384", 0}, {"", "ES256", 1}, {"c", "RS256", 0}, {"s", "HS256", 0}, {"a", "none", 0}} {
		if got := s.fit(c.id, c.algorithm); len(got) != c.want {
			t.Errorf("fit(%q, %s) = %d keys, want %d", c.id, c.algorithm, len(got), c.want)
		}
	}
	for _, bad := range []string{"", "{", "[]", "{}", `{"keys":[]}`, "<html>", set(off)} {
		if s, err := parseSet([]byte(bad)); err == nil {
			t.Errorf("parseSet(%q) = %d keys, want an error", bad, len(s.keys))
		}
	}
}

// issuer serves a key set, in memory: the clock is the test's.
type issuer struct {
	asked  atomic.Int32
	answer atomic.Pointer[func(w http.ResponseWriter)]
}

func (i *issuer) says(status int, body string) {
	f := func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
	i.answer.Store(&f)
}

func (i *issuer) RoundTrip(*http.Request) (*http.Response, error) {
	i.asked.Add(1)
	f := i.answer.Load()
	if f == nil {
		return nil, fmt.Errorf("connection refused")
	}
	w := httptest.NewRecorder()
	(*f)(w)
	return w.Result(), nil
}

func fetching(t *testing.T, i *issuer) (k *Keys, failures *atomic.Int32) {
	failures = new(atomic.Int32)
	k = FetchedKeys("http://idp/jwks.json", func(err error) {
		if err != nil {
			failures.Add(1)
		}
	})
	k.fetch.over = i
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return k, failures
}

func TestKeysChangeAndAnUnknownOneIsFetchedSeldom(t *testing.T) {
	t.Parallel()
	next := must(rsa.GenerateKey(rand.Reader, 2048))
	synctest.Test(t, func(t *testing.T) {
		i := new(issuer)
		i.says(200, set(ofRSA("old", rsaTestKey)))
		k, _ := fetching(t, i)
		<-k.Known()
		r := reader(k, "RS256")
		old := bearer(sign(t, jwt.SigningMethodRS256, rsaTestKey, map[string]any{"kid": "old"}, claims(nil)))
		fresh := bearer(sign(t, jwt.SigningMethodRS256, next, map[string]any{"kid": "new"}, claims(nil)))
		if u := r.Read(old); string(u.Key) != "alice" {
			t.Fatal("refused")
		}
		i.says(200, set(ofRSA("new", next)))
		for n := range 1000 { // within a second, each another
			if u := r.Read(bearer(sign(t, jwt.SigningMethodHS256, []byte("x"), map[string]any{"kid": fmt.Sprint(n)}, claims(nil)))); u.Key != nil {
				t.Fatal("verified")
			}
			_ = r.Read(fresh)
			time.Sleep(time.Millisecond)
		}
		if n := i.asked.Load(); n != 1 {
			t.Errorf("%d fetches in a second, want the first one only", n)
		}
		time.Sleep(fetchAtLeast)
		if u := r.Read(fresh); string(u.Key) != "alice" {
			t.Error("the new key is not known after the least time")
		}
		if u := r.Read(old); u.Key != nil {
			t.Error("a token of a key that is gone is still believed")
		}
		if n := i.asked.Load(); n != 2 {
			t.Errorf("%d fetches, want 2", n)
		}
	})
}

func TestKeysStayWhenTheirIssuerIsDownOrSaysRubbish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := new(issuer)
		i.says(200, set(ofRSA("a", rsaTestKey)))
		k, failures := fetching(t, i)
		<-k.Known()
		r := reader(k, "RS256")
		v := bearer(sign(t, jwt.SigningMethodRS256, rsaTestKey, map[string]any{"kid": "a"}, claims(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(100 * time.Hour).Unix() })))
		for n, rubbish := range []func(){
			func() { i.answer.Store(nil) },
			func() { i.says(500, "") },
			func() { i.says(200, "<html>") },
			func() { i.says(200, `{"keys":[]}`) },
			func() { i.says(200, strings.Repeat(" ", setBytes+1)) },
		} {
			rubbish()
			before := failures.Load()
			time.Sleep(time.Hour)
			if u := r.Read(v); string(u.Key) != "alice" {
				t.Errorf("case %d: the keys are gone", n)
			}
			if got := failures.Load() - before; got < 5 || got > 20 {
				t.Errorf("case %d: %d failures told in an hour, want 5 to 20", n, got)
			}
		}
	})
}

func TestTokensAreRefusedWhileThereAreNoKeysYet(t *testing.T) {
	t.Parallel()
	r := reader(FetchedKeys("http://idp", nil), "RS256")
	if u := r.Read(bearer(sign(t, jwt.SigningMethodRS256, rsaTestKey, nil, claims(nil)))); u.Key != nil || !u.TokenRefused {
		t.Errorf("Read = %q, refused %v", u.Key, u.TokenRefused)
	}
}

func TestKeysAreNotFetchedFromWhereTheyAreSentOn(t *testing.T) {
	t.Parallel()
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(set(ofRSA("a", rsaTestKey)))) }))
	t.Cleanup(evil.Close)
	idp := httptest.NewServer(http.RedirectHandler(evil.URL, http.StatusFound))
	t.Cleanup(idp.Close)
	told := make(chan error, 1)
	k := FetchedKeys(idp.URL, func(err error) { told <- err })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.Run(ctx) }()
	if err := <-told; err == nil || k.set.Load() != nil {
		t.Errorf("keys were taken from another host: %v", err)
	}
	stop()
	<-done
}
