package admin_test

import (
	"net"
	"strings"
	"testing"

	"sluice/admin"
	"sluice/admin/admintest"
	"sluice/metrics"
)

// three tokens: of a reader, of one who operates, and one without a name.
func three(c *admin.Config) {
	c.Tokens = []admin.Token{
		{Name: "board", Role: admin.Read, Secret: "r3ad"},
		{Name: "ci", Role: admin.Operate, Secret: "0perate"},
		{Role: admin.Operate, Secret: "s3cret"},
	}
}

func TestAReaderReadsAndChangesNothing(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	address := admintest.Serve(t, proxy, three)
	const abort = "/api/v1/routes/checkout/rollout/abort"
	for _, c := range []struct {
		method, path, token, body string
		want                      int
	}{
		{"GET", "/api/v1/routes", "r3ad", "", 200},
		{"GET", "/api/v1/config", "r3ad", "", 200},
		{"GET", "/metrics", "r3ad", "", 200},
		{"POST", "/api/v1/explain", "r3ad", `{"url": "/"}`, 200},
		{"POST", abort, "r3ad", "", 403},
		{"POST", abort, "r3ad", "{garbage", 403},
		{"POST", "/api/v1/reload", "r3ad", "", 403},
		{"POST", "/api/v1/events/conversion", "r3ad", `{"user": "ann", "route": "checkout"}`, 403},
		{"POST", "/api/v1/events/conversion", "0perate", `{"user": "ann", "route": "checkout"}`, 200},
		{"POST", "/api/v1/routes/search/rollout/set-weight", "r3ad", "", 403},
		{"POST", abort, "wrong", "", 401},
		{"POST", abort, "", "", 401},
		{"POST", abort, "0perate", "", 200},
		{"POST", "/api/v1/reload", "s3cret", "", 200},
	} {
		status, header, body := ask(t, address, c.method, c.path, c.body, "Authorization", "Bearer "+c.token)
		if status != c.want {
			t.Errorf("%s %s with %q = %d %s, want %d", c.method, c.path, c.token, status, body, c.want)
		}
		if status >= 400 {
			if p := problemIn(t, header.Get("Content-Type"), body); status == 403 && !strings.Contains(p.Detail, `"board"`) {
				t.Errorf("403 says %q, want whose token it is", p.Detail)
			}
		}
	}
	if n := len(controller.Commands()); n != 1 {
		t.Errorf("%d commands were carried out, want 1", n)
	}
}

func TestTheNameOfATokenIsTheActorWhateverItsHolderSays(t *testing.T) {
	t.Parallel()
	proxy, controller := admintest.New()
	address := admintest.Serve(t, proxy, three)
	const abort = "/api/v1/routes/checkout/rollout/abort"
	for _, token := range []string{"0perate", "s3cret"} {
		for _, body := range []string{`{"actor": "boss"}`, ""} {
			ask(t, address, "POST", abort, body, "Authorization", "Bearer "+token)
		}
	}
	var got []string
	for _, c := range controller.Commands() {
		got = append(got, c.Actor)
	}
	if want := "ci ci boss api"; strings.Join(got, " ") != want {
		t.Errorf("actors %q, want %s", got, want)
	}
}

func TestTokensThatCannotBeToldApartAreRefused(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	for name, tokens := range map[string][]admin.Token{
		"the same twice": {{Name: "a", Role: admin.Read, Secret: "x"}, {Name: "b", Role: admin.Operate, Secret: "x"}},
		"an empty one":   {{Name: "a", Role: admin.Read}},
	} {
		l := addressed{addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9900}}
		_, err := admin.New(admin.Config{Listener: l, Proxy: proxy, Process: new(metrics.Process), Tokens: tokens})
		if err == nil || !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("%s: New = %v, want an error naming a", name, err)
		}
	}
}

func TestTheConfigurationIsShownAsJSONOrYAML(t *testing.T) {
	t.Parallel()
	proxy, _ := admintest.New()
	address := admintest.Serve(t, proxy, nil)
	for _, c := range []struct{ path, accept, kind, body string }{
		{"/api/v1/config", "", "application/json", `{"version":1}`},
		{"/api/v1/config?format=json", "application/yaml", "application/json", `{"version":1}`},
		{"/api/v1/config?format=yaml", "", "application/yaml", "version: 1"},
		{"/api/v1/config", "application/yaml", "application/yaml", "version: 1"},
	} {
		status, header, body := ask(t, address, "GET", c.path, "", "Accept", c.accept)
		if got := strings.TrimSpace(string(body)); status != 200 || header.Get("Content-Type") != c.kind || got != c.body {
			t.Errorf("%s for %q = %d %q %s, want 200 %q %s", c.path, c.accept, status, header.Get("Content-Type"), got, c.kind, c.body)
		}
	}
	if status, _, _ := ask(t, address, "GET", "/api/v1/config?format=toml", ""); status != 400 {
		t.Errorf("format=toml = %d, want 400", status)
	}
}
