package app

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"sluice/admin"
	"sluice/config"
	"sluice/proxy"
	"sluice/rollout"
	"sluice/router"
	"sluice/selector"
)

// explain answers where a request would go under the table, and why.
func explain(t *router.Table, cfg *config.Config, q admin.ExplainRequest) (admin.Explanation, error) {
	if q.Route != "" && t.Route(q.Route) == nil {
		var names []string
		for _, r := range t.Routes {
			names = append(names, r.Name)
		}
		return admin.Explanation{}, admin.NoRoute(q.Route, names)
	}
	head, err := questionHead(&q)
	if err != nil {
		return admin.Explanation{}, &rollout.Invalid{Reason: err.Error()}
	}
	from := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if q.From != "" {
		if from, err = netip.ParseAddr(q.From); err != nil {
			return admin.Explanation{}, &rollout.Invalid{Reason: fmt.Sprintf("from: %q is not an IP address", q.From)}
		}
	}
	question := proxy.Question{Head: head, From: from, Route: q.Route}
	if len(cfg.Listeners) > 0 {
		question.Front = front(&cfg.Listeners[0])
	}
	a, err := proxy.Explain(t, question)
	if err != nil {
		return admin.Explanation{}, &rollout.Invalid{Reason: err.Error()}
	}
	if a.Route == nil {
		return admin.Explanation{Detail: "no route takes this request: it gets 404"}, nil
	}
	if a.Route.Redirect != nil {
		return admin.Explanation{Route: a.Route.Name, Detail: "the route redirects"}, nil
	}
	return admin.Explanation{
		Route: a.Route.Name, Backend: a.Route.Backends[a.Choice.Backend].Name(), Reason: a.Choice.Reason.String(),
		Detail: detail(&a) + copied(methodOf(&q), &a),
	}, nil
}

func methodOf(q *admin.ExplainRequest) string {
	if q.Method == "" {
		return http.MethodGet
	}
	return q.Method
}

// questionHead writes the request as a client would.
func questionHead(q *admin.ExplainRequest) ([]byte, error) {
	target := q.URL
	if target == "" {
		target = "/"
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("url: %q can't be parsed; write it like http://shop.example.com/checkout", q.URL)
	}
	var fields strings.Builder
	hasHost := false
	for _, name := range slices.Sorted(maps.Keys(q.Headers)) {
		if strings.ContainsAny(name+q.Headers[name], "\r\n\x00") {
			return nil, fmt.Errorf("headers: %q holds a line end or NUL, which no request can carry", name)
		}
		hasHost = hasHost || strings.EqualFold(name, "host")
		fmt.Fprintf(&fields, "%s: %s\r\n", name, q.Headers[name])
	}
	if !hasHost && u.Host != "" {
		fmt.Fprintf(&fields, "Host: %s\r\n", u.Host)
		hasHost = true
	}
	version := "HTTP/1.1"
	if !hasHost {
		version = "HTTP/1.0" // the one in which a request may name none
	}
	return fmt.Appendf(nil, "%s %s %s\r\n%s\r\n", methodOf(q), u.RequestURI(), version, &fields), nil
}

// detail is the reason in words.
func detail(a *proxy.Answer) string {
	split := a.Route.Selector.Split()
	shares := fmt.Sprintf("the canary has %s of %s", rollout.Weight(split.CanaryWeight), rollout.Weight(split.PairWeight))
	if split.Canary < 0 {
		shares = "there is no canary"
	}
	switch a.Choice.Reason {
	case selector.Override:
		return "a signed override names the backend"
	case selector.Sticky:
		return "the user's key decides; " + shares
	case selector.Weight:
		return "drawn at random by weight; " + shares
	case selector.Fallback:
		return "the chosen backend is unavailable"
	case selector.Internal:
		return fmt.Sprintf("a rule for internal users takes it (email %q)", a.Email)
	case selector.Beta:
		return fmt.Sprintf("a beta list has the user (key %q)", a.Key)
	case selector.Segment:
		return fmt.Sprintf("a segment rule takes it (segments %q)", a.Segment)
	case selector.Match:
		return "a rule's match takes it"
	}
	return a.Choice.Reason.String()
}
