package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/admin"
	"sluice/admin/client"
)

func TestAReloadReadsTheTokensAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ci.token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	r := start(t, "")
	text := strings.Replace(*r.text.Load(), "admin: {", "admin: {tokens: [{name: ci, role: read, file: "+file+"}], ", 1)
	r.text.Store(&text)
	lets := func(token string, want bool) {
		t.Helper()
		api, err := client.New("unix:"+r.dir+"/admin.sock", token)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = api.Routes(context.Background()); (err == nil) != want {
			t.Errorf("with the token %q: %v, let in should be %t", token, err, want)
		}
	}
	reload := func() error { _, err := r.Reload(context.Background()); return err }
	lets("", true)
	if err := reload(); err != nil {
		t.Fatal(err)
	}
	lets("", false)
	lets("first", true)
	write("second\n")
	lets("second", false)
	if err := reload(); err != nil {
		t.Fatal(err)
	}
	lets("first", false)
	lets("second", true)

	write("")
	var invalid *admin.InvalidConfig
	if err := reload(); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "admin.tokens[0].file") {
		t.Errorf("reload with an empty token file = %v, want a configuration error that names it", err)
	}
	lets("second", true)
}
