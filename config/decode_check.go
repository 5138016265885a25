package config

import (
	"gopkg.in/yaml.v3"
)

// check reads a check; its limit is a percentage or a duration, which only the metric tells.
func (d *decoder) check(v value, c *Check) {
	var limit, quantile value
	d.object(v, keys{
		"name":     one(d, &c.Name, parseName),
		"metric":   one(d, &c.Metric, oneOf([]string{"error-rate", "latency"}, "conversion-rate", "cpu", "memory")),
		"quantile": func(v value) { quantile = v },
		"max":      func(v value) { limit = v },
		"dryRun":   one(d, &c.DryRun, parseBool),
	})
	if v.node.Kind != yaml.MappingNode {
		return
	}
	d.required(v, "metric", "like metric: error-rate")
	d.required(v, "max", "like max: 5% for error-rate, max: 500ms for latency")
	switch c.Metric {
	case "error-rate":
		if quantile.node != nil {
			d.errorf(quantile.path, "error-rate has no quantile; remove the key")
		}
		readLimit(d, limit, &c.MaxRate, parsePercent)
	case "latency":
		c.Quantile = defaultQuantile
		if quantile.node != nil {
			one(d, &c.Quantile, oneOf([]string{"p50", "p90", "p95", "p99", "p99.9", "mean"}))(quantile)
		}
		readLimit(d, limit, &c.MaxLatency, positive(parseDuration))
	}
	if !d.has(v.path + ".name") {
		c.Name = c.Metric
		if c.Quantile != "" {
			c.Name += "-" + c.Quantile
		}
	}
}

func readLimit[T any](d *decoder, v value, to *T, parse func(string) (T, error)) {
	if v.node != nil {
		one(d, to, parse)(v)
	}
}
