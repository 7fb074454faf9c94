package clickhouse

import (
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// column describes one column that a writer fills from a row of type T.
type column[T any] struct {
	name string
	// plain is the type the values are sent in over HTTP, where the server
	// converts them to the table's own: its dictionaries (LowCardinality) are
	// built faster there than by the client.
	plain string
	make  func(n int) filler[T]
}

// filler collects one column's values of a block.
type filler[T any] interface {
	add(row *T)
	// unset says that every value is the one that the server puts by itself.
	unset() bool
	send(col driver.BatchColumn) error
	reset()
}

func columnNames[T any](cols []column[T]) []string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.name
	}
	return names
}

// scalars hands a whole slice to the client at once.
type scalars[T any, V comparable] struct {
	get  func(*T) V
	zero V
	set  bool
	vals []V
}

func (s *scalars[T, V]) add(row *T) {
	v := s.get(row)
	s.set = s.set || v != s.zero
	s.vals = append(s.vals, v)
}
func (s *scalars[T, V]) unset() bool                       { return !s.set }
func (s *scalars[T, V]) send(col driver.BatchColumn) error { return col.Append(s.vals) }
func (s *scalars[T, V]) reset() {
	clear(s.vals)
	s.vals, s.set = s.vals[:0], false
}

// lists hands over row by row: arrays and maps.
type lists[T, V any] struct {
	get  func(*T) V
	size func(V) int
	set  bool
	vals []V
}

func (l *lists[T, V]) add(row *T) {
	v := l.get(row)
	l.set = l.set || l.size(v) > 0
	l.vals = append(l.vals, v)
}
func (l *lists[T, V]) unset() bool { return !l.set }
func (l *lists[T, V]) send(col driver.BatchColumn) error {
	for i := range l.vals {
		if err := col.AppendRow(l.vals[i]); err != nil {
			return err
		}
	}
	return nil
}
func (l *lists[T, V]) reset() {
	clear(l.vals)
	l.vals, l.set = l.vals[:0], false
}

func scalar[T any, V comparable](name, plain string, get func(*T) V) column[T] {
	var zero V
	return scalarUnless(name, plain, zero, get)
}

// scalarUnless is a scalar whose value in the table, when nothing is sent, is zero.
func scalarUnless[T any, V comparable](name, plain string, zero V, get func(*T) V) column[T] {
	return column[T]{name, plain, func(n int) filler[T] { return &scalars[T, V]{get: get, zero: zero, vals: make([]V, 0, n)} }}
}

func list[T, E any](name, plain string, get func(*T) []E) column[T] {
	return column[T]{name, plain, func(n int) filler[T] {
		return &lists[T, []E]{get: get, size: func(v []E) int { return len(v) }, vals: make([][]E, 0, n)}
	}}
}

func pairs[T any](name string, get func(*T) map[string]string) column[T] {
	return column[T]{name, "Map(String, String)", func(n int) filler[T] {
		return &lists[T, map[string]string]{get: get, size: func(v map[string]string) int { return len(v) }, vals: make([]map[string]string, 0, n)}
	}}
}

func text[T any](name string, get func(*T) string) column[T]  { return scalar(name, "String", get) }
func boolean[T any](name string, get func(*T) bool) column[T] { return scalar(name, "Bool", get) }
func words[T any](name string, get func(*T) []string) column[T] {
	return list(name, "Array(String)", func(r *T) []string { return orEmpty(get(r)) })
}

// orEmpty keeps the client from taking a nil slice for a NULL.
func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// moment is a time in Unix nanoseconds, kept to the microsecond.
func moment[T any](name string, get func(*T) int64) column[T] {
	return scalarUnless(name, "DateTime64(6, 'UTC')", epoch, func(r *T) time.Time { return clamp(time.Unix(0, get(r))) })
}

// milli is a time in Unix nanoseconds, kept to the millisecond.
func milli[T any](name string, get func(*T) int64) column[T] {
	return scalarUnless(name, "DateTime64(3, 'UTC')", epoch, func(r *T) time.Time { return clamp(time.Unix(0, get(r))) })
}

// date is a time kept to the millisecond; the zero time is 1970.
func date[T any](name string, get func(*T) time.Time) column[T] {
	return scalarUnless(name, "DateTime64(3, 'UTC')", epoch, func(r *T) time.Time { return clamp(get(r)) })
}

var (
	epoch   = time.Unix(0, 0).UTC()
	maxTime = time.Date(2261, 12, 31, 23, 59, 59, 0, time.UTC)
)

// clamp keeps a time within what DateTime64 can hold and Lapwing takes for one;
// an unset time is 1970.
func clamp(t time.Time) time.Time {
	switch {
	case t.Before(epoch):
		return epoch
	case t.After(maxTime):
		return maxTime
	}
	return t.UTC()
}

// block collects rows by column.
type block[T any] struct {
	cols    []column[T]
	fillers []filler[T]
	rows    int
}

func newBlock[T any](cols []column[T], n int) *block[T] {
	b := &block[T]{cols: cols, fillers: make([]filler[T], len(cols))}
	for i, c := range cols {
		b.fillers[i] = c.make(n)
	}
	return b
}

func (b *block[T]) add(row *T) {
	for _, f := range b.fillers {
		f.add(row)
	}
	b.rows++
}

func (b *block[T]) reset() {
	for _, f := range b.fillers {
		f.reset()
	}
	b.rows = 0
}

// columns lists what is to be sent: a column that is unset in every row is left
// to the server, which knows its default. At least one column is kept.
func (b *block[T]) columns() (names []string, typed []clickhouse.ColumnNameAndType, fillers []filler[T]) {
	for i, c := range b.cols {
		if b.fillers[i].unset() && (len(fillers) > 0 || i < len(b.cols)-1) {
			continue
		}
		names, typed, fillers = append(names, c.name), append(typed, clickhouse.ColumnNameAndType{Name: c.name, Type: c.plain}), append(fillers, b.fillers[i])
	}
	return names, typed, fillers
}
