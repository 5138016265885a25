package config

import (
	"errors"
	"strconv"
	"time"
)

// Fault makes requests late, or fails them, to see what clients make of it. No backend is judged by them.
type Fault struct {
	// Delay is none when its Percent is 0. Default 0.
	Delay FaultDelay
	// Abort is none when its Percent is 0. Default 0.
	Abort FaultAbort
}

// FaultDelay makes a share of the requests late.
type FaultDelay struct {
	// Percent of the requests. Required.
	Percent Percent
	// Fixed is how late, at most 1m. Required.
	Fixed time.Duration
}

// FaultAbort answers a share of the requests with an error.
type FaultAbort struct {
	// Percent of the requests. Required.
	Percent Percent
	// Status of the answer, 400 to 599. Default 503.
	Status int
}

// longestDelay bounds an injected delay: the end of the process waits for it.
const longestDelay = time.Minute

func (d *decoder) fault(v value, f *Fault) {
	f.Abort.Status = 503
	d.object(v, keys{
		"delay": into(&f.Delay, func(v value, f *FaultDelay) {
			d.object(v, keys{
				"percent": one(d, &f.Percent, parsePercent),
				"fixed":   one(d, &f.Fixed, positive(parseDuration)),
			})
			d.required(v, "percent", "like percent: 1%")
			d.required(v, "fixed", "like fixed: 200ms")
			if f.Fixed > longestDelay && !d.broken(v.path) {
				d.errorf(v.path+".fixed", "is longer than 1m")
			}
		}),
		"abort": into(&f.Abort, func(v value, f *FaultAbort) {
			d.object(v, keys{
				"percent": one(d, &f.Percent, parsePercent),
				"status":  one(d, &f.Status, parseErrorStatus),
			})
			d.required(v, "percent", "like percent: 1%")
		}),
	})
}

func parseErrorStatus(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 400 || n > 599 {
		return 0, errors.New("is no status of an error; write 400 to 599")
	}
	return n, nil
}
