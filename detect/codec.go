package detect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// codec writes or reads a snapshot. One function visits the fields for both
// directions, so that they cannot come apart. After an error it does nothing
// more; err keeps the first.
//
// What is added to the state goes to the end of its section, or of the record,
// behind has of the version that brings it, so that older snapshots and profiles
// are read with that part empty.
type codec struct {
	w   io.Writer
	out []byte // written, not yet flushed
	r   reader
	err error
	// version is that of what is read.
	version uint64
	// outer is what lies around the section under way, part what it is read from.
	outer   []byte
	around  reader
	part    bytes.Reader
	body    []byte
	section bool
	// foreign says that what is read is a profile that somebody sent: its numbers
	// are held to what an engine can have written.
	foreign bool
	// rules finds the cards of rules when reading; nil without rules.
	rules *sigmaEngine
	// Scratch of one identity.
	slots []slot
	panes []*Pane
	// stages is what format 9 kept of the stages of an intrusion.
	stages [stages]int32
	// widened is what it kept of changes of the own rights.
	widened int64
}

// reader is what a codec reads from.
type reader interface {
	io.Reader
	io.ByteReader
}

// sectionsSince is the version from which an identity's parts carry their length.
const sectionsSince = 9

// begin opens a section: a part that carries its length, so that what a newer
// version put at its end is skipped.
func (c *codec) begin() {
	if c.err != nil || !c.has(sectionsSince) {
		return
	}
	if c.section {
		c.fail(errors.New("a section within a section"))
		return
	}
	c.section = true
	if c.writing() {
		c.outer, c.out = c.out, c.body[:0]
		return
	}
	n := c.uint(0)
	if n > maxText {
		c.fail(fmt.Errorf("%w: a section of %d bytes", errDamaged, n))
	}
	if c.err != nil {
		return
	}
	if uint64(cap(c.body)) < n {
		c.body = make([]byte, n)
	}
	c.body = c.body[:n]
	c.bytes(c.body)
	c.part.Reset(c.body)
	c.around, c.r = c.r, &c.part
}

// end closes it.
func (c *codec) end() {
	if !c.section {
		return
	}
	c.section = false
	if c.writing() {
		c.body, c.out = c.out, c.outer
		c.uint(uint64(len(c.body)))
		c.out = append(c.out, c.body...)
		return
	}
	if c.around != nil {
		c.r, c.around = c.around, nil
	}
}

// has reports whether the state has what a version brought.
func (c *codec) has(version uint64) bool { return c.writing() || c.version >= version }

// flushAt is how much is gathered before it is written.
const flushAt = 1 << 16

// maxText bounds a string, maxList the length of a list, in a snapshot: beyond
// it the snapshot is damaged.
const (
	maxText = 1 << 20
	maxList = 1 << 27
)

var errDamaged = errors.New("the snapshot is damaged")

func (c *codec) writing() bool { return c.w != nil }

// flush hands what was gathered to the writer.
func (c *codec) flush() {
	if c.err == nil && len(c.out) > 0 {
		_, err := c.w.Write(c.out)
		c.fail(err)
	}
	c.out = c.out[:0]
}

func (c *codec) fail(err error) {
	if c.err == nil && err != nil {
		c.err = err
	}
}

func (c *codec) uint(x uint64) uint64 {
	if c.writing() {
		if x < 0x80 {
			c.out = append(c.out, byte(x))
		} else {
			c.out = binary.AppendUvarint(c.out, x)
		}
		if len(c.out) >= flushAt && !c.section {
			c.flush()
		}
		return x
	}
	if c.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(c.r)
	if err != nil {
		c.fail(fmt.Errorf("%w: %w", errDamaged, err))
		return 0
	}
	return v
}

func (c *codec) int(x int64) int64 {
	if c.writing() {
		c.out = binary.AppendVarint(c.out, x)
		return x
	}
	if c.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(c.r)
	if err != nil {
		c.fail(fmt.Errorf("%w: %w", errDamaged, err))
		return 0
	}
	return v
}

func (c *codec) u8(x *uint8)   { *x = uint8(c.bounded(uint64(*x), math.MaxUint8)) }   //nolint:gosec // bounded
func (c *codec) u16(x *uint16) { *x = uint16(c.bounded(uint64(*x), math.MaxUint16)) } //nolint:gosec // bounded
func (c *codec) u32(x *uint32) { *x = uint32(c.bounded(uint64(*x), math.MaxUint32)) } //nolint:gosec // bounded
func (c *codec) u64(x *uint64) { *x = c.uint(*x) }
func (c *codec) i64(x *int64)  { *x = c.int(*x) }
func (c *codec) i32(x *int32)  { *x = int32(c.int(int64(*x))) } //nolint:gosec // written from an int32
func (c *codec) num(x *int)    { *x = int(c.int(int64(*x))) }

func (c *codec) bounded(x, most uint64) uint64 {
	v := c.uint(x)
	if v > most {
		c.fail(fmt.Errorf("%w: %d is above %d", errDamaged, v, most))
		return 0
	}
	return v
}

func (c *codec) f32(x *float32) {
	bits := math.Float32bits(*x)
	c.u32(&bits)
	*x = math.Float32frombits(bits)
	c.finite(float64(*x))
	c.within(float64(*x), -maxMeasure, maxMeasure)
}

func (c *codec) f64(x *float64) {
	*x = math.Float64frombits(c.uint(math.Float64bits(*x)))
	c.finite(*x)
	c.within(*x, -maxMeasure, maxMeasure)
}

// finite refuses what no engine keeps, in a snapshot of its own as well: NaN and the
// infinities spread to whatever is computed with them. The cell is then restored from
// its other slot.
func (c *codec) finite(x float64) {
	if !c.writing() && c.err == nil && math.IsNaN(x-x) {
		c.fail(fmt.Errorf("%w: %v is no number that is kept", errDamaged, x))
	}
}

// Bounds of the numbers of a profile that somebody sent. They lie far beyond what
// events can teach, and far within what arithmetic on them can bear.
const (
	maxMeasure = 1e20 // bytes in one pane, above all
	maxMean    = 1e12 // calls in a pane, less season
	maxGap     = 1e9  // seconds
	maxTail    = 1e6  // evidence
	maxDegrees = 1e6
	// maxTime is 2100-01-01T00:00:00Z.
	maxTime = int64(4102444800e9)
)

// within refuses a number of a foreign profile that lies outside [least, most]; NaN
// lies outside of everything.
func (c *codec) within(x, least, most float64) {
	if c.foreign && c.err == nil && !(x >= least && x <= most) {
		c.fail(fmt.Errorf("%w: %v is not between %v and %v", errDamaged, x, least, most))
	}
}

// time visits Unix nanoseconds, pane the number of a pane.
func (c *codec) time(x *int64) {
	c.i64(x)
	c.within(float64(*x), 0, float64(maxTime))
}

func (c *codec) pane(x *int64) {
	c.i64(x)
	c.within(float64(*x), 0, float64(maxTime/PaneLength))
}

func (c *codec) bool(x *bool) {
	b := uint8(btoi(*x)) //nolint:gosec // 0 or 1
	c.u8(&b)
	*x = b != 0
}

func (c *codec) bytes(b []byte) {
	if c.err != nil {
		return
	}
	if c.writing() {
		c.out = append(c.out, b...)
		return
	}
	if _, err := io.ReadFull(c.r, b); err != nil {
		c.fail(fmt.Errorf("%w: %w", errDamaged, err))
	}
}

func (c *codec) text(s *string) {
	n := c.uint(uint64(len(*s)))
	switch {
	case c.err != nil:
	case n > maxText:
		c.fail(fmt.Errorf("%w: a text of %d bytes", errDamaged, n))
	case c.writing():
		c.out = append(c.out, *s...)
	default:
		b := make([]byte, n)
		c.bytes(b)
		*s = string(b)
	}
}

func (c *codec) texts(s *[]string) {
	n := c.length(len(*s))
	if !c.writing() {
		*s = nil
	}
	for i := 0; i < n && c.err == nil; i++ {
		if !c.writing() {
			*s = append(*s, "")
		}
		c.text(&(*s)[i])
	}
}

// length writes or reads the length of a list.
func (c *codec) length(n int) int {
	v := c.uint(uint64(n)) //nolint:gosec // a length
	if v > maxList {
		c.fail(fmt.Errorf("%w: a list of %d", errDamaged, v))
		return 0
	}
	return int(v) //nolint:gosec // bounded
}

// list visits the elements of a slice; reading, it grows one by one, so that a
// damaged length cannot take all memory.
func list[T any](c *codec, s *[]T, visit func(*T)) {
	n := c.length(len(*s))
	if !c.writing() {
		*s = (*s)[:0]
	}
	for i := 0; i < n && c.err == nil; i++ {
		if !c.writing() {
			var zero T
			*s = append(*s, zero)
		}
		visit(&(*s)[i])
	}
}
