package ingest

import (
	"strings"
	"unicode/utf8"
)

// incoming is the text of a record as it came: with U+FFFD for bytes that are no
// UTF-8, and with other hashes than ours.
func (p *parser) incoming(raw []byte) string {
	if p.format.ours {
		return cleanText(raw)
	}
	return presentedHashes(cleanText(raw))
}

// parseIncoming is parse for bytes as they came. Of a record of a shape that is
// known, what stands between the scalars, and each scalar that is the same again, was
// looked at in a record before: incoming need look at the others only. Where it would
// change one, or the record is of another shape, it looks at all of the record.
func (d *document) parseIncoming(p *parser, raw []byte) error {
	if len(raw) > maxShapeBytes || len(d.shapes.all) == 0 {
		return d.parse(p.incoming(raw))
	}
	d.begin(string(raw))
	if len(d.shapes.all) == 0 {
		return d.parse(p.incoming(raw))
	}
	d.arrival = p
	from, done := d.again()
	if d.arrival = nil; done {
		return nil
	}
	if !p.settled(d.src) {
		return d.parse(p.incoming(raw))
	}
	return d.readFrom(from)
}

// settled reports whether incoming leaves a text as it is.
func (p *parser) settled(s string) bool {
	return utf8.ValidString(s) && (p.format.ours || presentedHashes(s) == s)
}

// unsettled reports whether incoming may change s, of bytes of the classes seen.
func unsettled(s string, seen uint8) bool {
	return seen&classHigh != 0 || len(s) >= len(hashPrefix)+hashDigits && seen&classTrigger != 0
}

// changes reports whether incoming changes s, a string of a record that is read as
// it came.
func (d *document) changes(s string) bool { return d.arrival != nil && !d.arrival.settled(s) }

// cleanText returns raw as valid UTF-8: bytes that are none become U+FFFD.
// Logs carry such bytes (attackers send them), and a record must not be lost
// for one of them.
func cleanText(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}
