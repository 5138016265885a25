package proxy

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAProblemIsJSONWhateverTheClientCallsItsRequest(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "id-7", `a"b`, `a\b`, "a\tb", "\xff", strings.Repeat("x", 200)} {
		p := page{status: 502, reason: "the backend's answer is malformed", requestID: []byte(id), json: true}
		out := string(p.append(nil))
		_, body, _ := strings.Cut(out, "\r\n\r\n")
		var got struct {
			Type, Title, Detail, RequestID string
			Status                         int
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Status != 502 || got.Detail != p.reason || got.Title != "Bad Gateway" {
			t.Errorf("id %q: %q, %v; want a problem", id, body, err)
		}
		if plain := id == "id-7"; plain != (got.RequestID == id && id != "") || len(body) > 250 {
			t.Errorf("id %q: %q, want it short, with an id that is safe to repeat and no other", id, body)
		}
	}
}

func TestAcceptIsAskedForJSONByName(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/*": false, "text/json-like": false, "application/jsonp": false,
		"application/json": true, "text/html, Application/Problem+Json;q=0.1": true, "application/json; v=1 ; q=1": true,
		"application/json;q=0": false, "application/json; q=0.000": false, "application/json;q=0, application/problem+json": true,
	} {
		if got := asksForJSON([]byte(accept)); got != want {
			t.Errorf("asksForJSON(%q) = %v, want %v", accept, got, want)
		}
	}
}

func TestAHostIsOneNameOrAddress(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"a": true, "A-b_c.test:8080": true, "127.0.0.1": true, "[::1]": true, "[::1]:65535": true, "%41b": true, "a:0": true,
		"": false, "a,b": false, "a:": false, "a:65536": false, "a:80:80": false, "::1": false, "[::1": false, "[1.2.3.4]": false,
		"[fe80::1%25e]": false, "[::1]x": false, "u@a": false, "a/b": false, "a b": false, "a%4": false, "\xc3\xa4": false, ":80": false,
	} {
		if got := validHost([]byte(host)); got != want {
			t.Errorf("validHost(%q) = %v, want %v", host, got, want)
		}
	}
}
