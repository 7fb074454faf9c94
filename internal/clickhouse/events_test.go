package clickhouse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func TestInsertIsIdempotentByToken(t *testing.T) {
	db := openMigrated(t)
	w := db.Events()
	var evs []*schemas.Event
	for i := range 500 {
		evs = append(evs, event(fmt.Sprint("e", i), fmt.Sprint("aws:1:role/r", i%7), noon.Add(time.Duration(i)*time.Second)))
	}
	recs := records(t, evs...)
	control := stream.Record{Headers: []stream.Header{{Key: stream.ControlHeader, Value: []byte("watermark")}}, Value: []byte("not an event")}
	recs = append(recs[:100:100], append([]stream.Record{control}, recs[100:]...)...)
	for range 3 {
		rejected, err := w.Insert(t.Context(), "cell0/0-501", recs)
		require.NoError(t, err)
		require.Empty(t, rejected)
	}
	require.Equal(t, uint64(500), one[uint64](t, db, "SELECT count() FROM events"))
	require.Equal(t, uint64(500), one[uint64](t, db, "SELECT sum(calls) FROM events_hourly"), "the rollup counts once too")
	require.InDelta(t, 500, one[uint64](t, db, "SELECT uniqCombinedMerge(12)(events_state) FROM events_hourly"), 15, "about 1% exact")

	_, err := w.Insert(t.Context(), "cell0/501-1002", recs)
	require.NoError(t, err)
	require.Equal(t, uint64(1000), one[uint64](t, db, "SELECT count() FROM events"), "another token is another batch")
	require.Equal(t, uint64(1000), one[uint64](t, db, "SELECT sum(calls) FROM events_hourly"))
}

func TestBatchOfManyDaysIsCutByDay(t *testing.T) {
	db := openMigrated(t)
	var evs []*schemas.Event
	for i := range 202 {
		evs = append(evs, event(fmt.Sprint("e", i), "aws:1:role/r", noon.Add(time.Duration(i%101)*24*time.Hour)))
	}
	recs := records(t, evs...)
	w := &events{db: db, table: "events", columns: eventColumns()}
	pieces, _ := w.plan(recs)
	require.Len(t, pieces, 101)
	_, err := w.Insert(t.Context(), "b", recs)
	require.NoError(t, err, "101 days are more than a server takes in one insert")
	require.Equal(t, uint64(202), one[uint64](t, db, "SELECT count() FROM events"))
	require.Equal(t, uint64(101), one[uint64](t, db, "SELECT uniqExact(toDate(ts)) FROM events"))
}

func TestCrashBetweenPiecesIsMended(t *testing.T) {
	db := openMigrated(t)
	recs := records(t, event("a", "i", noon), event("b", "i", noon.Add(24*time.Hour)), event("c", "i", noon.Add(48*time.Hour)))
	w := &events{db: db, table: "events", columns: eventColumns()}
	pieces, _ := w.plan(recs)
	// The process died after the first day of three.
	b := newBlock(w.columns, 1)
	require.NoError(t, w.build(b, recs, pieces[0].rows))
	require.NoError(t, send(t.Context(), db, "events", "tok/2026-03-02/0", b))
	require.Equal(t, uint64(1), one[uint64](t, db, "SELECT count() FROM events"))
	_, err := w.Insert(t.Context(), "tok", recs)
	require.NoError(t, err)
	require.Equal(t, uint64(3), one[uint64](t, db, "SELECT count() FROM events"))
	require.Equal(t, uint64(3), one[uint64](t, db, "SELECT sum(calls) FROM events_hourly"))
}

func TestPlanIsBounded(t *testing.T) {
	w := &events{columns: eventColumns()}
	big := records(t, event("a", "i", noon, func(e *schemas.Event) { e.Raw = strings.Repeat("x", 3<<20) }))[0]
	var recs []stream.Record
	for range 30 {
		recs = append(recs, big)
	}
	pieces, rejected := w.plan(recs)
	require.Empty(t, rejected)
	require.Len(t, pieces, 3)
	for i, p := range pieces {
		require.LessOrEqual(t, p.bytes, maxBytes)
		require.Equal(t, i, p.part)
	}
}

func TestRowsThatCannotBeStoredAreRejectedAlone(t *testing.T) {
	db := openMigrated(t)
	require.NoError(t, db.conn.Exec(t.Context(), "ALTER TABLE events ADD CONSTRAINT named CHECK operation != 'bad'"))
	var evs []*schemas.Event
	for i := range 64 {
		evs = append(evs, event(fmt.Sprint("e", i), "i", noon.Add(time.Duration(i)*time.Second), func(e *schemas.Event) {
			if i == 5 || i == 40 {
				e.Operation = "bad"
			}
		}))
	}
	recs := records(t, evs...)
	recs[20].Value = []byte{0xff, 0xff, 0xff}
	for range 2 {
		rejected, err := db.Events().Insert(t.Context(), "tok", recs)
		require.NoError(t, err)
		var at []int
		for _, r := range rejected {
			at = append(at, r.Index)
			require.Error(t, r.Err)
		}
		require.Equal(t, []int{5, 20, 40}, at)
		require.Contains(t, rejected[0].Err.Error(), "named")
		require.Equal(t, uint64(61), one[uint64](t, db, "SELECT count() FROM events"), "all the others, once")
		require.Equal(t, uint64(61), one[uint64](t, db, "SELECT sum(calls) FROM events_hourly"))
	}
}

func TestTableAtFaultRejectsNothing(t *testing.T) {
	db := openMigrated(t)
	require.NoError(t, db.conn.Exec(t.Context(), "ALTER TABLE events ADD CONSTRAINT never CHECK 1 = 0"))
	var evs []*schemas.Event
	for i := range 300 {
		evs = append(evs, event(fmt.Sprint("e", i), "i", noon.Add(time.Duration(i)*time.Second)))
	}
	rejected, err := db.Events().Insert(t.Context(), "tok", records(t, evs...))
	require.Empty(t, rejected)
	require.ErrorContains(t, err, "table is taken to be at fault")
	require.False(t, stream.IsPermanent(err))

	require.NoError(t, db.conn.Exec(t.Context(), "DROP TABLE events"))
	_, err = db.Events().Insert(t.Context(), "tok", records(t, evs...))
	require.ErrorContains(t, err, "lapwing migrate")
	require.False(t, stream.IsPermanent(err))
}

// leaves lists a message's fields by column name.
func leaves(prefix string, m protoreflect.MessageDescriptor) []string {
	var out []string
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		name := prefix + string(f.Name())
		if f.Kind() == protoreflect.MessageKind && !f.IsMap() {
			out = append(out, leaves(name+"_", f.Message())...)
			continue
		}
		out = append(out, name)
	}
	return out
}

func TestEveryEventFieldHasAColumn(t *testing.T) {
	db := openMigrated(t)
	written := map[string]bool{}
	for _, name := range columnNames(eventColumns()) {
		require.False(t, written[name], "two writers for %s", name)
		written[name] = true
	}
	res, err := db.Query(t.Context(), "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'events'", nil)
	require.NoError(t, err)
	stored := map[string]bool{}
	for _, v := range res.Column("name") {
		stored[v.(string)] = true // a String column
	}
	for _, field := range leaves("", (&schemas.Event{}).ProtoReflect().Descriptor()) {
		if field == "time" {
			field = "ts"
		}
		require.True(t, written[field], "no writer for %s", field)
		require.True(t, stored[field], "no column for %s", field)
		delete(written, field)
	}
	require.Equal(t, map[string]bool{"src_name": true}, written, "columns of no field")
}

// fullEvent sets every field to something that can be told from any other.
func fullEvent() *schemas.Event {
	ev := &schemas.Event{}
	fillMessage(ev.ProtoReflect(), new(int))
	ev.Time, ev.SrcIp = noon.UnixNano(), "2001:db8::9"
	return ev
}

func fillMessage(m protoreflect.Message, n *int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		*n++
		switch {
		case f.IsMap():
			m.Mutable(f).Map().Set(protoreflect.ValueOfString("k").MapKey(), protoreflect.ValueOfString("v"))
		case f.IsList() && f.Kind() == protoreflect.MessageKind:
			el := m.Mutable(f).List().NewElement()
			fillMessage(el.Message(), n)
			m.Mutable(f).List().Append(el)
		case f.IsList():
			m.Mutable(f).List().Append(protoreflect.ValueOfString(string(f.Name())))
		case f.Kind() == protoreflect.MessageKind:
			fillMessage(m.Mutable(f).Message(), n)
		default:
			m.Set(f, sample(f, *n))
		}
	}
}

func sample(f protoreflect.FieldDescriptor, n int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(f.Name()))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(2)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n) + 0.5)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(n) * int64(time.Second))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	default:
		panic("a kind of field that this test does not know: " + f.Kind().String())
	}
}

func TestEveryFieldArrivesInItsColumn(t *testing.T) {
	db := openMigrated(t)
	ev := fullEvent()
	plain := event("plain", "i", noon.Add(time.Hour), func(e *schemas.Event) { e.SrcIp = "cloudformation.amazonaws.com" })
	rejected, err := db.Events().Insert(t.Context(), "tok", records(t, ev, plain))
	require.NoError(t, err)
	require.Empty(t, rejected)
	res, err := db.Query(t.Context(), "SELECT * FROM events WHERE id = 'id'", nil)
	require.NoError(t, err)
	require.Len(t, res.Rows, 1)
	row := map[string]string{}
	for i, c := range res.Columns {
		row[c.Name] = Format(res.Rows[0][i])
	}
	var walk func(prefix string, m protoreflect.Message)
	walk = func(prefix string, m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			name := prefix + string(f.Name())
			want := ""
			switch {
			case f.IsMap():
				want = "map[k:v]"
			case f.IsList() && f.Kind() == protoreflect.MessageKind:
				walk(name+"_", v.List().Get(0).Message())
				return true
			case f.IsList():
				want = v.List().Get(0).String()
			case f.Kind() == protoreflect.MessageKind:
				walk(name+"_", v.Message())
				return true
			case f.Kind() == protoreflect.EnumKind:
				want = map[string]string{"outcome": "denied", "read_only": "false"}[name]
			case f.Kind() == protoreflect.Int64Kind && !strings.HasSuffix(name, "rotate_every") && name != "raw_offset":
				want = time.Unix(0, v.Int()).UTC().Format(time.RFC3339)
			default:
				want = Format(v.Interface())
			}
			if name == "time" {
				name = "ts"
			}
			require.Equal(t, want, row[name], name)
			return true
		})
	}
	walk("", ev.ProtoReflect())
	require.True(t, proto.Equal(ev, fullEvent()), "the writer leaves its records alone")
	require.Equal(t, "cloudformation.amazonaws.com", one[string](t, db, "SELECT src_address FROM events WHERE id = 'plain'"))
	require.Equal(t, "2001:db8::9", one[string](t, db, "SELECT src_address FROM events WHERE id = 'id'"))
}

func TestImpossibleTimesAreClamped(t *testing.T) {
	db := openMigrated(t)
	recs := records(t, event("past", "i", noon, func(e *schemas.Event) { e.Time = -1 << 62 }), event("future", "i", noon, func(e *schemas.Event) { e.Time = 1<<63 - 1 }))
	rejected, err := db.Events().Insert(t.Context(), "tok", recs)
	require.NoError(t, err)
	require.Empty(t, rejected)
	require.Equal(t, uint64(2), one[uint64](t, db, "SELECT count() FROM events"))
}

func TestInsertWaitsForAPlace(t *testing.T) {
	db := openMigrated(t)
	for range cap(db.inserts) {
		release, err := db.acquire(t.Context())
		require.NoError(t, err)
		defer release()
	}
	ctx, cancel := contextWithTimeout(t, 50*time.Millisecond)
	defer cancel()
	_, err := db.Events().Insert(ctx, "tok", records(t, event("a", "i", noon)))
	require.ErrorIs(t, err, ctx.Err())
}
