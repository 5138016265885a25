package app

import (
	"slices"
	"strconv"
	"strings"

	"sluice/config"
	"sluice/router"
)

// changes are what a route does to heads, and where it redirects to.
func changes(c *config.Route, out *router.Route) {
	if r := c.Redirect; r != nil {
		out.Redirect = &router.Redirect{Scheme: r.Scheme, Host: r.Host, Path: r.Path, Status: r.Status}
	}
	out.CORS = cors(c.CORS)
	if f := c.Fault; f != nil {
		out.Fault = &router.Fault{
			DelayPercent: uint32(f.Delay.Percent), Delay: f.Delay.Fixed, AbortPercent: uint32(f.Abort.Percent), Status: f.Abort.Status,
		}
	}
	if c.Headers == nil && c.Rewrite == nil && c.Override == nil {
		return
	}
	out.Changes = &router.Changes{}
	if h := c.Headers; h != nil {
		out.Changes.Request, out.Changes.Response = headers(&h.Request), headers(&h.Response)
	}
	if o := c.Override; o != nil {
		if out.Changes.Request == nil {
			out.Changes.Request = &router.Headers{}
		}
		out.Changes.Request.Remove = append(out.Changes.Request.Remove, strings.ToLower(o.Header))
	}
	if w := c.Rewrite; w != nil {
		out.Changes.Host = w.Host
		if w.Prefix != "" {
			out.Changes.Rewrite = &router.Rewrite{Prefix: w.Prefix, Match: out.Match}
			for i := range c.Match {
				prefix := ""
				if p := c.Match[i].Path; p != nil && p.Kind == config.Prefix {
					prefix = p.Value
				}
				out.Changes.Rewrite.Prefixes = append(out.Changes.Rewrite.Prefixes, prefix)
			}
		}
	}
}

func headers(c *config.HeaderChanges) *router.Headers {
	if len(c.Set)+len(c.Add)+len(c.Remove) == 0 {
		return nil
	}
	out := &router.Headers{}
	for _, name := range c.Remove {
		out.Remove = append(out.Remove, strings.ToLower(name))
	}
	for _, f := range c.Set {
		out.Remove = append(out.Remove, strings.ToLower(f.Name))
	}
	for _, f := range slices.Concat(c.Set, c.Add) {
		out.Lines += f.Name + ": " + f.Value + "\r\n"
	}
	return out
}

func cors(c *config.CORS) *router.CORS {
	if c == nil {
		return nil
	}
	out := &router.CORS{Origins: c.Origins, AnyOrigin: slices.Contains(c.Origins, "*"), Credentials: c.Credentials}
	if len(c.Methods) > 0 {
		out.Preflight += "Access-Control-Allow-Methods: " + strings.Join(c.Methods, ", ") + "\r\n"
	}
	if len(c.Headers) > 0 {
		out.Preflight += "Access-Control-Allow-Headers: " + strings.Join(c.Headers, ", ") + "\r\n"
	}
	if c.MaxAge > 0 {
		out.Preflight += "Access-Control-Max-Age: " + strconv.Itoa(int(c.MaxAge.Seconds())) + "\r\n"
	}
	return out
}
