// Package accesslog writes the access log: records that requests leave in a queue become lines in a file or on a stream.
//
// One goroutine does it, beside the requests. A disk that is slow or full costs lines, which are counted, and never a request. Start at
// Writer.
package accesslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"sluice/access"
)

// Writer writes the records of one log.
type Writer struct {
	log    *access.Log
	format Format
	path   string
	out    io.Writer
	file   *os.File // nil for a stream
	reopen atomic.Bool
	// Failed is told why lines can't be written, once, and nil when they can be again. It may be nil.
	Failed  func(error)
	failing bool
}

// most is how many bytes are gathered before they are written.
const most = 64 << 10

// Open makes a writer to a file, which it makes or goes on, or to "stdout" or "stderr".
func Open(log *access.Log, format, path string) (*Writer, error) {
	w := &Writer{log: log, format: Formats[format], path: path}
	if w.format == nil {
		return nil, fmt.Errorf("access log: there is no format %q", format)
	}
	switch path {
	case "stdout":
		w.out = os.Stdout
	case "stderr":
		w.out = os.Stderr
	default:
		if err := w.open(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *Writer) open() error {
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return fmt.Errorf("access log: open %s: %w: name a file in a folder that this user may write to", w.path, err)
	}
	if w.file != nil {
		_ = w.file.Close()
	}
	w.file, w.out = f, f
	return nil
}

// Reopen makes the next line go to a file of that name opened anew: somebody has moved the old one away.
func (w *Writer) Reopen() { w.reopen.Store(true) }

// Run writes until ctx ends, and then what is in the queue. Lines are gathered while more are waiting, and written when none is.
func (w *Writer) Run(ctx context.Context) {
	var lines []byte
	n := 0
	for {
		select {
		case r := <-w.log.Queue():
			lines, n = w.format(lines, r), n+1
			w.log.Free(r)
			if len(lines) < most && len(w.log.Queue()) > 0 {
				continue
			}
			w.write(lines, n)
			lines, n = lines[:0], 0
		case <-ctx.Done():
			for len(w.log.Queue()) > 0 {
				lines, n = w.format(lines, <-w.log.Queue()), n+1
			}
			w.write(lines, n)
			if w.file != nil {
				_ = w.file.Close()
			}
			return
		}
	}
}

// write writes n lines. Those that can't be written are gone: to keep them would only lose the ones to come.
func (w *Writer) write(lines []byte, n int) {
	if n == 0 {
		return
	}
	var err error
	if w.file != nil && w.reopen.Swap(false) {
		err = w.open()
	}
	if err == nil {
		_, err = w.out.Write(lines)
	}
	if err != nil {
		w.log.Drop(n)
	}
	if (err != nil) != w.failing && w.Failed != nil {
		w.Failed(err)
	}
	w.failing = err != nil
}
