package config

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// check reads a check; its limit is a percentage or a duration, which only the metric tells.
func (d *decoder) check(v value, c *Check) {
	var quantile value
	var k sampledKeys
	d.object(v, keys{
		"name":        one(d, &c.Name, parseName),
		"metric":      func(v value) { k.metric = v },
		"quantile":    func(v value) { quantile = v },
		"max":         func(v value) { k.max = v },
		"min":         func(v value) { k.min = v },
		"interval":    func(v value) { k.interval = v },
		"onError":     func(v value) { k.onError = v },
		"prometheus":  maybe(&c.Prometheus, PrometheusQuery{Call: defaultCall()}, d.prometheusQuery),
		"http":        maybe(&c.HTTP, HTTPValue{Call: defaultCall(), Value: "$"}, d.httpValue),
		"maxIncrease": one(d, &c.MaxIncrease, parsePositivePercent),
		"maxDecrease": one(d, &c.MaxDecrease, parsePositivePercent),
		"maxRatio":    one(d, &c.MaxRatio, parseRatio),
		"compare":     one(d, &c.Compare, parseBool),
		"dryRun":      one(d, &c.DryRun, parseBool),
	})
	if v.node.Kind != yaml.MappingNode {
		return
	}
	d.required(v, "metric", "like metric: error-rate")
	d.metric(k.metric, c)
	if c.Sampled() {
		d.sampledCheck(v, c, &k)
		d.nameCheck(v, c)
		return
	}
	d.judgedCheck(c, &k)
	limit := k.max
	c.Limited = limit.node != nil
	d.sense(v.path, c.Metric)
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
		if d.has(v.path + ".maxIncrease") {
			d.errorf(v.path+".maxIncrease", "latency has no points; write maxRatio, like 1.2")
		}
	}
	if c.Metric == "conversion-rate" {
		c.Limited = k.min.node != nil
		readLimit(d, k.min, &c.MinRate, parsePositivePercent)
	}
	d.comparison(v, c)
	d.nameCheck(v, c)
}

// nameCheck names a check that the file does not.
func (d *decoder) nameCheck(v value, c *Check) {
	if !d.has(v.path + ".name") {
		c.Name = c.Metric
		if c.Quantile != "" && c.Limited {
			c.Name += "-" + c.Quantile
		}
	}
}

// comparison: a check that compares nothing has to have a limit, and no margin.
func (d *decoder) comparison(v value, c *Check) {
	if c.Compare {
		return
	}
	if !c.Limited {
		d.errorf(v.path+".compare", "false leaves the limit alone, and there is none; write %s, or remove the key", limitKey(c.Metric))
	}
	for _, key := range []string{".maxIncrease", ".maxDecrease", ".maxRatio"} {
		if d.has(v.path + key) {
			d.errorf(v.path+key, "is a margin beside stable, and compare is false; remove one of the two")
		}
	}
}

// sense: of conversions less is worse, of all else more.
func (d *decoder) sense(path, metric string) {
	other := map[string]string{"min": "max", "maxDecrease": "maxIncrease"}
	why := "more is worse"
	switch metric {
	case "conversion-rate":
		other = map[string]string{"max": "min", "maxIncrease": "maxDecrease", "maxRatio": "maxDecrease", "quantile": ""}
		why = "less is worse"
	case "latency":
		other["maxDecrease"] = "maxRatio"
	case "error-rate":
	default:
		return
	}
	for _, key := range slices.Sorted(maps.Keys(other)) {
		switch at := path + "." + key; {
		case !d.has(at):
		case other[key] == "":
			d.errorf(at, "%s has no %s; remove the key", metric, key)
		default:
			d.errorf(at, "of %s %s; write %s", metric, why, other[key])
		}
	}
}

func limitKey(metric string) string {
	if metric == "conversion-rate" {
		return "min"
	}
	return "max"
}

// mostRatio is a factor that no margin needs.
const mostRatio = 100

func parseRatio(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f <= 0 || f > mostRatio {
		return 0, errors.New("is no factor; write it like 1.2, above 0 and at most 100")
	}
	return f, nil
}

// parseConfidence is 1 - the probability of a false rollback.
func parseConfidence(s string) (Percent, error) {
	p, err := parsePercent(s)
	switch {
	case err != nil:
		return 0, err
	case p >= Full:
		return 0, errors.New("can't be reached: no finite number of requests makes certain; write 99.9%")
	case p < Full/2:
		return 0, errors.New("would roll back every other good canary; write at least 50%")
	}
	return p, nil
}

// parseBlastRadius reads a share of all traffic, or off.
func parseBlastRadius(s string) (Percent, error) {
	if s == "off" {
		return 0, nil
	}
	p, err := parsePercent(s)
	if err == nil && p == 0 {
		return 0, errors.New(`must be more than 0%; "off" asks for no proof`)
	}
	return p, err
}

func readLimit[T any](d *decoder, v value, to *T, parse func(string) (T, error)) {
	if v.node != nil {
		one(d, to, parse)(v)
	}
}
