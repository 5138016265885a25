package proxy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/metrics"
	"sluice/router"
)

func reportsOf(value string) map[metrics.Use]float64 {
	var r reports
	r.scan([]byte(value))
	out := map[metrics.Use]float64{}
	for u := range r.ratio {
		if r.known[u] {
			out[metrics.Use(u)] = r.ratio[u]
		}
	}
	return out
}

func TestReportsAreReadAsTextAndAsJSON(t *testing.T) {
	t.Parallel()
	cpu := func(v float64) map[metrics.Use]float64 { return map[metrics.Use]float64{metrics.CPU: v} }
	both := map[metrics.Use]float64{metrics.CPU: 0.3, metrics.Memory: 0.8}
	none := map[metrics.Use]float64{}
	for value, want := range map[string]map[metrics.Use]float64{
		"TEXT cpu_utilization=0.3,mem_utilization=0.8":                               both,
		"TEXT cpu_utilization:0.3, mem_utilization:0.8, application_utilization:1.2": both,
		"text  mem_utilization = 0.8 ,\tcpu_utilization = 3e-1":                      both,
		"cpu_utilization:0.3,mem_utilization:0.8":                                    both,
		"named_metrics.cpu_utilization=0.9,cpu_utilization=1.5,rps_fractional=3":     cpu(1.5),
		"TEXT cpu_utilization=0":                                                     cpu(0),
		"TEXT cpu_utilization=NaN, mem_utilization=-1, x, =, =5, cpu_utilization=":   none,
		"TEXT cpu_utilization=+Inf, mem_utilization=1e300":                           none,
		"TEXT cpu=0.3": none,
		`JSON {"cpu_utilization": 0.3, "mem_utilization": 0.8}`:                             both,
		`JSON {"cpu_utilization":0.3,"mem_utilization":0.8}`:                                both,
		`JSON {"cpuUtilization":0.3,"memUtilization":0.8}`:                                  both,
		`json {"utilization":{"cpu_utilization":0.9},"cpu_utilization":0.3}`:                cpu(0.3),
		`JSON {"cpu_utilization":0.3,"named_metrics":{"cpu_utilization":0.9,"a":[1,2]}}`:    cpu(0.3),
		`JSON {"a\"cpu_utilization":0.9,"b":"cpu_utilization","c":":","cpu_utilization":1}`: cpu(1),
		`JSON {"cpu_utilization":"0.3"}`:                                                    none,
		`JSON {"cpu_utilization":null,"mem_utilization":{}}`:                                none,
		`JSON {"cpu_utilization":0.3`:                                                       none,
		`JSON {"cpu_utilization`:                                                            none,
		`JSON [{"cpu_utilization":0.3}]`:                                                    none,
		"TEXT cpu_utilization=0.300000000000000000000000000000000":                          none,
		`JSON`:             none,
		"BIN CZqZmZmZmdk/": none,
		"":                 none,
	} {
		if diff := cmp.Diff(want, reportsOf(value)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
	}
	long := make([]byte, maxReports+1)
	copy(long, "TEXT cpu_utilization=0.3,")
	if got := reportsOf(string(long)); len(got) > 0 {
		t.Errorf("a field that is too long gives %v", got)
	}
}

func TestReportsAreCountedWhereSomebodyWantsToKnowAndGoOnAsTheyCame(t *testing.T) {
	t.Parallel()
	const line = "Endpoint-Load-Metrics: TEXT cpu_utilization=0.5,mem_utilization=0.25\r\n"
	answer := strings.Replace(okAnswer, "\r\n", "\r\n"+line, 1)
	remove := func(r *router.Route) {
		r.Reports, r.Changes = true, &router.Changes{Response: &router.Headers{Remove: []string{"endpoint-load-metrics"}}}
	}
	for name, c := range map[string]struct {
		routed func(*router.Route)
		counts uint64
		passed bool
	}{
		"wanted":               {func(r *router.Route) { r.Reports = true }, 2, true},
		"wanted, and removed":  {remove, 2, false},
		"nobody wants to know": {func(*router.Route) {}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, benchOptions{routed: c.routed}, newOrigin(t, always(answer)).url)
			for range 2 {
				got := b.talk("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
				if strings.Contains(got, line) != c.passed {
					t.Errorf("the answer is %q, want the field in it: %v", got, c.passed)
				}
			}
			if mean, n := b.route.Meters[0].TakeReports(metrics.CPU); n != c.counts || n > 0 && mean != 0.5 {
				t.Errorf("%d reports of %v were counted, want %d of 0.5", n, mean, c.counts)
			}
			if mean, n := b.route.Meters[0].TakeReports(metrics.Memory); n != c.counts || n > 0 && mean != 0.25 {
				t.Errorf("%d reports of %v of memory were counted, want %d of 0.25", n, mean, c.counts)
			}
		})
	}
}

func FuzzReports(f *testing.F) {
	for _, seed := range []string{"TEXT cpu_utilization=0.3, mem_utilization:0.8", `JSON {"cpu_utilization":0.3,"a":{"b":[":",{}]}}`, `JSON "\`, "BIN x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var r reports
		r.scan(value)
		for u, v := range r.ratio {
			if !(v >= 0 && v <= 1e6) {
				t.Errorf("use %d of %q = %v, want a ratio", u, value, v)
			}
		}
	})
}

func TestReadingReportsAllocatesNothing(t *testing.T) {
	text := []byte("TEXT cpu_utilization=0.123456789012345678, mem_utilization=0.8")
	object := []byte(`JSON {"cpu_utilization":0.3,"mem_utilization":0.8,"utilization":{"disk":0.5}}`)
	if n := testing.AllocsPerRun(100, func() {
		var r reports
		r.scan(text)
		r.scan(object)
	}); n != 0 {
		t.Errorf("reading reports allocates %v times, want 0", n)
	}
}
