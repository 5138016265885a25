package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestThePageIsAtMost60KBCompressed(t *testing.T) {
	t.Parallel()
	const most = 60 << 10
	sum := 0
	for _, f := range load() {
		sum += len(f.squeezed)
	}
	t.Logf("%d bytes", sum)
	if sum > most || sum < most/4 {
		t.Errorf("the page has %d bytes compressed, want at most %d", sum, most)
	}
}

func TestVendoredFilesAreThoseOfTheirRelease(t *testing.T) {
	t.Parallel()
	// uplot@1.6.32 of the npm registry, dist/uPlot.iife.min.js and dist/uPlot.min.css.
	for name, want := range map[string]string{
		"uplot.min.js":  "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
		"uplot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
	} {
		sum := sha256.Sum256(load()[name].plain)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s has the checksum %s, want %s", name, got, want)
		}
	}
}

func TestEveryFileIsServedUnderTheStrictPolicy(t *testing.T) {
	t.Parallel()
	for name, f := range load() {
		r := httptest.NewRequest("GET", "/ui/"+name, nil)
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		if w.Code != 200 || string(body) != string(f.plain) || f.kind == "" || w.Header().Get("Content-Type") != f.kind {
			t.Errorf("GET /ui/%s = %d, %d bytes of %q", name, w.Code, len(body), w.Header().Get("Content-Type"))
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") ||
			!strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "require-trusted-types-for 'script'") {
			t.Errorf("/ui/%s is served under %q", name, policy)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("/ui/%s lacks nosniff or no-referrer", name)
		}
		r.Header.Set("If-None-Match", w.Header().Get("ETag"))
		again := httptest.NewRecorder()
		if Handler().ServeHTTP(again, r); again.Code != 304 || again.Body.Len() != 0 {
			t.Errorf("/ui/%s asked for again = %d, want 304", name, again.Code)
		}
		r.Header.Set("Accept-Encoding", "gzip, br")
		small := httptest.NewRecorder()
		if Handler().ServeHTTP(small, r); small.Code != 200 || small.Header().Get("Content-Encoding") != "gzip" || small.Body.Len() != len(f.squeezed) {
			t.Errorf("/ui/%s compressed = %d, %d bytes", name, small.Code, small.Body.Len())
		}
	}
	w := httptest.NewRecorder()
	if Handler().ServeHTTP(w, httptest.NewRequest("GET", "/ui/nosuch.js", nil)); w.Code != 404 {
		t.Errorf("GET /ui/nosuch.js = %d, want 404", w.Code)
	}
}

func TestNothingOfOursMakesMarkupOfText(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|new Function|setAttribute\('style'|srcdoc`)
	for name, f := range load() {
		if strings.HasPrefix(name, "uplot") {
			continue
		}
		if found := forbidden.Find(f.plain); found != nil {
			t.Errorf("%s has %s", name, found)
		}
	}
	page := string(load()["index.html"].plain)
	if inline := regexp.MustCompile(`(?s)<style|style=|\son[a-z]+=|<script[^>]*>[^<]`).FindString(page); inline != "" {
		t.Errorf("index.html has %q in its markup", inline)
	}
	for _, address := range regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(page, -1) {
		if load()[address[1]] == nil {
			t.Errorf("index.html loads %s, which is not here", address[1])
		}
	}
	for name, f := range load() {
		for _, module := range regexp.MustCompile(`from '\./([^']+)'`).FindAllSubmatch(f.plain, -1) {
			if load()[string(module[1])] == nil {
				t.Errorf("%s imports %s, which is not here", name, module[1])
			}
		}
	}
}

// luminance of a colour #rrggbb (WCAG 2.2, relative luminance).
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(v uint64) float64 {
		c := float64(v&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}

func TestEveryColourOfTextCanBeReadInBothThemes(t *testing.T) {
	t.Parallel()
	css := string(load()["style.css"].plain)
	colours := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);`).FindAllStringSubmatch(css, -1) {
		colours[m[1]] = [2]string{m[2], m[3]}
	}
	check := func(what, text, ground string, least float64) {
		a, b := luminance(t, text), luminance(t, ground)
		if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < least {
			t.Errorf("%s: %s on %s is %.2f:1, want %v:1", what, text, ground, ratio, least)
		}
	}
	for theme, name := range []string{"light", "dark"} {
		for _, ground := range []string{"ground", "card"} {
			for _, text := range []string{"text", "faint", "good", "bad", "wait", "go", "calm"} {
				check(name+" "+text+" on "+ground, colours[text][theme], colours[ground][theme], 4.5)
			}
			for _, mark := range []string{"stable", "canary", "other", "focus"} {
				check(name+" "+mark+" on "+ground, colours[mark][theme], colours[ground][theme], 3)
			}
		}
	}
	check("the button that aborts", "#ffffff", "#b91c1c", 4.5)
	check("the first button", "#ffffff", "#2563eb", 4.5)
	for theme, pair := range [][2]string{{"#4d3500", "#fff1cc"}, {"#ffe7a8", "#453300"}} {
		check("the banner in theme "+strconv.Itoa(theme), pair[0], pair[1], 4.5)
	}
}
