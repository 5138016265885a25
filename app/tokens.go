package app

import (
	"fmt"
	"os"
	"strings"

	"sluice/admin"
	"sluice/config"
)

// readTokens reads the files of all tokens. The one of tokenFile has no name and may do everything.
func readTokens(c *config.Admin) ([]admin.Token, error) {
	var out []admin.Token
	if c.TokenFile != "" {
		secret, err := readToken("admin.tokenFile", c.TokenFile)
		if err != nil {
			return nil, err
		}
		out = append(out, admin.Token{Role: admin.Operate, Secret: secret})
	}
	for i, t := range c.Tokens {
		secret, err := readToken(fmt.Sprintf("admin.tokens[%d].file", i), t.File)
		if err != nil {
			return nil, err
		}
		out = append(out, admin.Token{Name: t.Name, Role: admin.Role(t.Role), Secret: secret})
	}
	return out, nil
}

func readToken(key, path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w: make the file, readable for this user, with one token in it", key, err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("%s: %s is empty: write one token into it", key, path)
	}
	return token, nil
}
