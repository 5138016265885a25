package conformance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
)

// expect reads what the step wants: to the byte, or one line like a pattern.
func expect(e *end, s *Step) error {
	if s.Like != nil {
		line, err := e.in.ReadString('\n')
		if !s.takes(line) {
			return fmt.Errorf("got %.200q, %w; want a line like %s%s", line, orNil(err), s.Like, e.more())
		}
		return nil
	}
	got := make([]byte, 0, len(s.Text))
	for len(got) < len(s.Text) {
		c, err := e.in.ReadByte()
		if err != nil {
			return fmt.Errorf("got %.200q, %w; want %.200q", got, err, s.Text)
		}
		got = append(got, c)
		if c != s.Text[len(got)-1] {
			return fmt.Errorf("got %.200q where %.200q is wanted%s", got, s.Text, e.more())
		}
	}
	return nil
}

// orNil makes an error that can be wrapped of none.
func orNil(err error) error {
	if err == nil {
		return errors.New("whole")
	}
	return err
}

// more is what follows a surprise, as far as it has arrived.
func (e *end) more() string {
	_ = e.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	rest, err := io.ReadAll(io.LimitReader(e.in, 400))
	if len(rest) == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	return fmt.Sprintf(", and then %q", rest)
}

// takes says whether a line with its CR LF is the one that the step wants.
func (s *Step) takes(line string) bool {
	if s.Like != nil {
		content, whole := strings.CutSuffix(line, s.End)
		return whole && s.Like.MatchString(content)
	}
	return line == s.Text
}

// skip reads lines up to the one that the next step takes, and leaves that one.
func skip(e *end, next *Step) error {
	if next == nil || !next.Gets || next.Act != "" || next.Any {
		return errors.New("after three dots there has to be a line of the same side")
	}
	for {
		for n := 1; ; n++ {
			p, err := e.in.Peek(n)
			if err != nil {
				return fmt.Errorf("%.300q has no line that is wanted: %w", p, err)
			}
			if p[n-1] != '\n' {
				continue
			}
			if next.takes(string(p)) {
				return nil
			}
			_, _ = e.in.Discard(n)
			break
		}
	}
}

// forwarded is what the proxy adds to a request.
var forwarded = []Step{
	{Text: "X-Forwarded-For: 127.0.0.1\r\n"},
	{Text: "X-Forwarded-Proto: http\r\n"},
	{Like: regexp.MustCompile(`\AX-Forwarded-Host: [^,]+\z`), End: "\r\n"},
	{Like: regexp.MustCompile(`\AX-Request-Id: [0-9a-f]{32}\z`), End: "\r\n"},
	{Text: "Sluice-Backend: stable\r\n"},
	{Like: regexp.MustCompile(`\ASluice-Route: [a-z0-9-]+\z`), End: "\r\n"},
	{Text: "\r\n"},
}
