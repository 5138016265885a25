//go:build tools

// Package tools pins the linters, outside the product's go.mod.
package tools

import (
	_ "honnef.co/go/tools/cmd/staticcheck"
	_ "mvdan.cc/gofumpt"
)
