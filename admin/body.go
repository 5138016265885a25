package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"unicode"

	"sluice/rollout"
)

// maxBody bounds a request's body; the largest sensible one is some hundred bytes.
const maxBody = 64 << 10

// Texts end up in the journal, so their length is bounded (bytes).
const (
	maxName    = 128
	maxComment = 2048
)

// decode reads one JSON object into v; an empty body leaves v as it is.
func decode(r *http.Request, v any) error {
	b, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, "the body is longer than %d bytes", maxBody)
	case err != nil:
		return problem(http.StatusBadRequest, "the body could not be read: %s", err)
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil
	}
	if b[0] != '{' {
		return problem(http.StatusBadRequest, "the body is not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return malformed(err)
	}
	if d.More() {
		return problem(http.StatusBadRequest, "the body holds more than one JSON object")
	}
	return nil
}

func malformed(err error) *Problem {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		field := strings.TrimPrefix(wrong.Field, "Command.") // of the struct inside commandBody
		return problem(http.StatusBadRequest, "field %q can't be %s", field, articled(wrong.Value))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem(http.StatusBadRequest, "the body is not JSON: it ends in the middle")
	default:
		return problem(http.StatusBadRequest, "the body is not what is expected here: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
}

// articled puts the article before the name of a JSON type.
func articled(kind string) string {
	if kind == "array" || kind == "object" {
		return "an " + kind
	}
	return "a " + kind
}

// commandBody is a command's JSON. Weights are read as they were sent, so that one outside 0 to 100 is seen.
type commandBody struct {
	rollout.Command
	Weights map[string]*float64 `json:"weights"`
}

// readCommand reads the command with the given verb.
func readCommand(r *http.Request, verb string) (rollout.Command, error) {
	var body commandBody
	if err := decode(r, &body); err != nil {
		return rollout.Command{}, err
	}
	c := body.Command
	c.Verb = verb
	c.Actor = actorOf(r, c.Actor)
	for field, text := range map[string]string{"attempt": c.Attempt, "gate": c.Gate, "version": c.Version, "actor": c.Actor} {
		if len(text) > maxName || strings.ContainsFunc(text, unicode.IsControl) {
			return c, problem(http.StatusBadRequest, "field %q is longer than %d bytes or holds a control character", field, maxName)
		}
	}
	if len(c.Comment) > maxComment {
		return c, problem(http.StatusBadRequest, "field \"comment\" is longer than %d bytes", maxComment)
	}
	c.Comment = oneLine(c.Comment)
	for backend, percent := range body.Weights {
		switch {
		case percent == nil:
			return c, problem(http.StatusBadRequest, "field \"weights\": null for %q is no number", backend)
		case *percent < 0 || *percent > 100:
			return c, problem(http.StatusBadRequest, "field \"weights\": %v for %q is not between 0 and 100", *percent, backend)
		case math.Abs(*percent*100-math.Round(*percent*100)) > 1e-6:
			return c, problem(http.StatusBadRequest, "field \"weights\": %v for %q has more than two decimals", *percent, backend)
		}
		if c.Weights == nil {
			c.Weights = make(map[string]rollout.Weight, len(body.Weights))
		}
		c.Weights[backend] = rollout.Weight(math.Round(*percent * 100))
	}
	return c, nil
}

// oneLine puts spaces for control characters: a comment may well be a commit's message.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}
