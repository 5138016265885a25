package metrics

import "time"

// Instant is a moment in nanoseconds on the process's monotonic clock. It means nothing outside the process, and
// may be negative (under testing/synctest it is).
type Instant int64

var clockStart = time.Now() // fixed: the clock's zero

// Now is the present moment.
func Now() Instant { return Instant(time.Since(clockStart)) }

// Add is the moment d later.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }

// Sub is the time from earlier to i.
func (i Instant) Sub(earlier Instant) time.Duration { return time.Duration(i - earlier) }

// whole is the number of the block of the given length that i lies in.
func (i Instant) whole(length time.Duration) int64 {
	n := int64(i) / int64(length)
	if i < 0 && n*int64(length) > int64(i) {
		n--
	}
	return n
}

// next is the number of the first block of the given length that begins at or after i.
func (i Instant) next(length time.Duration) int64 { return -(-i).whole(length) }
