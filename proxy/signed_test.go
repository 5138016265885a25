package proxy

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/router"
	"sluice/selector"
)

func TestAStickyCookieThatIsNotSignedIsReplaced(t *testing.T) {
	t.Parallel()
	sign := selector.NewSigner([]byte("a secret that nobody can guess, as it is long"))
	b := newBench(t, benchOptions{
		sticky: []selector.StickyBy{{Kind: selector.ByCookie, Name: "id", Sign: sign}},
		cookie: &router.Cookie{Name: "id", TTL: time.Hour, Sign: sign}, canary: 5000,
	}, newOrigin(t, mirrorHead).url, newOrigin(t, mirrorHead).url)
	minted := regexp.MustCompile(`Set-Cookie: id=([0-9a-z]{26}\.[0-9a-z]+\.[-_0-9A-Za-z]{22}); `)
	answer, _ := b.ask("/", "")
	found := minted.FindStringSubmatch(answer)
	if found == nil {
		t.Fatalf("the client got %q, want a signed cookie", answer)
	}
	if answer, _ := b.ask("/", "Cookie: id="+found[1]+"\r\n"); strings.Contains(answer, "Set-Cookie") {
		t.Errorf("a good cookie was replaced: %q", answer)
	}
	for _, bad := range []string{"alice", found[1][:len(found[1])-23], "0" + found[1], found[1] + "0", ""} {
		if answer, _ := b.ask("/", "Cookie: id="+bad+"\r\n"); minted.FindString(answer) == "" {
			t.Errorf("%q was kept: %q", bad, answer)
		}
	}
	old := selector.AppendCookieID(nil, selector.Draw{Hi: 3, Lo: 4}, time.Now().Add(-45*time.Minute).Unix())
	signed := string(sign.Append(append([]byte(nil), old...), old))
	answer, _ = b.ask("/", "Cookie: id="+signed+"\r\n")
	renewed := minted.FindStringSubmatch(answer)
	if renewed == nil || renewed[1][:26] != signed[:26] || renewed[1] == signed {
		t.Fatalf("past half its life: %q, want the same id signed anew", answer)
	}
	if value, ok := sign.Open([]byte(renewed[1])); !ok {
		t.Errorf("the renewed cookie is not signed: %q", value)
	}
}
