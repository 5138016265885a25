package proxy

import (
	"bytes"

	"sluice/router"
)

// rewriteTarget gives the request another path, where the route says so: what the route's match took as a prefix is exchanged in the raw
// path, all else stays as the client wrote it. A path that could mean another one after that is refused: with dot segments, or a prefix
// that is written with escapes.
func (x *exchange) rewriteTarget(w *router.Rewrite) *refusal {
	rest, absolute := cutScheme(x.head.target)
	raw := x.head.target
	if absolute {
		raw = nil
		if at := bytes.IndexAny(rest, "/?"); at >= 0 {
			raw = rest[at:]
		}
	}
	path, query, asked := bytes.Cut(raw, []byte("?"))
	matched := w.Matched(&x.view)
	tail, ok := bytes.CutPrefix(path, []byte(matched))
	if !ok && len(path) > 0 || hasDotSegments(path) {
		return errRewrite
	}
	t := append(x.target[:0], w.Prefix...)
	switch {
	case len(tail) > 0 && tail[0] == '/' && bytes.HasSuffix(t, []byte("/")):
		tail = tail[1:]
	case len(tail) > 0 && tail[0] != '/' && !bytes.HasSuffix(t, []byte("/")):
		t = append(t, '/')
	}
	t = append(t, tail...)
	if asked {
		t = append(append(t, '?'), query...)
	}
	x.target, x.forward.target = t, t
	return nil
}

var errRewrite = &refusal{400, "the path can't be rewritten: it has dot segments, or escapes where the route's prefix is"}

// hasDotSegments says whether a path has a segment that a backend may take for . or .. once it has decoded it.
func hasDotSegments(path []byte) bool {
	for len(path) > 0 {
		var segment []byte
		segment, path, _ = bytes.Cut(path, []byte("/"))
		dots, i := 0, 0
		for i < len(segment) {
			switch {
			case segment[i] == '.':
				i++
			case i+2 < len(segment) && segment[i] == '%' && segment[i+1] == '2' && segment[i+2]|0x20 == 'e':
				i += 3
			case i+2 < len(segment) && segment[i] == '%' && (segment[i+1] == '2' && segment[i+2]|0x20 == 'f' || segment[i+1] == '5' && segment[i+2]|0x20 == 'c'):
				if dots > 0 && dots <= 2 {
					return true // an escaped slash ends a segment for some
				}
				dots, i = 0, i+3
				continue
			default:
				dots, i = -len(segment), i+1
				continue
			}
			dots++
		}
		if dots == 1 || dots == 2 {
			return true
		}
	}
	return false
}

// redirect answers with another place.
func (x *exchange) redirect(r *router.Redirect) bool {
	to := append(x.end[:0], "Location: "...)
	host := []byte(r.Host)
	switch {
	case r.Host != "":
	case r.Scheme != "":
		host = x.view.host // without the port, which belongs to the other scheme
	default:
		host = x.head.host
	}
	if len(host) > 0 { // HTTP/1.0 may name none: then the place is relative
		scheme := x.forward.proto
		if r.Scheme != "" {
			scheme = r.Scheme
		}
		to = append(append(append(to, scheme...), "://"...), host...)
	}
	target := x.head.appendTarget(x.target[:0])
	x.target = target
	path, query, asked := bytes.Cut(target, []byte("?"))
	if r.Path != "" {
		path = []byte(r.Path)
	}
	to = append(to, path...)
	if asked {
		to = append(append(to, '?'), query...)
	}
	x.end = append(to, "\r\n"...)
	return x.ownWith(r.Status, "it is elsewhere", x.end)
}
