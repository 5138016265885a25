package config

import "gopkg.in/yaml.v3"

// maxAliased bounds what aliases may multiply a file to, in values; maxNested how deep they may stand in each other.
const (
	maxAliased = 100_000
	maxNested  = 20
)

// merge are the entries that a `<<` brings: of one map, or of a list of maps, of which the earlier counts.
func (d *decoder) merge(v value) []pair {
	var out []pair
	d.follow(v, func(v value) {
		switch v.node.Kind {
		case yaml.MappingNode:
			out = d.pairs(v)
		case yaml.SequenceNode:
			for _, n := range v.node.Content {
				out = append(out, d.merge(value{node: n, path: v.path})...)
			}
		default:
			d.add(Error, placeAt(v.node), v.path, "<< needs a map or a list of maps, like *name")
		}
	})
	return out
}

// follow calls read with what an alias stands for, counting how deep aliases stand in each other.
func (d *decoder) follow(v value, read func(value)) {
	d.nested++
	defer func() { d.nested-- }()
	if d.nested > maxNested {
		d.add(Error, placeAt(v.node), v.path, "aliases stand in each other more than %d deep; an anchor may hold itself", maxNested)
		return
	}
	if n, ok := d.alias(v); ok {
		v.node = n
		read(v)
	}
}

// alias is what a node stands for; false when aliases have multiplied the file beyond measure.
func (d *decoder) alias(v value) (*yaml.Node, bool) {
	n := v.node
	if n.Kind != yaml.AliasNode {
		return n, true
	}
	before := d.aliased
	d.aliased += 1 + weight(n.Alias, maxAliased)
	if d.aliased > maxAliased {
		if before <= maxAliased {
			d.add(Error, placeAt(n), v.path, "aliases multiply the file to more than %d values; write it out or split it", maxAliased)
		}
		return nil, false
	}
	return n.Alias, true
}

// weight counts a node and what is in it, aliases as one, up to a limit.
func weight(n *yaml.Node, limit int) int {
	total := 1
	for _, c := range n.Content {
		if total >= limit {
			break
		}
		total += weight(c, limit-total)
	}
	return total
}
