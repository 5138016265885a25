package proxy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/identity"
)

func forward(t *testing.T, input string, trusted bool) string {
	t.Helper()
	var h requestHead
	if n, err := h.scan([]byte(input), headLimits{bytes: 4096, fields: 50}); n != len(input) || err != nil {
		t.Fatalf("scan = %d, %v", n, err)
	}
	w := forwarded{client: "192.0.2.7", proto: "http", backend: "canary", route: "shop", trusted: trusted, identity: identity.New(identity.Config{}), requestID: []byte("id")}
	return string(h.appendForward(nil, &w))
}

const ourFields = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nX-Request-Id: id\r\nSluice-Backend: canary\r\nSluice-Route: shop\r\n\r\n"

func TestWhatIsNotManagedArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	const head = "GET /a%2fb//c;d?x=%41 HTTP/1.1\r\nhOsT: a\r\nX-B:  2 \r\nx-a: 1\r\nX-B: 1\r\nCookie: a=b\r\n"
	if diff := cmp.Diff(head+ourFields, forward(t, head+"\r\n", false)); diff != "" {
		t.Error(diff)
	}
}

func TestAnUntrustedClientCanNeitherSetNorDeleteManagedFields(t *testing.T) {
	t.Parallel()
	got := forward(t, "GET / HTTP/1.1\r\nHost: a\r\n"+
		"X-Forwarded-For: 1.1.1.1\r\nx_forwarded.for: 1.1.1.1\r\nX-Forwarded-Port: 1\r\nForwarded: for=x\r\nSluice-Backend: evil\r\nSLUICE_ROUTE: evil\r\n"+
		"Connection: close, X-Forwarded-For, Sluice-Backend, x-secret, Host\r\nX-Secret: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n\r\n", false)
	if diff := cmp.Diff("GET / HTTP/1.1\r\nHost: a\r\n"+ourFields, got); diff != "" {
		t.Error(diff)
	}
}

func TestATrustedProxysWordIsKeptAndItsChainGoesOn(t *testing.T) {
	t.Parallel()
	got := forward(t, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n"+
		"X_Forwarded_Host: c\r\nForwarded: for=1.1.1.1\r\nSluice-Route: evil\r\nX-Forwarded-For: 2.2.2.2\r\n\r\n", true)
	want := "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\nForwarded: for=1.1.1.1\r\n" +
		"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.7\r\nX-Request-Id: id\r\nSluice-Backend: canary\r\nSluice-Route: shop\r\n\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFramingIsKeptWhateverConnectionLists(t *testing.T) {
	t.Parallel()
	got := forward(t, "POST http://a?x HTTP/1.1\r\nHost: a\r\nConnection: content-length, transfer-encoding, host\r\nTransfer-Encoding: chunked\r\n\r\n", false)
	if diff := cmp.Diff("POST /?x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"+ourFields, got); diff != "" {
		t.Error(diff)
	}
}

func TestWritingTheForwardedHeadAllocatesNothing(t *testing.T) {
	var h requestHead
	if _, err := h.scan([]byte("GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\nConnection: close\r\n\r\n"), testLimits); err != nil {
		t.Fatal(err)
	}
	w := forwarded{client: "192.0.2.7", proto: "http", backend: "canary", route: "shop", identity: identity.New(identity.Config{}), requestID: []byte("id")}
	dst := make([]byte, 0, 1024)
	if got := testing.AllocsPerRun(100, func() { dst = h.appendForward(dst[:0], &w) }); got != 0 {
		t.Errorf("allocations = %v, want 0", got)
	}
}
