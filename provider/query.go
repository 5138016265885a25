package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"sluice/internal/outbound"
)

// query is an instant query of a Prometheus server (prometheus.io/docs/prometheus/latest/querying/api/).
type query struct {
	client  *client
	address string
}

// NewQuery makes a Source that asks a Prometheus server for one number. The endpoint's URL is the server's, perhaps with a path before
// /api/v1.
func NewQuery(e Endpoint, promQL string) (Source, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil, errors.New("the URL of a Prometheus server can't be read")
	}
	u = u.JoinPath("api/v1/query")
	values := u.Query()
	values.Set("query", promQL)
	values.Set("timeout", strconv.FormatFloat(e.Timeout.Seconds(), 'f', -1, 64))
	u.RawQuery = values.Encode()
	return &query{client: newClient(e, maxAnswer, "application/json"), address: u.String()}, nil
}

// result is what the API says.
type result struct {
	Status string `json:"status"`
	Error  string `json:"error"`
	Data   struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
}

// Read asks the server.
func (q *query) Read(ctx context.Context) (float64, error) {
	body, status, err := q.client.get(ctx, q.address)
	if err != nil {
		return 0, err
	}
	var r result
	if err := json.Unmarshal(body, &r); err != nil || r.Status == "" {
		if err := unless200(status, body); err != nil {
			return 0, err
		}
		return 0, errors.New("the answer is none of a Prometheus server")
	}
	if r.Status != "success" {
		return 0, fmt.Errorf("the query failed: %s", outbound.OneLine(r.Error))
	}
	point, err := r.point()
	if err != nil {
		return 0, err
	}
	return numberOf(point[1])
}

// point is the only one that the result may have: a time and a value.
func (r *result) point() (point [2]any, err error) {
	garbage := errors.New("the answer is none of a Prometheus server")
	switch r.Data.ResultType {
	case "scalar":
		if json.Unmarshal(r.Data.Result, &point) != nil {
			return point, garbage
		}
		return point, nil
	case "vector":
		var series []struct {
			Value *[2]any `json:"value"`
		}
		if json.Unmarshal(r.Data.Result, &series) != nil {
			return point, garbage
		}
		switch {
		case len(series) == 0:
			return point, errors.New("the query gives nothing")
		case len(series) > 1:
			return point, fmt.Errorf("the query gives %d series; max(…), sum(…) or avg(…) makes one number of them", len(series))
		case series[0].Value == nil:
			return point, errors.New("the query gives a histogram; histogram_quantile(…) or histogram_avg(…) makes a number of it")
		}
		return *series[0].Value, nil
	case "":
		return point, garbage
	default:
		return point, fmt.Errorf("the query gives a %s; one number is needed", outbound.OneLine(r.Data.ResultType))
	}
}

// numberOf reads a JSON value as a number: a text that is one counts.
func numberOf(v any) (float64, error) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case string:
		var err error
		if f, err = strconv.ParseFloat(strings.TrimSpace(v), 64); err != nil && !math.IsInf(f, 0) {
			return 0, fmt.Errorf("the value is %q, which is no number", outbound.OneLine(v))
		}
	case nil:
		return 0, errors.New("the value is null")
	case bool:
		return 0, fmt.Errorf("the value is %v, which is no number", v)
	case []any:
		return 0, errors.New("the value is a list; one number is needed")
	default:
		return 0, errors.New("the value is an object; one number is needed")
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("the value is %v", f)
	}
	return f, nil
}
