package load

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// kind of an error: why there was no whole answer.
type kind int

const (
	connect   kind = iota // no connection
	timeout               // no whole answer in time
	cut                   // the connection ended before the answer did
	malformed             // the answer was none
	numKinds
)

var kindNames = [numKinds]string{"connect", "timeout", "cut", "malformed"}

func kindOf(err error) kind {
	var late net.Error
	switch {
	case errors.Is(err, errConnect):
		return connect
	case errors.Is(err, fasthttp.ErrTimeout), errors.As(err, &late) && late.Timeout():
		return timeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return cut
	default:
		return malformed
	}
}

// tally is what was seen so far; any goroutine may add to it.
type tally struct {
	fromDue, fromSent    Histogram
	statuses             [6]atomic.Uint64 // by class
	kinds                [numKinds]atomic.Uint64
	examples             [numKinds]atomic.Pointer[string]
	warm                 atomic.Uint64
	done, failed, unsent atomic.Uint64
	last                 atomic.Int64 // when the last measured one ended, in nanoseconds since the Unix epoch

	mu sync.Mutex
	by map[string]uint64
}

// maxBy is how many values of Load.By are told apart; the rest is "other".
const maxBy = 32

// add counts a result; of one that is not measured only that it was.
func (t *tally) add(r Result, measured bool) {
	if !measured {
		t.warm.Add(1)
		return
	}
	t.done.Add(1)
	t.last.Store(r.Due.Add(r.Took).UnixNano())
	if r.Err != nil {
		k := kindOf(r.Err)
		t.kinds[k].Add(1)
		t.failed.Add(1)
		if t.examples[k].Load() == nil {
			text := r.Err.Error()
			t.examples[k].CompareAndSwap(nil, &text)
		}
		if k != timeout { // what never came says nothing about how long answers take; what was too late does
			return
		}
	} else {
		t.statuses[min(r.Status/100, 5)].Add(1)
		if r.Status >= 500 {
			t.failed.Add(1)
		}
	}
	t.fromDue.Add(r.Took)
	t.fromSent.Add(r.Took - r.Waited)
	if r.By != "" {
		t.countBy(r.By)
	}
}

func (t *tally) countBy(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[string]uint64{}
	}
	if _, known := t.by[value]; !known && len(t.by) >= maxBy {
		value = "other"
	}
	t.by[value]++
}

// seen is how many requests have ended, the warm-up's included, and how many of the measured ones failed.
func (t *tally) seen() (done, failed uint64) { return t.done.Load() + t.warm.Load(), t.failed.Load() }

// lastEnd is when the last measured request ended.
func (t *tally) lastEnd() time.Time { return time.Unix(0, t.last.Load()) }
