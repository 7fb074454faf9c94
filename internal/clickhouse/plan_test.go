package clickhouse

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Whatever a batch holds, its plan puts each record in one place, keeps within
// the bounds of an insert, and is the same each time.
func TestPlanTakesEachRecordOnce(t *testing.T) {
	w := &events{columns: eventColumns()}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 80).Draw(rt, "records")
		recs := make([]stream.Record, n)
		controls, bad := 0, 0
		for i := range recs {
			switch rapid.IntRange(0, 9).Draw(rt, "kind") {
			case 0:
				recs[i].Headers = []stream.Header{{Key: stream.ControlHeader, Value: []byte("end")}}
				controls++
			case 1:
				recs[i].Value = []byte{0xff, 0xff}
				bad++
			default:
				at := noon.Add(time.Duration(rapid.IntRange(-200, 200).Draw(rt, "hours")) * time.Hour)
				value, err := event("e", "i", at).MarshalVT()
				require.NoError(t, err)
				recs[i].Value = value
			}
		}
		pieces, rejected := w.plan(recs)
		again, _ := w.plan(recs)
		require.Equal(t, pieces, again)
		require.Len(t, rejected, bad)
		var rows []int
		for i, p := range pieces {
			require.NotEmpty(t, p.rows)
			require.LessOrEqual(t, len(p.rows), maxRows)
			require.True(t, slices.IsSorted(p.rows), "rows keep their order")
			if i > 0 {
				require.LessOrEqual(t, pieces[i-1].day, p.day, "days in order")
			}
			for _, r := range p.rows {
				var ev schemas.Event
				require.NoError(t, ev.UnmarshalVT(recs[r].Value))
				require.Equal(t, p.day, time.Unix(0, ev.Time).UTC().Format(time.DateOnly))
			}
			rows = append(rows, p.rows...)
		}
		slices.Sort(rows)
		require.Len(t, rows, n-controls-bad)
		require.Len(t, slices.Compact(rows), n-controls-bad, "each once")
	})
}
