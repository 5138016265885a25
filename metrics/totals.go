package metrics

// Totals is everything a Meter has counted since it was made.
type Totals struct {
	// Requests and Errors are first attempts: Drawn and Pinned together.
	Requests, Errors uint64
	// Counts are attempts by cohort.
	Counts [NumCohorts]Counts
	// Latency of the answers to clients.
	Latency Histogram
	// Answers to clients, by method, then by code; none that is zero.
	Answers []AnswerCount
	// Selections by the selector's reason.
	Selections [NumReasons]uint64
	// UpstreamErrors by kind.
	UpstreamErrors [NumUpstreamErrors]uint64
	// Retries by reason.
	Retries [NumRetryReasons]uint64
	// Mirrored are requests that were to be copied to the backend, by what became of that.
	Mirrored [NumMirrorResults]uint64
	// Visits of users that began here, and Conversions of these.
	Visits, Conversions uint64
}

// AnswerCount is how many answers had this method and code.
type AnswerCount struct {
	Method Method
	Code   int
	Count  uint64
}

// Totals reads everything since the start. It allocates the list of answers.
func (m *Meter) Totals() Totals {
	var t Totals
	for i := range m.shards {
		if s := m.shards[i].Load(); s != nil {
			s.addTo(&t)
		}
	}
	for _, c := range t.Counts[:numJudged] {
		t.Requests += c.Requests
		t.Errors += c.Errors
	}
	for page := range numPages {
		t.Answers = m.appendAnswers(t.Answers, page)
	}
	return t
}

func (s *shard) addTo(t *Totals) {
	if c := s.counters.Load(); c != nil {
		c.attemptsTo(&t.Counts)
		addCounters(t.Selections[:], c.selections[:])
		addCounters(t.UpstreamErrors[:], c.upstream[:])
		addCounters(t.Retries[:], c.retries[:])
		addCounters(t.Mirrored[:], c.mirrored[:])
		t.Conversions += c.visits[1].Load()
		t.Visits += c.visits[0].Load()
	}
	if a := s.answers.Load(); a != nil {
		a.durations.addTo(&t.Latency)
	}
}

// appendAnswers appends the codes of one page, summed over the shards.
func (m *Meter) appendAnswers(dst []AnswerCount, page int) []AnswerCount {
	var codes [codesAPage]uint64
	for i := range m.shards {
		if p := m.shards[i].Load().page(page); p != nil {
			addCounters(codes[:], p[:])
		}
	}
	method, first := Method(page/classes), page%classes*codesAPage
	for i, n := range codes {
		if n > 0 {
			dst = append(dst, AnswerCount{Method: method, Code: first + i, Count: n})
		}
	}
	return dst
}

func (s *shard) page(i int) *codePage {
	if s == nil || s.answers.Load() == nil {
		return nil
	}
	return s.answers.Load().pages[i].Load()
}
