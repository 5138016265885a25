package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// value is a number in a JSON document.
type value struct {
	client *client
	path   []any
}

// NewValue makes a Source that gets a JSON document and reads the number at path: texts are names, ints are indices.
func NewValue(e Endpoint, path []any) Source {
	return &value{client: newClient(e, maxAnswer, "application/json"), path: path}
}

// Read gets the document.
func (v *value) Read(ctx context.Context) (float64, error) {
	body, status, err := v.client.get(ctx, v.client.endpoint.URL)
	if err != nil {
		return 0, err
	}
	if err := unless200(status, body); err != nil {
		return 0, err
	}
	if len(body) == 0 {
		return 0, errors.New("the answer is empty")
	}
	var document any
	if err := json.Unmarshal(body, &document); err != nil {
		return 0, errors.New("the answer is no JSON")
	}
	at := "$"
	for _, step := range v.path {
		next, ok := child(document, step)
		if !ok {
			return 0, fmt.Errorf("the answer has no %s%s", at, written(step))
		}
		document, at = next, at+written(step)
	}
	return numberOf(document)
}

// child is what stands in a JSON value under a name, or at an index.
func child(in, step any) (any, bool) {
	switch step := step.(type) {
	case string:
		object, _ := in.(map[string]any)
		v, ok := object[step]
		return v, ok
	case int:
		if list, _ := in.([]any); step < len(list) {
			return list[step], true
		}
	}
	return nil, false
}

func written(step any) string {
	if name, ok := step.(string); ok {
		return "." + name
	}
	return fmt.Sprintf("[%d]", step)
}
