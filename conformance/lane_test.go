package conformance

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// stub is a proxy that says the same to whatever it hears, after it has told a backend something.
func stub(t *testing.T, answer, forwards string) *Lane {
	t.Helper()
	backend := laneAt(t, "", "127.0.0.1:0").Backend
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			if forwards != "" {
				if b, err := net.Dial("tcp", backend.Addr().String()); err == nil {
					_, _ = io.WriteString(b, forwards)
					_ = b.Close()
				}
			}
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}()
	return &Lane{Proxy: l.Addr().String(), Backend: backend, Patience: time.Second}
}

func TestARunnerSeesWhatIsNotAsTheCaseSays(t *testing.T) {
	t.Parallel()
	const ask = "== x\nC> GET /\nC< "
	for name, c := range map[string]struct{ text, answer, forwards, want string }{
		"as it says":            {ask + "ok\nC< (end)", "ok\r\n", "", ""},
		"a pattern":             {ask + "<<o.>>!\nC< (end)", "ok!\r\n", "", ""},
		"any lines":             {ask + "...\nC< c\nC< (end)", "a\r\nb\r\nc\r\n", "", ""},
		"escapes":               {ask + `\x41\t\\\(3*ab)\` + "\nC< (end)", "A\t\\ababab", "", ""},
		"told the backend":      {"== x\nC> GET /\nB< hello\nC< ok\nC< (end)", "ok\r\n", "hello\r\n", ""},
		"another byte":          {ask + "ok", "oK\r\n", "", "x:3: "},
		"no CR":                 {ask + "ok", "ok\n", "", "x:3: "},
		"a pattern without CR":  {ask + "<<ok>>", "ok\n", "", "x:3: "},
		"another line":          {ask + "<<o.>>", "nok\r\n", "", "x:3: "},
		"bytes too many":        {ask + "ok\nC< (end)", "ok\r\nx", "", "x:4: "},
		"no such line":          {ask + "...\nC< d", "a\r\nb\r\nc\r\n", "", "x:3: "},
		"no end":                {"== x\nC< (end)", "", "", "x:2: "},
		"no page":               {ask + "(page 400)", "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno", "", "x:3: "},
		"told the backend, too": {ask + "ok\nC< (end)", "ok\r\n", "hello", "x:1: "},
		"more to the backend":   {"== x\nC> GET /\nB< hello\nC< ok\nC< (end)", "ok\r\n", "hello\r\nx", "x:1: "},
		"nothing to hear":       {"== x\nC> GET /\nB< hello", "ok\r\n", "", "x:3: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases, err := Parse("x", c.text)
			if err != nil || len(cases) != 1 {
				t.Fatalf("%d cases, %v", len(cases), err)
			}
			err = stub(t, c.answer, c.forwards).Run(cases[0])
			if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("Run: %v, want %q", err, c.want)
			}
		})
	}
}

func TestACaseThatCanNotBeReadIsNamedByLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"C> x":                   "x:1: ",
		"== x\nX> y":             "x:2: ",
		"== x\n\nC> \\q":         "x:3: ",
		"== x\nC> \\(x*y)":       "x:2: ",
		"== x\nC< <<(>>":         "x:2: ",
		"== x\n| a\n| \\q\nC> |": "x:4: ",
	} {
		if _, err := Parse("x", text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Parse(%q): %v, want %q", text, err, want)
		}
	}
	cases, err := Parse("x", "== x\nwith y\nfrom z\n| a\n| b\nC> |\nC> c\\")
	if err != nil || len(cases) != 2 || cases[1].Sent('C') != "b\r\nc" || cases[1].Title != "x, b" || cases[0].With != "y" || cases[0].From != "z" {
		t.Errorf("got %+v, %v; want two cases", cases, err)
	}
}
