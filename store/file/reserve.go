package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"sluice/store"
)

// A document has room set aside beside it, NAME.json.reserve, so that a state can be kept when the disk takes no new file: two slots, in
// which a sealed document is written in place. The one with the higher version counts, so a torn write leaves the one before.
const (
	slotSize = 32 << 10
	slots    = 2
)

func reserveOf(path string) string { return path + ".reserve" }

// setAside makes the room, or empties it: who puts the .bak back gets nothing else. Real bytes are written, as a hole would need space
// later. Without the room a store works as well, it only has nothing to fall back on.
func setAside(path string) error {
	empty := blank(slots * slotSize)
	if overwrite(path, empty, 0) == nil {
		return nil
	}
	err := writeSynced(reserveOf(path), empty)
	if err != nil {
		_ = os.Remove(reserveOf(path))
	}
	return err
}

func blank(n int) []byte { return bytes.Repeat([]byte("\n"), n) }

// writeSlot keeps a document in the slot of its version. It needs no space and no new name.
func writeSlot(path string, d store.Document) error {
	sum, err := checksum(d)
	if err != nil {
		return err
	}
	b, err := json.Marshal(envelope{Format: format, Version: d.Version, Checksum: sum, Value: d.Value})
	switch {
	case err != nil:
		return fmt.Errorf("bug: document is no JSON: %w", err)
	case len(b) > slotSize:
		return fmt.Errorf("%d bytes are more than the reserve takes, %d", len(b), slotSize)
	}
	return overwrite(path, append(b, blank(slotSize-len(b))...), int64(d.Version%slots)*slotSize)
}

// overwrite writes within the reserve, which it never makes longer.
func overwrite(path string, b []byte, at int64) error {
	f, err := os.OpenFile(reserveOf(path), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	i, err := f.Stat()
	if err == nil && i.Size() != slots*slotSize {
		err = errors.New("the reserve has another size")
	}
	if err == nil {
		_, err = f.WriteAt(b, at)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// newest is the document of the reserve with the highest version, where it is not older than d: a file of the same version is one whose
// write was not known to be safe. What can't be read is no document: d was committed before it.
func newest(path string, d store.Document) store.Document {
	b, err := os.ReadFile(reserveOf(path))
	if err != nil || len(b) != slots*slotSize {
		return d
	}
	for i := range slots {
		kept, err := unseal(bytes.TrimRight(b[i*slotSize:(i+1)*slotSize], "\n"))
		if err == nil && kept.Version >= d.Version {
			d = kept
		}
	}
	return d
}
