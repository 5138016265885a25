package selector

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"
)

// Signer signs sticky cookies, so that nobody can choose an id. It is safe for concurrent use, and once warm takes no memory.
type Signer struct{ macs sync.Pool }

// signer is what one signature needs.
type signer struct {
	mac  hash.Hash
	sum  [sha256.Size]byte
	text [signatureLength]byte
}

// signatureLength is 128 bits in base64: as much as the id has.
const signatureLength = 22

// NewSigner makes a Signer of a secret; it keeps a copy.
func NewSigner(secret []byte) *Signer {
	secret = append([]byte(nil), secret...)
	return &Signer{macs: sync.Pool{New: func() any { return &signer{mac: hmac.New(sha256.New, secret)} }}}
}

// Append appends a dot and the signature of value to dst.
func (s *Signer) Append(dst, value []byte) []byte {
	m := s.macs.Get().(*signer)
	dst = append(append(dst, '.'), m.sign(value)...)
	s.macs.Put(m)
	return dst
}

// Open is the value that was signed; false when it was not, or was changed.
func (s *Signer) Open(signed []byte) (value []byte, ok bool) {
	at := len(signed) - signatureLength - 1
	if at < 1 || at > cookieIDLength+1+cookieTimeLength || signed[at] != '.' {
		return nil, false
	}
	m := s.macs.Get().(*signer)
	ok = hmac.Equal(m.sign(signed[:at]), signed[at+1:])
	s.macs.Put(m)
	return signed[:at], ok
}

// value is that of Open, nil for one that was not signed.
func (s *Signer) value(signed []byte) []byte {
	if value, ok := s.Open(signed); ok {
		return value
	}
	return nil
}

// sign is good until the next call. The first words keep it apart from other uses of the secret.
func (m *signer) sign(value []byte) []byte {
	m.mac.Reset()
	m.mac.Write(signingWords)
	m.mac.Write(value)
	base64.RawURLEncoding.Encode(m.text[:], m.mac.Sum(m.sum[:0])[:16])
	return m.text[:]
}

var signingWords = []byte("sluice sticky cookie\x00")
