package alerting

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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

// OnCall wraps the sink of a destination that forgets: open alerts are kept
// durably and put again every Every, until they close or grow older than
// three days, when the engine has closed them for sure.
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
	for id, b := range kept {
		var a schemas.Alert
		if err := json.Unmarshal(b, &a); err != nil {
			o.Log.Error().Str("alert", id).Err(err).Msg("an open alert cannot be read back; it is not repeated")
			continue
		}
		o.open[id] = a
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
	o.open[a.ID()] = *a
	oldest, over := "", len(o.open) > maxOpen
	if over {
		ids := o.ids()
		oldest = ids[0]
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
	o.mu.Unlock()
	return nil
}

// ids lists open alerts, oldest first. The caller holds mu.
func (o *OnCall) ids() []string {
	ids := make([]string, 0, len(o.open))
	for id := range o.open {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		x, y := o.open[a], o.open[b]
		return cmp.Or(cmp.Compare(x.FindingInfo.FirstSeenTime, y.FindingInfo.FirstSeenTime), cmp.Compare(a, b))
	})
	return ids
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
	for i, err := range o.Sink.Write(ctx, part) {
		if err == nil {
			continue
		}
		o.Log.Warn().Str("alert", part[i].ID()).Err(err).Msg("repeating an open alert failed")
		if !stream.IsPermanent(err) {
			return false
		}
	}
	return true
}
