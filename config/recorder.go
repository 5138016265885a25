package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// entry is the number of a list's entry in a path.
var entry = regexp.MustCompile(`\[[0-9]+\]`)

// recorder notes what the decoder asks of a file, so that a schema says what the decoder does and nothing else: the tables of keys as they
// are, and for each value what its reader takes. It sees what the files use that it goes along with.
type recorder struct {
	shapes map[string]*shape
	// same are paths below which the same may stand as below others.
	same map[string]string
}

// shape is what may stand at a path.
type shape struct {
	objects [][]string // the tables of keys, each sorted
	free    bool       // a map with any names
	list    bool
	scalars []scalarKind
	any     bool
}

// scalarKind is what a reader of one value takes.
type scalarKind struct {
	of    string   // of Go's types: string, bool, int, ...
	words []string // nil is any
}

// at is the shape at a path as it is in general: "routes[].backends.*.endpoints[]".
func (r *recorder) at(path string) *shape {
	general := ""
	for _, name := range strings.Split(path, ".") {
		if in := r.shapes[general]; in != nil && in.free && len(in.objects) == 0 {
			name = "*" + strings.Join(entry.FindAllString(name, -1), "")
		}
		name = entry.ReplaceAllString(name, "[]")
		general = strings.TrimPrefix(general+"."+name, ".")
	}
	s := r.shapes[general]
	if s == nil {
		s = new(shape)
		r.shapes[general] = s
	}
	return s
}

func (r *recorder) object(path string, names []string) {
	if r == nil {
		return
	}
	s := r.at(path)
	if !slices.ContainsFunc(s.objects, func(o []string) bool { return slices.Equal(o, names) }) {
		s.objects = append(s.objects, names)
	}
}

// like says that below a path the same may stand as below another, which has more examples.
func (r *recorder) like(path, other string) {
	if r != nil {
		r.same[entry.ReplaceAllString(path, "[]")] = other
	}
}

func (r *recorder) free(path string) {
	if r != nil {
		r.at(path).free = true
	}
}

func (r *recorder) list(path string) {
	if r != nil {
		r.at(path).list = true
	}
}

func (r *recorder) any(path string) {
	if r != nil {
		r.at(path).any = true
	}
}

func (r *recorder) scalar(path, of string, words []string) {
	if r == nil {
		return
	}
	s := r.at(path)
	if !slices.ContainsFunc(s.scalars, func(k scalarKind) bool { return k.of == of && slices.Equal(k.words, words) }) {
		s.scalars = append(s.scalars, scalarKind{of, words})
	}
}

// whichWords is a text that oneOf answers with its words.
const whichWords = "\x00words"

type wordList []string

func (wordList) Error() string { return "are the words" }

// wordsOf are the words that a parser takes, nil where it takes others too.
func wordsOf[T any](parse func(string) (T, error)) []string {
	_, err := parse(whichWords)
	var words wordList
	if errors.As(err, &words) {
		return words
	}
	return nil
}
