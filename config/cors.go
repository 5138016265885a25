package config

import (
	"errors"
	"net/url"
	"slices"
	"time"
)

// CORS says which pages' scripts may use a route. Preflights are answered by the proxy.
type CORS struct {
	// Origins are like https://shop.example.com; "*" alone is every page. Required.
	Origins []string
	// Methods and Headers that they may use beside the simple ones. Default: none.
	Methods, Headers []string
	// Credentials lets cookies go with the requests. Default false.
	Credentials bool
	// MaxAge is how long a browser may remember a preflight, 0 for its own default. Default 0.
	MaxAge time.Duration
}

func (d *decoder) cors(v value, c *CORS) {
	d.object(v, keys{
		"origins":     some(d, &c.Origins, parseOrigin),
		"methods":     list(d, &c.Methods, parseToken),
		"headers":     list(d, &c.Headers, parseToken),
		"credentials": one(d, &c.Credentials, parseBool),
		"maxAge":      one(d, &c.MaxAge, parseDuration),
	})
	d.required(v, "origins", "like origins: [https://shop.example.com]")
	if slices.Contains(c.Origins, "*") && (len(c.Origins) > 1 || c.Credentials) {
		d.errorf(v.path+".origins", `"*" is every page there is; name the origins, or leave out the others and credentials`)
	}
}

func parseOrigin(s string) (string, error) {
	if s == "*" {
		return s, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !isHost(u.Hostname()) || s != u.Scheme+"://"+u.Host {
		return "", errors.New("is no origin; write it like https://shop.example.com, without a path")
	}
	return s, nil
}
