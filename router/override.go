package router

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"time"

	"sluice/backend"
)

// Override lets a request name its backend, also one with no weight, when somebody with the secret has signed that. Empty names of
// places are not looked at.
type Override struct {
	Header, Cookie, Query string // the header in lower case
	Secret                []byte
}

// Overridden is what an override that verifies says.
type Overridden struct {
	Backend int
	Until   int64 // Unix seconds
}

// Sign makes an override for a backend of a route: BACKEND.UNTIL.SIGNATURE.
func (o *Override) Sign(route, backend string, until time.Time) string {
	text := backend + "." + strconv.FormatInt(until.Unix(), 10)
	return text + "." + base64.RawURLEncoding.EncodeToString(o.mac(route, []byte(text)))
}

// Verify reads an override for the route; false when it is not signed for it, has ended at now (Unix seconds), or names no backend.
func (o *Override) Verify(r *Route, value []byte, now int64) (Overridden, bool) {
	const longest = 200
	at := bytes.LastIndexByte(value, '.')
	if at < 0 || len(value) > longest {
		return Overridden{}, false
	}
	text := value[:at]
	signature, err := base64.RawURLEncoding.Strict().DecodeString(string(value[at+1:]))
	if err != nil || !hmac.Equal(signature, o.mac(r.Name, text)) {
		return Overridden{}, false
	}
	name, end, _ := bytes.Cut(text, []byte{'.'})
	until, err := strconv.ParseInt(string(end), 10, 64)
	b := slices.IndexFunc(r.Backends, func(b *backend.Backend) bool { return b.Name() == string(name) })
	return Overridden{Backend: b, Until: until}, err == nil && b >= 0 && now < until
}

// mac is over the route too: what is signed for one is nothing on another. The first words keep it apart from other uses of the secret.
func (o *Override) mac(route string, text []byte) []byte {
	h := hmac.New(sha256.New, o.Secret)
	h.Write([]byte("sluice override\x00" + route + "\x00"))
	h.Write(text)
	return h.Sum(nil)
}
