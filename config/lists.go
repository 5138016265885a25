package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// readLists makes the paths of *File keys whole and reads the user lists.
func (d *decoder) readLists(c *Config, folder string) {
	join(&c.Admin.TokenFile, folder)
	if p := &c.Log.Access.Path; *p != "stdout" && *p != "stderr" {
		join(p, folder)
	}
	for i := range c.Admin.Tokens {
		join(&c.Admin.Tokens[i].File, folder)
	}
	d.readCertificates(c, folder)
	d.readIdentityFiles(&c.Identity, folder)
	for i := range c.Routes {
		d.readBackendFiles(&c.Routes[i], i, folder)
		d.readSecrets(&c.Routes[i], i, folder)
		d.readHookKeys(&c.Routes[i], i, folder)
		d.readTokens(&c.Routes[i], i, folder)
		for j := range c.Routes[i].Select {
			beta := c.Routes[i].Select[j].Beta
			if beta == nil || beta.UsersFile == "" {
				continue
			}
			join(&beta.UsersFile, folder)
			path := fmt.Sprintf("routes[%d].select[%d].beta.usersFile", i, j)
			src, err := readFile(beta.UsersFile)
			if err != nil {
				d.errorf(path, "%q %v", beta.UsersFile, err)
				continue
			}
			users, err := parseUsers(src)
			if err != nil {
				d.errorf(path, "%q %v", beta.UsersFile, err)
				continue
			}
			beta.Users = append(beta.Users, users...)
		}
	}
}

// readHookKeys makes the paths of webhooks' keys whole and says why one can't be used.
func (d *decoder) readHookKeys(r *Route, i int, folder string) {
	if r.Rollout == nil {
		return
	}
	for j := range r.Rollout.Webhooks {
		w := &r.Rollout.Webhooks[j]
		if w.SecretFile == "" {
			continue
		}
		join(&w.SecretFile, folder)
		path := fmt.Sprintf("routes[%d].rollout.webhooks[%d].secretFile", i, j)
		if src, err := readFile(w.SecretFile); err != nil {
			d.errorf(path, "%q %v", w.SecretFile, err)
		} else if len(bytes.TrimSpace(src)) == 0 {
			d.errorf(path, "%q is empty; write a key of 32 random bytes or more into it", w.SecretFile)
		}
	}
}

func join(path *string, folder string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(folder, *path)
	}
}

// parseUsers reads one user a line; a # at the beginning or after white space begins a comment.
func parseUsers(src []byte) ([]string, error) {
	var users []string
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(src, utf8BOM)) {
		number++
		if !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
			return nil, fmt.Errorf("is no text in UTF-8 at its line %d; write one user a line", number)
		}
		text := string(line)
		for i := range len(text) {
			if text[i] == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t') {
				text = text[:i]
				break
			}
		}
		if text = strings.TrimSpace(text); text != "" {
			users = append(users, text)
		}
	}
	return users, nil
}
