package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"sluice/bench/child"
	"sluice/bench/load"
)

// Bench is what to measure.
type Bench struct {
	Suite Suite
	// Peers by name; one that is not installed is said and left out.
	Peers []string
	// Rounds, each of a Duration per proxy after a WarmUp.
	Rounds           int
	Duration, WarmUp time.Duration
	// Self is a sluice binary for load and backends; Sluice the one that is measured.
	Self, Sluice string
	// Note, if not nil, is told what goes on.
	Note func(string)
}

// Round is one proxy's in one round.
type Round struct {
	CPU       float64     `json:"cpuMicroseconds"` // of the proxy, per request
	Memory    int64       `json:"memoryBytes"`     // resident, at the end
	Report    load.Report `json:"load"`
	CanaryPct float64     `json:"canaryPercent"`
}

// Run measures and reports. Everything it starts has ended when it returns.
func (b *Bench) Run(ctx context.Context) (*Report, error) {
	dir, err := os.MkdirTemp("", "sluice-peers-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the configurations: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &Report{Suite: b.Suite.Name, About: b.Suite.About, Duration: load.Duration(b.Duration), Started: time.Now().UTC().Truncate(time.Second)}
	m := measuring{Bench: b, dir: dir, threads: 1}
	var there []peer
	for _, name := range b.Peers {
		p, err := find(name, b.Sluice)
		if err != nil {
			r.Missing = append(r.Missing, name)
			b.note(fmt.Sprintf("%s is left out: %v", name, err))
			continue
		}
		there = append(there, p)
		r.Peers = append(r.Peers, Result{Name: name, Version: p.version()})
	}
	if all := child.Cores(); len(all) >= 2 && !b.Suite.shared {
		m.proxyCores, m.restCores, r.Pinned = all[:1], all[1:2], true
	} else {
		m.threads = max(len(all), 1)
	}
	if err := m.backends(ctx); err != nil {
		return nil, err
	}
	defer m.served.Stop()
	for round := range b.Rounds {
		for i := range there {
			i = (i + round) % len(there)
			one, err := m.round(ctx, &there[i])
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", b.Suite.Name, there[i].name, err)
			}
			b.note(fmt.Sprintf("%s, round %d of %d: %s %.1f µs", b.Suite.Name, round+1, b.Rounds, there[i].name, one.CPU))
			r.Peers[i].Rounds = append(r.Peers[i].Rounds, one)
		}
	}
	r.compare()
	return r, nil
}

func (b *Bench) note(text string) {
	if b.Note != nil {
		b.Note(text)
	}
}

// measuring is a Bench under way.
type measuring struct {
	*Bench
	dir                   string
	proxyCores, restCores []int
	threads               int
	served                *child.Process // the backends
	stable, canary        string
}

func (m *measuring) backends(ctx context.Context) error {
	var err error
	if m.stable, m.canary, err = child.TwoAddresses(); err != nil {
		return err
	}
	if m.served, err = child.Start(m.restCores, m.dir, m.Self, "bench", "backends", m.stable, m.canary); err != nil {
		return err
	}
	if err := m.served.Listens(ctx, m.canary); err != nil {
		m.served.Stop()
		return err
	}
	return nil
}

// round starts a proxy, sends it the load, and stops it.
func (m *measuring) round(ctx context.Context, p *peer) (Round, error) {
	serving, address := m.served, m.stable
	if p.program != "" {
		at := place{dir: m.dir, stable: m.stable, canary: m.canary, threads: m.threads}
		var err error
		if at.listen, at.admin, err = child.TwoAddresses(); err != nil {
			return Round{}, err
		}
		argv, err := p.command(at)
		if err != nil {
			return Round{}, err
		}
		if serving, err = child.Start(m.proxyCores, m.dir, argv...); err != nil {
			return Round{}, err
		}
		defer serving.Stop()
		if err := serving.Listens(ctx, at.listen); err != nil {
			return Round{}, err
		}
		address = at.listen
	}
	return m.send(ctx, serving, address)
}

// send sends the load, and reads the clock of the serving process before and after: warm-up and connecting are in its time, and in the
// number of requests that it is divided by.
func (m *measuring) send(ctx context.Context, to *child.Process, address string) (Round, error) {
	before, err := usageOf(to.ID())
	if err != nil {
		return Round{}, err
	}
	cmd := exec.CommandContext(ctx, m.Self, m.Suite.command(address, m.Duration.String(), m.WarmUp.String())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, m.dir
	if err := child.Pinned(m.restCores, cmd.Start); err != nil {
		return Round{}, err
	}
	failed := cmd.Wait()
	after, err := usageOf(to.ID())
	if err != nil {
		return Round{}, err
	}
	one := Round{Memory: after.rss}
	if err := json.Unmarshal(out.Bytes(), &one.Report); err != nil {
		return Round{}, fmt.Errorf("the load did not run: %w; %s", errors.Join(failed, err), child.Tail(errs.String()))
	}
	if one.Report.Requests == 0 {
		return Round{}, fmt.Errorf("nothing was answered in %v: is the machine too busy?", m.Duration)
	}
	one.CPU = float64((after.cpu - before.cpu).Microseconds()) / float64(one.Report.Requests+one.Report.WarmUp)
	one.CanaryPct = 100 * float64(one.Report.By["2"]) / float64(max(1, one.Report.By["1"]+one.Report.By["2"]))
	return one, nil
}
