package stream

import (
	"strconv"
	"strings"
)

// Position is how far a raw partition has come. It goes into the committed
// offset's metadata, and tells the next owner where to look for what was
// written beyond it.
type Position struct {
	// Next is the offset of the first raw record not fully written.
	Next int64
	// Newest is the newest event time before Next, Unix nanoseconds.
	Newest int64
	// IDs: the source gives ids, so the window of recent ones is rebuilt.
	IDs bool
	// Ends holds, for each cell, an offset that no event of a raw record at or
	// after Next lies below. nil: not known, the whole log may hold some.
	Ends []int64
}

// Metadata encodes all but Next, in some ten bytes a cell.
func (p *Position) Metadata() string {
	b := append([]byte("v1;"), strconv.FormatInt(p.Newest, 36)...)
	if p.IDs {
		b = append(b, ";i;"...)
	} else {
		b = append(b, ";;"...)
	}
	for i, e := range p.Ends {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, e, 36)
	}
	return string(b)
}

// ParsePosition reads a committed offset and its metadata back, for so many
// partitions of lapwing.events: those that came since begin at 0. Metadata that is
// not ours, as when somebody set the group's offsets by hand, gives a position with
// Ends nil.
func ParsePosition(next int64, metadata string, partitions int) Position {
	p := Position{Next: next}
	parts := strings.Split(metadata, ";")
	if len(parts) != 4 || parts[0] != "v1" {
		return p
	}
	newest, err := strconv.ParseInt(parts[1], 36, 64)
	if err != nil {
		return p
	}
	ends := strings.Split(parts[3], ",")
	if len(ends) > partitions {
		return p
	}
	offsets := make([]int64, partitions)
	for i, s := range ends {
		if offsets[i], err = strconv.ParseInt(s, 36, 64); err != nil || offsets[i] < 0 {
			return p
		}
	}
	p.Newest, p.IDs, p.Ends = newest, parts[2] == "i", offsets
	return p
}
