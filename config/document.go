package config

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// hidden stands where a secret was.
const hidden = "***"

// secretKeys are keys whose values are secrets where they are written out. Those that name a file are no secrets.
var secretKeys = regexp.MustCompile(`(?i)(password|secret|token|apikey|api-key|authorization|cookie)$`)

// Document is a configuration as it was written, for people to look at: aliases and merges are resolved, comments are gone, secrets are
// hidden, and a ${VAR} stands as it is, so that what the environment holds is never shown.
type Document struct{ root *yaml.Node }

// Document is the one of the text that the configuration was read from; false when it has none.
func (c *Config) Document() (Document, bool) {
	root, finding := readYAML("", c.Source)
	if finding != nil {
		return Document{}, false
	}
	return Document{shown(root, "", "")}, true
}

// YAML is the document with the keys in the file's order.
func (d Document) YAML() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(d.root); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// MarshalJSON is the document with the keys in the file's order. Numbers and booleans are so where YAML has them; a version 1.10 stays 1.10.
func (d Document) MarshalJSON() ([]byte, error) { return appendJSON(nil, d.root) }

// shown copies a node as it may be seen. It stands under a key, and in the map under the key in.
func shown(n *yaml.Node, in, key string) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Style: n.Style}
	switch n.Kind {
	case yaml.MappingNode:
		entries(n, map[string]bool{}, func(k, v *yaml.Node) {
			out.Content = append(out.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: k.Tag, Value: k.Value, Style: k.Style}, shown(v, key, k.Value))
		})
	case yaml.SequenceNode:
		for _, c := range n.Content {
			out.Content = append(out.Content, shown(c, in, key))
		}
	case yaml.ScalarNode:
		if text := visible(n.Value, in, key); text != n.Value {
			out.Value, out.Tag, out.Style = text, "!!str", yaml.DoubleQuotedStyle
		}
	}
	return out
}

// entries are those of a map, its own first, then those that `<<` brings; each name once.
func entries(n *yaml.Node, seen map[string]bool, each func(k, v *yaml.Node)) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Tag == "!!merge":
			merged = append(merged, v)
		case !seen[k.Value]:
			seen[k.Value] = true
			each(k, v)
		}
	}
	for _, m := range merged {
		for m.Kind == yaml.AliasNode {
			m = m.Alias
		}
		if m.Kind == yaml.MappingNode {
			entries(m, seen, each)
			continue
		}
		for _, c := range m.Content {
			for c.Kind == yaml.AliasNode {
				c = c.Alias
			}
			entries(c, seen, each)
		}
	}
}

// visible is a value without what is secret in it: all of one under a secret's name or of an alert's address, else the user and the query
// of a URL.
func visible(text, in, key string) string {
	written := strings.Contains(text, "${")
	switch {
	case text == "" || written && !strings.Contains(text, ":-"):
		return text
	case in == "cookies" || key == "cookie": // a name or a condition
	case secretKeys.MatchString(key), in == "alerts" && key == "url":
		return hidden
	}
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return hidden
	}
	out := text
	if u.User != nil {
		_, after, _ := strings.Cut(out, "@")
		out = u.Scheme + "://" + hidden + "@" + after
	}
	if before, _, found := strings.Cut(out, "?"); found {
		out = before + "?" + hidden
	}
	return out
}

func appendJSON(b []byte, n *yaml.Node) ([]byte, error) {
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b = append(b, ',')
			}
			key, err := json.Marshal(n.Content[i].Value)
			if err != nil {
				return nil, err
			}
			b = append(append(b, key...), ':')
			if b, err = appendJSON(b, n.Content[i+1]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, c := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendJSON(b, c); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	}
	switch number := json.Number(n.Value); {
	case n.Tag == "!!null":
		return append(b, "null"...), nil
	case n.Tag == "!!bool" && (n.Value == "true" || n.Value == "false"):
		return append(b, n.Value...), nil
	case (n.Tag == "!!int" || n.Tag == "!!float") && json.Valid([]byte(number)):
		return append(b, number...), nil
	}
	text, err := json.Marshal(n.Value)
	return append(b, text...), err
}
