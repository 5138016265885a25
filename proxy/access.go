package proxy

import (
	"time"

	"sluice/access"
	"sluice/metrics"
)

// note takes down what a request's head says, for the access log.
func (x *exchange) note() {
	r, h := x.table.Access.Take(), &x.head
	var agent, referer []byte
	for i := range h.fields {
		switch f := &h.fields[i]; {
		case same(f.name, "user-agent") && agent == nil:
			agent = f.value
		case same(f.name, "referer") && referer == nil:
			referer = f.value
		}
	}
	r.Set(h.method, h.target, x.view.Host(), agent, referer, x.id)
	r.HTTP = "1.1"
	switch {
	case x.client.stream != nil:
		r.HTTP = "2"
	case h.http10:
		r.HTTP = "1.0"
	}
	r.Listener, r.Client, r.Began = x.front.Name, x.view.Client(), time.Now()
	x.noted = r
}

// logged says what became of the request that note was made of, and hands the note over.
func (x *exchange) logged(status int, now metrics.Instant, cut access.Cut) {
	r := x.noted
	if r == nil {
		return
	}
	x.noted = nil
	if status == 0 {
		status = 499 // no answer began before the client left; nginx's number for that
	}
	r.Status, r.Took, r.Sent, r.Cut = status, now.Sub(x.start), x.sent, cut
	if x.route != nil {
		r.Route = x.route.Name
		if x.choice.Backend != unchosen {
			r.Backend, r.Reason = x.route.Backends[x.choice.Backend].Name(), x.choice.Reason.String()
		}
	}
	if x.endpoint != nil {
		r.Endpoint = x.endpoint.URL()
	}
	x.table.Access.Put(r)
}
