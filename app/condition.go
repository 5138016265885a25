package app

import (
	"fmt"
	"strings"

	"sluice/config"
	"sluice/identity"
	"sluice/request"
)

// conditions turns `match` into what requests are asked.
func conditions(list []config.Condition) ([]request.Condition, error) {
	var out []request.Condition
	for i := range list {
		c, err := condition(&list[i])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func condition(c *config.Condition) (request.Condition, error) {
	out := request.Condition{Host: request.HostPattern(c.Host), Methods: c.Methods, CIDRs: c.CIDRs, Listeners: c.Listeners}
	var err error
	if c.Path != nil {
		path, err := text(*c.Path, request.PathPrefix)
		if err != nil {
			return out, err
		}
		out.Path = &path
	}
	if out.Headers, err = named(c.Headers, strings.ToLower); err != nil {
		return out, err
	}
	if out.Cookies, err = named(c.Cookies, asWritten); err != nil {
		return out, err
	}
	out.Query, err = named(c.Query, asWritten)
	return out, err
}

func asWritten(name string) string { return name }

func named(list []config.Named, name func(string) string) ([]request.Named, error) {
	var out []request.Named
	for _, n := range list {
		t, err := text(n.Text, request.Prefix)
		if err != nil {
			return nil, err
		}
		out = append(out, request.Named{Name: name(n.Name), Text: t})
	}
	return out, nil
}

// text is a condition on one value; prefix says what that word means there.
func text(t config.Text, prefix func(string) request.Text) (request.Text, error) {
	switch t.Kind {
	case config.Exact:
		return request.Exact(t.Value), nil
	case config.Prefix:
		return prefix(t.Value), nil
	case config.Regex:
		return request.Regex(t.Value)
	case config.Present:
		return request.Present(), nil
	}
	return request.Text{}, fmt.Errorf("bug: text of kind %q", t.Kind)
}

func identityConfig(c *config.Identity, keys *identity.Keys) identity.Config {
	out := identity.Config{Trust: c.Trust, Key: sources(c.Key), Email: sources(c.Email), Segment: sources(c.Segment)}
	if j := c.JWT; j != nil {
		out.JWT = &identity.TokenConfig{Header: j.Header, Algorithms: j.Algorithms, Issuer: j.Issuer, Audience: j.Audience, Keys: keys}
	}
	return out
}

func sources(list []config.Source) []identity.Source {
	var out []identity.Source
	for _, s := range list {
		out = append(out, identity.Source{Header: s.Header, Cookie: s.Cookie, JWT: s.JWT})
	}
	return out
}
