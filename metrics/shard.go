package metrics

import (
	"sync/atomic"
	"time"
)

const (
	// NumReasons is how many selection reasons a Meter has room for; selector has fewer.
	NumReasons = 16

	codesAPage = 100 // a page holds one class of status codes of one method
	classes    = 10
	numPages   = int(NumMethods) * classes
)

type codePage [codesAPage]atomic.Uint64

// shard is what one group of goroutines writes. It holds only pointers, written once; the counters lie apart from them, since a large
// object with pointers does not begin on a line.
type shard struct {
	counters atomic.Pointer[counters]
	blocks   atomic.Pointer[blockRing]
	answers  atomic.Pointer[answers]
}

// counters have lines of their own: attempts two, selections two, then what is rare. The padding keeps the size to whole lines.
type counters struct {
	attempts   [numCells]struct{ begun, good, failed atomic.Uint64 }
	_          [128 - int(numCells)*24]byte
	selections [NumReasons]atomic.Uint64
	upstream   [NumUpstreamErrors]atomic.Uint64
	retries    [NumRetryReasons]atomic.Uint64
	mirrored   [NumMirrorResults]atomic.Uint64
	visits     [2]atomic.Uint64 // begun, converted
	_          [(64 - rareBytes%64) % 64]byte
}

const rareBytes = 8 * (int(NumUpstreamErrors) + int(NumRetryReasons) + int(NumMirrorResults) + 2)

// answers are the answers to clients by method and code. A class of codes of one method is 800 bytes, made at its first answer.
type answers struct {
	pages     [numPages]atomic.Pointer[codePage]
	durations durations
}

func (a *answers) record(m Method, code int, d time.Duration) {
	if m >= NumMethods {
		m = MethodOther
	}
	if code < 0 || code >= classes*codesAPage {
		code = 0
	}
	lazily(&a.pages[int(m)*classes+code/codesAPage])[code%codesAPage].Add(1)
	a.durations.record(d)
}

// attemptsTo adds the attempts since the start. The ended ones are read before the begun ones, as in blocks.
func (c *counters) attemptsTo(sums *[NumCohorts]Counts) {
	for i := range numCells {
		a := &c.attempts[i]
		failed, good := a.failed.Load(), a.good.Load()
		begun := a.begun.Load()
		sums[i.as()].Add(Counts{Requests: begun, Errors: failed, Unfinished: begun - good - failed})
	}
}
