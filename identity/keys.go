package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxKeys = 100 // of one set
	minRSA  = 2048
	maxRSA  = 8192
)

// Keys are those that tokens are verified with. They may be replaced while they are used.
type Keys struct {
	set   atomic.Pointer[keySet]
	want  chan struct{} // holds one wish for newer keys
	fetch fetch
}

// keySet never changes.
type keySet struct{ keys []key }

type key struct {
	id, algorithm string // "" is any
	kind          keyKind
	value         any
}

// keyKind keeps algorithms to keys that were made for them: a public key is never taken for a shared secret.
type keyKind uint8

const (
	noKey keyKind = iota
	secretKey
	rsaKey
	p256Key
	p384Key
	p521Key
	edKey
)

func kindOf(algorithm string) keyKind {
	switch algorithm {
	case "HS256", "HS384", "HS512":
		return secretKey
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		return rsaKey
	case "ES256":
		return p256Key
	case "ES384":
		return p384Key
	case "ES512":
		return p521Key
	case "EdDSA":
		return edKey
	}
	return noKey
}

func fixedKeys(keys ...key) *Keys {
	k := &Keys{want: make(chan struct{}, 1)}
	k.set.Store(&keySet{keys})
	return k
}

// SecretKey is one that is shared with who makes the tokens (HS256, HS384, HS512).
func SecretKey(secret []byte) *Keys { return fixedKeys(key{kind: secretKey, value: secret}) }

// PublicKeys reads public keys, or certificates that hold them, in PEM.
func PublicKeys(src []byte) (*Keys, error) {
	var keys []key
	for {
		var block *pem.Block
		if block, src = pem.Decode(src); block == nil {
			break
		}
		public, err := publicKey(block)
		if err != nil {
			return nil, err
		}
		k, err := keyOf(public)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 || len(keys) > maxKeys {
		return nil, errors.New("there is no public key in PEM (BEGIN PUBLIC KEY)")
	}
	return fixedKeys(keys...), nil
}

func publicKey(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	return nil, fmt.Errorf("there is a %s where a PUBLIC KEY should be", block.Type)
}

// keyOf classifies a public key.
func keyOf(public crypto.PublicKey) (key, error) {
	switch p := public.(type) {
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < minRSA || n > maxRSA || p.E < 3 || p.E&1 == 0 {
			return key{}, fmt.Errorf("an RSA key of %d bits; it must have %d to %d", n, minRSA, maxRSA)
		}
		return key{kind: rsaKey, value: p}, nil
	case *ecdsa.PublicKey:
		switch p.Curve {
		case elliptic.P256():
			return key{kind: p256Key, value: p}, nil
		case elliptic.P384():
			return key{kind: p384Key, value: p}, nil
		case elliptic.P521():
			return key{kind: p521Key, value: p}, nil
		}
	case ed25519.PublicKey:
		return key{kind: edKey, value: p}, nil
	}
	return key{}, fmt.Errorf("a key of an unknown kind (%T)", public)
}

// fit are the keys that a token of that key id and algorithm may be signed with. A token without an id may be of any key; a key without
// an id serves any token.
func (s *keySet) fit(id, algorithm string) (fit []jwt.VerificationKey) {
	if s == nil {
		return nil
	}
	kind := kindOf(algorithm)
	for i := range s.keys {
		k := &s.keys[i]
		if k.kind == kind && kind != noKey && (k.algorithm == "" || k.algorithm == algorithm) && (id == "" || k.id == "" || k.id == id) {
			fit = append(fit, k.value)
		}
	}
	if id == "" && len(fit) > 4 {
		return nil // each is work, and who made the token could say which
	}
	return fit
}

// jwk is a key of a set (RFC 7517, section 4).
type jwk struct {
	Kty, Use, Alg, Kid, Crv, N, E, X, Y string
}

// parseSet reads a JSON Web Key Set. Keys that are of no use here are left out: for encryption, of unknown kinds, secret ones.
func parseSet(src []byte) (*keySet, error) {
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(src, &set); err != nil {
		return nil, errors.New("it is no JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has more than %d keys", maxKeys)
	}
	out := &keySet{}
	for _, raw := range set.Keys {
		var j jwk
		if json.Unmarshal(raw, &j) != nil || j.Use != "" && j.Use != "sig" {
			continue
		}
		if k, err := j.key(); err == nil {
			k.id, k.algorithm = j.Kid, j.Alg
			out.keys = append(out.keys, k)
		}
	}
	if len(out.keys) == 0 {
		return nil, errors.New("it has no key that can verify a signature")
	}
	return out, nil
}

func (j *jwk) key() (key, error) {
	switch j.Kty {
	case "RSA":
		n, err1 := number(j.N)
		e, err2 := number(j.E)
		if err1 != nil || err2 != nil || e.BitLen() > 31 {
			return key{}, errKey
		}
		return keyOf(&rsa.PublicKey{N: n, E: int(e.Int64())})
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[j.Crv]
		x, err1 := base64.RawURLEncoding.DecodeString(j.X)
		y, err2 := base64.RawURLEncoding.DecodeString(j.Y)
		if curve == nil || err1 != nil || err2 != nil {
			return key{}, errKey
		}
		size := (curve.Params().BitSize + 7) / 8
		if len(x) != size || len(y) != size {
			return key{}, errKey
		}
		p, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
		if err != nil {
			return key{}, err // not on the curve
		}
		return keyOf(p)
	case "OKP":
		x, err := base64.RawURLEncoding.DecodeString(j.X)
		if err != nil || j.Crv != "Ed25519" || len(x) != ed25519.PublicKeySize {
			return key{}, errKey
		}
		return keyOf(ed25519.PublicKey(x))
	}
	return key{}, errKey
}

var errKey = errors.New("a key that can't be used")

func number(s string) (*big.Int, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 || len(b) > maxRSA/8+1 {
		return nil, errKey
	}
	return new(big.Int).SetBytes(b), nil
}
