package app

import (
	"fmt"
	"strings"

	"sluice/config"
	"sluice/router"
	"sluice/selector"
)

// override is how requests of a route name their backend themselves; nil is not at all.
func override(c *config.Route) (*router.Override, error) {
	o := c.Override
	if o == nil {
		return nil, nil
	}
	secret, err := readSecret(o.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("route %q: override.secretFile: %w", c.Name, err)
	}
	return &router.Override{Header: strings.ToLower(o.Header), Cookie: o.Cookie, Query: o.Query, Secret: secret}, nil
}

// cookieSigner is who signs the sticky cookie of a route, and checks it where it is a source; nil is nobody.
func cookieSigner(c *config.Route, sources []selector.StickyBy) (*selector.Signer, error) {
	file := c.Sticky.Cookie.SignKeyFile
	if file == "" {
		return nil, nil
	}
	secret, err := readSecret(file)
	if err != nil {
		return nil, fmt.Errorf("route %q: sticky.cookie.signKeyFile: %w", c.Name, err)
	}
	sign := selector.NewSigner(secret)
	for i := range sources {
		if sources[i].Kind == selector.ByCookie {
			sources[i].Sign = sign
		}
	}
	return sign, nil
}
