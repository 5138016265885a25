package app

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"reflect"
	"time"

	"go.uber.org/zap"

	"sluice/config"
	"sluice/identity"
)

// keyring holds the keys of tokens, and what fetches them.
type keyring struct {
	keys   *identity.Keys // nil without tokens
	config *config.JWT
	stop   func() // nil until adopt
}

// plan is the keyring of a configuration. Keys that are fetched stay while they come from the same place; files are read anew.
func (k *keyring) plan(c *config.JWT, report func(error)) (keyring, error) {
	if c != nil && c.JWKSURL != "" && reflect.DeepEqual(c, k.config) {
		return *k, nil
	}
	keys, err := tokenKeys(c, report)
	return keyring{keys: keys, config: c}, err
}

// adopt starts to fetch, and waits a moment for the first keys; what fetched before is ended.
func (k *keyring) adopt(next keyring) {
	if k.keys == next.keys {
		return
	}
	if k.stop != nil {
		k.stop()
	}
	*k = next
	if k.keys == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	k.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		_ = next.keys.Run(ctx)
	}()
	if known := next.keys.Known(); known != nil {
		select {
		case <-known:
		case <-time.After(namePatience):
		}
	}
}

// tokenKeys are the keys that a configuration names; nil when it names none.
func tokenKeys(c *config.JWT, report func(error)) (*identity.Keys, error) {
	switch {
	case c == nil:
		return nil, nil
	case c.JWKSURL != "":
		return identity.FetchedKeys(c.JWKSURL, report), nil
	case c.HMACSecretFile != "":
		secret, err := readSecret(c.HMACSecretFile)
		if err != nil {
			return nil, fmt.Errorf("identity.jwt.hmacSecretFile: %w", err)
		}
		return identity.SecretKey(secret), nil
	}
	src, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("identity.jwt.keyFile: %w", err)
	}
	keys, err := identity.PublicKeys(src)
	if err != nil {
		return nil, fmt.Errorf("identity.jwt.keyFile: %s: %w", c.KeyFile, err)
	}
	return keys, nil
}

// readSecret reads a file with a secret in it; white space around it does not count.
func readSecret(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return b, nil
}

// keysFetched logs and counts a fetch of keys.
func (a *App) keysFetched(err error) {
	a.process.KeysFetched(err == nil)
	if err != nil {
		a.Log.Warn("the keys of tokens can't be fetched; the last ones stay in use", zap.Error(err))
		return
	}
	a.Log.Info("the keys of tokens were fetched")
}
