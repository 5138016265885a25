// Package conformance is what the proxy promises on the wire, as conversations in files that a person can read, and the runner that
// holds them, byte by byte, with the real binary or with another proxy.
//
// A case begins with a title, which names the promise of docs/threat-model.md that it shows, and is a conversation in order:
//
//	== 3: a signed Content-Length is refused
//	C> POST / HTTP/1.1          the client sends this line and CR LF
//	C> Host: a.test
//	C> Content-Length: +3
//	C>
//	C> abc\                     a \ at the end: without CR LF
//	C< (page 400)               the client gets an error page of the proxy's
//	C< (end)                    and then the end of the connection
//
// C and D are clients, B is the backend; > is what they say, < what they have to get. A case in which the backend gets no line demands
// that no byte reaches it, and nobody may be left with bytes that the case does not name. In what is said and expected \r, \n, \t, \0,
// \xHH and \\ mean what they mean in Go, and \(70000*y) is 70000 times y. In what is expected <<...>> holds a regular expression, and a
// line of three dots any number of lines. In brackets stand the things that are no bytes:
//
//	> (ends)  (closes)  (resets)     half-close, close, reset the connection
//	< (end)  (reset)  (gone)         the other side does; gone is either
//	B< (new)  (first)                what follows comes over a new connection, or over the first again; without it, over the same one
//	B< (forwarded)                   the fields that the proxy adds to every request, and the empty line
//	C< (page 502), (page 502 HEAD)   an error page
//
// Lines that begin with | are variants: the case is held once with each of them in place of the |.
// `with NAME` below the title asks for a proxy that is set up in that way (settings in conformance_test.go), `from ADDRESS` for clients
// that come from there. Start at Parse, then Lane.Run.
package conformance
