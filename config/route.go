package config

import (
	"net/netip"
	"time"
)

// Route matches requests, and owns backends and how to choose between them.
type Route struct {
	// Name is unique and of the form [a-z0-9][a-z0-9-]{0,62}. Required.
	Name string
	// Match is a list of conditions of which one must hold; empty matches every request. Default: empty.
	Match []Condition
	// Backends in the file's order; at least one, names unique. Required, but for a redirect.
	Backends []Backend
	// Weights are shares of all the route's traffic by backend; a backend that is not named has 0. Without a rollout they
	// sum to 100 %; default 100 % to "stable" or to the only backend. With a rollout only further backends stand here,
	// together below 100 %, and the two roles share what is left; default nil.
	Weights map[string]Percent
	// Sticky keeps users on their backend.
	Sticky Sticky
	// Select holds the selection rules: in order, the first that takes the request wins, then sticky and weights.
	Select []Rule
	// Fallback answers when the chosen backend is unavailable: "stable" or "canary" (the roles) with a rollout, else a
	// backend. Default "stable" if there is one, else none.
	Fallback string
	// Timeout of a whole request, 0 for none. Default 30s.
	Timeout time.Duration
	// Headers, Rewrite and Redirect change what goes through, or answer in place of backends; nil is none. Default nil.
	Headers  *Headers
	Rewrite  *Rewrite
	Redirect *Redirect
	// CORS says which pages' scripts may use the route; nil leaves that to the backends. Default nil.
	CORS *CORS
	// Fault makes requests late, or fails them, on purpose; nil is never. Default nil.
	Fault *Fault
	// Retry sends requests that failed again; nil is never. Default nil.
	Retry *Retry
	// Rescue lets stable answer what failed on the canary; nil is never. Default nil.
	Rescue *Rescue
	// Mirror copies requests to another backend, whose answers nobody gets; nil is never. Default nil.
	Mirror *Mirror
	// Override lets requests name their backend; nil is never. Default nil.
	Override *Override
	// Resources say where CPU and memory of the backends' hosts are read; nil is nowhere. Default nil.
	Resources *Resources
	// Conversion is what counts as a conversion of a user; nil is nothing. Default nil.
	Conversion *Conversion
	// Rollout is the plan for bringing a canary into service; nil is a static split. Default nil.
	Rollout *Rollout
}

// Condition is what a request must fulfil: everything that is set. The zero Condition takes every request.
type Condition struct {
	// Host is "shop.example.com", or "*.example.com" for every name below it; in lower case and without a port.
	Host string
	// Path is exact, prefix (by path elements) or regex; nil is any.
	Path *Text
	// Methods of which the request must have one. GET does not include HEAD.
	Methods []string
	// Headers, Cookies and Query must all match; in the file's order, names as written.
	Headers, Cookies, Query []Named
	// CIDRs of which one must hold the client's address.
	CIDRs []netip.Prefix
	// Listeners of which one must have taken the request. Default: all.
	Listeners []string
}

// Named is a condition on the first value of a header, cookie or query parameter.
type Named struct {
	// Name of the field.
	Name string
	// Text that its value must match.
	Text Text
}

// Text is a condition on one value.
type Text struct {
	// Kind is how Value is compared.
	Kind TextKind
	// Value to compare with: for Regex an RE2 pattern that compiles and is about the whole value; for Present "".
	Value string
}

// TextKind is how a text is compared.
type TextKind string

// The kinds of a Text, as the file names them.
const (
	Exact   TextKind = "exact"
	Prefix  TextKind = "prefix"
	Regex   TextKind = "regex"
	Present TextKind = "present"
)

// Backend is one version of the service.
type Backend struct {
	// Name is unique in the route.
	Name string
	// Endpoints are addresses http://host or http://host:port, or dns+srv://name; https negotiates HTTP/2 or HTTP/1.1, h2c is HTTP/2
	// without TLS. A name stands for all its addresses and is looked up again and again. At least one.
	Endpoints []string
	// Version is text, kept as written (1.10 is not 1.1). Required in both roles of a rollout. Default "".
	Version string
	// HealthCheck asks the endpoints; nil is none, every endpoint counts as healthy. Default nil.
	HealthCheck *HealthCheck
	// LoadBalancing chooses the endpoint: leastRequest, roundRobin, random, or consistentHash, by the user's sticky key. Default
	// "leastRequest".
	LoadBalancing string
	// Outlier leaves out endpoints whose requests fail; nil is none. Default nil.
	Outlier *Outlier
	// SlowStart is how long an endpoint that is back gets less than its share, growing; 0 is none. Default 0.
	SlowStart time.Duration
	// TLS of https endpoints; nil takes certificates that the system knows. Default nil.
	TLS *BackendTLS
	// Timeouts of one request to an endpoint.
	Timeouts Timeouts
	// Connections to the endpoints.
	Connections Connections
}

// HealthCheck asks each endpoint regularly.
type HealthCheck struct {
	// Type is http (an answer of 200–399 in time is a success), tcp (a connection) or grpc (grpc.health.v1 says SERVING). Default "http".
	Type string
	// Service is what grpc asks for; "" is the whole server. Default "".
	Service string
	// Path that is asked for. Default "/healthz".
	Path string
	// Interval between two questions. Default 2s.
	Interval time.Duration
	// Timeout of one answer. Default 1s.
	Timeout time.Duration
	// UnhealthyAfter so many failures in a row an endpoint gets no more requests. Default 3.
	UnhealthyAfter int
	// HealthyAfter so many successes in a row it gets them again. Default 2.
	HealthyAfter int
}

// Timeouts of one request to an endpoint; 0 is none, but for Connect.
type Timeouts struct {
	// Connect is the longest wait for a connection. Default 1s.
	Connect time.Duration
	// FirstByte is the longest wait for the answer to begin. Default 30s.
	FirstByte time.Duration
	// Idle is the longest silence in the middle of a request or an answer. Default 60s.
	Idle time.Duration
}

// Connections of a backend.
type Connections struct {
	// MaxIdlePerEndpoint is how many unused ones are kept. Default 256.
	MaxIdlePerEndpoint int
	// Max is the most to the backend at the same time, 0 is unlimited. Default 0.
	Max int
	// IdleTimeout is how long an unused one is kept. Default 30s.
	IdleTimeout time.Duration
}

// Sticky keeps a user on one backend, as long as the weights leave it there.
type Sticky struct {
	// By holds the sources of the key, the first that has a value: identity, cookie (minted when missing), header, query,
	// clientIP. Default: none.
	By []string
	// Cookie is the one that is minted.
	Cookie Cookie
	// Header is the field that `by: header` reads. Default "".
	Header string
	// Query is the parameter that `by: query` reads. Default "".
	Query string
}

// Cookie is the sticky cookie; it carries a random id and is refreshed past half its life.
type Cookie struct {
	// Name of the cookie. Default "sluice-id".
	Name string
	// TTL is its life. Default 720h.
	TTL time.Duration
	// Domain attribute, none when empty. Default "".
	Domain string
	// Path attribute. Default "/".
	Path string
	// Secure attribute: "auto" (when the client's connection is TLS), "true" or "false". Default "auto".
	Secure string
	// HTTPOnly attribute. Default true.
	HTTPOnly bool
	// SignKeyFile holds the secret that the cookie is signed with, a path relative to the configuration's folder; "" leaves it bare.
	// Default "".
	SignKeyFile string
	// SameSite attribute: Lax, Strict or None. Default "Lax".
	SameSite string
}

// Rule sends the requests it takes to one backend: those that fulfil everything that is set of Internal, Beta, Segment and
// Match, of which there is at least one.
type Rule struct {
	// Name keeps the users of Percent the same when rules move; unique in the route. Default "".
	Name string
	// Internal takes the company's own people.
	Internal *Internal
	// Beta takes the users of a list.
	Beta *Beta
	// Segment takes users who are in one of these segments; case counts. The file's `segment: {in: […]}`.
	Segment []string
	// Match is a condition on the request itself.
	Match *Condition
	// To is "stable" or "canary" (the roles) in a route with a rollout, else a backend. Required.
	To string
	// Percent of the users it takes; the rest go on to the next rule. Default 100 %.
	Percent Percent
	// FromStep is the rollout's first step, counted from 1, at which a rule to the canary is in force; 0 is before the
	// first weight. Default 1.
	FromStep int
	// Measure counts its requests in the analysis. Default true.
	Measure bool
}

// Internal takes users whose address is in one of the domains, or who come from one of the networks.
type Internal struct {
	// EmailDomains in lower case, compared as a whole.
	EmailDomains []string
	// CIDRs of the client's address.
	CIDRs []netip.Prefix
}

// Beta is a list of user keys; case counts.
type Beta struct {
	// Users of the file's `users`, then those of UsersFile.
	Users []string
	// UsersFile is a file with one user a line and # comments; a path relative to the configuration's folder. Default: none.
	UsersFile string
}
