// Package requesttest has a request view made of plain values, for tests of what reads one. Nothing but tests uses
// it. Start at View.
package requesttest

import (
	"net/netip"
	"strings"
	"unsafe"

	"sluice/request"
)

// View is a request.View of plain values; a key that is not in a map is an absent field. Its slices can't be written
// to: doing so ends the test, as a real request's must not be written to either.
type View struct {
	Verb     string // the method
	Hostname string // lower case, without port
	Target   string // the normalised path
	Headers  map[string]string
	Cookies  map[string]string
	Params   map[string]string // query parameters, decoded; the names of Headers are lower case
	Addr     netip.Addr
	On       string // the listener's name
}

var _ request.View = (*View)(nil)

// Method is v.Verb.
func (v *View) Method() []byte { return readOnly(v.Verb) }

// Host is v.Hostname.
func (v *View) Host() []byte { return readOnly(v.Hostname) }

// Path is v.Target.
func (v *View) Path() []byte { return readOnly(v.Target) }

// Header looks name up in v.Headers. A caller that asks in another case than lower breaks the contract of
// request.View, and panics.
func (v *View) Header(name string) []byte {
	if strings.ToLower(name) != name {
		panic("bug: header " + name + " asked for, which is not lower case")
	}
	return lookup(v.Headers, name)
}

// Cookie looks name up in v.Cookies.
func (v *View) Cookie(name string) []byte { return lookup(v.Cookies, name) }

// Query looks name up in v.Params.
func (v *View) Query(name string) []byte { return lookup(v.Params, name) }

// Client is v.Addr.
func (v *View) Client() netip.Addr { return v.Addr }

// Listener is v.On.
func (v *View) Listener() string { return v.On }

func lookup(m map[string]string, name string) []byte {
	s, ok := m[name]
	if !ok {
		return nil
	}
	return readOnly(s)
}

// readOnly shares the bytes of s instead of copying them: a test of zero allocations would count a copy as its
// subject's.
func readOnly(s string) []byte {
	if s == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}
