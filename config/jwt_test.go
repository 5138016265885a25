package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesWithKeysOfTokensAreLookedAt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, content, want string }{
		{"hmacSecretFile", "", `is empty`},
		{"hmacSecretFile", "short\n", `under 32 bytes`},
		{"hmacSecretFile", strings.Repeat("x", 32), ""},
		{"keyFile", "x", "no public key in PEM"},
		{"keyFile", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no public key in PEM"},
		{"keyFile", "<absent>", "there is no such file"},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "sluice.yaml")
		src := "version: 1\nstate: {dir: " + dir + "}\nidentity: {key: [{jwt: sub}], jwt: {" + c.key + ": k, issuer: a, audience: b}}\n"
		if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.content != "<absent>" {
			if err := os.WriteFile(filepath.Join(dir, "k"), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, findings := Load(file)
		var got []string
		for _, f := range findings {
			got = append(got, f.String())
		}
		switch all := strings.Join(got, "\n"); {
		case c.want == "" && all != "":
			t.Errorf("%s %q: %s, want nothing", c.key, c.content, all)
		case c.want != "" && (!strings.Contains(all, ":3:") || !strings.Contains(all, c.want)):
			t.Errorf("%s %q: %s, want %q in line 3", c.key, c.content, all, c.want)
		}
	}
}
