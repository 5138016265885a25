package h2

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"sluice/backend"
	"sluice/internal/testkit"
	"sluice/metrics"
)

// called is a server of calls: it ends them with the status in Want, "trailers" or "head" says where.
var called = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	status := r.Header.Get("Want")
	w.Header().Set("Content-Type", "application/grpc+proto")
	if r.URL.Path == "/head" {
		w.Header().Set("Grpc-Status", status)
		w.WriteHeader(200)
		return
	}
	w.WriteHeader(200)
	_, _ = w.Write([]byte{0, 0, 0, 0, 0})
	if status != "" {
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
	}
})

// call makes a call and returns its status.
func (b *bench) call(t *testing.T, path, want string, body io.Reader) string {
	t.Helper()
	req, err := http.NewRequest("POST", b.url(path), body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc+proto")
	req.Header.Set("Te", "trailers")
	if want != "" {
		req.Header.Set("Want", want)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
		t.Errorf("%s: %d, %v; want 200 and all of it", path, resp.StatusCode, err)
	}
	return resp.Header.Get("Grpc-Status") + resp.Trailer.Get("Grpc-Status")
}

func TestACallIsJudgedByItsStatus(t *testing.T) {
	t.Parallel()
	url := origins(t, called)["h2c"]
	for status, failed := range map[string]bool{
		"0": false, "1": false, "2": true, "3": false, "4": true, "5": false, "6": false, "7": false, "8": false, "9": false, "10": false,
		"11": false, "12": true, "13": true, "14": true, "15": true, "16": false, "": true, "99": true, "x": true,
	} {
		for _, path := range []string{"/trailers", "/head"} {
			t.Run(path+" "+status, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, options{}, url)
				if got := b.call(t, path, status, bytes.NewReader([]byte{0, 0, 0, 0, 0})); got != status {
					t.Errorf("grpc-status is %q, want %q", got, status)
				}
				testkit.Until(t, testkit.Patience, "the call to be counted", func() (bool, any) {
					c := b.meter.Totals().Counts[metrics.Drawn]
					return c.Requests == 1 && c.Unfinished == 0 && (c.Errors == 1) == failed, c
				})
			})
		}
	}
}

func TestWhatIsNoCallIsJudgedByItsHTTPStatusAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{}, origins(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Grpc-Status", "13") }))["h2c"])
	resp, err := b.client.Get(b.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	testkit.Until(t, testkit.Patience, "the request to be counted", func() (bool, any) {
		c := b.meter.Totals().Counts[metrics.Drawn]
		return c.Requests == 1 && c.Unfinished == 0 && c.Errors == 0, c
	})
}

// A call in which both sides speak in turns, each waiting longer than every limit of a request allows.
func TestACallLastsAsLongAsBothSidesWant(t *testing.T) {
	t.Parallel()
	for kind, url := range origins(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.Header().Set("Content-Type", "application/grpc")
		w.WriteHeader(200)
		_ = control.Flush()
		one := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, one); err != nil {
				break
			}
			_, _ = w.Write(one)
			_ = control.Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})) {
		if kind != "h2c" {
			continue
		}
		o := options{timeout: 600 * time.Millisecond, timeouts: backend.Timeouts{FirstByte: 600 * time.Millisecond, Idle: 600 * time.Millisecond}}
		b := newBench(t, o, url)
		r, w := io.Pipe()
		req, err := http.NewRequest("POST", b.url("/"), r)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		resp, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for i := range 3 {
			if i == 1 {
				<-time.After(1500 * time.Millisecond) // what is shown is that nothing happens meanwhile
			}
			if _, err := w.Write([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			var got [1]byte
			if _, err := io.ReadFull(resp.Body, got[:]); err != nil || got[0] != byte(i) {
				t.Fatalf("turn %d: %v, %v", i, got, err)
			}
		}
		_ = w.Close()
		if _, err := io.ReadAll(resp.Body); err != nil || resp.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("the end: %v, trailers %v; want grpc-status 0", err, resp.Trailer)
		}
	}
}
