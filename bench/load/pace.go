package load

import (
	"context"
	"math/rand/v2"
	"runtime"
	"time"
)

// pace hands out due times. They come from the schedule alone: when every connection is busy it waits here, and goes on with the times
// that were due meanwhile. What has not been taken a Timeout after the end is counted as never sent.
func (r *running) pace(ctx context.Context, due chan<- time.Time) {
	runtime.LockOSThread() // the sleeps block the thread, not a timer
	defer runtime.UnlockOSThread()
	sharpen()
	random := rand.New(rand.NewPCG(r.Seed, 0))
	late := time.NewTimer(r.Timeout)
	late.Stop()
	if !r.end.IsZero() {
		late.Reset(time.Until(r.end.Add(r.Timeout)))
	}
	defer late.Stop()
	for at := r.start; r.wanted(at); at = at.Add(r.gap(random)) {
		if !sleepUntil(ctx, at) {
			return
		}
		select {
		case due <- at:
		case <-ctx.Done():
			return
		case <-late.C:
			r.unsent.Add(1)
			for at = at.Add(r.gap(random)); r.wanted(at); at = at.Add(r.gap(random)) {
				r.unsent.Add(1)
			}
			return
		}
	}
}

func (r *running) gap(random *rand.Rand) time.Duration {
	gap := 1 / r.Rate
	if !r.Even {
		gap *= random.ExpFloat64()
	}
	return time.Duration(gap * float64(time.Second))
}

// sleepUntil waits for the moment; false when ctx ends first. Go's timers come up to a millisecond late, because the poller waits in whole
// ones, so the last of the way is slept by the system's clock.
func sleepUntil(ctx context.Context, at time.Time) bool {
	const coarse = 2 * time.Millisecond
	if left := time.Until(at); left > coarse {
		rest(ctx, left-coarse)
	}
	if left := time.Until(at); left > 0 && ctx.Err() == nil {
		finely(left)
	}
	return ctx.Err() == nil
}
