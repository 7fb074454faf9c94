// Package ingest turns raw bytes of gateways and audit logs into events: one
// parser a file, listed in one table (Formats). Package receive has the HTTP
// receivers. Parsers do no I/O and read no clock.
package ingest

import "github.com/lapwing-sec/lapwing/schemas"

// Parser reads the records of one log format. A parser is safe for concurrent
// use and keeps nothing of raw once Parse returned.
type Parser interface {
	// Parse hands every sub-record of one raw record to h, in order. Each
	// sub-record is all or nothing: h gets either an event or the reason why
	// there is none, never both and never neither. What a format knows to be no
	// record of its own (the announcement of a call that is logged again once it
	// has ended, a span inside a service) is no sub-record.
	Parse(raw []byte, h Handler)
}

// Handler takes what a Parser finds in one raw record. index counts the
// record's sub-records from 0.
type Handler interface {
	// Event takes ownership of ev.
	Event(index int, ev *schemas.Event)
	// Bad reports a sub-record that is no event; sub is its bytes as they
	// came, valid during the call only.
	Bad(index int, sub []byte, err error)
}
