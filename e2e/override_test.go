package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

func TestASignedOverrideReachesABackendWithoutWeight(t *testing.T) {
	t.Parallel()
	key := filepath.Join(t.TempDir(), "override.key")
	if err := os.WriteFile(key, []byte("0123456789abcdef0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, "    weights: {stable: 100%, canary: 0%}\n    override: {secretFile: "+key+"}\n"))
	got := testkit.Run(t, "override", "sign", "shop", "canary", "--for", "1h", "-c", p.File)
	if got.Code != 0 {
		t.Fatalf("override sign: exit %d: %s", got.Code, got.Stderr)
	}
	signed := strings.TrimSpace(got.Stdout)
	for _, c := range []struct{ target, line, want string }{
		{"/", "Accept: */*", "stable"},
		{"/", "Sluice-Override: " + signed, "canary"},
		{"/", "Cookie: sluice-override=" + signed, "canary"},
		{"/?sluice-override=" + signed, "Accept: */*", "canary"},
		{"/", "Sluice-Override: " + strings.ToUpper(signed), "stable"},
	} {
		if got := testkit.Ask(t, p.Web, "GET", c.target, c.line).ServedBy(); got != c.want {
			t.Errorf("%s %s: %s answered, want %s", c.target, c.line, got, c.want)
		}
	}
	for _, wrong := range [][]string{{"shop", "blue"}, {"cart", "canary"}} {
		if got := testkit.Run(t, "override", "sign", wrong[0], wrong[1], "-c", p.File); got.Code != 1 || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("override sign %v: exit %d, %q, want 1 and a line", wrong, got.Code, got.Stderr)
		}
	}
}
