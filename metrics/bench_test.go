package metrics

import (
	"sync/atomic"
	"testing"
	"time"
)

func BenchmarkBeginEnd(b *testing.B) {
	for _, blocks := range []bool{false, true} {
		b.Run(map[bool]string{false: "totals", true: "blocks"}[blocks], func(b *testing.B) {
			m := New(Config{Blocks: blocks})
			at := Instant(0)
			for b.Loop() {
				at += Instant(5 * time.Microsecond)
				m.End(m.Begin(at, Drawn, 1), Outcome{At: at + 3*ms})
			}
		})
	}
}

func BenchmarkBeginEndParallel(b *testing.B) {
	m := New(Config{Blocks: true})
	var shards atomic.Uint32
	b.RunParallel(func(pb *testing.PB) {
		shard, at := shards.Add(1), Instant(0)
		for pb.Next() {
			at += Instant(5 * time.Microsecond)
			m.End(m.Begin(at, Drawn, shard), Outcome{At: at + 3*ms})
		}
	})
}

// A whole request's metering, with its two looks at the clock.
func BenchmarkRequest(b *testing.B) {
	m := New(Config{Blocks: true})
	get := []byte("GET")
	for b.Loop() {
		at := Now()
		m.Selected(5, 1)
		a := m.Begin(at, Drawn, 1)
		end := Now()
		m.End(a, Outcome{At: end})
		m.Answer(MethodOf(get), 200, end.Sub(at), 1)
	}
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		Now()
	}
}

// filled has 60 seconds behind it, at 1000 requests a second and latencies over four powers of two.
func filled(shards int) (*Meter, Instant) {
	m := New(Config{Shards: shards, Blocks: true})
	at := Instant(0)
	for i := range 60_000 {
		at += ms
		m.End(m.Begin(at, Drawn, uint32(i)), Outcome{At: at + Instant(1+i%16)*ms})
	}
	return m, at
}

func BenchmarkWindow10s(b *testing.B) {
	m, now := filled(2)
	for b.Loop() {
		m.Window(now-10_000*ms, now)
	}
}

func BenchmarkTallyRead(b *testing.B) {
	for name, hanging := range map[string]bool{"settled": false, "hanging": true} {
		b.Run(name, func(b *testing.B) {
			m, now := filled(2)
			var t Tally
			t.Restart(now - 30_000*ms)
			if hanging {
				m.Begin(now-30_000*ms, Drawn, 0)
			}
			for b.Loop() {
				t.Read(m, now)
			}
		})
	}
}

func BenchmarkTotals(b *testing.B) {
	m, _ := filled(2)
	m.Answer(MethodGet, 200, time.Millisecond, 0)
	for b.Loop() {
		m.Totals()
	}
}
