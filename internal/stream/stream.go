// Package stream moves records from log to log: sources, sinks, stages and the
// order in which a position may move. It knows no Kafka; internal/kafka
// adapts it to one.
package stream

import (
	"context"
	"errors"
	"time"
)

// Record is one record of a partitioned log.
type Record struct {
	Topic     string
	Partition int
	Offset    int64
	Key       []byte
	Value     []byte
	Headers   []Header
	// Time is when the record was written, not the event time in it.
	Time time.Time
}

// Header is a named value beside a record.
type Header struct {
	Key   string
	Value []byte
}

// ControlHeader marks a record of lapwing.events that is a schemas.Control.
const ControlHeader = "lapwing-control"

// Header returns the value of the first header of that name, or nil.
func (r *Record) Header(key string) []byte {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value
		}
	}
	return nil
}

// Handler consumes one partition in order.
type Handler interface {
	// Handle returns nil once every effect of recs is durable; only then may
	// the partition's position move past them. An error stops the partition,
	// which is taken up again from its last position. recs and the bytes they
	// point to belong to the caller again when Handle returns.
	Handle(ctx context.Context, recs []Record) error
}

// permanentError marks an error that no retry can mend.
type permanentError struct{ err error }

func (e permanentError) Error() string { return e.err.Error() }
func (e permanentError) Unwrap() error { return e.err }

// Permanent marks err as hopeless: it will not be retried. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent reports whether err, or an error it wraps, was marked by Permanent.
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}
