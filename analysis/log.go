package analysis

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"runtime"
)

// A block log is all that an attempt's evidence was made of: LogHeader, then records. A record is a mark, its length as a varint, what kind it
// is and its text, and their CRC-32C, so that a torn or a damaged one is known, and the next one is found again.

// LogHeader begins a file of a block log.
const LogHeader = logName + logVersion + "\n"

const (
	logName    = "sluice block log "
	logVersion = "1"

	recordMark = 0xb7
	// maxRecord is more than any record has.
	maxRecord = 4 << 20
)

// The kinds of records.
const (
	recordBegin    = 'S' // JSON of a LogBegin
	recordRules    = 'R' // JSON of the Rules that a reload brought
	recordBlock    = 'B' // AppendBlock
	recordLost     = 'L' // varint: blocks that the judge never saw
	recordDecision = 'D' // two varints: seq and time of a decision that was made on what came before
)

// The reasons for a LogBegin.
const (
	LogStarted   = "start"   // of an attempt, or of a process that takes it up
	LogGap       = "gap"     // Dropped blocks before it are not in the log
	LogContinued = "another" // file of the same attempt begins
)

// LogBegin is where a log can be read from: the rules, and the evidence as it is before the blocks that follow.
type LogBegin struct {
	Route   string `json:"route"`
	Attempt string `json:"attempt"`
	Why     string `json:"why"`
	// Dropped blocks were judged and could not be written.
	Dropped uint64 `json:"dropped,omitempty"`
	// Made by this program on this machine: on another kind of machine the last bits may differ.
	Made  string `json:"made"`
	Rules Rules  `json:"rules"`
	State State  `json:"state"`
}

// MadeHere is what makes and reads logs in this process.
func MadeHere() string { return runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH }

// LogWriter appends records to a log. It is for one goroutine, and allocates nothing for blocks after its first ones.
type LogWriter struct{ text []byte }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Block was judged.
func (w *LogWriter) Block(log []byte, b *Block) []byte {
	w.text = AppendBlock(append(w.text[:0], recordBlock), b)
	return w.record(log)
}

// Lost blocks were never judged.
func (w *LogWriter) Lost(log []byte, n int64) []byte {
	w.text = binary.AppendVarint(append(w.text[:0], recordLost), n)
	return w.record(log)
}

// Decision was made on what came before.
func (w *LogWriter) Decision(log []byte, m Mark) []byte {
	w.text = binary.AppendUvarint(append(w.text[:0], recordDecision), m.Seq)
	w.text = binary.AppendVarint(w.text, m.At)
	return w.record(log)
}

// Begin says where the log can be read from.
func (w *LogWriter) Begin(log []byte, b *LogBegin) []byte {
	b.Made = MadeHere()
	return w.json(log, recordBegin, b)
}

// Rules are in force from here on.
func (w *LogWriter) Rules(log []byte, r *Rules) []byte { return w.json(log, recordRules, r) }

func (w *LogWriter) json(log []byte, kind byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("bug: evidence is no JSON: " + err.Error())
	}
	w.text = append(append(w.text[:0], kind), text...)
	return w.record(log)
}

func (w *LogWriter) record(log []byte) []byte {
	log = append(log, recordMark)
	log = binary.AppendUvarint(log, uint64(len(w.text)))
	log = append(log, w.text...)
	return binary.LittleEndian.AppendUint32(log, crc32.Checksum(w.text, castagnoli))
}

// record is one entry of a log.
type record struct {
	kind byte
	text []byte
	// at is where it begins, number counts the records up to it, from 1.
	at, number int
}

// readRecord reads the record at the beginning of a log, and how long it is; 0 is none, or a damaged one.
func readRecord(log []byte) (r record, size int) {
	if len(log) == 0 || log[0] != recordMark {
		return r, 0
	}
	n, used := binary.Uvarint(log[1:])
	if used <= 0 || n == 0 || n > maxRecord || uint64(len(log)-1-used) < n+4 {
		return r, 0
	}
	text := log[1+used : 1+used+int(n)]
	sum := binary.LittleEndian.Uint32(log[1+used+int(n):])
	if crc32.Checksum(text, castagnoli) != sum {
		return r, 0
	}
	return record{kind: text[0], text: text[1:]}, 1 + used + int(n) + 4
}

// cut says that a log ends inside the record that it begins with.
func cut(log []byte) bool {
	n, used := binary.Uvarint(log[1:])
	return log[0] == recordMark && (used == 0 || used > 0 && n <= maxRecord && uint64(len(log)-1-used) < n+4)
}

// hole is a part of a log that can't be read.
type hole struct {
	from, to int
	record   int  // the number of the one that is damaged
	torn     bool // it is the log's last, and not all there
}

// scan reads a log's records in order. What is damaged is left out, up to the next record that is whole; end is where the last one ends.
func scan(log []byte, each func(record), damaged func(hole)) (end int, err error) {
	if err := readHeader(log); err != nil {
		return 0, err
	}
	end = len(LogHeader)
	number := 0
	for at := end; at < len(log); {
		r, size := readRecord(log[at:])
		if size == 0 {
			next := at + 1
			for ; next < len(log); next++ {
				if _, size := readRecord(log[next:]); size > 0 {
					break
				}
			}
			number++
			damaged(hole{from: at, to: next, record: number, torn: next == len(log) && cut(log[at:])})
			at = next
			continue
		}
		number++
		r.at, r.number = at, number
		each(r)
		at += size
		end = at
	}
	return end, nil
}

func readHeader(log []byte) error {
	if len(log) >= len(LogHeader) && string(log[:len(LogHeader)]) == LogHeader {
		return nil
	}
	if len(log) < len(LogHeader) || string(log[:len(logName)]) != logName {
		return fmt.Errorf("this is no block log: it does not begin with %q", logName+logVersion)
	}
	version := log[len(logName):min(len(log), len(logName)+8)]
	return fmt.Errorf("the block log has version %.8q, this program reads %s: use the program that wrote it, or a newer one", version, logVersion)
}

// WholeLog is how much of a file is a log up to its last whole record: what is after it was torn by a crash. The error says that it is no log
// which this program writes.
func WholeLog(log []byte) (int, error) {
	return scan(log, func(record) {}, func(hole) {})
}
