package interop

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"sluice/internal/testkit"
)

func TestVarnishtestSpeaksWithItselfThroughTheProxy(t *testing.T) {
	t.Parallel()
	varnishtest := tool(t, "varnishtest", "varnish")
	scripts, err := filepath.Glob("vtc/*.vtc")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, s := range scripts {
		t.Run(filepath.Base(s), func(t *testing.T) {
			t.Parallel()
			backend := testkit.FreeAddress(t)
			p := before(t, "http://"+backend, "")
			ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
			defer cancel()
			out, err := exec.CommandContext(ctx, varnishtest, "-t", "15", "-Dproxy="+p.Web, "-Dbackend="+backend, s).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", s, err, out)
			}
		})
	}
}
