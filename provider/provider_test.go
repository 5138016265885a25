package provider

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what is to happen soon.
const patience = 20 * time.Second

// saying is a server that gives one answer.
func saying(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s
}

func endpoint(url string) Endpoint { return Endpoint{URL: url, Timeout: patience} }

// wantNoValue says that an error has a text, and no address or secret.
func wantNoValue(t *testing.T, v float64, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Read() = %v, %v, want an error with %q", v, err, want)
	} else if strings.ContainsAny(err.Error(), "\n\r\x00") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error %q is not one line, or has a secret in it", err)
	}
}

func TestAQueryGivesOneNumberOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	vector := func(values ...string) string {
		var all []string
		for _, v := range values {
			all = append(all, `{"metric":{"a":"b"},"value":[1700000000.1,"`+v+`"]}`)
		}
		return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(all, ",") + `]}}`
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   float64
		err    string
	}{
		"a vector of one":          {200, vector("42.5"), 42.5, ""},
		"a scalar":                 {200, `{"status":"success","data":{"resultType":"scalar","result":[1700000000,"-1e-3"]}}`, -0.001, ""},
		"more keys":                {200, `{"status":"success","warnings":["w"],"infos":[],"data":{"stats":{},"resultType":"scalar","result":[1,"7"]}}`, 7, ""},
		"nothing":                  {200, vector(), 0, "the query gives nothing"},
		"two series":               {200, vector("1", "2"), 0, "the query gives 2 series"},
		"not a number":             {200, vector("NaN"), 0, "the value is NaN"},
		"infinite":                 {200, vector("+Inf"), 0, "the value is +Inf"},
		"no value":                 {200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}`, 0, "a histogram"},
		"a text":                   {200, `{"status":"success","data":{"resultType":"string","result":[1,"a"]}}`, 0, "the query gives a string"},
		"a range":                  {200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, 0, "the query gives a matrix"},
		"an error":                 {400, `{"status":"error","errorType":"bad_data","error":"parse error: unexpected\nend"}`, 0, "the query failed: parse error: unexpected end"},
		"an error in time":         {503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, 0, "the query failed: query timed out"},
		"a login page":             {200, "<html>log in</html>", 0, "none of a Prometheus server"},
		"an empty answer":          {200, "", 0, "none of a Prometheus server"},
		"another JSON":             {200, `{"score": 5}`, 0, "none of a Prometheus server"},
		"a list":                   {200, `[1, 2]`, 0, "none of a Prometheus server"},
		"broken off":               {200, vector("1")[:70], 0, "none of a Prometheus server"},
		"a vector that is none":    {200, `{"status":"success","data":{"resultType":"vector","result":5}}`, 0, "none of a Prometheus server"},
		"a scalar that is none":    {200, `{"status":"success","data":{"resultType":"scalar","result":{}}}`, 0, "none of a Prometheus server"},
		"a scalar without a value": {200, `{"status":"success","data":{"resultType":"scalar","result":[1]}}`, 0, "the value is null"},
		"no permission":            {401, "who are\nyou?", 0, "status 401: who are you?"},
		"a gateway":                {502, "", 0, "status 502"},
		"a redirect":               {302, "", 0, "status 302: a redirect, which is not followed"},
		"too much":                 {200, strings.Repeat(" ", maxAnswer+1), 0, "more than 1024 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := NewQuery(endpoint(saying(t, c.status, c.body).URL), "up")
			if err != nil {
				t.Fatal(err)
			}
			v, err := q.Read(t.Context())
			switch {
			case c.err != "":
				wantNoValue(t, v, err, c.err)
			case err != nil || v != c.want:
				t.Errorf("Read() = %v, %v, want %v", v, err, c.want)
			}
		})
	}
}

func TestAQueryIsSentAsItIsBelowTheServersPath(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := make(chan *http.Request, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r }))
	defer s.Close()
	e := Endpoint{URL: s.URL + "/prom/?tenant=a", Timeout: 90 * time.Second, TokenFile: token}
	const promQL = `sum(rate(x{a="b&c"}[1m])) / 2 # +`
	q, err := NewQuery(e, promQL)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = q.Read(t.Context())
	r := <-asked
	if r.URL.Path != "/prom/api/v1/query" || r.URL.Query().Get("query") != promQL || r.URL.Query().Get("tenant") != "a" ||
		r.URL.Query().Get("timeout") != "90" || r.Header.Get("Authorization") != "Bearer hunter2" {
		t.Errorf("the server is asked %s with %q", r.URL, r.Header.Get("Authorization"))
	}
}

func TestAValueStandsAtItsPlaceOrTheErrorSaysWhyNot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		path   []any
		want   float64
		err    string
	}{
		"the document":    {200, " 5.5\n", nil, 5.5, ""},
		"deep":            {200, `{"data":[{"the score":{"now":30}}]}`, []any{"data", 0, "the score", "now"}, 30, ""},
		"a text":          {200, `{"a":" 1e3 "}`, []any{"a"}, 1000, ""},
		"no such name":    {200, `{"data":{}}`, []any{"data", "score"}, 0, "the answer has no $.data.score"},
		"no such index":   {200, `{"data":[]}`, []any{"data", 0}, 0, "the answer has no $.data[0]"},
		"another kind":    {200, `{"data":5}`, []any{"data", "score"}, 0, "the answer has no $.data.score"},
		"null":            {200, `{"a":null}`, []any{"a"}, 0, "the value is null"},
		"a list":          {200, `[1]`, nil, 0, "the value is a list"},
		"an object":       {200, `{"a":{}}`, []any{"a"}, 0, "the value is an object"},
		"true":            {200, `{"a":true}`, []any{"a"}, 0, "the value is true"},
		"a word":          {200, `{"a":"high"}`, []any{"a"}, 0, `the value is "high", which is no number`},
		"not a number":    {200, `{"a":"NaN"}`, []any{"a"}, 0, "the value is NaN"},
		"too large":       {200, `{"a":"1e999"}`, []any{"a"}, 0, "the value is +Inf"},
		"too large a one": {200, `{"a":1e999}`, []any{"a"}, 0, "no JSON"},
		"no JSON":         {200, "NaN", nil, 0, "no JSON"},
		"two documents":   {200, "1 2", nil, 0, "no JSON"},
		"empty":           {200, "", nil, 0, "the answer is empty"},
		"not found":       {404, `{"a":1}`, []any{"a"}, 0, "status 404"},
		"accepted":        {202, `{"a":1}`, []any{"a"}, 0, "status 202"},
		"a redirect":      {307, `{"a":1}`, []any{"a"}, 0, "a redirect, which is not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := NewValue(endpoint(saying(t, c.status, c.body).URL), c.path).Read(t.Context())
			switch {
			case c.err != "":
				wantNoValue(t, v, err, c.err)
			case err != nil || v != c.want:
				t.Errorf("Read() = %v, %v, want %v", v, err, c.want)
			}
		})
	}
}

func TestARedirectIsNotFollowedAlsoOnTheSameHost(t *testing.T) {
	t.Parallel()
	followed := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			followed <- struct{}{}
		}
		http.Redirect(w, r, "/there", http.StatusFound)
	}))
	defer s.Close()
	v, err := NewValue(endpoint(s.URL), nil).Read(t.Context())
	wantNoValue(t, v, err, "a redirect")
	select {
	case <-followed:
		t.Error("the redirect was followed")
	default:
	}
}

func TestASourceThatHangsIsGivenUpAfterItsTimeout(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 2)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.Header().Set("Content-Length", "10")
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
		gone <- struct{}{}
	}))
	defer s.Close()
	for _, path := range []string{"/head", "/body"} {
		v, err := NewValue(Endpoint{URL: s.URL + path, Timeout: 50 * time.Millisecond}, nil).Read(t.Context())
		wantNoValue(t, v, err, "no answer within 50ms")
		<-gone
	}
}

func TestWhatCanNotBeReachedSaysSoWithoutItsAddress(t *testing.T) {
	t.Parallel()
	s := saying(t, 200, "1")
	s.Close()
	address := strings.Replace(s.URL, "http://", "http://ann:hunter2@", 1) + "/?key=hunter2"
	v, err := NewValue(endpoint(address), nil).Read(t.Context())
	wantNoValue(t, v, err, "no answer: dial tcp")
	e := endpoint(s.URL)
	e.TokenFile = filepath.Join(t.TempDir(), "none")
	v, err = NewValue(e, nil).Read(t.Context())
	wantNoValue(t, v, err, "the token can't be read")
}

func TestALinkLocalAddressIsRefusedBeforeAConnectionIsTried(t *testing.T) {
	t.Parallel()
	v, err := NewValue(endpoint("http://[fe80::1%25lo]:1/x"), nil).Read(t.Context())
	wantNoValue(t, v, err, "link-local address")
}

func TestAnAnswerIsGivenUpWithItsContext(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if v, err := NewValue(endpoint(s.URL), nil).Read(ctx); err == nil {
		t.Errorf("Read() = %v after its context ended, want an error", v)
	}
}
