package proxy

import (
	"bytes"
	"errors"
	"testing"
)

// decodeAll feeds input in pieces of the given size.
func decodeAll(b *body, input []byte, piece int) (content []byte, used int, err error) {
	for used < len(input) && !b.done {
		p := bytes.Clone(input[used:min(len(input), used+piece)])
		n, u, err := b.decode(p)
		content, used = append(content, p[:n]...), used+u
		if err != nil {
			return content, used, err
		}
	}
	return content, used, nil
}

func TestAChunkedBodyIsReadAlikeHoweverItIsCut(t *testing.T) {
	t.Parallel()
	const input = "4\r\nWiki\r\n6;name=\"v\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n000\r\nDigest: abc\r\nX-A: 1\r\n\r\nGET / HTTP/1.1"
	for piece := 1; piece <= len(input); piece++ {
		var b body
		b.start(chunked, 0)
		content, used, err := decodeAll(&b, []byte(input), piece)
		if err != nil || !b.done {
			t.Fatalf("in pieces of %d: done = %v, error = %v", piece, b.done, err)
		}
		if got, want := string(content), "Wikipedia in \r\n\r\nchunks."; got != want {
			t.Errorf("in pieces of %d: content = %q, want %q", piece, got, want)
		}
		if got, want := string(b.trailers), "Digest: abc\r\nX-A: 1\r\n"; got != want {
			t.Errorf("in pieces of %d: trailers = %q, want %q", piece, got, want)
		}
		if got := input[used:]; got != "GET / HTTP/1.1" {
			t.Errorf("in pieces of %d: the rest = %q", piece, got)
		}
	}
}

func TestABrokenChunkedBodyIsRefused(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]error{
		"\r\n":                        errChunk,
		"g\r\n":                       errChunk,
		"0x4\r\n":                     errChunk,
		"+4\r\n":                      errChunk,
		" 4\r\n":                      errChunk,
		"4 \r\n":                      errChunk,
		"4\nWiki":                     errChunk,
		"4\r\r\n":                     errChunk,
		"4;a\nb\r\n":                  errChunk,
		"4;a\x00\r\n":                 errChunk,
		"4\r\nWikiX\r\n":              errChunk,
		"4\r\nWiki\n0\r\n":            errChunk,
		"1000000000000000\r\n":        errChunk,
		"0\r\n folded: x\r\n\r\n":     errTrailer,
		"0\r\nno colon\r\n\r\n":       errTrailer,
		"0\r\nname : x\r\n\r\n":       errTrailer,
		"0\r\nname: x\n\r\n":          errTrailer,
		"0\r\nname: a\x00b\r\n\r\n":   errTrailer,
		"0\r\n\rX":                    errChunk,
		"1;" + repeat("e", 2000):      errChunkLine,
		"0\r\nx: " + repeat("a", 9e3): errTrailerSize,
	} {
		for _, piece := range []int{1, len(input)} {
			var b body
			b.start(chunked, 0)
			if _, _, err := decodeAll(&b, []byte(input), piece); !errors.Is(err, want) {
				t.Errorf("decode(%.40q) in pieces of %d = %v, want %v", input, piece, err, want)
			}
		}
	}
}

func repeat(s string, n int) string { return string(bytes.Repeat([]byte(s), n)) }

func TestABodyCutAtAChunkEdgeIsNotDone(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"4\r\nWiki\r\n", "4\r\nWiki\r\n0\r\n", "4\r\nWiki\r\n0\r\n\r", "4\r\nWi"} {
		var b body
		b.start(chunked, 0)
		if _, _, err := decodeAll(&b, []byte(input), 3); err != nil || b.done {
			t.Errorf("decode(%q): done = %v, error = %v; want false, nil", input, b.done, err)
		}
	}
}

func TestAFixedBodyTakesItsLengthAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	var b body
	b.start(fixed, 5)
	n, used, err := b.decode([]byte("he"))
	if n != 2 || used != 2 || err != nil || b.done {
		t.Fatalf("decode = %d, %d, %v, done %v", n, used, err, b.done)
	}
	n, used, err = b.decode([]byte("lloGET"))
	if n != 3 || used != 3 || err != nil || !b.done {
		t.Errorf("decode = %d, %d, %v, done %v", n, used, err, b.done)
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	var b body
	input := []byte("4\r\nWiki\r\n0\r\n\r\n")
	p := make([]byte, len(input))
	if got := testing.AllocsPerRun(100, func() {
		copy(p, input)
		b.start(chunked, 0)
		_, _, _ = b.decode(p)
	}); got != 0 {
		t.Errorf("allocations = %v, want 0", got)
	}
}
