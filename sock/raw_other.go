//go:build !linux || race

package sock

import (
	"errors"
	"io"
	"syscall"
)

// TryRead reads what has arrived on the non-blocking descriptor: syscall.EAGAIN when nothing has, io.EOF at the end.
func TryRead(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// TryWrite writes what the non-blocking descriptor takes: syscall.EAGAIN when it takes nothing.
func TryWrite(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		return max(n, 0), err
	}
}

// Silent says that nothing has arrived on the descriptor: no byte, no end, no error. It takes nothing away.
func Silent(fd uintptr) bool {
	var one [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if !errors.Is(err, syscall.EINTR) {
			return errors.Is(err, syscall.EAGAIN)
		}
	}
}
