package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"sluice/analysis"
)

const (
	// blocksQueue bytes of a route wait for a disk that is slow or full: half an hour of blocks. What comes then is dropped.
	blocksQueue = 1 << 20
	// blocksRetry is how long the disk is left alone after it failed.
	blocksRetry = time.Second
	// blocksPace is how much later a look at all queues comes for each of them: with hundreds of routes there is always something in one.
	blocksPace = 50 * time.Microsecond
)

// Blocks are the block logs of a state folder: what the judge was given in each attempt, so that its evidence can be recomputed
// (analysis.ReplayLog). Loops add to queues in memory and never wait for the disk; Run writes.
type Blocks struct {
	dir   string
	log   *zap.Logger
	wake  chan struct{}
	queue int   // bytes, of each route
	part  int64 // bytes, of each file

	mu     sync.Mutex
	routes map[string]*blockQueue

	disk  sync.Mutex            // held while files are written or read
	files map[string]*blockFile // by route
}

// blockQueue is what one route's log is still to get. The loop adds to it, the writer takes it away whole.
type blockQueue struct {
	all *Blocks

	mu      sync.Mutex
	chunks  []chunk // of one attempt each, the oldest first
	spare   []chunk // to be used again
	size    int
	dropped uint64 // blocks, since the last that is in the queue
	anew    bool   // the file wants to begin with the evidence: it is full, or was lost
}

// chunk is a piece of an attempt's log; part begins another file with it.
type chunk struct {
	attempt string
	part    bool
	log     []byte
}

// OpenBlocks keeps the logs in the folder; nil in "". log may be nil.
func OpenBlocks(dir string, log *zap.Logger) *Blocks {
	if dir == "" {
		return nil
	}
	if log == nil {
		log = zap.NewNop()
	}
	return &Blocks{
		dir: dir, log: log, wake: make(chan struct{}, 1), queue: blocksQueue, part: blocksPart,
		routes: map[string]*blockQueue{}, files: map[string]*blockFile{},
	}
}

// of is a route's queue; nil where nothing is kept.
func (b *Blocks) of(route string) *blockQueue {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.routes[route]
	if q == nil {
		q = &blockQueue{all: b}
		b.routes[route] = q
	}
	return q
}

// tail is where records of an attempt are added; part begins a file with them. q.mu is held.
func (q *blockQueue) tail(attempt string, part bool) *chunk {
	if n := len(q.chunks); n > 0 && !part && q.chunks[n-1].attempt == attempt {
		return &q.chunks[n-1]
	}
	if n := len(q.chunks); n < cap(q.chunks) {
		q.chunks = q.chunks[:n+1]
	} else {
		q.chunks = append(q.chunks, chunk{})
	}
	c := &q.chunks[len(q.chunks)-1]
	c.attempt, c.part, c.log = attempt, part, c.log[:0]
	return c
}

// take empties the queue. q.spare is the writer's until give.
func (q *blockQueue) take() []chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.chunks) == 0 {
		return nil
	}
	taken := q.chunks
	q.chunks, q.spare, q.size = q.spare[:0], nil, 0
	return taken
}

// give returns what was taken, to be used again.
func (q *blockQueue) give(taken []chunk) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = taken[:0]
}

// begin asks for the evidence, to begin another file with.
func (q *blockQueue) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.anew = true
}

// Run writes what is added, until ctx ends; then it writes what is left, once.
func (b *Blocks) Run(ctx context.Context) error {
	if b == nil {
		<-ctx.Done()
		return nil
	}
	sync := time.NewTicker(analysis.SavedEvery)
	defer sync.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return errors.Join(b.flush(), b.end())
		case <-sync.C:
			b.sync()
			continue
		case <-b.wake:
		}
		err := b.flush()
		if err != nil && !failing {
			b.log.Warn("the block log can't be written: decisions are made all the same, why --replay may not be able to recompute them", zap.Error(err))
		}
		pause := b.pace()
		if failing = err != nil; failing {
			pause = blocksRetry
			b.added()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// pace is how long the queues are left alone.
func (b *Blocks) pace() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Duration(len(b.routes)) * blocksPace
}

// added wakes the writer.
func (b *Blocks) added() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// flush writes all queues.
func (b *Blocks) flush() error {
	b.disk.Lock()
	defer b.disk.Unlock()
	var failed error
	for _, f := range b.open() {
		failed = errors.Join(failed, f.flush())
	}
	return failed
}

// open is a file for each route. b.disk is held.
func (b *Blocks) open() map[string]*blockFile {
	b.mu.Lock()
	defer b.mu.Unlock()
	for route, q := range b.routes {
		if b.files[route] == nil {
			b.files[route] = &blockFile{dir: b.dir, route: route, part: b.part, queue: q}
		}
	}
	return b.files
}

func (f *blockFile) flush() error {
	q := f.queue
	for {
		if f.waiting == nil {
			if f.waiting, f.done = q.take(), 0; f.waiting == nil {
				return nil
			}
		}
		for ; f.done < len(f.waiting); f.done++ {
			anew, err := f.write(&f.waiting[f.done])
			if err != nil {
				return fmt.Errorf("write the block log of %s: %w", f.route, err)
			}
			if anew {
				q.begin()
			}
		}
		q.give(f.waiting)
		f.waiting = nil
	}
}

func (b *Blocks) sync() {
	b.disk.Lock()
	defer b.disk.Unlock()
	for _, f := range b.files {
		f.sync()
	}
}

func (b *Blocks) end() error {
	b.disk.Lock()
	defer b.disk.Unlock()
	var failed error
	for _, f := range b.files {
		f.sync()
		failed = errors.Join(failed, f.close())
	}
	return failed
}

// Read is an attempt's log, with what is still in memory if the disk takes it; nil when there is none.
func (b *Blocks) Read(route, attempt string) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	_ = b.flush() // what can't be written is missing, and the log shows it
	b.disk.Lock()
	defer b.disk.Unlock()
	return ReadBlocks(b.dir, route, attempt)
}
