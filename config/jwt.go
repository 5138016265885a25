package config

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// JWT says which tokens are believed. The keys are exactly one of JWKSURL, KeyFile and HMACSecretFile.
type JWT struct {
	// Header that carries the token, after "Bearer" in Authorization. Default "Authorization".
	Header string
	// Algorithms that a token may be signed with. Default RS256, ES256; with HMACSecretFile HS256.
	Algorithms []string
	// JWKSURL is where a JSON Web Key Set is fetched, again and again.
	JWKSURL string
	// KeyFile holds public keys or certificates, PEM; a path relative to the configuration's folder.
	KeyFile string
	// HMACSecretFile holds a secret that is shared with who makes the tokens; a path relative to the configuration's folder.
	HMACSecretFile string
	// Issuer that a token must name; "" is any. Default "".
	Issuer string
	// Audience that a token must name; "" is any. Default "".
	Audience string
}

var (
	publicAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
)

func (d *decoder) jwt(v value, j *JWT) {
	d.object(v, keys{
		"header":         one(d, &j.Header, parseToken),
		"algorithms":     some(d, &j.Algorithms, oneOf(slices.Concat(publicAlgorithms, secretAlgorithms))),
		"jwksURL":        one(d, &j.JWKSURL, parseKeysURL),
		"keyFile":        one(d, &j.KeyFile, parseText),
		"hmacSecretFile": one(d, &j.HMACSecretFile, parseText),
		"issuer":         one(d, &j.Issuer, parseText),
		"audience":       one(d, &j.Audience, parseText),
	})
	d.exactlyOne(v, "jwksURL", "keyFile", "hmacSecretFile")
	fit, source := publicAlgorithms, "public keys"
	if d.has(v.path + ".hmacSecretFile") {
		fit, source = secretAlgorithms, "hmacSecretFile"
	}
	if !d.has(v.path + ".algorithms") {
		j.Algorithms = []string{"RS256", "ES256"}
		if d.has(v.path + ".hmacSecretFile") {
			j.Algorithms = []string{"HS256"}
		}
		return
	}
	for _, a := range j.Algorithms {
		if !slices.Contains(fit, a) && !d.broken(v.path) {
			d.errorf(v.path+".algorithms", "%s is not for %s; write some of %s", quote(a), source, quoteAll(fit))
		}
	}
}

// parseKeysURL reads where keys are fetched: over https, or on this machine.
func parseKeysURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		return "", errors.New("is no URL of a key set; write it like https://idp.example/jwks.json")
	}
	return s, printable(s)
}

// jwtRules checks that claims that sources name can be known, and warns of tokens that are believed too easily.
func (d *decoder) jwtRules(id *Identity) {
	used := false
	for _, list := range []struct {
		name    string
		sources []Source
	}{{"key", id.Key}, {"email", id.Email}, {"segment", id.Segment}} {
		for i, s := range list.sources {
			if s.JWT == "" {
				continue
			}
			used = true
			if at := fmt.Sprintf("identity.%s[%d].jwt", list.name, i); id.JWT == nil {
				d.errorf(at, "nothing says which tokens are believed; set identity.jwt, like {jwksURL: https://idp.example/jwks.json, issuer: https://idp.example}")
			}
		}
	}
	if id.JWT != nil && !used && !d.broken("identity") {
		d.warnf("identity.jwt", "says nothing, as no source names a claim; write key: [{jwt: sub}]")
	}
}

// jwtWarnings are about tokens that are made for somebody else, and keys that anyone on the way could exchange.
func (d *decoder) jwtWarnings(j *JWT) {
	if j == nil {
		return
	}
	if j.HMACSecretFile == "" && (j.Issuer == "" || j.Audience == "") {
		d.warnf("identity.jwt", "tokens that the same issuer made for somebody else are believed too; set issuer and audience")
	}
	if u, err := url.Parse(j.JWKSURL); err == nil && u.Scheme == "http" && !isLocal(u.Hostname()) {
		d.warnf("identity.jwt.jwksURL", "who is on the way can exchange the keys; use https")
	}
}

func isLocal(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// readIdentityFiles makes the paths of identity's files whole and says what would keep them from being used.
func (d *decoder) readIdentityFiles(id *Identity, folder string) {
	j := id.JWT
	if j == nil {
		return
	}
	join(&j.KeyFile, folder)
	join(&j.HMACSecretFile, folder)
	d.readSecret("identity.jwt.hmacSecretFile", j.HMACSecretFile)
	if j.KeyFile == "" || d.broken("identity.jwt.keyFile") {
		return
	}
	src, err := readFile(j.KeyFile)
	if err != nil {
		d.errorf("identity.jwt.keyFile", "%q %v", j.KeyFile, err)
	} else if block, _ := pem.Decode(src); block == nil || strings.Contains(block.Type, "PRIVATE") {
		d.errorf("identity.jwt.keyFile", "%q holds no public key in PEM", j.KeyFile)
	}
}

// shortSecret is under what HMAC with SHA-256 can use (RFC 7518, section 3.2).
const shortSecret = 32

// readSecret says why a file with a secret can't be used.
func (d *decoder) readSecret(path, file string) {
	if file == "" || d.broken(path) {
		return
	}
	src, err := readFile(file)
	switch secret := bytes.TrimSpace(src); {
	case err != nil:
		d.errorf(path, "%q %v", file, err)
	case len(secret) == 0:
		d.errorf(path, "%q is empty; write a secret into it, like one of `openssl rand -hex 32`", file)
	case len(secret) < shortSecret:
		d.warnf(path, "%q holds a secret of under %d bytes, which can be guessed; take one of `openssl rand -hex 32`", file, shortSecret)
	}
}
