package alerting

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// OpenStore keeps the open alerts of one on-call destination beyond the
// process.
type OpenStore interface {
	// Load returns every open alert by id.
	Load(ctx context.Context) (map[string][]byte, error)
	// Put makes one open alert durable; nil removes it.
	Put(ctx context.Context, alertID string, alert []byte) error
}

// maxOpen bounds the open alerts of one destination; the oldest leave first.
const maxOpen = 10_000

// Ends of an open alert whose closing never comes, because the destination
// refused it or a dead letter has it.
const (
	// longestOpen is three days, after which the engine closes, and what it may
	// take beyond: up to two hours for an incident, a pane for an alert.
	longestOpen = 75 * time.Hour
	// leastHeld is how long this process repeats even what is older: who reads an
	// old log again gets its page, and then its closing.
	leastHeld = time.Hour
)

// OnCall wraps the sink of a destination that forgets: open alerts are kept
// durably and put again every Every, until they close. One that is older than
// 75 hours by its first event, and was repeated for an hour, is ended here.
type OnCall struct {
	Sink
	Store OpenStore
	// Every is the interval of repetition; default one minute.
	Every time.Duration
	Log   zerolog.Logger

	// writing orders writes and repetitions: a repetition that arrived after
	// the closing would open what is over.
	writing chan struct{}
	once    sync.Once
	mu      sync.Mutex
	open    map[string]schemas.Alert
	// since is when this process took up each of open.
	since map[string]time.Time
	now   func() time.Time // nil means the wall clock
}

func (o *OnCall) clock() time.Time {
	if o.now != nil {
		return o.now()
	}
	return time.Now()
}

// turn waits for this one's turn to write, or until ctx ends.
func (o *OnCall) turn(ctx context.Context) (end func(), err error) {
	o.once.Do(func() { o.writing = make(chan struct{}, 1) })
	select {
	case o.writing <- struct{}{}:
		return func() { <-o.writing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Start loads what was open. Call it once, before Write and Run.
func (o *OnCall) Start(ctx context.Context) error {
	kept, err := o.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("open alerts: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = make(map[string]schemas.Alert, len(kept))
	o.since = make(map[string]time.Time, len(kept))
	for id, b := range kept {
		var a schemas.Alert
		if err := json.Unmarshal(b, &a); err != nil {
			o.Log.Error().Str("alert", id).Err(err).Msg("an open alert cannot be read back; it is not repeated")
			continue
		}
		o.open[id], o.since[id] = a, o.clock()
	}
	return nil
}

// Write implements Sink. An alert is kept as open before it is handed over, so
// that a crash between the two repeats it and never forgets it.
func (o *OnCall) Write(ctx context.Context, batch []schemas.Alert) []error {
	end, err := o.turn(ctx)
	if err != nil {
		return same(len(batch), err)
	}
	defer end()
	for i := range batch {
		if err := o.keep(ctx, &batch[i]); err != nil {
			return same(len(batch), err)
		}
	}
	errs := o.Sink.Write(ctx, batch)
	for i := range batch {
		if errs[i] == nil && batch[i].EndsPage() {
			if err := o.forget(ctx, batch[i].ID()); err != nil {
				errs[i] = err
			}
		}
	}
	return errs
}

func (o *OnCall) keep(ctx context.Context, a *schemas.Alert) error {
	if a.EndsPage() {
		return nil
	}
	b, err := json.Marshal(a)
	if err != nil {
		return stream.Permanent(err)
	}
	if err := o.Store.Put(ctx, a.ID(), b); err != nil {
		return fmt.Errorf("open alerts: %w", err)
	}
	o.mu.Lock()
	if _, known := o.open[a.ID()]; !known {
		o.since[a.ID()] = o.clock()
	}
	o.open[a.ID()] = *a
	oldest, over := "", len(o.open) > maxOpen
	if over {
		oldest = o.ids()[0]
	}
	o.mu.Unlock()
	if over {
		return o.forget(ctx, oldest)
	}
	return nil
}

func (o *OnCall) forget(ctx context.Context, id string) error {
	if err := o.Store.Put(ctx, id, nil); err != nil {
		return fmt.Errorf("open alerts: %w", err)
	}
	o.mu.Lock()
	delete(o.open, id)
	delete(o.since, id)
	o.mu.Unlock()
	return nil
}

// ids lists open alerts, oldest first. The caller holds mu.
func (o *OnCall) ids() []string {
	return slices.SortedFunc(maps.Keys(o.open), func(a, b string) int {
		x, y := o.open[a], o.open[b]
		return cmp.Or(cmp.Compare(x.FindingInfo.FirstSeenTime, y.FindingInfo.FirstSeenTime), cmp.Compare(a, b))
	})
}

// Run repeats the open alerts until ctx ends.
func (o *OnCall) Run(ctx context.Context) error {
	every := o.Every
	if every <= 0 {
		every = time.Minute
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		now := time.Now()
		if late := now.Sub(last) > every*3/2; !late {
			o.Repeat(ctx)
		}
		// A process that stood still does not repeat at once: another may have
		// taken over and closed what this one takes for open. Had it, this one
		// is told before the next round.
		last = now
	}
}

// repeatBatch is how many alerts one request repeats.
const repeatBatch = 100

// Repeat puts every open alert again, once. Errors are logged: the next round
// is near.
func (o *OnCall) Repeat(ctx context.Context) {
	o.mu.Lock()
	batch := make([]schemas.Alert, 0, len(o.open))
	for _, id := range o.ids() {
		batch = append(batch, o.open[id])
	}
	o.mu.Unlock()
	for part := range slices.Chunk(batch, repeatBatch) {
		if !o.repeat(ctx, part) {
			return
		}
	}
}

// repeat puts those of part again that are open still; false when the
// destination does not take them now.
func (o *OnCall) repeat(ctx context.Context, part []schemas.Alert) bool {
	end, err := o.turn(ctx)
	if err != nil {
		return false
	}
	defer end()
	o.mu.Lock()
	part = slices.DeleteFunc(part, func(a schemas.Alert) bool { _, open := o.open[a.ID()]; return !open })
	o.mu.Unlock()
	if len(part) == 0 {
		return true
	}
	over := make([]bool, len(part))
	for i := range part {
		if over[i] = o.outlived(&part[i]); over[i] {
			a := &part[i]
			a.ActivityID, a.ActivityName, a.Unmapped.Lapwing.Page = schemas.ActivityClose, "Close", false
			a.Unmapped.Lapwing.CloseReason = "its closing never came"
		}
	}
	for i, err := range o.Sink.Write(ctx, part) {
		if err != nil {
			o.Log.Warn().Str("alert", part[i].ID()).Err(err).Msg("repeating an open alert failed")
			if !stream.IsPermanent(err) {
				return false
			}
		}
		if !over[i] {
			continue
		}
		if err := o.forget(ctx, part[i].ID()); err != nil {
			o.Log.Warn().Str("alert", part[i].ID()).Err(err).Msg("an alert that is over cannot be forgotten; it is ended again")
			return false
		}
		o.Log.Warn().Str("alert", part[i].ID()).Msg("an alert was open for longer than three days; it is ended on call")
	}
	return true
}

// outlived reports whether an open alert's closing should have come long ago.
func (o *OnCall) outlived(a *schemas.Alert) bool {
	now := o.clock()
	o.mu.Lock()
	since := o.since[a.ID()]
	o.mu.Unlock()
	return now.Sub(time.UnixMilli(a.FindingInfo.FirstSeenTime)) > longestOpen && now.Sub(since) >= leastHeld
}
