package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"sluice/metrics"
	"sluice/store"
)

// writeRetry is how long a store is left alone after it failed.
const writeRetry = time.Second

// writer brings states to the store beside the loop, one at a time. Everything but the write itself belongs to the loop.
type writer struct {
	store   store.Store
	name    string
	version uint64 // of the document, as far as it is known
	results chan result
	busy    bool

	pending *proposal // a bolder state that has to be written before it is in force
	changes uint64    // of the state in force, since the start
	saved   uint64    // changes that are written
	savedAt metrics.Instant
	retryAt metrics.Instant // after a failure
	err     error           // of the last write; nil is a success
	held    bool            // it failed, and the state in force is in the store's reserve
	written bool            // a write succeeded and nobody was told yet
}

// proposal is a state on its way, and who waits for it.
type proposal struct {
	state     State
	decisions []Decision
	request   request
}

// result is how a write ended.
type result struct {
	version  uint64
	err      error
	held     bool      // it failed, and the state is in the store's reserve
	changes  uint64    // of the state that was written
	proposal *proposal // that was written; nil is the state in force
}

func newWriter(s store.Store, name string) writer {
	return writer{store: s, name: name, results: make(chan result, 1), savedAt: metrics.Now(), retryAt: metrics.Now()}
}

// dirty notes that the state in force is another than the written one.
func (w *writer) dirty() { w.changes++ }

// urgent is dirty for a decision: it does not wait until a store that failed is asked again.
func (w *writer) urgent() {
	w.dirty()
	w.retryAt = metrics.Now()
}

func (w *writer) clean() bool { return w.saved == w.changes }

// failing says that the store failed a moment ago.
func (w *writer) failing() bool { return w.err != nil && metrics.Now() < w.retryAt }

func (w *writer) takeWritten() bool {
	told := w.written
	w.written = false
	return told
}

// start writes a state in a goroutine of its own.
func (w *writer) start(p *Plan, s *State, proposed *proposal) {
	value, err := document(p, s)
	if err != nil {
		panic("bug: a state is no JSON: " + err.Error())
	}
	w.busy = true
	done := result{changes: w.changes, proposal: proposed}
	name, version, to, results := w.name, w.version, w.store, w.results
	go func() {
		if value == nil && version == 0 {
			results <- done // there is nothing to delete
			return
		}
		doc, err := to.Swap(context.Background(), name, version, value)
		if errors.Is(err, store.ErrConflict) {
			// A write that seemed to fail was done after all. This process is the only one who writes: it goes on from what is there.
			if now, e := to.Get(context.Background(), name); e == nil {
				doc, err = to.Swap(context.Background(), name, now.Version, value)
			}
		}
		if err != nil && proposed == nil && value != nil { // no bolder than what was decided: it may be kept elsewhere
			if kept, e := to.Hold(context.Background(), name, version, value); e == nil {
				doc, done.held = kept, true
			}
		}
		done.version, done.err = doc.Version, err
		results <- done
	}()
}

// document is the state as it is kept; nil where there is nothing to keep.
func document(p *Plan, s *State) ([]byte, error) {
	if p.Rollout == nil && s.Manual == nil {
		return nil, nil
	}
	return s.encode()
}

// wait is for a process that begins: it takes the result of a write, or leaves it to the loop.
func (w *writer) wait(patience time.Duration) error {
	select {
	case r := <-w.results:
		w.note(r)
		return r.err
	case <-time.After(patience):
		w.err = fmt.Errorf("the store did not answer within %s", patience)
		return w.err
	}
}

// note keeps what a result says of the store.
func (w *writer) note(r result) {
	w.busy = false
	w.err = r.err
	w.held = r.held
	if r.err != nil {
		if r.held {
			w.version = r.version
		}
		w.retryAt = metrics.Now().Add(writeRetry)
		return
	}
	w.version, w.written, w.savedAt = r.version, true, metrics.Now()
	if r.proposal == nil {
		w.saved = max(w.saved, r.changes)
	}
}

// write begins the next write, if there is one to do and none is under way. A bolder state goes first: it holds all that the one in force
// has.
func (c *Controller) write() {
	w := &c.writer
	switch {
	case w.busy:
	case w.pending != nil:
		w.start(&c.plan, &w.pending.state, w.pending)
	case !w.clean() && metrics.Now() >= w.retryAt && !c.state.pausedFor(ReasonStateLost):
		w.start(&c.plan, &c.state, nil)
	}
}

// wrote takes the result of a write. Only a bolder state that is still wanted comes into force by it; the
// state for which one was dropped meanwhile is written over it next.
func (c *Controller) wrote(r result) {
	w := &c.writer
	failedBefore := w.err != nil
	w.note(r)
	switch {
	case r.err != nil:
		if !failedBefore {
			c.log.Error("the state can't be written: weights don't rise until it can", zap.Error(r.err))
		}
		// What is on disk now is not known: the state in force is to be written again.
		w.dirty()
		c.publish()
		if p := w.pending; p != nil && p == r.proposal {
			w.pending = nil
			c.answer(p.request, refuse("nothing was done: the state can't be written: %v", r.err))
		}
	case r.proposal == nil:
	case r.proposal == w.pending:
		w.pending = nil
		w.saved = w.changes // the proposal came of the state in force
		c.last = metrics.Now()
		c.take(r.proposal.state, r.proposal.decisions)
		c.answer(r.proposal.request, nil)
	}
	if failedBefore && r.err == nil {
		c.log.Info("the state can be written again")
		c.publish()
	}
	c.serveDeferred()
}

// serveDeferred looks anew at what had to wait for a write.
func (c *Controller) serveDeferred() {
	waiting := c.deferred
	c.deferred = nil
	for _, r := range waiting {
		if r.reply != nil {
			c.serve(r)
		}
	}
}
