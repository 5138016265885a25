package app

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sluice/admin"
	"sluice/config"
	"sluice/listener"
)

// securedListener is a listener's TLS, which follows its files.
type securedListener struct {
	*listener.TLS
	name      string
	config    config.ListenerTLS
	protocols []string
	stop      context.CancelFunc // nil until adopt
}

// secured are the listeners with TLS, by address. A reload keeps those whose configuration stays, and makes them look at their files.
type secured map[string]*securedListener

// edgeReports are told of what happens to a listener's certificates.
type edgeReports struct {
	changed func(listener string, err error)
	ordered func(listener string, o listener.Order)
}

// plan makes what a configuration has and is not there yet. Nothing is started.
func (s secured) plan(cfg *config.Config, reports edgeReports) (secured, error) {
	next := secured{}
	for i := range cfg.Listeners {
		c := &cfg.Listeners[i]
		if c.TLS == nil {
			continue
		}
		if old := s[c.Address]; old != nil && reflect.DeepEqual(old.config, *c.TLS) && reflect.DeepEqual(old.protocols, c.Protocols) && old.name == c.Name {
			old.Look()
			next[c.Address] = old
			continue
		}
		o := tlsOptions(c)
		if o.ACME = acme(c.TLS.ACME, cfg.State.Dir); o.ACME != nil {
			o.ACME.Report = func(order listener.Order) { reports.ordered(c.Name, order) }
		}
		t, err := listener.New(o, func(err error) { reports.changed(c.Name, err) })
		if err != nil {
			return nil, fmt.Errorf("listener %q: %w", c.Name, err)
		}
		next[c.Address] = &securedListener{TLS: t, name: c.Name, config: *c.TLS, protocols: c.Protocols}
	}
	return next, nil
}

// adopt starts what plan has made, and ends what is no longer there.
func (s secured) adopt(old secured) {
	for address, t := range old {
		if s[address] != t {
			t.stop()
		}
	}
	for _, t := range s {
		if t.stop == nil {
			var ctx context.Context
			ctx, t.stop = context.WithCancel(context.Background())
			go func() { _ = t.Run(ctx) }()
		}
	}
}

func tlsOptions(c *config.Listener) listener.Options {
	o := listener.Options{ClientCAFile: c.TLS.ClientCAFile, MinVersion: tls.VersionTLS12}
	if c.TLS.MinVersion == "1.3" {
		o.MinVersion = tls.VersionTLS13
	}
	for _, p := range c.TLS.Certificates {
		o.Certificates = append(o.Certificates, listener.Pair{CertFile: p.CertFile, KeyFile: p.KeyFile})
	}
	for _, p := range []struct{ name, alpn string }{{"h2", "h2"}, {"http1", "http/1.1"}} {
		for _, spoken := range c.Protocols {
			if spoken == p.name {
				o.Protocols = append(o.Protocols, p.alpn)
			}
		}
	}
	return o
}

// acme is how certificates are got; nil where none are. Each authority has a folder of its own: what one issued for a try is nothing that
// another one would have to.
func acme(c *config.ACME, stateDir string) *listener.ACME {
	if c == nil {
		return nil
	}
	host := "authority"
	if u, err := url.Parse(c.Directory); err == nil && u.Hostname() != "" {
		host = strings.ReplaceAll(u.Hostname(), ":", "_")
	}
	return &listener.ACME{
		Domains: c.Domains, Email: c.Email, Directory: c.Directory,
		Folder: filepath.Join(stateDir, "acme", fmt.Sprintf("%s-%x", host, sha256.Sum256([]byte(c.Directory)))[:len(host)+9]),
	}
}

// clientTLS is how a backend's endpoints are asked to prove who they are; nil where nothing is said.
func clientTLS(c *config.BackendTLS) (*tls.Config, error) {
	if c == nil {
		return nil, nil
	}
	out := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify, MinVersion: tls.VersionTLS12}
	var err error
	if c.CAFile != "" {
		if out.RootCAs, err = listener.ReadAuthorities(c.CAFile); err != nil {
			return nil, err
		}
	}
	if c.CertFile != "" {
		pair, err := listener.ReadPair(listener.Pair{CertFile: c.CertFile, KeyFile: c.KeyFile}, time.Now())
		if err != nil {
			return nil, err
		}
		out.Certificates = []tls.Certificate{*pair}
	}
	return out, nil
}

// certificateChanged logs what became of changed files.
func (a *App) certificateChanged(name string, err error) {
	if err != nil {
		a.certificates.refused.Add(1)
		a.Log.Error(err.Error(), zap.String("listener", name))
		return
	}
	a.certificates.taken.Add(1)
	a.Log.Info("changed certificates are in force", zap.String("listener", name))
}

// certificateOrdered logs what became of asking an authority for a certificate.
func (a *App) certificateOrdered(name string, o listener.Order) {
	log := a.Log.With(zap.String("listener", name), zap.String("domain", o.Domain))
	if o.Vault != nil {
		log.Warn("the folder that keeps certificates is of no use", zap.Error(o.Vault))
	}
	switch {
	case o.Err != nil && o.NotAfter.IsZero():
		a.certificates.unissued.Add(1)
		log.Error("no certificate was issued, and there is none: clients that ask for the name are turned away", zap.Error(o.Err), zap.Time("next", o.Next))
	case o.Err != nil:
		a.certificates.unissued.Add(1)
		log.Error("the certificate was not renewed; the one before stays in force", zap.Error(o.Err), zap.Time("notAfter", o.NotAfter), zap.Time("next", o.Next))
	case !o.Next.IsZero():
		a.certificates.issued.Add(1)
		log.Info("a certificate was issued and is in force", zap.Time("notAfter", o.NotAfter), zap.Time("renewal", o.Next))
	}
}

// certificates is what others see of the listeners' TLS.
type certificates struct {
	secured                          atomic.Pointer[secured]
	taken, refused, issued, unissued atomic.Uint64
}

// Certificates are those in force, and what became of changed ones.
func (a *App) Certificates() admin.Certificates {
	c := &a.certificates
	out := admin.Certificates{Taken: c.taken.Load(), Refused: c.refused.Load(), Issued: c.issued.Load(), Unissued: c.unissued.Load()}
	if s := c.secured.Load(); s != nil {
		for _, t := range *s {
			for _, e := range t.Expiries() {
				out.Expiries = append(out.Expiries, admin.Expiry{Listener: t.name, File: e.File, NotAfter: e.NotAfter})
			}
		}
	}
	return out
}

// refusedEvery is how often a connection that came to nothing is logged; every one is counted.
const refusedEvery = time.Second

// refused logs why connections came to nothing: anyone can make them, so not each.
func (a *App) refused() func(listener string, err error) {
	lines := &seldom{every: refusedEvery}
	return func(name string, err error) {
		if others, ok := lines.allows("", time.Now()); ok {
			a.Log.Warn("a connection came to nothing", zap.String("listener", name), zap.Error(err), zap.Int("others since the last line", others))
		}
	}
}
