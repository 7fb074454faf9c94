package stream

import (
	"context"
	"errors"
	"io"

	"github.com/lapwing-sec/lapwing/schemas"
)

// SubHandler takes what a parser finds in one raw record. index counts the
// record's sub-records from 0.
type SubHandler interface {
	// Event takes ownership of ev.
	Event(index int, ev *schemas.Event)
	// Bad reports a sub-record that is no event; sub is its bytes as they
	// came, valid during the call only.
	Bad(index int, sub []byte, err error)
}

// Out collects what a cell has to say. The cell appends; the stage empties it
// once everything in it is durable.
type Out struct {
	// Alerts are new versions of alerts, in order.
	Alerts []schemas.Alert
	// Discovered are identities that no inventory names.
	Discovered []schemas.Identity
}

// Reset empties o and keeps its memory.
func (o *Out) Reset() {
	clear(o.Alerts)
	clear(o.Discovered)
	o.Alerts, o.Discovered = o.Alerts[:0], o.Discovered[:0]
}

// Cell is the state of one partition of lapwing.events: a function of that log
// alone. It is called by one goroutine at a time.
type Cell interface {
	// Event takes one event in log order. ev and the memory its strings point
	// to are the caller's again afterwards.
	Event(ev *schemas.Event, out *Out)
	// Control takes one control record in log order, under the same rule.
	Control(c *schemas.Control, out *Out)
	// Snapshot writes the whole state. The same log gives the same bytes.
	Snapshot(w io.Writer) error
	// Restore reads what Snapshot wrote; on a new cell only.
	Restore(r io.Reader) error
	// Digest names the format version, configuration and calibration that the
	// state depends on.
	Digest() string
}

// Rejected is a record that its destination refused for good.
type Rejected struct {
	// Index is the record's place in the batch.
	Index int
	Err   error
}

// Inserter stores the events of one planned batch.
type Inserter interface {
	// Insert returns once all of recs is durable, save what it rejected. It is
	// idempotent by token: the same token always comes with the same records,
	// and a repeated call stores nothing twice. An error means that it must be
	// called again; it may block until ctx ends.
	Insert(ctx context.Context, token string, recs []Record) (rejected []Rejected, err error)
}

// ErrReset says that a log is not the one that the stored state was made from:
// it was recreated, or its retention overtook the state. Going on would lose or
// repeat events silently, so the stage stops; the error's text says what to do.
var ErrReset = errors.New("the log does not reach the stored state")

// ErrFenced says that another owner has taken over what this one was writing.
// Nothing of it may be written any more.
var ErrFenced = errors.New("fenced by a newer owner")
