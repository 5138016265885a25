package file

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"sluice/store"
)

// format of the documents that this package writes and reads.
const format = 1

// envelope is a document as it lies on disk.
type envelope struct {
	Format   int             `json:"format"`
	Version  uint64          `json:"version"`
	Checksum string          `json:"checksum"`
	Value    json.RawMessage `json:"value"`
}

// seal writes a document so that people can read it and a torn or altered one is noticed.
func seal(d store.Document) ([]byte, error) {
	sum, err := checksum(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"format\": %d,\n  \"version\": %d,\n  \"checksum\": %q,\n  \"value\": ", format, d.Version, sum)
	if err := json.Indent(&b, d.Value, "  ", "  "); err != nil {
		return nil, fmt.Errorf("bug: document is no JSON: %w", err)
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

func unseal(b []byte) (store.Document, error) {
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return store.Document{}, fmt.Errorf("no whole JSON document: %w", err)
	}
	if e.Format != format {
		return store.Document{}, fmt.Errorf("format is %d, this program reads %d", e.Format, format)
	}
	d := store.Document{Version: e.Version, Value: e.Value}
	sum, err := checksum(d)
	switch {
	case err != nil:
		return store.Document{}, err
	case sum != e.Checksum:
		return store.Document{}, errors.New("the checksum does not fit")
	case e.Version == 0:
		return store.Document{}, errors.New("version is 0")
	}
	return d, nil
}

// checksum covers the version and the value without its white space.
func checksum(d store.Document) (string, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\n", d.Version)
	if err := json.Compact(&b, d.Value); err != nil {
		return "", fmt.Errorf("the value is no JSON: %w", err)
	}
	sum := sha256.Sum256(b.Bytes())
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
