package router

import (
	"bytes"
	"strings"

	"sluice/request"
)

// index narrows down which routes can match a request, by host and path. It decides nothing: each candidate is asked, and the first
// in the order of the file is taken, so that an index changes no result. With 10 000 routes a look-up costs as much as with ten.
type index struct {
	exact map[string]*paths // by host
	wild  map[string]*paths // by what follows the star: ".example.com"
	any   paths
}

// paths are the conditions of one host, by path. Their lists hold places of routes in the table, rising.
type paths struct {
	exact map[string][]int
	root  node  // path prefixes, by element
	rest  []int // regular expressions, and conditions without a path
}

// node is one element of a path: the prefixes that end here, and those that go on.
type node struct {
	routes   []int
	children map[string]*node
}

func newIndex(routes []*Route) *index {
	x := &index{exact: map[string]*paths{}, wild: map[string]*paths{}}
	for i, r := range routes {
		if len(r.Match) == 0 {
			x.any.rest = appendOnce(x.any.rest, i)
		}
		for j := range r.Match {
			c := &r.Match[j]
			x.host(c.Host).add(c.Path, i)
		}
	}
	return x
}

// host gives the conditions of a host as Condition.Host names it.
func (x *index) host(pattern string) *paths {
	if pattern == "" {
		return &x.any
	}
	m, key := x.exact, pattern
	if suffix, wild := strings.CutPrefix(pattern, "*"); wild {
		m, key = x.wild, suffix
	}
	if m[key] == nil {
		m[key] = &paths{}
	}
	return m[key]
}

func (p *paths) add(path *request.Text, route int) {
	if path == nil {
		p.rest = appendOnce(p.rest, route)
		return
	}
	if value, ok := path.Literal(); ok {
		if p.exact == nil {
			p.exact = map[string][]int{}
		}
		p.exact[value] = appendOnce(p.exact[value], route)
		return
	}
	value, ok := path.PathLiteral()
	if !ok || value != "" && value[0] != '/' {
		p.rest = appendOnce(p.rest, route)
		return
	}
	n := &p.root
	if value != "" {
		for element := range strings.SplitSeq(value[1:], "/") {
			n = n.child(element)
		}
	}
	n.routes = appendOnce(n.routes, route)
}

func (n *node) child(element string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	if n.children[element] == nil {
		n.children[element] = &node{}
	}
	return n.children[element]
}

// appendOnce keeps a list of rising places without repetitions.
func appendOnce(list []int, route int) []int {
	if n := len(list); n > 0 && list[n-1] == route {
		return list
	}
	return append(list, route)
}

// first is the place of the first route that takes the request, -1 when none does.
func (x *index) first(routes []*Route, v request.View) int {
	s := search{routes: routes, view: v, best: len(routes)}
	host := v.Host()
	s.paths(x.exact[string(host)])
	if len(x.wild) > 0 {
		for at := bytes.IndexByte(host, '.'); at >= 0; {
			s.paths(x.wild[string(host[at:])])
			next := bytes.IndexByte(host[at+1:], '.')
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	s.paths(&x.any)
	if s.best == len(routes) {
		return -1
	}
	return s.best
}

// search is one look-up: the best place so far, which no later candidate of a list can beat.
type search struct {
	routes []*Route
	view   request.View
	best   int
}

func (s *search) try(list []int) {
	for _, i := range list {
		if i >= s.best {
			return
		}
		if s.routes[i].Takes(s.view) {
			s.best = i
			return
		}
	}
}

func (s *search) paths(p *paths) {
	if p == nil {
		return
	}
	path := s.view.Path()
	s.try(p.exact[string(path)])
	s.try(p.root.routes)
	s.prefixes(&p.root, path)
	s.try(p.rest)
}

// prefixes goes down the elements of the path for as long as some prefix goes on.
func (s *search) prefixes(n *node, path []byte) {
	for len(path) > 0 && path[0] == '/' && n.children != nil {
		path = path[1:]
		element := path
		if end := bytes.IndexByte(path, '/'); end >= 0 {
			element = path[:end]
		}
		if n = n.children[string(element)]; n == nil {
			return
		}
		s.try(n.routes)
		path = path[len(element):]
	}
}
