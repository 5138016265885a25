package metrics

import (
	"math"
	"sync"
	"testing"
)

func TestReportsAreTakenAsTheirMean(t *testing.T) {
	t.Parallel()
	m := New(Config{})
	if mean, n := m.TakeReports(CPU); mean != 0 || n != 0 {
		t.Errorf("TakeReports() of nothing = %v of %d, want 0 of 0", mean, n)
	}
	for _, ratio := range []float64{0.2, 0.4, 0.9, math.NaN(), -1} {
		m.Report(CPU, ratio)
	}
	m.Report(Memory, 0)
	m.Report(NumUses, 1)
	if mean, n := m.TakeReports(CPU); mean != 0.5 || n != 3 {
		t.Errorf("TakeReports(CPU) = %v of %d, want 0.5 of 3: what is no ratio is left out", mean, n)
	}
	if mean, n := m.TakeReports(Memory); mean != 0 || n != 1 {
		t.Errorf("TakeReports(Memory) = %v of %d, want 0 of 1", mean, n)
	}
	if _, n := m.TakeReports(CPU); n != 0 {
		t.Errorf("what was taken is there again: %d reports", n)
	}
	m.Report(CPU, math.Inf(1))
	if mean, n := m.TakeReports(CPU); mean != maxReport || n != 1 {
		t.Errorf("TakeReports() of infinity = %v of %d, want %v of 1", mean, n, float64(maxReport))
	}
}

func TestReportsThatNobodyTakesDoNotOverflow(t *testing.T) {
	t.Parallel()
	m := New(Config{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range maxReports/4 + 1000 {
				m.Report(CPU, maxReport)
			}
		})
	}
	all.Wait()
	if mean, n := m.TakeReports(CPU); mean != maxReport || n < maxReports/2 {
		t.Errorf("TakeReports() = %v of %d, want %v of nearly %d", mean, n, float64(maxReport), maxReports)
	}
}

func TestTheLastUseIsKnownUntilItIsNot(t *testing.T) {
	t.Parallel()
	m := New(Config{})
	for _, ratio := range []float64{0, 0.95, 3} {
		m.SetUse(Memory, ratio, true)
		if got, ok := m.LastUse(Memory); got != ratio || !ok || math.Signbit(got) {
			t.Errorf("LastUse() = %v, %v, want %v", got, ok, ratio)
		}
	}
	m.SetUse(Memory, 0, false)
	if _, ok := m.LastUse(Memory); ok {
		t.Error("LastUse() is known, want that it is not any more")
	}
	if _, ok := New(Config{}).LastUse(CPU); ok {
		t.Error("LastUse() of a new meter is known")
	}
}

func TestAReportAllocatesNothing(t *testing.T) {
	m := New(Config{})
	m.Report(CPU, 0.5)
	if n := testing.AllocsPerRun(100, func() { m.Report(CPU, 0.5); m.Report(Memory, 0.5) }); n != 0 {
		t.Errorf("a report allocates %v times, want 0", n)
	}
}
