package router

// CORS says which pages' scripts may use the route (Fetch standard, section 3.2).
type CORS struct {
	// Origins are schemes with hosts, and ports where they are not the usual ones, as browsers write them; AnyOrigin is all.
	Origins   []string
	AnyOrigin bool
	// Credentials lets cookies go with the requests.
	Credentials bool
	// Preflight holds the lines that allow methods and headers, ready to be written.
	Preflight string
}

// Allows says whether pages of the origin may.
func (c *CORS) Allows(origin []byte) bool {
	if c.AnyOrigin {
		return true
	}
	for _, o := range c.Origins {
		if string(origin) == o {
			return true
		}
	}
	return false
}
