package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// nobody is a user who owns nothing.
const nobody = 65534

// Somebody else's state, or a folder that this user may not write: the canary gets nothing, traffic goes on, and the status says what to do.
func TestAStateThatBelongsToSomebodyElseKeepsTheCanaryAtZero(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Log("only root can give a folder to somebody else; store/file tests modes as this user")
		return
	}
	for name, tt := range map[string]struct {
		spoil  func(dir string) error
		reason string
		says   string
		mend   func(dir string) error
	}{
		"a foreign folder": {
			spoil:  func(dir string) error { return modes(0, 0o700, dir) },
			reason: rollout.ReasonStateLost, says: "readable and writable for user 65534",
		},
		"a foreign file": {
			spoil:  func(dir string) error { return modes(0, 0o600, filepath.Join(dir, "shop.json")) },
			reason: rollout.ReasonStateLost, says: "readable and writable for user 65534",
		},
		"a folder that may only be read": {
			spoil:  func(dir string) error { return modes(nobody, 0o500, dir) },
			reason: rollout.ReasonStateReadOnly, says: "readable and writable for user 65534",
			mend: func(dir string) error { return os.Chmod(dir, 0o700) },
		},
		"somebody else's folder that may only be read": {
			spoil:  func(dir string) error { return modes(0, 0o755, dir) },
			reason: rollout.ReasonStateReadOnly, says: "readable and writable for user 65534",
			mend: func(dir string) error { return os.Chown(dir, nobody, nobody) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stable, canary := pair(t)
			p := testkit.Prepare(t, shop(stable.URL, canary.URL, diskRollout))
			p.As(t, nobody)
			p.Run(t)
			p.AwaitReady(t)
			p.AwaitRollout(t, "shop", testkit.Patience, "the first step", func(s rollout.Status) bool { return s.Weight == 2500 })
			p.Signal(t, syscall.SIGTERM)
			p.Wait(t)
			if err := tt.spoil(p.StateDir); err != nil {
				t.Fatal(err)
			}
			p.Run(t)
			p.AwaitReady(t)
			s := p.Rollout(t, "shop")
			if s.Phase != rollout.Paused || s.Reason != tt.reason || s.Weight != 0 {
				t.Errorf("it began with %s, want Paused(%s) at 0", testkit.Brief(s), tt.reason)
			}
			if log := p.Stderr(); !strings.Contains(log, tt.says) || !strings.Contains(log, p.StateDir) {
				t.Errorf("the log says %s, want the folder and %q", log, tt.says)
			}
			checkShare(t, servedBy(testkit.AskMany(t, p.Web, 50, func(int) string { return testkit.Head("GET", "/") })), 0)
			if code, body := p.Post(t, "/api/v1/routes/shop/rollout/promote", map[string]any{}); code != 409 {
				t.Errorf("promote = %d %s, want 409", code, body)
			}
			if tt.mend == nil {
				return
			}
			if err := tt.mend(p.StateDir); err != nil {
				t.Fatal(err)
			}
			p.AwaitRollout(t, "shop", testkit.Patience, "going on at 25%", func(s rollout.Status) bool { return s.Weight == 2500 })
		})
	}
}

// modes gives a path to a user, with a mode.
func modes(owner int, mode os.FileMode, path string) error {
	if err := os.Chown(path, owner, owner); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
