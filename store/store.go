// Package store keeps small JSON documents, one a route, that are changed by compare-and-swap only.
//
// It knows nothing of rollouts. store/file keeps documents in a folder, store/memory in the process; both pass store/storetest.
// Start at Store.
package store

import (
	"context"
	"errors"
	"fmt"
)

// Document is one version of a document.
type Document struct {
	// Version counts the changes from 1; 0 is a document that does not exist.
	Version uint64
	// Value is JSON; nil when the document does not exist. It must not be written to.
	Value []byte
}

// ErrConflict says that the document has another version than the caller took it to have; nothing was changed.
var ErrConflict = errors.New("the document was changed by someone else")

// Unreadable says that a document exists and can't be understood: torn, altered, of a later format, or not ours to read.
type Unreadable struct {
	Name string
	Err  error
}

func (e *Unreadable) Error() string {
	return fmt.Sprintf("document %q can't be read: %v", e.Name, e.Err)
}

// Unwrap is the cause.
func (e *Unreadable) Unwrap() error { return e.Err }

// Store holds documents by name. Names are route names: letters, digits, dashes. It is safe for concurrent use.
type Store interface {
	// Get is the document, with version 0 and no error when there is none. An *Unreadable says that there is one that can't be used.
	Get(ctx context.Context, name string) (Document, error)
	// Swap replaces the document when it has the given version, and returns the new one once it is safe on its medium. A nil value
	// deletes it. Version 0 means a document that is missing or unreadable. ErrConflict: another version is there. After any other error
	// either the old or the new value is kept, and the same call may be repeated.
	Swap(ctx context.Context, name string, version uint64, value []byte) (Document, error)
	// Hold is Swap for when that fails: it keeps the value where room was set aside, so that Get, also of the next process, gives it until
	// the next Swap. It may have no room, and then changes nothing.
	Hold(ctx context.Context, name string, version uint64, value []byte) (Document, error)
	// Watch sends the newest document after each change until ctx ends, then closes the channel. Changes that follow each other fast may
	// be left out, the last one never.
	Watch(ctx context.Context, name string) <-chan Document
}
