package h2

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
)

// answer reads what the exchange writes, an answer of HTTP/1.1 whose framing is our own, and says it as HTTP/2.
type answer struct {
	w       http.ResponseWriter
	toHEAD  bool
	phase   phase
	line    []byte // a head, or a line of framing, that is not whole yet
	left    int64  // content to come: of the body, or of the chunk
	pending bool   // something was written that is not flushed
}

type phase uint8

const (
	inHead  phase = iota
	inBody        // of a known length
	inSize        // a chunk's size line
	inChunk       // its content
	inEnd         // the line end after it
	inTrailers
	over
)

// errFraming says that what came is none of our answers.
var errFraming = errors.New("bug: an answer that is framed as none of ours")

func (a *answer) take(p []byte) error {
	for len(p) > 0 {
		var err error
		switch a.phase {
		case inBody, inChunk:
			n := min(int64(len(p)), a.left)
			if _, err = a.w.Write(p[:n]); err != nil {
				return err
			}
			a.pending = true
			p = p[n:]
			if a.left -= n; a.left == 0 {
				a.phase = map[phase]phase{inBody: over, inChunk: inEnd}[a.phase]
			}
		case over:
			return errFraming
		default:
			p, err = a.takeLine(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeLine collects a line, or a whole head, and acts on it.
func (a *answer) takeLine(p []byte) (rest []byte, err error) {
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		a.line = append(a.line, p...)
		return nil, nil
	}
	a.line, rest = append(a.line, p[:end+1]...), p[end+1:]
	if a.phase == inHead {
		if !bytes.HasSuffix(a.line, []byte("\r\n\r\n")) {
			return rest, nil
		}
		err = a.begin(a.line)
	} else {
		err = a.frame(bytes.TrimRight(a.line, "\r\n"))
	}
	a.line = a.line[:0]
	return rest, err
}

// frame acts on a line of the framing.
func (a *answer) frame(line []byte) error {
	switch a.phase {
	case inSize:
		n, err := strconv.ParseUint(string(line), 16, 62)
		if err != nil {
			return errFraming
		}
		a.left = int64(n)
		a.phase = inChunk
		if n == 0 {
			a.phase = inTrailers
		}
	case inEnd:
		a.phase = inSize
	case inTrailers:
		if len(line) == 0 {
			a.phase = over
			return nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		a.w.Header().Add(http.TrailerPrefix+http.CanonicalHeaderKey(string(name)), string(bytes.Trim(value, " \t")))
	}
	return nil
}

// begin says a head: an interim one at once, the final one with the body that follows.
func (a *answer) begin(head []byte) error {
	first, fields, _ := bytes.Cut(head, []byte("\r\n"))
	status := 0
	if len(first) >= len("HTTP/1.1 200") {
		status, _ = strconv.Atoi(string(first[len("HTTP/1.1 "):][:3]))
	}
	if status < 100 {
		return errFraming
	}
	h := a.w.Header()
	length, chunked := int64(-1), false
	for len(fields) > 2 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.Trim(value, " \t")
		switch key := http.CanonicalHeaderKey(string(name)); key {
		case "Connection", "Keep-Alive", "Upgrade", "Proxy-Connection": // about a connection, which there is none of
		case "Transfer-Encoding":
			chunked = true
		case "Content-Length":
			length, _ = strconv.ParseInt(string(value), 10, 64)
			h.Set(key, string(value))
		default:
			h.Add(key, string(value))
		}
	}
	if status < 200 {
		a.interim(status)
		return nil
	}
	for _, invented := range [...]string{"Date", "Content-Type"} {
		if _, said := h[invented]; !said {
			h[invented] = nil
		}
	}
	a.w.WriteHeader(status)
	a.pending = true
	switch {
	case a.toHEAD || status == http.StatusNoContent || status == http.StatusNotModified:
		a.phase = over
	case chunked:
		a.phase = inSize
	case length > 0:
		a.phase, a.left = inBody, length
	default:
		a.phase = over
	}
	return nil
}

// interim passes an interim answer on. A 100 is net/http's to say, when the body is asked for.
func (a *answer) interim(status int) {
	h := a.w.Header()
	closing := h.Get("Connection")
	if status != http.StatusContinue {
		a.w.WriteHeader(status)
	}
	clear(h)
	if closing != "" {
		h.Set("Connection", closing)
	}
}
