//go:build !unix

package demo

import "os"

// Terminal says that nothing is known of f: no width, no colours.
func Terminal(*os.File) (width int, colour bool) { return 0, false }
