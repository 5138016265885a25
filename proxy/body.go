package proxy

import "errors"

// framing is how a message body ends (RFC 9112 section 6).
type framing uint8

const (
	noBody     framing = iota
	fixed              // Content-Length
	chunked            // Transfer-Encoding: chunked
	untilClose         // answers only: the end of the connection
)

var (
	errChunk       = errors.New("malformed chunk")
	errChunkLine   = errors.New("chunk line too long")
	errTrailer     = errors.New("malformed trailer")
	errTrailerSize = errors.New("trailers too large")
)

const (
	maxChunkLine    = 1 << 10 // size and extensions; extensions are dropped
	maxTrailers     = 8 << 10
	maxChunkDigits  = 15 // fits an int64
	trailerCapacity = 256
)

// chunkPhase is the place inside a chunked body.
type chunkPhase uint8

const (
	inSize chunkPhase = iota
	inExtension
	inSizeLF
	inData
	inDataCR
	inDataLF
	inTrailer
	inTrailerLF
	inEnd
)

// body reads a message body out of a stream of buffers. It holds no buffer and does no I/O: decode takes what was read and leaves the
// content at the front of it, so memory does not grow with the body.
type body struct {
	framing framing
	left    int64 // fixed: content to come; chunked: of this chunk
	phase   chunkPhase
	digits  int
	line    int // length of the present chunk line
	done    bool
	// trailers are the raw trailer lines, each with its CRLF, complete when done. The line under way starts at lineStart.
	trailers  []byte
	lineStart int
}

// start makes b ready for a message with the given framing and, for fixed, length.
func (b *body) start(f framing, length int64) {
	*b = body{framing: f, left: length, trailers: b.trailers[:0]}
	b.done = f == noBody || f == fixed && length == 0
}

// decode moves the content in p to the front of p. It returns how many bytes of content that is and how many bytes of p belonged to
// this body; what follows them is the next message's. At the end done is true.
func (b *body) decode(p []byte) (content, used int, err error) {
	switch b.framing {
	case fixed:
		n := int(min(int64(len(p)), b.left))
		b.left -= int64(n)
		b.done = b.left == 0
		return n, n, nil
	case untilClose:
		return len(p), len(p), nil
	case chunked:
		return b.decodeChunks(p)
	}
	return 0, 0, nil
}

func (b *body) decodeChunks(p []byte) (content, used int, err error) {
	for used < len(p) && !b.done {
		if b.phase == inData {
			n := int(min(int64(len(p)-used), b.left))
			content += copy(p[content:], p[used:used+n])
			used += n
			if b.left -= int64(n); b.left == 0 {
				b.phase = inDataCR
			}
			continue
		}
		if err := b.frameByte(p[used]); err != nil {
			return content, used, err
		}
		used++
	}
	return content, used, nil
}

// frameByte takes one byte that is not content.
func (b *body) frameByte(c byte) error {
	switch b.phase {
	case inSize, inExtension, inSizeLF:
		return b.sizeByte(c)
	case inDataCR:
		b.phase = inDataLF
		return want(c, '\r')
	case inDataLF:
		b.phase, b.digits, b.line = inSize, 0, 0
		return want(c, '\n')
	default:
		return b.trailerByte(c)
	}
}

func (b *body) sizeByte(c byte) error {
	if b.line++; b.line > maxChunkLine {
		return errChunkLine
	}
	switch {
	case b.phase == inSizeLF:
		if c != '\n' || b.digits == 0 {
			return errChunk
		}
		if b.phase = inData; b.left == 0 {
			b.phase = inTrailer
		}
	case c == '\r':
		b.phase = inSizeLF
	case b.phase == inExtension:
		if c < ' ' && c != '\t' || c == 0x7f {
			return errChunk
		}
	case c == ';' && b.digits > 0:
		b.phase = inExtension
	default:
		d := hexDigit(c)
		if b.digits++; d < 0 || b.digits > maxChunkDigits {
			return errChunk
		}
		b.left = b.left<<4 | int64(d)
	}
	return nil
}

func (b *body) trailerByte(c byte) error {
	switch b.phase {
	case inTrailer:
		switch {
		case c == '\r' && len(b.trailers) == b.lineStart:
			b.phase = inEnd
		case c == '\r':
			b.phase = inTrailerLF
		case c == '\n':
			return errTrailer
		case len(b.trailers) >= maxTrailers:
			return errTrailerSize
		default:
			if b.trailers == nil {
				b.trailers = make([]byte, 0, trailerCapacity)
			}
			b.trailers = append(b.trailers, c)
		}
	case inTrailerLF:
		if _, _, ok := splitField(b.trailers[b.lineStart:]); c != '\n' || !ok {
			return errTrailer
		}
		b.trailers = append(b.trailers, '\r', '\n')
		b.lineStart, b.phase = len(b.trailers), inTrailer
	case inEnd:
		b.done = c == '\n'
		return want(c, '\n')
	}
	return nil
}

func want(got, wanted byte) error {
	if got != wanted {
		return errChunk
	}
	return nil
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
