package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sluice/metrics"
)

// scrapeTimeout bounds one scrape.
const scrapeTimeout = 5 * time.Second

// exporters are those of one backend's hosts.
type exporters []*exporter

// exporter says what one host uses, by the names of node_exporter.
type exporter struct {
	client      *client
	idle, total float64 // seconds, at the scrape before; total 0 is none
}

// NewExporters makes the Hosts of a backend whose hosts' exporters have these addresses.
func NewExporters(urls []string) Hosts {
	var out exporters
	for _, u := range urls {
		e := Endpoint{URL: u, Timeout: scrapeTimeout}
		out = append(out, &exporter{client: newClient(e, maxScrape, string(expfmt.NewFormat(expfmt.TypeTextPlain)))})
	}
	return out
}

// Read is the mean of the hosts that answer.
func (all exporters) Read(ctx context.Context) Usage {
	seen := make([]Usage, len(all))
	var wait sync.WaitGroup
	for i, e := range all {
		wait.Go(func() { seen[i] = e.read(ctx) })
	}
	wait.Wait()
	return mean(seen)
}

// mean leaves out what is not known; where nothing is, it says the first reason.
func mean(seen []Usage) (out Usage) {
	for u := range out {
		n, sum := 0, 0.0
		for i := range seen {
			if seen[i][u].Err == nil {
				n, sum = n+1, sum+seen[i][u].Ratio
			}
		}
		switch {
		case n > 0:
			out[u].Ratio = sum / float64(n)
		case len(seen) > 0:
			out[u].Err = seen[0][u].Err
		default:
			out[u].Err = errors.New("there is no exporter")
		}
	}
	return out
}

func (e *exporter) read(ctx context.Context) (out Usage) {
	body, status, err := e.client.get(ctx, e.client.endpoint.URL)
	if err == nil {
		err = unless200(status, body)
	}
	if err != nil {
		return failed(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return failed(errors.New("the exporter's answer is no text of metrics"))
	}
	out[metrics.CPU].Ratio, out[metrics.CPU].Err = e.cpu(families["node_cpu_seconds_total"])
	out[metrics.Memory].Ratio, out[metrics.Memory].Err = memoryOf(families)
	return out
}

// cpu is the share of the time since the scrape before in which the processors were neither idle, nor waiting for a disk, nor taken away by
// the machine's host.
func (e *exporter) cpu(f *dto.MetricFamily) (float64, error) {
	if f == nil {
		return 0, errors.New("the exporter has no node_cpu_seconds_total")
	}
	idle, total := 0.0, 0.0
	for _, m := range f.Metric {
		v := number(m)
		total += v
		for _, l := range m.Label {
			if l.GetName() != "mode" {
				continue
			}
			switch l.GetValue() {
			case "idle", "iowait", "steal":
				idle += v
			}
		}
	}
	before := *e
	e.idle, e.total = idle, total
	switch passed := total - before.total; {
	case before.total == 0:
		return 0, errFirst
	case !(passed > 0):
		return 0, errors.New("node_cpu_seconds_total did not go on")
	default:
		return min(max(1-(idle-before.idle)/passed, 0), 1), nil
	}
}

func memoryOf(families map[string]*dto.MetricFamily) (float64, error) {
	var bytes [2]float64
	for i, name := range []string{"node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"} {
		f := families[name]
		if f == nil || len(f.Metric) == 0 {
			return 0, fmt.Errorf("the exporter has no %s", name)
		}
		bytes[i] = number(f.Metric[0])
	}
	if !(bytes[1] > 0) || !(bytes[0] >= 0) {
		return 0, errors.New("the exporter's memory is no number of bytes")
	}
	return max(1-bytes[0]/bytes[1], 0), nil
}

func number(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	default:
		return m.Untyped.GetValue()
	}
}
