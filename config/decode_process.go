package config

import (
	"errors"

	"gopkg.in/yaml.v3"
)

// config reads the file's root.
func (d *decoder) config(v value, c *Config) {
	d.places[""] = place{line: 1, column: 1}
	d.object(v, keys{
		"version":         one(d, &c.Version, parseFormat),
		"listeners":       listOf(d, &c.Listeners, defaultListener, d.listener),
		"admin":           into(&c.Admin, d.admin),
		"state":           into(&c.State, d.state),
		"identity":        into(&c.Identity, d.identity),
		"shutdownTimeout": one(d, &c.ShutdownTimeout, positive(parseDuration)),
		"debugHeaders":    one(d, &c.DebugHeaders, parseBool),
		"routes":          listOf(d, &c.Routes, defaultRoute, d.route),
		"flags":           func(v value) { d.flags(v, &c.Flags) },
		"log":             into(&c.Log, d.log),
	})
	if c.State.Dir == "" && !d.has("state.dir") {
		c.State.Dir = defaultStateDir(d.env)
	}
}

func parseFormat(s string) (int, error) {
	if s != "1" {
		return 0, errors.New("is a format that is not known here; write version: 1")
	}
	return 1, nil
}

func (d *decoder) listener(v value, l *Listener) {
	d.object(v, keys{
		"name":           one(d, &l.Name, parseName),
		"address":        one(d, &l.Address, parseAddress),
		"protocols":      some(d, &l.Protocols, oneOf([]string{"http1", "h2", "h2c"})),
		"tls":            maybe(&l.TLS, ListenerTLS{MinVersion: "1.2"}, d.listenerTLS),
		"redirectToTLS":  one(d, &l.RedirectToTLS, parseBool),
		"ofrep":          one(d, &l.OFREP, parseBool),
		"proxyProtocol":  into(&l.ProxyProtocol, d.proxyProtocol),
		"trustedProxies": list(d, &l.TrustedProxies, parsePrefix),
		"limits":         into(&l.Limits, d.limits),
	})
	if l.TLS != nil && !d.has(v.path+".protocols") {
		l.Protocols = []string{"http1", "h2"}
	}
}

func (d *decoder) listenerTLS(v value, t *ListenerTLS) {
	d.object(v, keys{
		"certificates": listOf(d, &t.Certificates, zero[Certificate], d.certificate),
		"acme":         maybe(&t.ACME, defaultACME(), d.acme),
		"clientCAFile": one(d, &t.ClientCAFile, parseText),
		"minVersion":   one(d, &t.MinVersion, oneOf([]string{"1.2", "1.3"})),
	})
	if t.ACME == nil {
		d.required(v, "certificates", "like certificates: [{certFile: tls.crt, keyFile: tls.key}], or acme: {domains: [shop.example.com]}")
	}
	if d.has(v.path+".certificates") && len(t.Certificates) == 0 && !d.broken(v.path+".certificates") {
		d.errorf(v.path+".certificates", "the list is empty; write it like [{certFile: tls.crt, keyFile: tls.key}]")
	}
}

func (d *decoder) certificate(v value, c *Certificate) {
	d.object(v, keys{
		"certFile": one(d, &c.CertFile, parseText),
		"keyFile":  one(d, &c.KeyFile, parseText),
	})
	d.required(v, "certFile", "like certFile: tls.crt")
	d.required(v, "keyFile", "like keyFile: tls.key")
}

func (d *decoder) proxyProtocol(v value, p *ProxyProtocol) {
	d.object(v, keys{"from": list(d, &p.From, parsePrefix)})
	d.required(v, "from", "like from: [10.0.0.0/8]")
}

func (d *decoder) limits(v value, l *Limits) {
	d.object(v, keys{
		"headerBytes":      one(d, &l.HeaderBytes, parseSize),
		"headerCount":      one(d, &l.HeaderCount, parseCount(0)),
		"headerTimeout":    one(d, &l.HeaderTimeout, parseDuration),
		"idleTimeout":      one(d, &l.IdleTimeout, parseDuration),
		"bodyRate":         one(d, &l.BodyRate, parseRate),
		"bodyBytes":        one(d, &l.BodyBytes, parseSize),
		"connections":      one(d, &l.Connections, parseCount(0)),
		"connectionsPerIP": one(d, &l.ConnectionsPerIP, parseCount(0)),
	})
}

func (d *decoder) admin(v value, a *Admin) {
	d.object(v, keys{
		"address":      one(d, &a.Address, parseAdminAddress),
		"tokenFile":    one(d, &a.TokenFile, parseText),
		"tokens":       listOf(d, &a.Tokens, zero[Token], d.token),
		"allowedHosts": some(d, &a.AllowedHosts, parseHostPattern),
		"publicURL":    one(d, &a.PublicURL, parsePublicURL),
	})
}

func (d *decoder) token(v value, t *Token) {
	d.object(v, keys{
		"name": one(d, &t.Name, parseName),
		"role": one(d, &t.Role, oneOf([]string{"read", "operate"})),
		"file": one(d, &t.File, parseText),
	})
	for _, name := range []string{"name", "role", "file"} {
		if !d.has(v.path+"."+name) && v.node.Kind == yaml.MappingNode {
			d.errorf(v.path, "has no %s; write it like {name: ci, role: operate, file: ci.token}", name)
		}
	}
}

func (d *decoder) state(v value, s *State) {
	d.object(v, keys{"dir": one(d, &s.Dir, parseText)})
}

func (d *decoder) identity(v value, id *Identity) {
	d.object(v, keys{
		"trust":   list(d, &id.Trust, parsePrefix),
		"key":     listOf(d, &id.Key, zero[Source], d.source),
		"email":   listOf(d, &id.Email, zero[Source], d.headerSource),
		"segment": listOf(d, &id.Segment, zero[Source], d.headerSource),
		"jwt":     maybe(&id.JWT, JWT{Header: "Authorization"}, d.jwt),
	})
}

func (d *decoder) source(v value, s *Source) {
	d.object(v, keys{
		"header": one(d, &s.Header, parseToken),
		"cookie": one(d, &s.Cookie, parseToken),
		"jwt":    one(d, &s.JWT, parseText),
	})
	d.exactlyOne(v, "header", "cookie", "jwt")
}

// headerSource refuses cookies: anyone can write one, and an address or a segment decides what a user gets to see.
func (d *decoder) headerSource(v value, s *Source) {
	d.source(v, s)
	if d.has(v.path + ".cookie") {
		d.errorf(v.path+".cookie", "a plain cookie serves stickiness only; name a header that a peer in identity.trust sets, or a claim of a JWT")
	}
}

func (d *decoder) log(v value, l *Log) {
	d.object(v, keys{
		"level":  one(d, &l.Level, oneOf([]string{"debug", "info", "warn", "error"})),
		"access": func(v value) { d.access(v, &l.Access) },
	})
}

// access is a format, or a map with one.
func (d *decoder) access(v value, a *AccessLog) {
	format := one(d, &a.Format, oneOf([]string{"json", "combined", "ecs", "off"}))
	if v.node.Kind != yaml.MappingNode {
		format(v)
		return
	}
	d.object(v, keys{
		"format": format,
		"path":   one(d, &a.Path, parseText),
		"sample": func(v value) {
			d.object(v, keys{"success": one(d, &a.Success, parsePercent), "errors": one(d, &a.Errors, parsePercent)})
		},
	})
	d.required(v, "format", "like format: json")
}

// exactlyOne adds an error unless just one of the keys is there.
func (d *decoder) exactlyOne(v value, names ...string) {
	if v.node.Kind != yaml.MappingNode {
		return
	}
	n := 0
	for _, name := range names {
		if d.has(v.path + "." + name) {
			n++
		}
	}
	switch {
	case n > 1:
		d.errorf(v.path, "has %d of %s; write exactly one", n, quoteAll(names))
	case n == 0 && !d.broken(v.path):
		d.errorf(v.path, "has none of %s; write exactly one", quoteAll(names))
	}
}
