package backend

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// upload is a request's body on its way to an endpoint of HTTP/2. Where an endpoint wants no more of a body, net/http closes it and waits
// for the read that is under way, which waits for the client for as long as that says nothing: a call whose backend was gone never ended.
// Here a close ends the transport's read at once; the real one goes on by itself until end.
type upload struct {
	*io.PipeReader
	to    *io.PipeWriter
	from  io.Reader
	begin sync.Once
	ended chan struct{} // closed when from is read no more
}

func newUpload(from io.Reader) *upload {
	u := &upload{from: from, ended: make(chan struct{})}
	u.PipeReader, u.to = io.Pipe()
	return u
}

// Read starts the real one: a client that waits for a 100 is not told to go on before somebody wants to read.
func (u *upload) Read(p []byte) (int, error) {
	u.begin.Do(func() { go u.carry() })
	return u.PipeReader.Read(p)
}

func (u *upload) carry() {
	_, err := io.CopyBuffer(u.to, u.from, make([]byte, 16<<10))
	close(u.ended) // before the transport hears of the end, so that end finds all quiet after a whole body
	_ = u.to.CloseWithError(err)
}

// end returns when nobody reads the body any more. One that has not come to its end can't be read on: its connection ends.
func (u *upload) end(control *http.ResponseController) {
	u.begin.Do(func() { close(u.ended) })
	_ = u.Close()
	select {
	case <-u.ended:
	default:
		_ = control.SetReadDeadline(time.Unix(1, 0))
		<-u.ended
	}
}
