package admin

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"sluice/metrics"
	"sluice/rollout"
)

// Proxy is what the admin API sees of the running process. All its methods are called from many goroutines at once.
type Proxy interface {
	// Ready says whether the process takes new traffic: not before its listeners are up, and not while it drains.
	Ready() bool
	// Routes are all routes of one generation, in the file's order, as they are now. The caller may keep and change the lists.
	Routes() []Route
	// Explain says where a request would go, without sending or counting one. *rollout.Invalid: the question can't be understood; NoRoute: it is about
	// a route that is not there.
	Explain(ExplainRequest) (Explanation, error)
	// Converted takes a report that a user has converted. *rollout.Invalid: the route is not clear; *rollout.Refused: it counts no conversions.
	Converted(ConversionEvent) (Conversion, error)
	// Reload reads the configuration again. After *InvalidConfig or *rollout.Refused nothing has changed.
	Reload(context.Context) (Reloaded, error)
	// Document is the configuration in force as it was written, secrets hidden; nil when there is none to show.
	Document() Document
	// DocumentBefore is the one that a reload replaced by it; nil when there was no reload.
	DocumentBefore() Document
	// Reloads counts them since the process started, those by signal too.
	Reloads() Reloads
	// Certificates are those of the listeners, and what became of changed ones.
	Certificates() Certificates
}

// Certificates are the listeners' certificates.
type Certificates struct {
	Expiries []Expiry
	// Taken and Refused count changed files that are in force, and that could not be used.
	Taken, Refused uint64
	// Issued and Unissued count the orders of certificates at an authority, by what became of them.
	Issued, Unissued uint64
}

// Expiry is until when a certificate is good.
type Expiry struct {
	Listener, File string
	NotAfter       time.Time
}

// Route is one route at one moment.
type Route struct {
	Name string
	// Generation of the table that the route stands in.
	Generation uint64
	// Backends in the file's order.
	Backends []Backend
	// Conversions counts what no backend can be named for; nil where the route counts none.
	Conversions *metrics.VisitCounts
	// Control takes commands and knows the journal; nil on a route with one backend, where nothing can be moved.
	Control Controller
	// Rollout says that the route has a rollout, so that Control's Status means something. Without one only set-weight is possible.
	Rollout bool
}

// Backend is one version of the service behind a route.
type Backend struct {
	Name, Version string
	// Weight in force, a share of all the route's traffic.
	Weight    rollout.Weight
	Endpoints []Endpoint
	// FailedLookups is how many times a name of its endpoints could not be looked up.
	FailedLookups uint64
	// Meter of this backend on this route, never nil.
	Meter *metrics.Meter
}

// Document is a configuration as people may see it.
type Document interface {
	json.Marshaler
	YAML() ([]byte, error)
}

// Endpoint is one address of a backend. It is shown as it stands.
type Endpoint struct {
	URL      string `json:"url"`
	Healthy  bool   `json:"healthy"`
	InFlight int64  `json:"inFlight"`
}

// Controller is a route's rollout as people command it; *rollout.Controller is one.
type Controller interface {
	// Do returns *rollout.Refused in the wrong phase and *rollout.Invalid for what can't be understood. What it did is in force.
	Do(context.Context, rollout.Command) (rollout.Status, error)
	Status() rollout.Status
	// Decisions are the newest of the journal, newest first, at most limit.
	Decisions(limit int) []rollout.Decision
	// Blocks are the block log of an attempt; nil where there is none. *rollout.Invalid: no attempt has such an id.
	Blocks(attempt string) ([]byte, error)
	// Subscribe gives a nudge after every change, until ctx ends; changes that follow each other fast may be one.
	Subscribe(ctx context.Context) <-chan struct{}
}

// ExplainRequest is a request somebody asks about: URL, or Route to leave the matching out. From is the client's IP address.
type ExplainRequest struct {
	Method  string            `json:"method,omitempty"` // "" is GET
	URL     string            `json:"url,omitempty"`
	Route   string            `json:"route,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	From    string            `json:"from,omitempty"`
}

// ConversionEvent is a report that a user has converted. User is the value of the sticky key: the cookie, the header, the user's key. ID
// makes it known again; At is when it happened, the zero time is now. Route may be left out where only one route counts conversions.
type ConversionEvent struct {
	Route string    `json:"route,omitempty"`
	User  string    `json:"user"`
	ID    string    `json:"id,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

// Conversion is what became of a ConversionEvent. Backend is that of the user's visit; "" where there is none.
type Conversion struct {
	Route   string `json:"route"`
	Counted bool   `json:"counted"`
	Result  string `json:"result"` // converted | duplicate | unknown-user | too-late | before-visit | in-the-future
	Backend string `json:"backend,omitempty"`
}

// Explanation is where a request would go, and why. Route is "" when none matches; Backend and Reason are "" then.
type Explanation struct {
	Route   string `json:"route"`
	Backend string `json:"backend"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
}

// Reloaded is what a successful reload did. Warnings have the form file:line:column: message.
type Reloaded struct {
	Generation uint64   `json:"generation"`
	Warnings   []string `json:"warnings"`
}

// Reloads are counted since the process started; its first load is one of the successes.
type Reloads struct {
	Succeeded, Failed uint64
	// LastSuccess is when the configuration in force was read.
	LastSuccess time.Time
}

// InvalidConfig is a configuration that a reload refused. Errors have the form file:line:column: message.
type InvalidConfig struct{ Errors []string }

func (e *InvalidConfig) Error() string { return strings.Join(e.Errors, "; ") }
