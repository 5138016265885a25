// Package outbound has what the calls share that the configuration makes this process do, to webhooks, alerts and providers of numbers:
// where they may go, and what is said of one that fails.
package outbound

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// maxLine is how many characters OneLine leaves.
const maxLine = 200

// Control is a net.Dialer's: it refuses a link-local address, unless allowed, just before it is connected to, so that a name that anyone may
// set never leads to what only this machine can see, such as a cloud's credentials.
func Control(allowed bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		if allowed {
			return nil
		}
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if a := at.Addr().Unmap(); a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() {
			return fmt.Errorf("%s is a link-local address; allowLinkLocal would allow it", a)
		}
		return nil
	}
}

// Why is an error of net/http's client for a sentence, without the URL, which may be a secret. timeout is what the call was given.
func Why(err error, timeout time.Duration) string {
	var late interface{ Timeout() bool }
	if errors.As(err, &late) && late.Timeout() {
		return fmt.Sprintf("no answer within %s", timeout)
	}
	var with *url.Error
	if errors.As(err, &with) {
		err = with.Err
	}
	return "no answer: " + OneLine(err.Error())
}

// OneLine is a text from outside for a sentence: short, and without control characters.
func OneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(s); len(r) > maxLine {
		s = string(r[:maxLine]) + "…"
	}
	return s
}
