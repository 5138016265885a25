package provider

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/metrics"
)

// host is an exporter whose processors' times and memory are set.
type host struct {
	*httptest.Server
	busy, idle, available, total atomic.Int64
	body                         atomic.Pointer[string] // in place of all that
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{}
	h.total.Store(1000)
	h.available.Store(400)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if b := h.body.Load(); b != nil {
			_, _ = w.Write([]byte(*b))
			return
		}
		_, _ = fmt.Fprintf(w, `# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} %d
node_cpu_seconds_total{cpu="0",mode="iowait"} 0
node_cpu_seconds_total{cpu="0",mode="user"} %d
node_cpu_seconds_total{cpu="1",mode="system"} 1.5
# TYPE node_memory_MemAvailable_bytes gauge
node_memory_MemAvailable_bytes %d
node_memory_MemTotal_bytes %d
# TYPE x summary
x{quantile="0.5"} NaN
x_sum 1
x_count 1
`, h.idle.Load(), h.busy.Load(), h.available.Load(), h.total.Load())
	}))
	t.Cleanup(h.Close)
	return h
}

func wantUse(t *testing.T, what string, got Usage, of metrics.Use, want float64) {
	t.Helper()
	if u := got[of]; u.Err != nil || math.Abs(u.Ratio-want) > 1e-9 {
		t.Errorf("%s: use %d = %v, %v, want %v", what, of, u.Ratio, u.Err, want)
	}
}

func wantNoUse(t *testing.T, what string, got Usage, of metrics.Use, want string) {
	t.Helper()
	if u := got[of]; u.Err == nil || !strings.Contains(u.Err.Error(), want) {
		t.Errorf("%s: use %d = %v, %v, want an error with %q", what, of, u.Ratio, u.Err, want)
	}
}

func TestExportersSayWhatTheirHostsUse(t *testing.T) {
	t.Parallel()
	a, b := newHost(t), newHost(t)
	hosts := NewExporters([]string{a.URL, b.URL})
	first := hosts.Read(t.Context())
	wantNoUse(t, "the first scrape", first, metrics.CPU, "a second look is needed")
	wantUse(t, "the first scrape", first, metrics.Memory, 0.6)
	a.busy.Add(90)
	a.idle.Add(10)
	b.busy.Add(1)
	b.idle.Add(1)
	b.available.Store(1000)
	second := hosts.Read(t.Context())
	wantUse(t, "both", second, metrics.CPU, (0.9+0.5)/2)
	wantUse(t, "both", second, metrics.Memory, 0.3)
	wantNoUse(t, "counters that stand", hosts.Read(t.Context()), metrics.CPU, "did not go on")
	a.Close()
	b.idle.Add(4)
	alone := hosts.Read(t.Context())
	wantUse(t, "one is gone", alone, metrics.CPU, 0)
	hosts = NewExporters([]string{b.URL})
	hosts.Read(t.Context())
	b.busy.Store(0)
	b.idle.Store(0)
	wantNoUse(t, "a restart of the host", hosts.Read(t.Context()), metrics.CPU, "did not go on")
	b.busy.Add(3)
	b.idle.Add(1)
	wantUse(t, "after it", hosts.Read(t.Context()), metrics.CPU, 0.75)
	b.Close()
	wantNoUse(t, "all are gone", hosts.Read(t.Context()), metrics.CPU, "no answer")
	wantNoUse(t, "all are gone", hosts.Read(t.Context()), metrics.Memory, "no answer")
}

func TestWhatIsNoExportersAnswerIsNoUse(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                          "the exporter has no node_cpu_seconds_total",
		"<html>":                    "no text of metrics",
		"process_cpu_seconds 1\n":   "the exporter has no node_cpu_seconds_total",
		"node_cpu_seconds_total 1":  "no text of metrics", // broken off
		"\x00\xff":                  "no text of metrics",
		strings.Repeat("#", 17<<20): "more than 16384 KiB",
	} {
		h := newHost(t)
		h.body.Store(&body)
		got := NewExporters([]string{h.URL}).Read(t.Context())
		wantNoUse(t, fmt.Sprintf("%.20q", body), got, metrics.CPU, want)
		if got[metrics.Memory].Err == nil {
			t.Errorf("%.20q: memory is %v, want an error", body, got[metrics.Memory].Ratio)
		}
	}
}

// writeGroup writes the files of a control group.
func writeGroup(t *testing.T, root, group string, files map[string]string) {
	t.Helper()
	dir := filepath.Join(root, group)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAControlGroupSaysWhatItUses(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	writeGroup(t, root, "system.slice", map[string]string{"cpu.max": "max 100000", "memory.max": "2000"})
	group := map[string]string{
		"cpu.stat": "usage_usec 1000000\nuser_usec 1\nsystem_usec 2", "cpu.max": "50000 100000", "memory.current": "1500", "memory.max": "max",
		"memory.stat": "anon 3\ninactive_file 500\nactive_file 1",
	}
	const name = "system.slice/app.service"
	writeGroup(t, root, name, group)
	now := time.Unix(1, 0)
	c := &cgroup{root: root, group: name, now: func() time.Time { return now }}
	first := c.Read(t.Context())
	wantNoUse(t, "the first look", first, metrics.CPU, "a second look is needed")
	wantUse(t, "the limit is above, and what can be taken back is not counted", first, metrics.Memory, 0.5)

	now = now.Add(2 * time.Second)
	group["cpu.stat"] = "usage_usec 1900000"
	writeGroup(t, root, name, group)
	wantUse(t, "0.9 s of 2 s of half a processor", c.Read(t.Context()), metrics.CPU, 0.9)

	now = now.Add(time.Second)
	delete(group, "memory.stat")
	group["cpu.stat"], group["cpu.max"], group["memory.max"] = "usage_usec 2900000", "max 100000", "1500"
	writeGroup(t, root, name, group)
	if err := os.Remove(filepath.Join(root, name, "memory.stat")); err != nil {
		t.Fatal(err)
	}
	third := c.Read(t.Context())
	wantUse(t, "without a quota the machine's", third, metrics.CPU, 1/float64(runtime.NumCPU()))
	wantUse(t, "its own limit is smaller", third, metrics.Memory, 1)

	group["cpu.stat"] = "usage_usec 5"
	writeGroup(t, root, name, group)
	now = now.Add(time.Second)
	wantNoUse(t, "a group that was made anew", c.Read(t.Context()), metrics.CPU, "did not go on")
}

func TestAControlGroupThatIsGoneOrBrokenIsNoUse(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	wantNoUse(t, "none", NewCgroup(root, "app").Read(t.Context()), metrics.CPU, "there is no cpu.stat of control group app")
	wantNoUse(t, "none", NewCgroup(root, "app").Read(t.Context()), metrics.Memory, "there is no memory.current of control group app")
	whole := map[string]string{"cpu.stat": "usage_usec 1", "cpu.max": "max 1", "memory.current": "1", "memory.max": "1"}
	for file, c := range map[string]struct {
		text string
		of   metrics.Use
	}{
		"cpu.stat": {"nr_periods 1", metrics.CPU}, "cpu.max": {"x y", metrics.CPU},
		"memory.current": {"", metrics.Memory}, "memory.max": {"-1", metrics.Memory},
	} {
		writeGroup(t, root, file, whole)
		writeGroup(t, root, file, map[string]string{file: c.text})
		wantNoUse(t, file, NewCgroup(root, file).Read(t.Context()), c.of, file+" can't be read")
	}
	secret := filepath.Join(filepath.Dir(root), "secret")
	writeGroup(t, filepath.Dir(root), "secret", map[string]string{"cpu.stat": "usage_usec 1"})
	defer func() { _ = os.RemoveAll(secret) }()
	wantNoUse(t, "above the root", NewCgroup(root, "../secret").Read(t.Context()), metrics.CPU, "there is no cpu.stat")
}

func TestTheMachinesMemoryIsInMeminfo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "meminfo")
	for text, want := range map[string]float64{"MemFree: 1 kB\nMemTotal:       16 kB\n": 16 * 1024, "MemFree: 1 kB\n": 0, "MemTotal: x kB\n": 0} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := machineMemory(file); got != want || (err == nil) != (want > 0) {
			t.Errorf("machineMemory(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := machineMemory("/proc/meminfo"); runtime.GOOS == "linux" && (err != nil || got < 1<<20) {
		t.Errorf("this machine's memory = %v, %v", got, err)
	}
}

func TestReportsAreWhatAnswersSaid(t *testing.T) {
	t.Parallel()
	m := metrics.New(metrics.Config{})
	hosts := NewReports(m)
	wantNoUse(t, "nothing came", hosts.Read(t.Context()), metrics.CPU, "no answer had endpoint-load-metrics")
	m.Report(metrics.CPU, 0.5)
	m.Report(metrics.CPU, 0.7)
	got := hosts.Read(t.Context())
	wantUse(t, "two reports", got, metrics.CPU, 0.6)
	wantNoUse(t, "of cpu alone", got, metrics.Memory, "no answer had endpoint-load-metrics")
	wantNoUse(t, "they are taken", hosts.Read(t.Context()), metrics.CPU, "no answer had endpoint-load-metrics")
}
