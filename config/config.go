// Package config reads the configuration file: YAML into plain structs, with every default in one place and every mistake
// named by file, line and column, all at once.
//
// The structs are the manual: each field says what it means, its unit and its default. The package builds nothing from
// them and opens no other file than the configuration and the lists it names; it imports nothing of Sluice. Start at
// Load, then Config; decode.go walks the file, rules.go holds what a file must fulfil, warnings.go what it should.
package config

import (
	"net/netip"
	"time"
)

// Config is a whole configuration, with all defaults filled in. It is plain data; a reload reads a new one.
type Config struct {
	// Version of the file's format. Default 1, the only one there is.
	Version int
	// Listeners take the clients' connections. Default: one, "web" on ":8080".
	Listeners []Listener
	// Admin is the operators' own port.
	Admin Admin
	// State is where rollouts are remembered.
	State State
	// Identity says who the user of a request is.
	Identity Identity
	// ShutdownTimeout is how long requests in flight may take to end after TERM. Default 30s.
	ShutdownTimeout time.Duration
	// DebugHeaders adds Sluice-Backend and Sluice-Reason to answers. Default false.
	DebugHeaders bool
	// Routes are tried in this order; the first that matches takes the request. Default: none, every request is a 404.
	Routes []Route
	// Flags are feature flags that applications ask for over OFREP, in the file's order. Default: none.
	Flags []Flag
	// Log is what the process writes about itself and its requests.
	Log Log
	// Source is the text that all this was read from; for Quick, a text that means the same.
	Source []byte
}

// Listener is one address that clients connect to.
type Listener struct {
	// Name that conditions and logs use; unique. Default "web".
	Name string
	// Address is host:port, an empty host being every address of the machine; unique. Default ":8080".
	Address string
	// Protocols spoken: "http1", and HTTP/2 as "h2" with TLS, where the client chooses, or as "h2c" without, where it begins with that.
	// Default ["http1"], with TLS ["http1", "h2"].
	Protocols []string
	// TLS is how clients are spoken to in secret. Default: not at all.
	TLS *ListenerTLS
	// RedirectToTLS answers 308 to https, on a plain listener. Default false.
	RedirectToTLS bool
	// OFREP answers feature flags here too, under /ofrep/v1/, before any route. Default false.
	OFREP bool
	// ProxyProtocol says who passes connections on. Default: nobody.
	ProxyProtocol ProxyProtocol
	// TrustedProxies are the peers whose X-Forwarded-* is kept; everyone else's is replaced. Default: none.
	TrustedProxies []netip.Prefix
	// Limits bound what one client can take.
	Limits Limits
}

// ListenerTLS is a listener's side of TLS.
type ListenerTLS struct {
	// Certificates, read anew when their files change. A client gets the one for the name it asks for; one that asks for none gets the
	// first. Required, unless ACME gets them.
	Certificates []Certificate
	// ACME gets certificates from an authority. Default: none.
	ACME *ACME
	// ClientCAFile holds the authorities, in PEM, of which every client must show a certificate; a path relative to the configuration's
	// folder. Default: none is asked for.
	ClientCAFile string
	// MinVersion is "1.2" or "1.3". Default "1.2".
	MinVersion string
}

// Certificate is a certificate, with what leads to its authority, and its key, both in PEM. Paths are relative to the configuration's
// folder. Both are required.
type Certificate struct{ CertFile, KeyFile string }

// ProxyProtocol says who passes connections on and tells where they come from.
type ProxyProtocol struct {
	// From are the peers that must begin every connection with a PROXY header, version 1 or 2. Of others none is read.
	From []netip.Prefix
}

// Limits bound what a client can take of a listener. Zero is unlimited in every field.
type Limits struct {
	// HeaderBytes is the most a request head may take. Default 64KiB.
	HeaderBytes int64
	// HeaderCount is the most fields in a request head. Default 100.
	HeaderCount int
	// HeaderTimeout is the longest wait for a whole request head. Default 10s.
	HeaderTimeout time.Duration
	// IdleTimeout is how long a connection without a request is kept. Default 75s.
	IdleTimeout time.Duration
	// BodyRate is the least speed of a request body, in bytes per second, as an average over HeaderTimeout (10s where that is 0) of the
	// time in which the client is waited for. Default 500B/s.
	BodyRate int64
	// BodyBytes is the most a request body may have. Default 0.
	BodyBytes int64
	// Connections is the most at the same time. Default 0.
	Connections int
	// ConnectionsPerIP is the most at the same time of one address. Default 0.
	ConnectionsPerIP int
}

// Admin is the operators' port: the API, /metrics, health.
type Admin struct {
	// Address is host:port or unix:PATH. Default "127.0.0.1:9900".
	Address string
	// TokenFile holds the token that every request must carry, a path relative to the configuration's folder; required
	// unless the address is loopback or a unix socket. Default: none.
	TokenFile string
	// Tokens are further tokens, each with a name and a role. Default: none.
	Tokens []Token
	// AllowedHosts are the names that a request's Host may have, against DNS rebinding. Default localhost, 127.0.0.1.
	AllowedHosts []string
	// PublicURL is where people reach this port, for links in alerts. Default: none, and alerts have no links.
	PublicURL string
}

// Token lets its holder in. The journal's actor is its name.
type Token struct {
	// Name is unique. Required.
	Name string
	// Role is "read" or "operate", which changes things too. Required.
	Role string
	// File holds the token, a path relative to the configuration's folder. Required.
	File string
}

// State is where rollouts are remembered over restarts.
type State struct {
	// Dir is a folder, made when missing. Default $STATE_DIRECTORY, else $XDG_STATE_HOME/sluice, else
	// ~/.local/state/sluice.
	Dir string
}

// Identity says who the user of a request is. In each list the first source that yields a value wins.
type Identity struct {
	// Trust holds the peers whose identity headers are believed; from all others they are stripped. Default: none.
	Trust []netip.Prefix
	// Key is the user's key. Its cookies serve stickiness only; beta lists need one of the others. Default: none.
	Key []Source
	// Email is the user's e-mail address, not from cookies. Default: none.
	Email []Source
	// Segment is a comma list of the segments the user is in, not from cookies. Default: none.
	Segment []Source
	// JWT says which tokens are believed; nil is none. Default nil.
	JWT *JWT
}

// Source is where a value comes from: exactly one of a header, a cookie and a claim.
type Source struct {
	// Header is a field name in any case.
	Header string
	// Cookie is a cookie's name; case counts.
	Cookie string
	// JWT is a claim of the request's verified token; case counts.
	JWT string
}

// Log is what the process writes about itself and its requests.
type Log struct {
	// Level is the least that is written: debug, info, warn or error. Default "info".
	Level string
	// Access is a line for each request.
	Access AccessLog
}

// AccessLog is a line for each request that was answered.
type AccessLog struct {
	// Format is "json", "combined" (Apache's and nginx's), "ecs" (Elastic Common Schema) or "off". Default "off".
	Format string
	// Path is a file, relative to the configuration's folder, or "stdout" or "stderr". Default "stdout".
	Path string
	// Success and Errors are the shares that are written of the answers below 500, and of the others. Default 100%, 100%.
	Success, Errors Percent
}
