package admin

import (
	"net/http"
	"strings"
	"unicode"
)

// maxUser bounds the name of a user: a signed cookie has some 70 bytes, a key may be an address.
const maxUser = 512

// converted takes a report that a user has converted. What changes nothing, as the user is nobody's or the visit is closed, is no error of
// who reports: it may not know.
func (s *Server) converted(r *http.Request) (any, error) {
	var e ConversionEvent
	if err := decode(r, &e); err != nil {
		return nil, err
	}
	if e.User == "" {
		return nil, problem(http.StatusBadRequest, "field \"user\" is missing: the value of the route's sticky key, like the cookie's")
	}
	for field, text := range map[string]string{"route": e.Route, "user": e.User, "id": e.ID} {
		most := maxName
		if field == "user" {
			most = maxUser
		}
		if len(text) > most || strings.ContainsFunc(text, unicode.IsControl) {
			return nil, problem(http.StatusBadRequest, "field %q is longer than %d bytes or holds a control character", field, most)
		}
	}
	return s.proxy.Converted(e)
}
