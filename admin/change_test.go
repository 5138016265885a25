package admin

import (
	"context"
	"net/http"
	"testing"
)

func TestAChangeOutlivesTheRequestForIt(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := http.NewRequestWithContext(gone, http.MethodPost, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := lasting(r)
	defer end()
	if ctx.Err() != nil {
		t.Errorf("the change's context ended with the request: %v", ctx.Err())
	}
}
