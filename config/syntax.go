package config

import (
	"bytes"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The parser's errors name a line at best, and for an unfinished {…} or block it is a line before the one meant, so the
// place is searched: it is the end of the shortest beginning of the file that fails in the same words.

// maxLocate is the largest file in which places are searched; in a larger one the parser's own line has to do.
const maxLocate = 1 << 20

var (
	reportedLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	// unquotedVar is ${VAR} where YAML reads the brace: inside {…} or […], not in quotes.
	unquotedVar = regexp.MustCompile(`[{\[,:][ \t]*(\$\{)[A-Za-z_]`)
)

// locate is the place of a syntax error, and what is wrong in words.
func locate(src []byte, err error) (line, column int, text string) {
	message := reportedLine.ReplaceAllString(err.Error(), "")
	line = 1
	if m := reportedLine.FindStringSubmatch(err.Error()); m[1] != "" {
		line, _ = strconv.Atoi(m[1])
		if strings.HasPrefix(message, "did not find expected") {
			line++ // the parser counts these from 0
		}
	}
	column = firstColumn(lineText(src, line))
	if len(src) <= maxLocate && !strings.HasPrefix(message, "could not find expected ':'") {
		line, column = position(src, shortest(src, err.Error()))
	}
	if at := unquotedVar.FindStringSubmatchIndex(lineText(src, line)); at != nil && strings.HasPrefix(message, "did not find expected") {
		return line, at[2] + 1, "the file is no YAML: inside {…} and […] a ${VAR} needs quotes; write \"${VAR}\""
	}
	return line, column, "the file is no YAML: " + message + hint(message, lineText(src, line))
}

// shortest is the offset of the last byte that it takes for this error.
func shortest(src []byte, want string) int {
	return sort.Search(len(src), func(i int) bool {
		var n yaml.Node
		dec := yaml.NewDecoder(bytes.NewReader(src[:i+1]))
		err := decodeNode(dec, &n)
		if err == nil {
			err = decodeNode(dec, &n)
		}
		return err != nil && err != io.EOF && err.Error() == want
	})
}

func firstColumn(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) + 1 }

// hint is what is wrong most often with such a line.
func hint(message, line string) string {
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "; the line is indented with a tab, use spaces"
	case strings.Contains(message, "mapping values are not allowed"):
		return "; a value with a colon and a space in it needs quotes, or the line is indented too far"
	case strings.Contains(message, "could not find expected ':'"):
		return "; a key needs a colon and a space after it"
	case strings.Contains(message, "cannot start any token"):
		return "; a value that begins with @, ` or % needs quotes"
	case strings.Contains(message, "unexpected end of stream"):
		return "; a quote that opens here is not closed"
	case strings.Contains(message, "',' or '}'"), strings.Contains(message, "',' or ']'"):
		return "; a bracket that opens here or a comma is missing its partner"
	case strings.Contains(message, "did not find expected key"), strings.Contains(message, "'-' indicator"):
		return "; check this line's indentation, or a quote that is not closed"
	default:
		return ""
	}
}
