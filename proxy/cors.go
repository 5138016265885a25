package proxy

import (
	"sluice/router"
)

// preflight answers a browser that asks whether a page of another origin may send a request (Fetch standard, section 3.2); false when
// the request asks for something else. An origin that is not listed gets an answer that allows nothing.
func (x *exchange) preflight(c *router.CORS) (answered, again bool) {
	origin := x.view.Header("origin")
	if string(x.head.method) != "OPTIONS" || len(origin) == 0 || x.view.Header("access-control-request-method") == nil {
		return false, false
	}
	x.end = append(x.end[:0], "Vary: Origin\r\n"...)
	if c.Allows(origin) {
		x.end = append(appendOrigin(x.end, c, origin), c.Preflight...)
	}
	return true, x.ownWith(204, "", x.end)
}

// allow notes what the answer says to the page's browser; the backend's own word on it goes.
func (x *exchange) allow(c *router.CORS) {
	x.cors = append(x.cors[:0], "Vary: Origin\r\n"...)
	if origin := x.view.Header("origin"); len(origin) > 0 && c.Allows(origin) {
		x.cors = appendOrigin(x.cors, c, origin)
	}
}

func appendOrigin(dst []byte, c *router.CORS, origin []byte) []byte {
	dst = append(append(append(dst, "Access-Control-Allow-Origin: "...), origin...), "\r\n"...)
	if c.Credentials {
		dst = append(dst, "Access-Control-Allow-Credentials: true\r\n"...)
	}
	return dst
}
