package admin

import (
	"net/http"
	"strconv"
	"time"
)

const (
	// heartbeat keeps what stands between from taking a quiet stream for a dead one.
	heartbeat = 15 * time.Second
	// eventPatience bounds how long one event may take to be taken.
	eventPatience = 10 * time.Second
)

// events streams decisions and changes of all routes until the client goes, is too slow, or the process ends.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	after, resumes := uint64(0), false
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		id, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			problem(http.StatusBadRequest, "Last-Event-ID: %q is no id of an event here", text).write(w)
			return
		}
		after, resumes = id, true
	}
	h := w.Header()
	if r.Method == http.MethodHead {
		h.Set("Content-Type", "text/event-stream")
		return
	}
	me, first, refused := s.feed.join(after, resumes)
	if refused != nil {
		refused.write(w)
		return
	}
	defer s.feed.leave(me)
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	out := stream{w: w, control: http.NewResponseController(w)}
	_ = out.control.SetReadDeadline(time.Time{}) // the server's would end the stream
	if out.write([]byte("retry: 1000\n\n")) != nil {
		return
	}
	for _, event := range first {
		if out.write(event) != nil {
			return
		}
	}
	out.follow(r, me)
}

// stream writes events one by one.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s *stream) follow(r *http.Request, me *watcher) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		text, goes := []byte(": heartbeat\n\n"), true
		select {
		case <-r.Context().Done():
			return
		case event, more := <-me.events:
			if text, goes = event, more; !more {
				text = me.goodbye
			}
		case <-beat.C:
		}
		if s.write(text) != nil || !goes {
			return
		}
	}
}

func (s *stream) write(text []byte) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(eventPatience)) // a recorder in a test has none
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	return s.control.Flush()
}
