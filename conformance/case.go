package conformance

import (
	"bufio"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// Files are the cases: client/ about what clients do, backend/ about what backends do.
//
//go:embed client/*.txt backend/*.txt
var Files embed.FS

// Case is one conversation.
type Case struct {
	File  string // where it stands
	Line  int    // of its title
	Title string
	With  string // how the proxy is set up; "" is in no special way
	From  string // the clients' address; "" is any
	Steps []Step
}

// Step is a run of lines that one side says, or one thing that it has to get.
type Step struct {
	Line int
	Who  byte // C, D or B
	Gets bool // else it says
	Act  string
	Text string         // what is said, or expected to the byte
	Like *regexp.Regexp // what the line is expected to be like, without its end
	End  string         // that: CR LF, or LF alone after a \
	Any  bool           // any number of lines, up to one that the next step takes
}

// All reads the cases of all files.
func All() ([]Case, error) {
	var all []Case
	err := fs.WalkDir(Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Files, path)
		if err != nil {
			return err
		}
		cases, err := Parse(path, string(text))
		all = append(all, cases...)
		return err
	})
	return all, err
}

// Parse reads the cases of one file. An error names the line.
func Parse(file, text string) ([]Case, error) {
	var cases []Case
	var under []source // the title of the case under way, and its lines
	end := func() error {
		if len(under) == 0 {
			return nil
		}
		made, err := build(file, under)
		cases, under = append(cases, made...), nil
		return err
	}
	in := bufio.NewScanner(strings.NewReader(text))
	for n := 1; in.Scan(); n++ {
		line := source{n, in.Text()}
		switch {
		case strings.HasPrefix(line.text, "== "):
			if err := end(); err != nil {
				return nil, err
			}
			under = append(under, line)
		case strings.HasPrefix(line.text, "#"), strings.TrimSpace(line.text) == "":
		case len(under) == 0:
			return nil, fmt.Errorf("%s:%d: a line before the first title", file, n)
		default:
			under = append(under, line)
		}
	}
	if err := end(); err != nil {
		return nil, err
	}
	return cases, in.Err()
}

// source is a line of a file.
type source struct {
	n    int
	text string
}

// build makes a case of its lines, or one for each variant.
func build(file string, lines []source) ([]Case, error) {
	var variants []string
	for _, l := range lines {
		if v, ok := strings.CutPrefix(l.text, "| "); ok {
			variants = append(variants, v)
		}
	}
	title := strings.TrimPrefix(lines[0].text, "== ")
	one := func(title, variant string) (Case, error) {
		c := Case{File: file, Line: lines[0].n, Title: title}
		for _, l := range lines[1:] {
			if strings.HasPrefix(l.text, "| ") {
				continue
			}
			if err := c.add(l.n, strings.Replace(l.text, "> |", "> "+variant, 1)); err != nil {
				return c, fmt.Errorf("%s:%d: %w", file, l.n, err)
			}
		}
		return c, nil
	}
	if len(variants) == 0 {
		c, err := one(title, "")
		return []Case{c}, err
	}
	cases := make([]Case, 0, len(variants))
	for _, v := range variants {
		c, err := one(title+", "+v, v)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	return cases, nil
}

func (c *Case) add(n int, line string) error {
	if with, ok := strings.CutPrefix(line, "with "); ok {
		c.With = with
		return nil
	}
	if from, ok := strings.CutPrefix(line, "from "); ok {
		c.From = from
		return nil
	}
	if len(line) < 2 || !strings.Contains("CDB", line[:1]) || line[1] != '>' && line[1] != '<' {
		return fmt.Errorf("%q is neither C>, C<, D>, D<, B> nor B<", line)
	}
	s := Step{Line: n, Who: line[0], Gets: line[1] == '<'}
	content := strings.TrimPrefix(line[2:], " ")
	switch {
	case strings.HasPrefix(content, "(") && strings.HasSuffix(content, ")"):
		s.Act = content[1 : len(content)-1]
	case s.Gets && content == "...":
		s.Any = true
	default:
		if err := s.read(content); err != nil {
			return err
		}
	}
	if n := len(c.Steps) - 1; n >= 0 && !s.Gets && s.Act == "" {
		if last := &c.Steps[n]; last.Who == s.Who && !last.Gets && last.Act == "" {
			last.Text += s.Text // one write
			return nil
		}
	}
	c.Steps = append(c.Steps, s)
	return nil
}

// read takes a line of bytes: exact, or like a pattern.
func (s *Step) read(content string) error {
	content, open := strings.CutSuffix(content, `\`)
	if open && strings.HasSuffix(content, `\`) {
		content, open = content+`\`, false // an escaped backslash
	}
	if s.Gets && strings.Contains(content, "<<") {
		var pattern strings.Builder
		for rest := content; rest != ""; {
			literal, after, _ := strings.Cut(rest, "<<")
			inner, next, _ := strings.Cut(after, ">>")
			text, err := unescape(literal)
			if err != nil {
				return err
			}
			pattern.WriteString(regexp.QuoteMeta(text) + "(?:" + inner + ")")
			rest = next
		}
		like, err := regexp.Compile(`(?s)\A` + pattern.String() + `\z`)
		s.Like, s.End = like, "\r\n"
		if open {
			s.End = "\n"
		}
		return err
	}
	text, err := unescape(content)
	s.Text = text
	if !open {
		s.Text += "\r\n"
	}
	return err
}

// unescape reads the escapes of a line.
func unescape(s string) (string, error) {
	var out strings.Builder
	for s != "" {
		literal, rest, found := strings.Cut(s, `\`)
		out.WriteString(literal)
		if !found {
			break
		}
		if many, after, ok := strings.Cut(rest, ")"); ok && strings.HasPrefix(many, "(") {
			times, what, ok := strings.Cut(many[1:], "*")
			n, err := strconv.Atoi(times)
			if !ok || err != nil {
				return "", fmt.Errorf(`\%s) is not of the form \(N*TEXT)`, many)
			}
			out.WriteString(strings.Repeat(what, n))
			s = after
			continue
		}
		if strings.HasPrefix(rest, "0") {
			out.WriteByte(0)
			s = rest[1:]
			continue
		}
		c, _, tail, err := strconv.UnquoteChar(`\`+rest, 0)
		if err != nil {
			return "", fmt.Errorf(`the escape at \%s: %w`, rest, err)
		}
		out.WriteByte(byte(c))
		s = tail
	}
	return out.String(), nil
}

// Sent is all that a side says in the case, for fuzzing to begin with.
func (c *Case) Sent(who byte) string {
	var all strings.Builder
	for _, s := range c.Steps {
		if s.Who == who && !s.Gets {
			all.WriteString(s.Text)
		}
	}
	return all.String()
}
