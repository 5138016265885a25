package flags

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"sluice/identity"
	"sluice/request"
	"sluice/selector"
)

// Context is what an application says of a user: OpenFeature's evaluation context. It is believed, as the application is.
type Context struct {
	// TargetingKey is the user's key: what the route's sticky source holds, and what beta lists name.
	TargetingKey string
	// Email is the user's address, Segment a comma list of the segments the user is in.
	Email, Segment string
	// ClientIP is the user's address on the net; the zero Addr is unknown.
	ClientIP netip.Addr
	// Headers, by names in lower case, Cookies and Query are what rules' matches may ask for.
	Headers, Cookies, Query map[string]string
}

// ParseContext reads a context's attributes; those with other names than Context's are left out, as OpenFeature has them for whoever
// knows them. The error names the attribute.
func ParseContext(attributes map[string]json.RawMessage) (*Context, error) {
	c := new(Context)
	for name, to := range map[string]any{
		"targetingKey": &c.TargetingKey, "email": &c.Email, "headers": &c.Headers, "cookies": &c.Cookies, "query": &c.Query,
	} {
		kind := "a string"
		if _, text := to.(*string); !text {
			kind = "an object of strings"
		}
		if raw, ok := attributes[name]; ok && json.Unmarshal(raw, to) != nil {
			return nil, fmt.Errorf("context.%s has to be %s", name, kind)
		}
	}
	if err := c.parseSegment(attributes["segment"]); err != nil {
		return nil, err
	}
	if err := c.parseClientIP(attributes["clientIP"]); err != nil {
		return nil, err
	}
	headers := make(map[string]string, len(c.Headers))
	for name, value := range c.Headers {
		headers[strings.ToLower(name)] = value
	}
	c.Headers = headers
	return c, nil
}

// parseSegment takes a comma list or a list of segments.
func (c *Context) parseSegment(raw json.RawMessage) error {
	if raw == nil || json.Unmarshal(raw, &c.Segment) == nil {
		return nil
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return fmt.Errorf("context.segment has to be a string or a list of strings")
	}
	c.Segment = strings.Join(list, ",")
	return nil
}

func (c *Context) parseClientIP(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	if err == nil && text != "" {
		c.ClientIP, err = netip.ParseAddr(text)
	}
	if err != nil {
		return fmt.Errorf("context.clientIP has to be an IP address, like \"10.0.0.9\"")
	}
	return nil
}

func (c *Context) user() identity.User {
	key := []byte(c.TargetingKey)
	return identity.User{Key: key, Trusted: key, Email: []byte(c.Email), Segment: []byte(c.Segment)}
}

// view is the request that the user would send. What it has no word for (method, host, path, listener) is empty, and no match finds it.
type view struct {
	context *Context
	sticky  []selector.StickyBy
}

var _ request.View = (*view)(nil)

func (*view) Method() []byte   { return nil }
func (*view) Host() []byte     { return nil }
func (*view) Path() []byte     { return nil }
func (*view) Listener() string { return "" }

func (v *view) Header(name string) []byte { return v.value(v.context.Headers, selector.ByHeader, name) }

func (v *view) Cookie(name string) []byte { return v.value(v.context.Cookies, selector.ByCookie, name) }

func (v *view) Query(name string) []byte { return v.value(v.context.Query, selector.ByQuery, name) }

// value is what the context has of that name; else the targeting key, where the route reads its sticky key there.
func (v *view) value(of map[string]string, kind selector.StickyKind, name string) []byte {
	if s, ok := of[name]; ok {
		return []byte(s)
	}
	for i := range v.sticky {
		if v.sticky[i].Kind == kind && v.sticky[i].Name == name && v.context.TargetingKey != "" {
			return []byte(v.context.TargetingKey)
		}
	}
	return nil
}

// Client is the address that the context has; else the targeting key, where it is one.
func (v *view) Client() netip.Addr {
	if v.context.ClientIP.IsValid() {
		return v.context.ClientIP
	}
	a, err := netip.ParseAddr(v.context.TargetingKey)
	if err != nil {
		return netip.Addr{}
	}
	return a
}
