package app

import (
	"context"
	"sync/atomic"

	"go.uber.org/zap"

	"sluice/access"
	"sluice/accesslog"
	"sluice/config"
)

// requestLog is the access log in force, and its writer.
type requestLog struct {
	config config.AccessLog
	log    *access.Log
	writer *accesslog.Writer
	stop   context.CancelFunc
	done   chan struct{}
	before uint64 // lines that the logs before this one dropped
}

// planRequestLog is the log that a configuration wants: the one there is, or another. On an error nothing has changed.
func (a *App) planRequestLog(cfg *config.Config) (*requestLog, error) {
	c := cfg.Log.Access
	old := a.requestLog.Load()
	switch {
	case old != nil && old.config == c:
		return old, nil
	case c.Format == "off":
		return nil, nil
	}
	l := &requestLog{config: c, log: access.New(uint32(c.Success), uint32(c.Errors))}
	w, err := accesslog.Open(l.log, c.Format, c.Path)
	if err != nil {
		return nil, err
	}
	w.Failed = func(err error) {
		if err != nil {
			a.Log.Error("the access log can't be written: its lines are lost until it can", zap.String("path", c.Path), zap.Error(cause(err)))
			return
		}
		a.Log.Info("the access log can be written again", zap.String("path", c.Path))
	}
	l.writer = w
	return l, nil
}

// records is where requests take their notes; nil is nowhere.
func (l *requestLog) records() *access.Log {
	if l == nil {
		return nil
	}
	return l.log
}

// adoptRequestLog puts a planned log in force, after the table that has it. Requests under the old table may still write to the old one's
// queue, which nobody reads any more: those lines are lost.
func (a *App) adoptRequestLog(next *requestLog) {
	old := a.requestLog.Load()
	if old == next {
		return
	}
	if next != nil {
		ctx, stop := context.WithCancel(context.Background())
		next.stop, next.done, next.before = stop, make(chan struct{}), a.AccessLogDropped()
		go func() {
			defer close(next.done)
			next.writer.Run(ctx)
		}()
	} else {
		a.accessDropped.Store(a.AccessLogDropped())
	}
	a.requestLog.Store(next)
	old.close()
}

// close writes what is in the queue.
func (l *requestLog) close() {
	if l != nil {
		l.stop()
		<-l.done
	}
}

// AccessLogDropped counts lines that were to be written and were not, since the process started.
func (a *App) AccessLogDropped() uint64 {
	if l := a.requestLog.Load(); l != nil {
		return l.before + l.log.Dropped()
	}
	return a.accessDropped.Load()
}

// ReopenLogs makes the access log go on in a new file of its name, after somebody has moved the old one away.
func (a *App) ReopenLogs() {
	if l := a.requestLog.Load(); l != nil {
		l.writer.Reopen()
	}
}

// requestLogs are the fields of an App that are about it.
type requestLogs struct {
	requestLog    atomic.Pointer[requestLog]
	accessDropped atomic.Uint64 // while there is none
}
