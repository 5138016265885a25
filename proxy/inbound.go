package proxy

import (
	"strconv"
	"sync"
	"syscall"

	"sluice/sock"
)

const (
	payloadSize = 16 << 10
	wideSize    = 64 << 10
	headroom    = 1 << 10 // before the payload: the size line of a chunk, and the new head of an answer
	tailroom    = 8       // after it: the end of a chunk, and of the last one
)

// chunkEnd closes a chunk, lastChunk the body, where no trailers follow.
const (
	chunkEnd  = "\r\n"
	lastChunk = "0\r\n\r\n"
)

// block is a payload with room on both sides, so that what was read can be framed anew where it lies.
type block struct {
	// fields is the memory for a head that lies here. It is as warm as the block, and no request that waits for its backend keeps one:
	// at 1024 clients those were 1.3 MB.
	fields []field
	bytes  [headroom + payloadSize + tailroom]byte
}

var blocks = sync.Pool{New: func() any { return new(block) }}

// wideBlock is for a long body: a quarter of the system calls, each of which costs as much as copying 4 KiB. It is the bound of what
// an answer under way holds, however long it is.
type wideBlock [headroom + wideSize + tailroom]byte

var wideBlocks = sync.Pool{New: func() any { return new(wideBlock) }}

// inbound is the read side of a connection: the bytes that have arrived and are not used up. It holds a buffer only while there are
// some, or while a message is being read.
type inbound struct {
	sock *sock.Sock
	// raw lets await wait without a buffer; nil where reading can't be told from waiting (TLS).
	raw syscall.RawConn
	// try is arrived, bound once: a method value made for each wait would allocate.
	try func(fd uintptr) bool
	// block or wide is the pooled memory under buf; both are nil when buf has grown beyond a block, or is nil.
	block *block
	wide  *wideBlock
	buf   []byte
	// lo and hi bound the unread bytes in buf.
	lo, hi int
	// full says that the last tryRead filled the buffer: there may be more, and no wake-up will tell.
	full bool
	// first is read alone where a connection is waited for without a poller.
	first [1]byte
	// err is what arrived met.
	err error
}

// bind makes in ready for good; open points it at a connection.
func (in *inbound) bind() { in.try = in.arrived }

func (in *inbound) open(s *sock.Sock, raw syscall.RawConn) { in.sock, in.raw = s, raw }

// unread are the bytes that have arrived and are not used up.
func (in *inbound) unread() []byte { return in.buf[in.lo:in.hi] }

// use takes n unread bytes away.
func (in *inbound) use(n int) { in.lo += n }

// empty says that there is no unread byte.
func (in *inbound) empty() bool { return in.lo == in.hi }

// await waits, without a buffer, until there is an unread byte: the first of a message.
func (in *inbound) await() error {
	if !in.empty() {
		return nil
	}
	in.release()
	if in.raw == nil {
		return in.fill()
	}
	in.err = nil
	if err := in.raw.Read(in.try); err != nil {
		return err
	}
	return in.err
}

// fillFirst waits for the first byte without a buffer, and then reads what came with it.
func (in *inbound) fillFirst() error {
	in.release()
	n, err := in.sock.Read(in.first[:])
	if n == 0 {
		return err
	}
	in.take()
	in.buf[in.hi] = in.first[0]
	in.hi++
	return nil
}

// arrived is what the poller calls: at once, and then whenever something may have arrived. It reads at the first call too, because
// entering RawConn.Read makes the poller forget a readiness that came before.
func (in *inbound) arrived(fd uintptr) bool {
	in.err = in.tryRead(fd)
	return in.err != syscall.EAGAIN
}

// tryRead reads what there is into an empty buffer. When there is nothing it gives the buffer back and returns syscall.EAGAIN.
func (in *inbound) tryRead(fd uintptr) error {
	in.take()
	in.lo, in.hi = headroom, headroom
	end := len(in.buf) - tailroom
	n, err := sock.TryRead(fd, in.buf[headroom:end])
	in.hi += n
	in.full = in.hi == end
	if err != nil {
		in.release()
	}
	return err
}

// fill reads more of a message that has begun. Unread bytes move to the front first where there is no room behind them.
func (in *inbound) fill() error {
	in.take()
	end := len(in.buf) - tailroom
	if in.lo == in.hi {
		in.lo, in.hi = headroom, headroom
	} else if in.hi == end {
		in.hi = headroom + copy(in.buf[headroom:], in.unread())
		in.lo = headroom
	}
	if in.hi == end {
		in.grow()
		end = len(in.buf) - tailroom
	}
	n, err := in.sock.Read(in.buf[in.hi:end])
	in.hi += n
	if n > 0 {
		return nil
	}
	return err
}

// grow doubles the buffer. Only a head that has to lie in one piece fills one, and its size is limited.
func (in *inbound) grow() {
	bigger := make([]byte, headroom+2*(len(in.buf)-headroom-tailroom)+tailroom)
	in.hi = headroom + copy(bigger[headroom:], in.unread())
	in.lo = headroom
	in.giveBack()
	in.buf = bigger
}

func (in *inbound) take() {
	if in.buf == nil {
		in.block = blocks.Get().(*block)
		in.buf = in.block.bytes[:]
		in.lo, in.hi = headroom, headroom
	}
}

// widen changes an empty buffer for a larger one.
func (in *inbound) widen() {
	if in.wide != nil {
		return
	}
	in.giveBack()
	in.wide = wideBlocks.Get().(*wideBlock)
	in.buf = in.wide[:]
	in.lo, in.hi = headroom, headroom
}

// release lets the buffer go; unread bytes, if any, are lost with it.
func (in *inbound) release() {
	in.giveBack()
	in.buf, in.lo, in.hi = nil, 0, 0
}

func (in *inbound) giveBack() {
	if in.block != nil {
		blocks.Put(in.block)
		in.block = nil
	}
	if in.wide != nil {
		wideBlocks.Put(in.wide)
		in.wide = nil
	}
}

// fields is where the fields of a head go that is scanned here; keepFields takes them back, as they may have grown. They die with the
// bytes they point to.
func (in *inbound) fields() []field {
	if in.block == nil {
		return nil
	}
	return in.block.fields[:0]
}

func (in *inbound) keepFields(f []field) {
	if in.block != nil {
		in.block.fields = f
	}
}

// precede copies head to the place right before piece, a part of the buffer that only dead bytes precede, and returns both in one: an
// answer's new head is shorter than most bodies. It returns nil when there is no room.
func (in *inbound) precede(head, piece []byte) []byte {
	at := cap(in.buf) - cap(piece) // both reach to the same end
	if len(piece) == 0 || at < len(head) {
		return nil
	}
	copy(in.buf[at-len(head):], head)
	return in.buf[at-len(head) : at+len(piece)]
}

// chunk frames the first n unread bytes, content that body.decode has moved there, as one chunk, and as the last one where last says
// so. It writes over the room around them, and over bytes that decode has used up: a chunk that came to its end brought seven of
// those, and one that did not has nothing unread behind it but the tail room.
func (in *inbound) chunk(n int, last bool) []byte {
	if n == 0 {
		return nil
	}
	var size [20]byte
	line := append(strconv.AppendUint(size[:0], uint64(n), 16), chunkEnd...)
	begin := in.lo - len(line)
	copy(in.buf[begin:], line)
	end := in.lo + n
	end += copy(in.buf[end:], chunkEnd)
	if last {
		end += copy(in.buf[end:], lastChunk)
	}
	return in.buf[begin:end]
}
