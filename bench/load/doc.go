// Package load sends HTTP/1.1 requests to a URL and says how long their answers took.
//
// A closed loop (no Rate) keeps every connection busy and finds out how much a server can do; its latencies say little, since a slow
// server gets fewer requests. An open loop (a Rate) has a time at which each request is due, whatever became of the ones before, and
// counts latency from then: what a stalled server keeps waiting is in the figures, not left out ("coordinated omission").
//
// It is plain http, GET or with a body, and no browser: no redirects, no cookies, no compression. Start at Load and its Run.
package load
