package interop

import (
	"net/http"
	"strings"
	"testing"

	"sluice/internal/testkit"
)

func TestSlowClientsAreCutAndOthersServed(t *testing.T) {
	t.Parallel()
	tool(t, "slowhttptest", "slowhttptest")
	big := strings.Repeat("x", 4<<20)
	o := testkit.NewOrigin(t, "stable", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			_, _ = w.Write([]byte(big))
		}
	})
	for name, args := range map[string][]string{
		"heads":   {"-H", "-i", "1"},
		"bodies":  {"-B", "-i", "1", "-s", "8192", "-x", "10"},
		"readers": {"-X", "-w", "1", "-y", "2", "-n", "1", "-z", "1", "-k", "3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := before(t, o.URL, "headerTimeout: 1s, idleTimeout: 5s, bodyRate: 10KiB/s")
			args = append(args, "-c", "200", "-r", "200", "-l", "6", "-p", "5", "-u", "http://"+p.Web+"/big")
			attack := testkit.Child(t, "slowhttptest", args...)
			for !attack.Ended() {
				if a := testkit.Ask(t, p.Web, "GET", "/"); a.Status != http.StatusOK {
					t.Fatalf("another client got %d during the attack, want 200", a.Status)
				}
			}
			if p.Ended() {
				t.Fatalf("the proxy has ended: %s", p.Stderr())
			}
			testkit.Until(t, testkit.Patience, "nothing in flight after the attack", func() (bool, any) {
				_, body := p.Get(t, "/metrics")
				return strings.Contains(body, `sluice_backend_requests_in_flight{backend="stable",route="shop"} 0`), body
			})
		})
	}
}
