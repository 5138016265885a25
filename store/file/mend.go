package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// mend says what a person can do about an error of the folder or of a file in it.
func mend(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return "free space"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("make the folder and its files readable and writable for user %d, or run as their owner", os.Getuid())
	case errors.Is(err, syscall.EROFS):
		return "mount it writable, or set state.dir"
	default:
		return "free space, or make it writable for this user"
	}
}
