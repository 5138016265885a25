package accesslog

import (
	"strconv"
	"time"
	"unicode/utf8"

	"sluice/access"
)

// Format writes a record as one line, with its end, after dst.
type Format func(dst []byte, r *access.Record) []byte

// Formats by their names in the configuration.
var Formats = map[string]Format{"json": appendJSON, "combined": appendCombined, "ecs": appendECS}

// appendCombined is the line of Apache's and nginx's combined log. Bytes that would end a field or a line are written \xHH, as nginx does.
func appendCombined(dst []byte, r *access.Record) []byte {
	dst = r.Client.AppendTo(dst)
	dst = append(dst, " - - ["...)
	dst = r.Began.Add(r.Took).AppendFormat(dst, "02/Jan/2006:15:04:05 -0700")
	dst = append(dst, `] "`...)
	dst = appendPlain(dst, r.Method)
	dst = append(dst, ' ')
	dst = appendPlain(dst, r.Target)
	dst = append(append(append(dst, " HTTP/"...), r.HTTP...), `" `...)
	dst = append(strconv.AppendInt(dst, int64(r.Status), 10), ' ')
	dst = append(strconv.AppendInt(dst, r.Sent, 10), ` "`...)
	dst = append(appendPlainOrDash(dst, r.Referer), `" "`...)
	return append(appendPlainOrDash(dst, r.Agent), "\"\n"...)
}

func appendPlainOrDash(dst, b []byte) []byte {
	if len(b) == 0 {
		return append(dst, '-')
	}
	return appendPlain(dst, b)
}

func appendPlain(dst, b []byte) []byte {
	for _, c := range b {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			dst = append(dst, '\\', 'x', upperHex[c>>4], upperHex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// appendJSON has our own words, those of the admin API.
func appendJSON(dst []byte, r *access.Record) []byte {
	dst = append(dst, `{"time":"`...)
	dst = r.Began.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, `","client":"`...)
	dst = append(r.Client.AppendTo(dst), '"')
	dst = field(dst, "method", r.Method)
	dst = field(dst, "target", r.Target)
	dst = field(dst, "host", r.Host)
	dst = field(dst, "http", r.HTTP)
	dst = number(dst, "status", int64(r.Status))
	dst = number(dst, "bytes", r.Sent)
	dst = append(dst, `,"milliseconds":`...)
	dst = strconv.AppendFloat(dst, float64(r.Took.Round(time.Microsecond))/float64(time.Millisecond), 'f', -1, 64)
	dst = field(dst, "listener", r.Listener)
	dst = field(dst, "route", r.Route)
	dst = field(dst, "backend", r.Backend)
	dst = field(dst, "endpoint", r.Endpoint)
	dst = field(dst, "reason", r.Reason)
	dst = field(dst, "requestId", r.ID)
	dst = field(dst, "userAgent", r.Agent)
	dst = field(dst, "referer", r.Referer)
	dst = field(dst, "cut", cuts[r.Cut])
	return append(dst, "}\n"...)
}

// appendECS has the names of the Elastic Common Schema, version 8.11, and ours under sluice.
func appendECS(dst []byte, r *access.Record) []byte {
	outcome := "success"
	if r.Status >= 500 || r.Cut == access.ByBackend {
		outcome = "failure"
	}
	dst = append(dst, `{"@timestamp":"`...)
	dst = r.Began.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	dst = append(dst, `","ecs":{"version":"8.11"},"event":{"kind":"event","category":["web"],"type":["access"],"outcome":"`...)
	dst = append(dst, outcome...)
	dst = append(dst, `","duration":`...)
	dst = append(strconv.AppendInt(dst, int64(r.Took), 10), `},"source":{"ip":"`...)
	dst = append(r.Client.AppendTo(dst), `"},"http":{"version":"`...)
	dst = append(append(dst, r.HTTP...), `","request":{"method":`...)
	dst = quoted(dst, r.Method)
	dst = field(dst, "id", r.ID)
	dst = field(dst, "referrer", r.Referer)
	dst = append(dst, `},"response":{"status_code":`...)
	dst = append(strconv.AppendInt(dst, int64(r.Status), 10), `,"body":{"bytes":`...)
	dst = append(strconv.AppendInt(dst, r.Sent, 10), `}}},"url":{"original":`...)
	dst = quoted(dst, r.Target)
	dst = field(dst, "domain", r.Host)
	dst = append(dst, `},"user_agent":{"original":`...)
	dst = append(quoted(dst, r.Agent), `},"sluice":{"listener":`...)
	dst = quoted(dst, r.Listener)
	dst = field(dst, "route", r.Route)
	dst = field(dst, "backend", r.Backend)
	dst = field(dst, "endpoint", r.Endpoint)
	dst = field(dst, "reason", r.Reason)
	dst = field(dst, "cut", cuts[r.Cut])
	return append(dst, "}}\n"...)
}

var cuts = [...]string{access.Whole: "", access.ByClient: "client", access.ByBackend: "backend"}

// field appends a member; one that is empty is left out.
func field[T string | []byte](dst []byte, name string, value T) []byte {
	if len(value) == 0 {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return quoted(dst, value)
}

func number(dst []byte, name string, n int64) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return strconv.AppendInt(dst, n, 10)
}

// quoted appends a JSON string (RFC 8259, section 7). Bytes that are no UTF-8 become U+FFFD.
func quoted[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for rest := []byte(s); len(rest) > 0; {
		switch c := rest[0]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRune(rest)
			dst = utf8.AppendRune(dst, r)
			rest = rest[n:]
			continue
		}
		rest = rest[1:]
	}
	return append(dst, '"')
}
