package stream

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// EndValue is the value of ControlHeader on a raw record that says that its
// partition has ended: a replay's last record.
const EndValue = "end"

const (
	// flushBytes and flushRecords end a batch of one cell; with room for one
	// more event, a batch stays below the brokers' usual limit of 1 MB.
	flushBytes   = 700 << 10
	flushRecords = 8_000
	// maxEvent bounds one encoded event; a larger one is a dead letter.
	maxEvent = 900 << 10
	// flushDead and flushBytes bound the dead letters held.
	flushDead = 200
	// maxLetters bounds the dead letters of one raw record, and their values
	// take flushBytes and twice the record's size at most. What is refused beyond
	// that goes into one more letter, which carries the whole record.
	maxLetters = 1000
	// prefetchDepth is the number of chunks read ahead of the parser.
	prefetchDepth = 2
)

// RawConfig is what the enrich stage needs for one raw partition.
type RawConfig struct {
	Topic     string
	Partition int
	Disorder  time.Duration
	Cells     int
	// Transform parses and enriches a record; see SubHandler.
	Transform func(rec *Record, h SubHandler)
	Reader    Reader
	Writer    Writer
	// Dead writes dead letters and returns once they are durable.
	Dead func(ctx context.Context, recs []Record) error
	// Live blocks while this process cannot be sure that it still owns the
	// partition; nil when it always can.
	Live func(ctx context.Context) error
	// From is the committed position, Written what lies beyond it, Fences the
	// cells' ends after this owner's fence.
	From    Position
	Written *Written
	Fences  []int64
	// Gates that hold partitions together; any may be nil.
	TopicGate, AllGate *Gate
	// Ticker paces watermark records; IdleAfter is counted by Now.
	Ticker    Ticker
	IdleAfter time.Duration
	Now       func() time.Time
	Observe   RawObserver
}

// RawObserver is told what the stage does, a batch at a time; any may be nil.
type RawObserver struct {
	// Flushed is told once everything is acknowledged.
	Flushed func(Flushed)
	// Position is the offset of the next record, the log's end, and the
	// watermark in Unix nanoseconds.
	Position func(next, end, watermark int64)
}

// Flushed counts what became of the records that were written together.
type Flushed struct {
	// Records were read and gave Events, of which Late came below the watermark.
	Records, Events, Late int
	// Refused sub-records went to the dead letter. Duplicates of the source, and
	// Skipped events that an earlier owner had written, were left out.
	Refused, Duplicates, Skipped int
}

// Raw is the enrich stage of one raw partition. It is its one owner's and runs
// once.
type Raw struct {
	cfg    RawConfig
	clock  clock
	recent *recent
	ids    bool

	gates     [2]*Member
	idle      bool
	ended     bool
	lastInput time.Time
	caughtUp  bool
	// wall is when the clock was last asked whether a time lies ahead of it.
	wall int64
	// told is when an idle partition's time was written last.
	told time.Time

	// The record in hand.
	ctx      context.Context
	hard     context.Context
	rec      *Record
	subs     int
	priming  bool
	recError error
	// letters and lettered count its dead letters and the bytes of their values.
	letters, lettered int
	// rest are refused sub-records that one letter will tell of, over those of
	// them that had no room in letters of their own.
	rest, over int
	restIndex  int
	restError  error

	cur      *flush
	spanFrom int64
	flights  chan *flush // flushes to write, one at a time
	spare    chan *flush
	failed   chan struct{}

	mu        sync.Mutex
	committed Position // what may be committed now
	ends      []int64
	failure   error
}

// NewRaw prepares the stage of one raw partition.
func NewRaw(cfg RawConfig) *Raw {
	r := &Raw{
		cfg:     cfg,
		clock:   clock{newest: cfg.From.Newest, disorder: int64(cfg.Disorder)},
		recent:  newRecent(),
		ids:     cfg.From.IDs,
		flights: make(chan *flush),
		spare:   make(chan *flush, 1),
		failed:  make(chan struct{}),
		ends:    slices.Clone(cfg.Fences),
	}
	r.cur = &flush{cells: make([]Batch, cfg.Cells), next: -1}
	r.spare <- &flush{cells: make([]Batch, cfg.Cells), next: -1}
	r.committed = cfg.From
	// Before any partition runs, so that none runs ahead of one that is late
	// to start.
	r.gates[0], r.gates[1] = join(cfg.TopicGate, r.clock.newest), join(cfg.AllGate, r.clock.newest)
	if cfg.Written.Len() == 0 {
		r.committed.Ends = slices.Clone(cfg.Fences)
	}
	return r
}

// Committable is the position that may be committed now, and whether that
// position is known well enough to be worth it.
func (r *Raw) Committable() (Position, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.committed, r.committed.Ends != nil
}

// Abandon ends a stage that is not run after all: nobody waits for it any more.
func (r *Raw) Abandon() {
	r.cfg.Ticker.Stop()
	r.gates[0].Leave()
	r.gates[1].Leave()
}

// Run processes the partition until ctx ends; what is in hand then is written
// as long as hard lives. It returns nil when it was told to stop.
func (r *Raw) Run(ctx, hard context.Context) error {
	r.ctx, r.hard = ctx, hard
	r.lastInput = r.cfg.Now()
	defer r.cfg.Ticker.Stop()
	defer r.gates[0].Leave()
	defer r.gates[1].Leave()

	written := make(chan struct{})
	go func() {
		defer close(written)
		r.write(hard)
	}()
	err := r.read(ctx)
	r.submit(false)
	close(r.flights)
	<-written
	if err == nil || errors.Is(err, context.Canceled) {
		err = r.err()
	}
	if err != nil && ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

func join(g *Gate, at int64) *Member {
	if g == nil {
		return nil
	}
	return g.Join(at)
}

// start is where to read from: far enough back to rebuild the window of ids.
func (r *Raw) start(ctx context.Context) (int64, error) {
	next := r.cfg.From.Next
	if !r.cfg.From.IDs {
		return next, nil
	}
	first, _, err := r.cfg.Reader.Bounds(ctx)
	if err != nil {
		return 0, err
	}
	return min(next, max(first, next-recentRecords)), nil
}

func (r *Raw) read(ctx context.Context) error {
	at, err := r.start(ctx)
	if err != nil {
		return err
	}
	fctx, stop := context.WithCancel(ctx)
	chunks := prefetch(fctx, r.cfg.Reader, at, prefetchDepth)
	defer func() {
		stop()
		for f := range chunks {
			if f.err == nil {
				f.chunk.Release()
			}
		}
	}()
	for {
		var f fetched
		var ok bool
		select {
		case f, ok = <-chunks:
		default:
			// Nothing is ready: what is held must not wait.
			r.submit(true)
			select {
			case f, ok = <-chunks:
			case <-r.cfg.Ticker.Chan():
				r.tick()
				r.submit(true)
				continue
			case <-r.failed:
				return r.err()
			case <-ctx.Done():
				return nil
			}
		}
		if !ok {
			return ctx.Err()
		}
		if f.err != nil {
			return f.err
		}
		err := r.chunk(ctx, &f.chunk)
		f.chunk.Release()
		if errors.Is(err, errStopped) {
			// Chunks behind this one may be there already. An empty one would
			// move the position past the rest of this.
			return r.err()
		}
		if err != nil {
			return err
		}
		select {
		case <-r.cfg.Ticker.Chan():
			r.tick()
		default:
		}
	}
}

// errStopped unwinds from the middle of a record or a chunk.
var errStopped = errors.New("stopped")

// chunk takes a chunk through the stage; errStopped says that it did not reach
// the chunk's end.
func (r *Raw) chunk(ctx context.Context, c *Chunk) error {
	if len(c.Records) > 0 {
		r.lastInput = r.cfg.Now()
		r.caughtUp = false
		r.standing()
	}
	for i := range c.Records {
		if ctx.Err() != nil {
			return errStopped
		}
		if err := r.record(&c.Records[i]); err != nil {
			return err
		}
		select {
		case <-r.cfg.Ticker.Chan():
			// However slow the records are: the cells hear of the time, and whoever
			// takes over finds this one's place.
			r.tick()
			r.submit(true)
		default:
		}
	}
	if c.Next >= r.cfg.From.Next {
		r.cur.next, r.cur.newest, r.cur.ids = c.Next, r.clock.newest, r.ids
	}
	r.caughtUp = c.Next >= c.End
	r.standing()
	if r.cfg.Observe.Position != nil {
		r.cfg.Observe.Position(c.Next, c.End, r.clock.watermark())
	}
	return nil
}

// record takes one raw record through the stage.
func (r *Raw) record(rec *Record) error {
	r.rec, r.subs, r.recError = rec, 0, nil
	r.letters, r.lettered, r.rest, r.over, r.restError = 0, 0, 0, 0, nil
	r.priming = rec.Offset < r.cfg.From.Next
	if !r.priming {
		if r.idle || r.ended {
			r.idle, r.ended = false, false
			r.standing()
		}
		r.cur.Records++
	}
	if string(rec.Header(ControlHeader)) == EndValue {
		if !r.priming {
			r.endOfPartition()
		}
	} else {
		r.cfg.Transform(rec, r)
	}
	if r.priming {
		return nil
	}
	r.buryRest()
	if r.recError != nil {
		return r.recError
	}
	r.cur.next, r.cur.newest, r.cur.ids = rec.Offset+1, r.clock.newest, r.ids
	return nil
}

// Event implements SubHandler.
func (r *Raw) Event(index int, ev *schemas.Event) {
	r.subs++
	if r.recError != nil {
		return
	}
	rec := r.rec
	if ev.Id != "" {
		r.ids = true
		if r.priming {
			r.recent.touch(ev, rec.Offset)
			return
		}
	} else if r.priming {
		return
	}
	received := rec.Time.UnixNano()
	if err := CheckTime(ev.Time, received); err != nil {
		r.refuse(index, ev.Raw, err)
		return
	}
	if err := r.ahead(index, ev.Time, received); err != nil {
		r.refuse(index, ev.Raw, err)
		return
	}
	if ev.Id != "" && r.recent.touch(ev, rec.Offset) {
		r.cur.Duplicates++
		return
	}
	if !r.clock.leads(ev.Time, received) && !r.pass(ev.Time) {
		r.recError = errStopped
		return
	}
	late, backfill := r.clock.observe(ev.Time, received)
	if r.cfg.Written.has(rec.Offset, int32(index), received) { //nolint:gosec // sub-records of one record
		r.cur.Skipped++
		return
	}
	ev.RawTopic, ev.RawPartition, ev.RawOffset, ev.RawIndex = rec.Topic, int32(rec.Partition), rec.Offset, int32(index) //nolint:gosec // Kafka's partitions are int32
	ev.ReceivedTime, ev.Watermark, ev.Late, ev.Backfill = received, r.clock.watermark(), late, backfill
	if ev.Id == "" {
		ev.Id = coordinateID(rec.Topic, rec.Partition, rec.Offset, index)
	}
	b := &r.cur.cells[Murmur2Partition(ev.IdentityId, r.cfg.Cells)]
	if err := b.AddEvent(ev); err != nil {
		r.refuse(index, ev.Raw, fmt.Errorf("encode: %w", err))
		return
	}
	if n := b.Size(b.Len() - 1); n > maxEvent {
		b.dropLast()
		r.refuse(index, ev.Raw, fmt.Errorf("the event takes %d bytes, more than %d", n, maxEvent))
		return
	}
	r.cur.Events++
	r.cur.next = -1 // until the record is whole
	if late {
		r.cur.Late++
	}
	if b.Bytes() >= flushBytes || b.Len() >= flushRecords {
		r.submit(true)
	}
}

// ahead refuses times that lie ahead of now. The clock is asked only when they
// lie ahead of what it said last. What an earlier owner wrote stays written,
// whatever its clock said.
func (r *Raw) ahead(index int, event, received int64) error {
	if max(event, received) < r.wall+maxAhead {
		return nil
	}
	r.wall = r.cfg.Now().UnixNano()
	if r.cfg.Written.has(r.rec.Offset, int32(index), received) { //nolint:gosec // sub-records of one record
		return nil
	}
	return checkAhead(event, received, r.wall)
}

// Bad implements SubHandler.
func (r *Raw) Bad(index int, sub []byte, err error) {
	r.subs++
	if r.priming || r.recError != nil {
		return
	}
	r.bury(index, sub, err)
}

// refuse sends to the dead letter what a parser took for an event. Without raw
// text the bytes of the sub-record are not known.
func (r *Raw) refuse(index int, raw string, err error) {
	if raw == "" {
		r.tell(index, err)
		return
	}
	r.bury(index, []byte(raw), err)
}

// bury makes one dead letter of one sub-record, while there is room.
func (r *Raw) bury(index int, sub []byte, err error) {
	if r.letters >= maxLetters || r.lettered+len(sub) > 2*len(r.rec.Value)+flushBytes {
		r.over++
		r.tell(index, err)
		return
	}
	r.letters++
	r.lettered += len(sub)
	r.cur.Refused++
	r.letter(DeadLetter(r.rec, "enrich", index, sub, err))
}

// tell leaves a refused sub-record to the one letter of buryRest.
func (r *Raw) tell(index int, err error) {
	if r.rest == 0 {
		r.restIndex, r.restError = index, err
	}
	r.rest++
	r.cur.Refused++
}

// buryRest ends the record's dead letters with one for all those that got none
// of their own.
func (r *Raw) buryRest() {
	if r.rest == 0 {
		return
	}
	err := r.restError
	switch {
	case r.over > 0:
		err = fmt.Errorf("%d more sub-records of this record were refused; the first: %w", r.rest, err)
	case r.rest > 1:
		err = fmt.Errorf("%d sub-records of this record were refused; the first: %w", r.rest, err)
	}
	d := DeadLetter(r.rec, "enrich", r.restIndex, r.rec.Value, err)
	if r.subs > 1 {
		d.Headers = append(d.Headers, Header{DeadWhole, []byte("true")}, Header{DeadCount, strconv.AppendInt(nil, int64(r.rest), 10)})
	}
	r.letter(d)
}

// letter holds a dead letter; it does not wait for the end of its record, which
// may have thousands.
func (r *Raw) letter(d Record) {
	r.cur.dead = append(r.cur.dead, d)
	r.cur.deadBytes += len(d.Value)
	r.cur.next = -1 // until the record is whole
	if len(r.cur.dead) >= flushDead || r.cur.deadBytes >= flushBytes {
		r.submit(true)
	}
}

// coordinateID is the id of an event whose source has none.
func coordinateID(topic string, partition int, offset int64, index int) string {
	var buf [280]byte
	b := append(buf[:0], topic...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(partition)) //nolint:gosec // Kafka's partitions are int32
	b = binary.BigEndian.AppendUint64(b, uint64(offset))    //nolint:gosec // offsets are not negative
	b = binary.BigEndian.AppendUint32(b, uint32(index))     //nolint:gosec // sub-records of one record
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
