package backend

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
)

// withInterim passes interim answers on (RFC 9110, section 15.2); a 100 is the server's own business on either side.
func withInterim(ctx context.Context, w http.ResponseWriter) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, fields textproto.MIMEHeader) error {
			if code == http.StatusContinue {
				return nil
			}
			h := w.Header()
			maps.Copy(h, http.Header(fields))
			w.WriteHeader(code)
			clear(h)
			return nil
		},
	})
}
