package config

import (
	"fmt"
	"strings"
)

// Override lets a request name its backend, when somebody with the secret has signed that.
type Override struct {
	// Header, Cookie and Query are where it is looked for, in this order but the query before the cookie. Default Sluice-Override,
	// sluice-override, sluice-override.
	Header, Cookie, Query string
	// SecretFile holds the secret; a path relative to the configuration's folder. Required.
	SecretFile string
}

func defaultOverride() Override {
	return Override{Header: "Sluice-Override", Cookie: "sluice-override", Query: "sluice-override"}
}

func (d *decoder) override(v value, o *Override) {
	d.object(v, keys{
		"header":     one(d, &o.Header, parseOverrideHeader),
		"cookie":     one(d, &o.Cookie, parseToken),
		"query":      one(d, &o.Query, parseText),
		"secretFile": one(d, &o.SecretFile, parseText),
	})
	d.required(v, "secretFile", "like override: {secretFile: override.key}")
}

// parseOverrideHeader refuses what the backend has to get: the field is taken away.
func parseOverrideHeader(s string) (string, error) {
	s, err := parseToken(s)
	if err != nil || strings.HasPrefix(strings.ToLower(s), "sluice-") {
		return s, err
	}
	return parseChangeable(s)
}

// readSecrets makes the paths of a route's secrets whole and says what would keep them from being used.
func (d *decoder) readSecrets(r *Route, i int, folder string) {
	if k := &r.Sticky.Cookie.SignKeyFile; *k != "" {
		join(k, folder)
		d.readSecret(fmt.Sprintf("routes[%d].sticky.cookie.signKeyFile", i), *k)
	}
	if o := r.Override; o != nil {
		join(&o.SecretFile, folder)
		d.readSecret(fmt.Sprintf("routes[%d].override.secretFile", i), o.SecretFile)
	}
}
