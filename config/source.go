package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

var utf8BOM = []byte("\xef\xbb\xbf")

// readYAML parses one YAML document into its root node. A byte order mark and CRLF line ends are accepted.
func readYAML(name string, src []byte) (*yaml.Node, *Finding) {
	fail := func(line, column int, format string, args ...any) (*yaml.Node, *Finding) {
		return nil, &Finding{File: name, Line: line, Column: column, Message: oneLine(fmt.Sprintf(format, args...))}
	}
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		return fail(1, 1, "the file is UTF-16; save it as UTF-8")
	}
	src = bytes.TrimPrefix(src, utf8BOM)
	if at := badByte(src); at >= 0 {
		line, column := position(src, at)
		return fail(line, column, "the byte 0x%02x is no text; save the file as UTF-8 without control characters", src[at])
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var first, second yaml.Node
	err := decodeNode(dec, &first)
	if errors.Is(err, io.EOF) || err == nil && (len(first.Content) == 0 || isNull(first.Content[0])) {
		return fail(1, 1, "the file is empty; the least is `version: 1` and a route, see docs/configuration.md")
	}
	if err == nil {
		switch err = decodeNode(dec, &second); {
		case err == nil:
			return fail(second.Line, second.Column, "a second document begins here; a configuration is one document, remove the ---")
		case errors.Is(err, io.EOF):
			return first.Content[0], nil
		}
	}
	line, column, text := locate(src, err)
	return fail(line, column, "%s", text)
}

// decodeNode is Decode; a panic of the parser, which is given files that anyone may have written, becomes an error.
func decodeNode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: the parser gives up: %v", p)
		}
	}()
	return dec.Decode(n)
}

// badByte is the offset of the first byte that is not UTF-8 or is a control character, -1 when there is none.
func badByte(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		switch {
		case r == utf8.RuneError && size == 1,
			r < ' ' && r != '\t' && r != '\n' && r != '\r',
			r >= 0x7f && r < 0xa0 && r != 0x85,
			r == 0xfffe || r == 0xffff || r == 0xfeff:
			return i
		}
		i += size
	}
	return -1
}

// position is the line and column of an offset, both from 1, the column in characters.
func position(src []byte, offset int) (line, column int) {
	before := src[:min(offset, len(src))]
	line = bytes.Count(before, []byte("\n")) + 1
	begin := bytes.LastIndexByte(before, '\n') + 1
	return line, utf8.RuneCount(before[begin:]) + 1
}

// lineText is a line of the source without its end; "" when there is no such line.
func lineText(src []byte, line int) string {
	for text := range bytes.Lines(src) {
		if line--; line == 0 {
			return strings.TrimRight(string(text), "\r\n")
		}
	}
	return ""
}
