package app

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/rollout"
	"sluice/store/file"
)

// followEvery is how often a process that takes over looks at the state of the one before it, and whether that one has gone.
const followEvery = 100 * time.Millisecond

// stateFormat is the one that rollout writes.
const stateFormat = 1

// follower shows a route whose rollout another process decides; it implements admin.Controller.
type follower struct {
	seen   files // that the rest was made of
	status rollout.Status
}

// Status is what the other process wrote last.
func (f *follower) Status() rollout.Status { return f.status }

// Do is refused: the other process decides.
func (f *follower) Do(context.Context, rollout.Command) (rollout.Status, error) {
	return f.status, &rollout.Refused{Reason: "another process has the state folder and decides until it ends: command that one"}
}

// Decisions are in the journal of the other process.
func (f *follower) Decisions(int) []rollout.Decision { return nil }

// Blocks are in the log of the other process.
func (f *follower) Blocks(string) ([]byte, error) { return nil, nil }

// Subscribe tells of nothing: who looks now and then sees what is new.
func (f *follower) Subscribe(ctx context.Context) <-chan struct{} {
	never := make(chan struct{})
	context.AfterFunc(ctx, func() { close(never) })
	return never
}

// follow puts the weights in force that the other process has committed, as this one would take them up now. Nothing is written.
func (a *App) follow(cfg *config.Config, anew bool) {
	old, next := *a.followed.Load(), map[string]*follower{}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if !movable(r) {
			continue
		}
		now := filesOf(cfg.State.Dir, r.Name)
		if f := old[r.Name]; f != nil && !anew && now.same(f.seen) {
			next[r.Name] = f
			continue
		}
		p := plan(r)
		s, lost := readState(cfg.State.Dir, r.Name)
		in := rollout.Input{Now: time.Now(), CanaryUp: true, StableUp: true}
		var err error
		if s, _, err = rollout.Boot(&p, s, &in, lost); err != nil {
			a.Log.Warn("the state of the process before this one can't be followed", zap.String("route", r.Name), zap.Error(err))
			continue
		}
		a.applier.apply(rollout.RoutingOf(&p, &s))
		next[r.Name] = &follower{seen: now, status: rollout.StatusOf(&p, &s)}
	}
	a.followed.Store(&next)
}

// files are what a route's state is in: the document, which is another file after each write, and its reserve, which is written in place.
type files struct {
	document os.FileInfo // nil is none
	reserve  [sha256.Size]byte
}

func filesOf(dir, route string) (f files) {
	if info, err := os.Stat(filepath.Join(dir, route+".json")); err == nil {
		f.document = info
	}
	if b, err := os.ReadFile(filepath.Join(dir, route+".json.reserve")); err == nil {
		f.reserve = sha256.Sum256(b)
	}
	return f
}

func (f files) same(o files) bool {
	a, b := f.document, o.document
	if a == nil || b == nil {
		return a == b && f.reserve == o.reserve
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && f.reserve == o.reserve
}

// readState is the state of a route in a folder that another process has; lost says that there is one which can't be read. A store opens
// only folders that it can have for itself, so it is given a copy.
func readState(dir, route string) (s rollout.State, lost bool) {
	copied, err := os.MkdirTemp("", "sluice-state-")
	if err != nil {
		return s, true
	}
	defer func() { _ = os.RemoveAll(copied) }()
	for _, name := range []string{route + ".json", route + ".json.bak", route + ".json.reserve"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || os.WriteFile(filepath.Join(copied, name), b, 0o600) != nil {
			return s, true
		}
	}
	store, err := file.Open(copied)
	if err != nil {
		return s, true
	}
	defer func() { _ = store.Close() }()
	doc, err := store.Get(context.Background(), route)
	if err != nil {
		return s, true
	}
	if doc.Value == nil {
		return s, false
	}
	err = json.Unmarshal(doc.Value, &s)
	return s, err != nil || s.Format != stateFormat
}

// takeOver follows the process before this one until everything that it had is this one's: the state, then the admin address.
func (a *App) takeOver(ctx context.Context, startAdmin func()) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	said := ""
	for {
		done, err := a.takeWhatIsFree(startAdmin)
		if err != nil && err.Error() != said {
			said = err.Error()
			a.Log.Error("taking over from the process before this one failed; it is tried again", zap.Error(err))
		}
		if done {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *App) takeWhatIsFree(startAdmin func()) (done bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.draining {
		return true, nil
	}
	cfg := a.config.Load()
	if a.store == nil {
		var taken *file.InUse
		switch err := a.takeState(cfg); {
		case errors.As(err, &taken):
			a.follow(cfg, false)
			return false, nil
		case err != nil:
			return false, err
		}
		if _, err := a.change(cfg); err != nil {
			return false, fmt.Errorf("take up the state: %w", err)
		}
		a.followed.Store(&map[string]*follower{})
		a.Log.Info("this process has the state now and decides", zap.String("state", cfg.State.Dir))
	}
	if a.admin == nil {
		switch err := a.openAdmin(cfg); {
		case errors.Is(err, errTaken):
			return false, nil
		case err != nil:
			return false, err
		}
		startAdmin()
		a.Log.Info("the admin address is taken over", zap.String("admin", cfg.Admin.Address))
	}
	a.Takeover = false // from now on a taken address is an error
	return true, nil
}
