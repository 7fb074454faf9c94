// Package alerting brings alerts to the people and systems that act on them:
// one sink a file, listed in one table (Kinds), the on-call hand-over, and the
// delivery that makes each destination independent of the others.
package alerting

import (
	"context"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Sink writes alerts to one destination. It is idempotent by (alert id,
// version) wherever the destination can take an id.
type Sink interface {
	// Write delivers the batch in order and returns one result an alert: nil
	// when the destination has it, stream.Permanent(err) when no retry can
	// help, any other error when a retry may. It may block until ctx ends.
	Write(ctx context.Context, batch []schemas.Alert) []error
	// Close releases connections; no Write follows.
	Close() error
}
