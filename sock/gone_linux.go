package sock

import "golang.org/x/sys/unix"

// Gone says that the connection is over in both directions, which a reset makes it; the other side's end alone does not. It takes
// nothing away, neither bytes nor the error.
func Gone(fd uintptr) bool {
	p := [1]unix.PollFd{{Fd: int32(fd)}}
	for {
		n, err := unix.Poll(p[:], 0)
		if err != unix.EINTR {
			return n > 0 && p[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
		}
	}
}
