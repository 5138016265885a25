//go:build unix

package listener

import (
	"io/fs"
	"syscall"
)

// inode is which file a name leads to.
func inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
