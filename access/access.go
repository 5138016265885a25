// Package access takes notes of requests for an access log, on the requests' path: nobody waits, and nothing is allocated once the records
// are warm.
//
// A request takes a Record when it begins, because its head does not outlive the reading of its body, and puts it back when it is answered:
// into the queue, if it is sampled and there is room, else to the others that are free. What becomes of those in the queue (package
// accesslog) is somebody else's. Start at Log.
package access

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// queued is how many records wait for the writer at most: at 50 000 requests a second a writer may pause for 80 ms.
const queued = 4096

// Log is one access log. Its methods are called from many goroutines at once.
type Log struct {
	// success and errors are how many of each are kept, in basis points.
	success, errors uint32
	queue           chan *Record
	dropped         atomic.Uint64
	free            sync.Pool
}

// New makes a log that keeps these shares, in basis points (10000 is all), of the answers below 500 that came whole, and of the others.
func New(success, errors uint32) *Log {
	l := &Log{success: success, errors: errors, queue: make(chan *Record, queued)}
	l.free.New = func() any { return new(Record) }
	return l
}

// Record is one request and its answer.
type Record struct {
	// Method, Target, Host, Agent, Referer and ID are as the client sent them, and nobody has checked but that they are a request's. They
	// belong to the record.
	Method, Target, Host, Agent, Referer, ID []byte
	HTTP                                     string // version: "1.1"
	Listener, Route, Backend, Endpoint       string // "" where there is none
	Reason                                   string // why that backend; "" where none was chosen
	Client                                   netip.Addr
	Began                                    time.Time
	Took                                     time.Duration
	Status                                   int
	Sent                                     int64 // bytes of the answer's body
	Cut                                      Cut
	text                                     []byte // behind the slices
}

// Cut says that an answer did not come whole, and because of whom.
type Cut uint8

// The ends of an answer.
const (
	Whole Cut = iota
	ByClient
	ByBackend
)

// Take is a record to write on.
func (l *Log) Take() *Record {
	r := l.free.Get().(*Record)
	*r = Record{text: r.text[:0]}
	return r
}

// Set copies what the client sent into the record.
func (r *Record) Set(method, target, host, agent, referer, id []byte) {
	parts := [...][]byte{method, target, host, agent, referer, id}
	to := [...]*[]byte{&r.Method, &r.Target, &r.Host, &r.Agent, &r.Referer, &r.ID}
	for _, p := range parts {
		r.text = append(r.text, p...)
	}
	at := 0
	for i, p := range parts {
		*to[i] = r.text[at : at+len(p) : at+len(p)]
		at += len(p)
	}
}

// Put gives a record back, finished. It is the log's from then on.
func (l *Log) Put(r *Record) {
	share := l.success
	if r.Status >= 500 || r.Cut == ByBackend {
		share = l.errors
	}
	if share < 10000 && rand.Uint32N(10000) >= share {
		l.Free(r)
		return
	}
	select {
	case l.queue <- r:
	default:
		l.dropped.Add(1)
		l.Free(r)
	}
}

// Queue is what is to be written. Its receiver gives each record to Free.
func (l *Log) Queue() <-chan *Record { return l.queue }

// Free makes a record one for another request.
func (l *Log) Free(r *Record) { l.free.Put(r) }

// Drop counts records that could not be kept.
func (l *Log) Drop(n int) { l.dropped.Add(uint64(n)) }

// Dropped counts records that were to be kept and could not be.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }
