// Package ofrep speaks the OpenFeature Remote Evaluation Protocol (github.com/open-feature/protocol, version 0.1.0): applications ask what
// their feature flags are for a user.
//
// It decides nothing: flags.Evaluate does. It is served on the operators' port, behind its tokens, and on listeners that are told so.
// Start at Handlers.
package ofrep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cespare/xxhash/v2"

	"sluice/flags"
	"sluice/selector"
)

// The paths that are served, as http.ServeMux has them; both take POST.
const (
	OnePath = "/ofrep/v1/evaluate/flags/{key}"
	AllPath = "/ofrep/v1/evaluate/flags"
)

// Flags are the flags there are, as they are now. Its methods are called from many goroutines at once.
type Flags interface {
	// Keys are the flags' names, in an order that stays.
	Keys() []string
	// Evaluate says what a flag is for a user. The error is ErrUnknown, *flags.NoKey, or what stands in the way.
	Evaluate(key string, c *flags.Context) (flags.Evaluation, error)
}

// ErrUnknown says that there is no flag of that name.
var ErrUnknown = errors.New("there is no flag of that name")

// None are no flags.
type None struct{}

// Keys are none.
func (None) Keys() []string { return nil }

// Evaluate finds none.
func (None) Evaluate(string, *flags.Context) (flags.Evaluation, error) {
	return flags.Evaluation{}, ErrUnknown
}

// maxBody bounds a question, in bytes.
const maxBody = 64 << 10

// evaluation is an answer that was found (the protocol's evaluationSuccess).
type evaluation struct {
	Key      string          `json:"key"`
	Reason   string          `json:"reason"`
	Variant  string          `json:"variant"`
	Value    json.RawMessage `json:"value"`
	Metadata metadata        `json:"metadata"`
}

// metadata says why in the proxy's own words.
type metadata struct {
	Reason string `json:"sluiceReason"`
}

// failure is an answer that was not (evaluationFailure, flagNotFound and bulkEvaluationFailure).
type failure struct {
	Key     string `json:"key,omitempty"`
	Code    string `json:"errorCode"`
	Details string `json:"errorDetails"`
}

// One answers what one flag is.
func One(f Flags) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.PathValue("key")
		c, bad, status := readContext(w, r)
		if bad != nil {
			bad.Key = key
			write(w, status, bad)
			return
		}
		answer, bad := ask(f, key, c)
		if bad == nil {
			write(w, http.StatusOK, answer)
			return
		}
		status = http.StatusBadRequest
		switch bad.Code {
		case "FLAG_NOT_FOUND":
			status = http.StatusNotFound
		case "GENERAL":
			status = http.StatusInternalServerError
		}
		write(w, status, bad)
	})
}

// All answers what all flags are. Its ETag stands for the whole answer: a client that has it already gets 304.
func All(f Flags) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, bad, status := readContext(w, r)
		if bad != nil {
			write(w, status, bad)
			return
		}
		all := []any{}
		for _, key := range f.Keys() {
			if answer, bad := ask(f, key, c); bad == nil {
				all = append(all, answer)
			} else {
				all = append(all, bad)
			}
		}
		body, _ := json.Marshal(map[string]any{"flags": all})
		tag := fmt.Sprintf(`"%016x"`, xxhash.Sum64(body))
		w.Header().Set("ETag", tag)
		if holds(r.Header.Values("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		send(w, http.StatusOK, body)
	})
}

// holds says whether an If-None-Match names the tag (RFC 9110, section 13.1.2: the comparison is the weak one).
func holds(fields []string, tag string) bool {
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// ask evaluates one flag.
func ask(f Flags, key string, c *flags.Context) (*evaluation, *failure) {
	e, err := f.Evaluate(key, c)
	var noKey *flags.NoKey
	switch {
	case err == nil:
		return &evaluation{Key: key, Reason: reason(&e), Variant: e.Variant, Value: e.Value, Metadata: metadata{e.Reason.String()}}, nil
	case errors.Is(err, ErrUnknown):
		return nil, &failure{key, "FLAG_NOT_FOUND", fmt.Sprintf("there is no flag %q; flags stand in the configuration under flags", key)}
	case errors.As(err, &noKey):
		return nil, &failure{key, "TARGETING_KEY_MISSING", err.Error()}
	}
	return nil, &failure{key, "GENERAL", err.Error()}
}

// reason is OpenFeature's word (specification, types, resolution reason).
func reason(e *flags.Evaluation) string {
	switch e.Reason {
	case selector.Internal, selector.Beta, selector.Segment, selector.Match, selector.Override:
		return "TARGETING_MATCH"
	case selector.Fallback:
		return "DEFAULT"
	}
	if e.Certain {
		return "STATIC"
	}
	return "SPLIT"
}

// readContext reads the question; an empty one is about nobody. A failure comes with its status.
func readContext(w http.ResponseWriter, r *http.Request) (*flags.Context, *failure, int) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return nil, &failure{Code: "PARSE_ERROR", Details: fmt.Sprintf("the body is longer than %d bytes", maxBody)}, http.StatusRequestEntityTooLarge
		}
		return nil, &failure{Code: "PARSE_ERROR", Details: "the body ends before its end"}, http.StatusBadRequest
	}
	var question struct {
		Context json.RawMessage `json:"context"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &question); err != nil {
			return nil, &failure{Code: "PARSE_ERROR", Details: `the body is not an object like {"context": {"targetingKey": "user-1"}}: ` + err.Error()}, http.StatusBadRequest
		}
	}
	var attributes map[string]json.RawMessage
	if question.Context != nil && json.Unmarshal(question.Context, &attributes) != nil {
		return nil, &failure{Code: "INVALID_CONTEXT", Details: "context has to be an object"}, http.StatusBadRequest
	}
	c, err := flags.ParseContext(attributes)
	if err != nil {
		return nil, &failure{Code: "INVALID_CONTEXT", Details: err.Error()}, http.StatusBadRequest
	}
	return c, nil, 0
}

func write(w http.ResponseWriter, status int, v any) {
	body, _ := json.Marshal(v)
	send(w, status, body)
}

func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
