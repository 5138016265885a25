package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sluice/internal/testkit"
	"sluice/rollout"
)

// diskRollout goes on by a person's word alone.
const diskRollout = `    rollout:
      steps: [25%, 50%]
      hold: 10m
      analysis: {checks: [{metric: error-rate, max: 5%}]}
`

// disk is a state folder that can be filled and freed again.
type disk struct{ fill, free func(t *testing.T) }

// limited is a limit of the process: its files may not grow. It needs no rights and no file system of its own.
func limited(p *testkit.Proxy) disk {
	var before unix.Rlimit
	set := func(t *testing.T, most uint64) {
		t.Helper()
		l := unix.Rlimit{Cur: most, Max: before.Max}
		if err := unix.Prlimit(p.ID(), unix.RLIMIT_FSIZE, &l, nil); err != nil {
			t.Fatal(err)
		}
	}
	return disk{
		fill: func(t *testing.T) {
			if err := unix.Prlimit(p.ID(), unix.RLIMIT_FSIZE, nil, &before); err != nil {
				t.Fatal(err)
			}
			set(t, 16)
		},
		free: func(t *testing.T) { set(t, before.Cur) },
	}
}

// mounted is a small file system in the place of the state folder; ok is false where we may not mount.
func mounted(t *testing.T, p *testkit.Proxy) (d disk, ok bool) {
	t.Helper()
	if err := os.MkdirAll(p.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", p.StateDir, "tmpfs", 0, "size=512k,mode=700"); err != nil {
		t.Logf("no file system of our own (%v): the limit of a process stands for it", err)
		return disk{}, false
	}
	t.Cleanup(func() { _ = syscall.Unmount(p.StateDir, syscall.MNT_DETACH) })
	ballast := filepath.Join(p.StateDir, "ballast")
	return disk{
		fill: func(t *testing.T) {
			if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err == nil {
				t.Fatal("the disk is not full")
			}
		},
		free: func(t *testing.T) { _ = os.Remove(ballast) },
	}, true
}

// Traffic goes on, nothing rises, an abort takes the canary off at once, and what could not be saved is saved when there is room again.
func TestAFullDiskInARolloutRefusesEveryIncreaseAndNoAbort(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"a file system", "a limit"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			stable, canary := pair(t)
			p := testkit.Prepare(t, shop(stable.URL, canary.URL, diskRollout))
			d, own := disk{}, false
			if how == "a file system" {
				if d, own = mounted(t, p); !own {
					return
				}
			}
			p.Run(t)
			p.AwaitReady(t)
			if !own {
				d = limited(p)
			}
			p.AwaitRollout(t, "shop", testkit.Patience, "the first step", func(s rollout.Status) bool { return s.Weight == 2500 })
			load := testkit.StartLoad(t, p.Web, rate(100))
			d.fill(t)
			promote := func() (int, string) { return p.Post(t, "/api/v1/routes/shop/rollout/promote", map[string]any{}) }
			if code, body := promote(); code != 409 || !strings.Contains(body, "can't be written") {
				t.Errorf("promote on a full disk = %d %s, want 409 and why", code, body)
			}
			if s := p.Rollout(t, "shop"); s.Weight != 2500 || s.StateError == "" {
				t.Errorf("after it: %s, state error %q; want 25%% and the error", testkit.Brief(s), s.StateError)
			}
			if out := p.CLI(t, "status", "shop"); !strings.Contains(out.Stdout, "NOT SAVED") {
				t.Errorf("status = %s, want NOT SAVED in it", out.Stdout)
			}
			if got := p.CLI(t, "abort", "shop"); got.Code != 0 {
				t.Errorf("abort on a full disk: %+v, want exit 0", got)
			}
			if got := p.Route(t, "shop").Backend("canary").Weight; got != 0 {
				t.Errorf("the canary's weight after the abort is %v, want 0", got)
			}
			checkShare(t, servedBy(testkit.AskMany(t, p.Web, 50, func(int) string { return testkit.Head("GET", "/") })), 0)
			if code, body := p.Post(t, "/api/v1/routes/shop/rollout/retry", map[string]any{}); code != 409 {
				t.Errorf("retry on a full disk = %d %s, want 409", code, body)
			}
			if own { // the abort is in the reserve: a kill does not undo it, and the disk is still full
				load.Stop(t)
				p.Kill()
				p.Run(t)
				p.AwaitReady(t)
				if s := p.Rollout(t, "shop"); s.Weight != 0 || s.Outcome != rollout.OutcomeAborted {
					t.Errorf("after a kill on a full disk it is %s, want 0 and Aborted", testkit.Brief(s))
				}
			}
			d.free(t)
			p.AwaitRollout(t, "shop", testkit.Patience, "the state to be saved", func(s rollout.Status) bool { return s.StateError == "" && s.Phase == rollout.Aborted })
			if report := load.Stop(t); report.Failed > 0 {
				t.Errorf("%d requests failed while the disk was full, want none", report.Failed)
			}
			p.Kill()
			p.Run(t)
			p.AwaitReady(t)
			if s := p.Rollout(t, "shop"); s.Phase != rollout.Aborted || s.Reason != rollout.ReasonUser || s.Weight != 0 {
				t.Errorf("after a kill it is %s, want Aborted", testkit.Brief(s))
			}
			if lines := journal(t, p); !strings.Contains(lines, `"action":"abort"`) {
				t.Errorf("the journal has no abort:\n%s", lines)
			}
		})
	}
}

// A canary that dies while the disk is full is off the traffic as fast as ever.
func TestADeadCanaryIsRolledBackOnAFullDisk(t *testing.T) {
	t.Parallel()
	p, canary, load := trial(t)
	d := limited(p)
	d.fill(t)
	canary.Script(testkit.Failing)
	end := p.AwaitRollout(t, "shop", testkit.Patience, "weight 0", func(s rollout.Status) bool { return s.Weight == 0 })
	checkRolledBack(t, p, end, "abort-on", "error-rate")
	if report := load.Stop(t); report.Lost > 0 {
		t.Errorf("%d requests had no answer, first %v", report.Lost, report.FirstLoss)
	}
	d.free(t)
	p.AwaitRollout(t, "shop", testkit.Patience, "the state to be saved", func(s rollout.Status) bool { return s.StateError == "" })
}

// What can't be written anew is kept in the reserve, also where no disk is full: an abort outlives a kill.
func TestAnAbortThatCanNotBeWrittenOutlivesAKill(t *testing.T) {
	t.Parallel()
	stable, canary := pair(t)
	p := testkit.Start(t, shop(stable.URL, canary.URL, diskRollout))
	p.AwaitRollout(t, "shop", testkit.Patience, "the first step", func(s rollout.Status) bool { return s.Weight == 2500 })
	stone := filepath.Join(p.StateDir, "shop.json.tmp")
	if err := os.MkdirAll(filepath.Join(stone, "in-the-way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := p.CLI(t, "abort", "shop"); got.Code != 0 {
		t.Fatalf("abort: %+v", got)
	}
	p.AwaitRollout(t, "shop", testkit.Patience, "the reserve", func(s rollout.Status) bool { return s.StateHeld && s.StateError != "" })
	p.Kill()
	if err := os.RemoveAll(stone); err != nil {
		t.Fatal(err)
	}
	p.Run(t)
	p.AwaitReady(t)
	if s := p.Rollout(t, "shop"); s.Weight != 0 || s.Outcome != rollout.OutcomeAborted {
		t.Errorf("after a kill it is %s, want Aborted", testkit.Brief(s))
	}
}

func journal(t *testing.T, p *testkit.Proxy) string {
	t.Helper()
	var out string
	testkit.Until(t, testkit.Patience, "the journal's last line", func() (bool, any) {
		b, err := os.ReadFile(filepath.Join(p.StateDir, "journal.jsonl"))
		out = string(b)
		return err == nil && strings.HasSuffix(out, "\n"), fmt.Sprint(err)
	})
	return out
}
