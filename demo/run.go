package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/rollout"
)

// Options are what a demonstration needs of its caller.
type Options struct {
	// Proxy is the URL of the proxy's listener, http://host:port.
	Proxy    string
	Scenario Scenario
	// Reading reads the proxy's route; called about ten times a second, from one goroutine.
	Reading func() Reading
	// Out is where the story goes. Width and Colour are those of Terminal(Out), 0 and false for a file.
	Out    io.Writer
	Width  int
	Colour bool
	// Every is the time between two lines, default 1 s; Bound the longest that the rollout may take, default 2 min.
	Every, Bound time.Duration
}

// Outcome is how a demonstration ended.
type Outcome struct {
	// Rollout is the outcome of the attempt, Sentence that of its last decision.
	Rollout  rollout.Outcome
	Sentence string
	// AsExpected says whether the scenario wants this outcome.
	AsExpected bool
	Load       Report
}

// Run sends the scenario's load through the proxy and tells what happens until the rollout has ended. An error says that it did not end:
// the bound was over, ctx ended, or nothing could be sent.
func Run(ctx context.Context, o Options) (Outcome, error) {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Bound == 0 {
		o.Bound = 2 * time.Minute
	}
	ctx, stop := context.WithTimeout(ctx, o.Bound)
	defer stop()
	loading, sent := startLoad(ctx, o)
	defer sent.cancel()
	teller := &teller{Options: o, narrator: narrator{width: o.Width, colour: o.Colour}, start: time.Now()}
	end, err := teller.follow(ctx, loading)
	sent.cancel()
	report, loadErr := sent.wait()
	if err = errors.Join(loadErr, err); err != nil {
		return Outcome{Load: report}, err
	}
	return teller.finish(end, report)
}

// startedLoad is a load under way and its end.
type startedLoad struct {
	cancel context.CancelFunc
	done   chan struct{}
	report Report
	err    error
}

func (s *startedLoad) wait() (Report, error) { <-s.done; return s.report, s.err }

// startLoad returns a channel that is closed when the load has ended, by itself or not.
func startLoad(ctx context.Context, o Options) (<-chan struct{}, *startedLoad) {
	ctx, cancel := context.WithCancel(ctx)
	s := &startedLoad{cancel: cancel, done: make(chan struct{})}
	l := Load{
		URL: o.Proxy + "/", Rate: o.Scenario.rate(), Poisson: true, Users: o.Scenario.users(), BackendHeader: backendHeader,
		Duration: o.Bound,
	}
	go func() {
		defer close(s.done)
		s.report, s.err = l.Run(ctx)
	}()
	return s.done, s
}

// teller follows a rollout and writes what the narrator makes of it.
type teller struct {
	Options
	narrator
	start time.Time
}

// follow tells the story until one line after the attempt's end, so that the last weights are seen in the numbers.
func (t *teller) follow(ctx context.Context, loading <-chan struct{}) (Reading, error) {
	t.write(t.header())
	look := time.NewTicker(min(t.Every, 100*time.Millisecond))
	defer look.Stop()
	next, ended := t.Every, false
	for {
		select {
		case <-ctx.Done():
			return Reading{}, fmt.Errorf("the rollout did not end within %v: %w", t.Bound, ctx.Err())
		case <-loading:
			loading = nil
			if ctx.Err() == nil {
				return Reading{}, errors.New("the load ended before the rollout did")
			}
			continue
		case <-look.C:
		}
		now, at := t.Reading(), time.Since(t.start)
		t.write(t.news(at, now))
		if at < next {
			continue
		}
		t.write(t.line(at, now))
		next = at.Truncate(t.Every) + t.Every
		if ended {
			return now, nil
		}
		ended = over(now.Rollout.Phase)
	}
}

// finish tells the load's numbers and, last, the decision.
func (t *teller) finish(end Reading, report Report) (Outcome, error) {
	out := Outcome{Rollout: end.Rollout.Outcome, Load: report}
	out.AsExpected = out.Rollout == t.Scenario.Wants()
	out.Sentence = deciding(end)
	t.write("\nWhat the users saw:\n" + report.String() + "\n")
	how := red
	if out.Rollout == rollout.Promoted {
		how = green
	}
	t.write(t.sentence("", out.Sentence, how))
	return out, nil
}

// deciding is the sentence of the decision that settled the attempt. When it is not among the readings, the last decision's stands for it.
func deciding(end Reading) string {
	for _, d := range end.Decisions {
		if d.Attempt == end.Rollout.Attempt && (d.To == rollout.Succeeded || d.To == rollout.RollingBack) {
			return d.Sentence
		}
	}
	if end.Rollout.LastDecision != nil {
		return end.Rollout.LastDecision.Sentence
	}
	return fmt.Sprintf("The rollout ended: %s.", end.Rollout.Outcome)
}

// write lets a broken pipe pass: the rollout goes on, and its outcome is the exit code.
func (t *teller) write(text string) { _, _ = io.WriteString(t.Out, text) }

func over(p rollout.Phase) bool {
	switch p {
	case rollout.Succeeded, rollout.Failed, rollout.Aborted, rollout.Superseded:
		return true
	default:
		return false
	}
}
