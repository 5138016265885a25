package proxy

import (
	"bytes"
	"strconv"

	"sluice/metrics"
)

// reportsField carries what the backend's host uses of what it has, in the text or the JSON form of ORCA
// (github.com/envoyproxy/envoy/issues/6614; xds.data.orca.v3.OrcaLoadReport).
const reportsField = "endpoint-load-metrics"

// maxReports bounds what is read of one field.
const maxReports = 4 << 10

// countReports counts what the answer reports, on a route where somebody wants to know. The field goes on like every other.
func (x *exchange) countReports() {
	for i := range x.answer.fields {
		f := &x.answer.fields[i]
		if len(f.name) == len(reportsField) && same(f.name, reportsField) {
			var r reports
			r.scan(f.value)
			for u, ratio := range r.ratio {
				if r.known[u] {
					x.meter().Report(metrics.Use(u), ratio)
				}
			}
		}
	}
}

// reports are the uses that a field names.
type reports struct {
	ratio [metrics.NumUses]float64
	known [metrics.NumUses]bool
}

// scan reads "TEXT cpu_utilization=0.3, mem_utilization:0.8", the same without TEXT, or `JSON {"cpu_utilization": 0.3}`. What it does not
// understand it leaves out. It allocates nothing.
func (r *reports) scan(value []byte) {
	if len(value) > maxReports {
		return
	}
	form, rest, _ := bytes.Cut(value, []byte(" "))
	switch {
	case same(form, "json"):
		r.scanJSON(rest)
	case same(form, "text"):
		r.scanText(rest)
	case same(form, "bin"):
	default:
		r.scanText(value)
	}
}

func (r *reports) scanText(list []byte) {
	for len(list) > 0 {
		var one []byte
		one, list, _ = bytes.Cut(list, []byte(","))
		if at := bytes.IndexAny(one, "=:"); at > 0 {
			r.take(trim(one[:at]), trim(one[at+1:]))
		}
	}
}

// scanJSON reads the numbers of an object, not those of objects inside it.
func (r *reports) scanJSON(p []byte) {
	depth := 0
	var name []byte // the last text on the first level
	for len(p) > 0 {
		switch c := p[0]; c {
		case '{', '[':
			depth++
			p = p[1:]
		case '}', ']':
			depth--
			p = p[1:]
		case '"':
			end := endOfText(p)
			if end < 0 {
				return
			}
			if depth == 1 {
				name = p[1:end]
			}
			p = p[end+1:]
		case ':':
			p = bytes.TrimLeft(p[1:], " \t")
			if end := bytes.IndexAny(p, ",}] \t"); depth == 1 && end > 0 && p[0] != '"' && p[0] != '{' && p[0] != '[' {
				r.take(name, p[:end])
				p = p[end:]
			}
		default:
			p = p[1:]
		}
	}
}

// endOfText is where a JSON text that p begins with has its closing quote, -1 if it has none.
func endOfText(p []byte) int {
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// take keeps a value of a name that is known. The last one of a name counts.
func (r *reports) take(name, value []byte) {
	u := metrics.CPU
	switch string(name) {
	case "cpu_utilization", "cpuUtilization":
	case "mem_utilization", "memUtilization":
		u = metrics.Memory
	default:
		return
	}
	if len(value) > 32 { // no ratio is, and a longer text would be copied to the heap
		return
	}
	if v, err := strconv.ParseFloat(string(value), 64); err == nil && v >= 0 && v <= 1e6 {
		r.ratio[u], r.known[u] = v, true
	}
}
