package app

import (
	"fmt"
	"strings"

	"sluice/config"
	"sluice/router"
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
