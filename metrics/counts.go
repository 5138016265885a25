package metrics

// Counts are attempts by what became of them.
type Counts struct {
	Requests   uint64 // begun, without those taken back
	Errors     uint64 // failed
	Unfinished uint64 // begun and not ended yet
}

// Finished is the attempts that have ended.
func (c Counts) Finished() uint64 { return c.Requests - c.Unfinished }

// Add adds o's attempts.
func (c *Counts) Add(o Counts) {
	c.Requests += o.Requests
	c.Errors += o.Errors
	c.Unfinished += o.Unfinished
}

// Window is what became of the attempts that arrived in a span of time, as far as it is known when it is read.
type Window struct {
	Counts [NumCohorts]Counts
	// Latency of the attempts that ended well, for Drawn and Pinned. It covers the whole seconds of the span, Counts its whole blocks
	// of 100 ms.
	Latency [NumCohorts]Histogram
}

// Judged is the sum of the cohorts that count for absolute limits: Drawn and Pinned.
func (w *Window) Judged() Counts {
	c := w.Counts[Drawn]
	c.Add(w.Counts[Pinned])
	return c
}

// Add adds o's numbers.
func (w *Window) Add(o *Window) {
	for c := range w.Counts {
		w.Counts[c].Add(o.Counts[c])
		w.Latency[c].Add(&o.Latency[c])
	}
}
