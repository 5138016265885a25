package proxy

import (
	"math/bits"
	"math/rand/v2"
	"time"

	"sluice/router"
)

// suffer makes the request late, or fails it, as often as the route says: for who wants to see what its clients make of that. status is
// 0 when it goes on. No backend is asked, and none is judged.
func (x *exchange) suffer(f *router.Fault) (status int) {
	if f.DelayPercent > 0 && hit(f.DelayPercent) {
		time.Sleep(f.Delay)
	}
	if f.AbortPercent > 0 && hit(f.AbortPercent) {
		return f.Status
	}
	return 0
}

// hit is true as often as the share says, in basis points.
func hit(share uint32) bool {
	at, _ := bits.Mul64(rand.Uint64(), 10000)
	return at < uint64(share)
}
