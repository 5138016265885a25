package selector

import (
	"net/netip"
	"testing"

	"sluice/identity"
)

// someone is a request of a user who is known by all means.
type someone struct{ cookie, header string }

func (s someone) Method() []byte       { return []byte("GET") }
func (s someone) Host() []byte         { return nil }
func (s someone) Path() []byte         { return []byte("/") }
func (s someone) Header(string) []byte { return bytesOf(s.header) }
func (s someone) Cookie(string) []byte { return bytesOf(s.cookie) }
func (s someone) Query(string) []byte  { return nil }
func (s someone) Client() netip.Addr   { return netip.MustParseAddr("127.0.0.9") }
func (s someone) Listener() string     { return "web" }

func bytesOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func TestAUserIsNamedFromOutsideByTheValueOfTheKey(t *testing.T) {
	t.Parallel()
	sign := NewSigner([]byte("a secret that nobody can guess, as it is long"))
	minted := AppendCookieID(nil, Draw{Hi: 1, Lo: 2}, 1_800_000_000)
	signed := string(sign.Append(minted, minted))
	id := string(minted[:cookieIDLength])
	for _, c := range []struct {
		name  string
		by    StickyBy
		came  someone
		named []string
	}{
		{"a cookie", StickyBy{Kind: ByCookie, Name: "c"}, someone{cookie: string(minted)}, []string{string(minted), id}},
		{"an application's own cookie", StickyBy{Kind: ByCookie, Name: "c"}, someone{cookie: "session 7"}, []string{"session 7"}},
		{"a signed cookie", StickyBy{Kind: ByCookie, Name: "c", Sign: sign}, someone{cookie: signed}, []string{signed, string(minted), id}},
		{"a header", StickyBy{Kind: ByHeader, Name: "x-user"}, someone{header: "ann"}, []string{"ann"}},
		{"an address", StickyBy{Kind: ByClientIP}, someone{}, []string{"127.0.0.9", "::ffff:127.0.0.9"}},
	} {
		s := New(Config{Route: "shop", Sticky: []StickyBy{c.by}}, Split{Canary: -1, PairWeight: fullWeight})
		want := s.Pick(c.came, identity.User{}, Draw{Hi: 5, Lo: 6}).Key
		for _, name := range c.named {
			if got := s.UserKey(name); got != want {
				t.Errorf("%s: UserKey(%q) = %x, want %x of the request", c.name, name, got, want)
			}
		}
		if s.UserKey("somebody else") == want {
			t.Errorf("%s: somebody else has the same key", c.name)
		}
	}
}
