package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	// resolveEvery is how often names are looked up again. Go's resolver does not tell how long an answer is good for; resolvers
	// between us and the name's servers know, and answer from their memory.
	resolveEvery = 5 * time.Second
	// lookupTimeout is the longest wait for one name.
	lookupTimeout = 5 * time.Second
)

// origin is one entry of Config.Endpoints.
type origin struct {
	raw, scheme string
	host        string // as it stands, with the port
	name, port  string
	last        []place // where the last good lookup led; of lookUp
	failing     bool    // and whether the last one failed
	secure      *tls.Config
}

// place is where an endpoint is.
type place struct {
	url, host, address string
	secure             *tls.Config // of the origin, one for all its places
}

func newOrigin(raw string) (origin, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "dns+srv" || u.Hostname() == "" || u.Scheme == "dns+srv" && u.Port() != "" {
		return origin{}, fmt.Errorf("endpoint %q is not of the form http://host:port or dns+srv://name", raw)
	}
	o := origin{raw: raw, scheme: u.Scheme, host: u.Host, name: u.Hostname(), port: u.Port()}
	if o.port == "" {
		o.port = "80"
		if u.Scheme == "https" {
			o.port = "443"
		}
	}
	return o, nil
}

func (o *origin) address() string { return net.JoinHostPort(o.name, o.port) }

// fixed says that there is nothing to look up. localhost is left to the dialer, which tries both of its addresses: a server on this
// machine often listens on one of them alone.
func (o *origin) fixed() bool {
	if o.scheme == "dns+srv" {
		return false
	}
	_, err := netip.ParseAddr(o.name)
	return err == nil || o.name == "localhost"
}

func (b *Backend) named() bool {
	return slices.ContainsFunc(b.origins, func(o origin) bool { return !o.fixed() })
}

// FailedLookups is how many times a name could not be looked up.
func (b *Backend) FailedLookups() uint64 { return b.lookupsFailed.Load() }

// lookUp says where the origins are, at once and then every so often, until ctx ends.
func (b *Backend) lookUp(ctx context.Context, found chan<- []place) {
	for {
		places := b.places(ctx)
		select {
		case found <- places:
		case <-ctx.Done():
			return
		}
		every := b.config.ResolveEvery
		select {
		case <-time.After(every + time.Duration((rand.Float64()-0.5)*0.2*float64(every))):
		case <-ctx.Done():
			return
		}
	}
}

// places are all origins' places in the configuration's order, each address once. A name that can't be looked up keeps its last good ones.
func (b *Backend) places(ctx context.Context) []place {
	var out []place
	for i := range b.origins {
		o := &b.origins[i]
		if o.fixed() {
			out = append(out, place{o.raw, o.host, o.address(), o.secure})
			continue
		}
		places, err := b.resolve(ctx, o)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			b.lookupsFailed.Add(1)
			if !o.failing {
				b.tell(o.raw, err)
			}
			o.failing = true
		default:
			if o.failing {
				b.tell(o.raw, nil)
			}
			o.last, o.failing = places, false
		}
		out = append(out, o.last...)
	}
	return unique(out)
}

func (b *Backend) tell(name string, err error) {
	if b.config.Looked != nil {
		b.config.Looked(name, err)
	}
}

func unique(in []place) []place {
	seen := map[string]bool{}
	return slices.DeleteFunc(in, func(p place) bool {
		was := seen[p.address]
		seen[p.address] = true
		return was
	})
}

func (b *Backend) resolve(ctx context.Context, o *origin) ([]place, error) {
	ctx, stop := context.WithTimeout(ctx, lookupTimeout)
	defer stop()
	if o.scheme != "dns+srv" {
		return b.addresses(ctx, o, o.host, o.name, o.port)
	}
	_, records, err := b.config.Resolver.LookupSRV(ctx, "", "", o.name)
	if err != nil {
		return nil, err
	}
	var out []place
	for _, r := range lowest(records) {
		target := r.Target
		if n := len(target); n > 1 && target[n-1] == '.' {
			target = target[:n-1]
		}
		port := strconv.Itoa(int(r.Port))
		host := net.JoinHostPort(target, port)
		found, err := b.addresses(ctx, o, host, target, port)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// lowest are the records of the lowest priority number (RFC 2782); the others are for when none of these can be reached, which health
// checks and fallback are for. Weights are left to loadBalancing.
func lowest(records []*net.SRV) []*net.SRV {
	var out []*net.SRV
	for _, r := range records { // sorted by priority
		if r.Priority == records[0].Priority {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *net.SRV) int {
		if a.Target != b.Target {
			if a.Target < b.Target {
				return -1
			}
			return 1
		}
		return int(a.Port) - int(b.Port)
	})
	return out
}

// addresses are all IPv4 addresses of a name, or its IPv6 ones where it has no other: both would count a server with two twice.
func (b *Backend) addresses(ctx context.Context, o *origin, host, name, port string) ([]place, error) {
	found, err := b.config.Resolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil, err
	}
	var four, six []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	if len(four) == 0 {
		four = six
	}
	if len(four) == 0 {
		return nil, errors.New("it has no address")
	}
	slices.SortFunc(four, netip.Addr.Compare)
	var out []place
	for _, a := range four {
		at := net.JoinHostPort(a.String(), port)
		out = append(out, place{o.web() + "://" + at, host, at, o.secure})
	}
	return out, nil
}

// Named says that the backend's endpoints have to be looked up first.
func (b *Backend) Named() bool { return b.named() }

// Address is where the endpoint is, as an IP address and port unless it is localhost.
func (e *Endpoint) Address() string { return e.address }
