package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"sluice/request"
)

const (
	// tokenBytes bounds a token; a longer one is not looked at.
	tokenBytes = 16 << 10
	// tokenLeeway is how far the clocks of who makes tokens and of this machine may be apart.
	tokenLeeway = 30 * time.Second
	// tokenSlots bounds each of the caches.
	tokenSlots = 4096
)

// TokenConfig says which tokens (JWT, RFC 7519) are believed.
type TokenConfig struct {
	// Header that carries the token, perhaps after "Bearer"; Authorization has to say so.
	Header string
	// Algorithms that a token may be signed with, by their names in RFC 7518; a key only ever verifies algorithms of its own kind.
	Algorithms []string
	// Issuer and Audience that a token must name; "" is any.
	Issuer, Audience string
	// Keys that signatures are verified with.
	Keys *Keys
	// Now is the clock; nil is the machine's.
	Now func() time.Time
}

// Tokens verifies tokens, and remembers which it has verified: a request with the same token costs a look into a table. It takes no lock
// and is safe for concurrent use.
type Tokens struct {
	header string
	bare   bool // a token may stand alone
	keys   *Keys
	now    func() time.Time
	parser *jwt.Parser
	claims []string // that sources ask for; a verdict has their values in this order
	seed   maphash.Seed
	good   [tokenSlots]atomic.Pointer[verdict]
	bad    [tokenSlots]atomic.Pointer[refusal]
}

// verdict is what a token says that was verified.
type verdict struct {
	token  []byte // whole: a hash that collides must not make one user another
	keys   *keySet
	until  time.Time
	values [][]byte
}

// refusal remembers a token that was not verified, so that sending it again and again costs little.
type refusal struct {
	hash  uint64
	keys  *keySet
	until time.Time
}

// refusedFor is how long a token stays refused without a look at it: one that is not good yet may be a moment later.
const refusedFor = time.Second

func newTokens(c TokenConfig, claims []string) *Tokens {
	t := &Tokens{header: strings.ToLower(c.Header), keys: c.Keys, now: c.Now, claims: claims, seed: maphash.MakeSeed()}
	t.bare = t.header != "authorization"
	if t.now == nil {
		t.now = time.Now
	}
	// An algorithm that is not named here is refused before a key is looked for; `none` can't be named.
	algorithms := slices.DeleteFunc(slices.Clone(c.Algorithms), func(a string) bool { return kindOf(a) == noKey })
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired(), jwt.WithLeeway(tokenLeeway), jwt.WithTimeFunc(t.now),
		jwt.WithJSONNumber(), jwt.WithStrictDecoding(),
	}
	if c.Issuer != "" {
		options = append(options, jwt.WithIssuer(c.Issuer))
	}
	if c.Audience != "" {
		options = append(options, jwt.WithAudience(c.Audience))
	}
	t.parser = jwt.NewParser(options...)
	return t
}

// read is what the request's token says: the values of the claims, nil without a token or with one that is not good. refused says that
// there is one and it is not good.
func (t *Tokens) read(v request.View) (values [][]byte, refused bool) {
	token := v.Header(t.header)
	if len(token) == 0 {
		return nil, false
	}
	const bearer = "bearer "
	if len(token) > len(bearer) && equalFolded(token[:len(bearer)], bearer, lowerByte) {
		token = bytes.TrimLeft(token[len(bearer):], " ")
	} else if !t.bare {
		return nil, false // another way of proving who one is
	}
	if len(token) > tokenBytes {
		return nil, true
	}
	return t.verified(token)
}

// verified looks for a verdict, or makes one.
func (t *Tokens) verified(token []byte) (values [][]byte, refused bool) {
	hash := maphash.Bytes(t.seed, token)
	now, keys := t.now(), t.keys.set.Load()
	slot := &t.good[hash%tokenSlots]
	if g := slot.Load(); g != nil && g.keys == keys && now.Before(g.until) && bytes.Equal(g.token, token) {
		return g.values, false
	}
	no := &t.bad[hash%tokenSlots]
	if b := no.Load(); b != nil && b.hash == hash && b.keys == keys && now.Before(b.until) {
		return nil, true
	}
	g, err := t.verify(string(token), keys)
	if err != nil {
		no.Store(&refusal{hash: hash, keys: keys, until: now.Add(refusedFor)})
		return nil, true
	}
	slot.Store(g)
	return g.values, false
}

// verify does the work, once a token.
func (t *Tokens) verify(token string, keys *keySet) (*verdict, error) {
	claims := jwt.MapClaims{}
	parsed, err := t.parser.ParseWithClaims(token, claims, func(parsed *jwt.Token) (any, error) {
		if _, ok := parsed.Header["crit"]; ok {
			return nil, errors.New("the token asks for an extension that is not known here") // RFC 7515, section 4.1.11
		}
		kid, ok := parsed.Header["kid"].(string)
		if _, there := parsed.Header["kid"]; there && !ok {
			return nil, errors.New("kid is no text")
		}
		fit := keys.fit(kid, parsed.Method.Alg())
		if len(fit) == 0 {
			t.keys.Want() // they may have been changed; whoever asks, not often
			return nil, errors.New("no key fits")
		}
		return jwt.VerificationKeySet{Keys: fit}, nil
	})
	if err != nil {
		return nil, err
	}
	expires, err := parsed.Claims.GetExpirationTime()
	if err != nil || expires == nil {
		return nil, errors.New("the token has no end")
	}
	g := &verdict{token: []byte(token), keys: keys, until: expires.Add(tokenLeeway)}
	for _, name := range t.claims {
		g.values = append(g.values, claim(claims, name))
	}
	return g, nil
}

// claim is a claim as text; a list is a comma list. nil is none, or one of another form.
func claim(claims jwt.MapClaims, name string) []byte {
	if verified, ok := claims["email_verified"]; ok && name == "email" && verified != true && verified != "true" {
		return nil // anyone may have written it (OpenID Connect Core 1.0, section 5.7)
	}
	switch value := claims[name].(type) {
	case []any:
		var all [][]byte
		for _, one := range value {
			if text := scalar(one); len(text) > 0 {
				all = append(all, text)
			}
		}
		return bytes.Join(all, []byte(","))
	default:
		return scalar(value)
	}
}

func scalar(value any) []byte {
	switch value := value.(type) {
	case string:
		return []byte(value)
	case json.Number:
		return []byte(value.String())
	case bool:
		return strconv.AppendBool(nil, value)
	}
	return nil
}
