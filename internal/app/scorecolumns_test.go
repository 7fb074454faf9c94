package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Columns are those of the usual names, or the first two where nobody named others.
func TestTheColumnsOfASeriesAreFound(t *testing.T) {
	for _, tc := range []struct {
		name, row, time, value string
		want                   seriesColumns
		header                 bool
		problem                string
	}{
		{name: "as the Numenta benchmark has them", row: "timestamp,value", want: seriesColumns{0, 1}, header: true},
		{name: "two columns of other names", row: "when,how many", want: seriesColumns{0, 1}, header: true},
		{name: "two columns, the value first", row: "value,when", want: seriesColumns{1, 0}, header: true},
		{name: "two columns, the time second", row: "requests,time", want: seriesColumns{1, 0}, header: true},
		{name: "no header", row: "2026-01-01,7", want: seriesColumns{0, 1}},
		{name: "no header, and more columns", row: "2026-01-01,7,x,8", want: seriesColumns{0, 1}},
		{name: "no header, by number", row: "x,2026-01-01,8", time: "2", value: "3", want: seriesColumns{1, 2}},
		{name: "a first row that is bad is no header", row: "2026-13-01,7", want: seriesColumns{0, 1}},
		{name: "many columns, found by name", row: "host,Timestamp,unit,VALUE", want: seriesColumns{1, 3}, header: true},
		{name: "many columns, one named", row: "time,a,b", value: "b", want: seriesColumns{0, 2}, header: true},
		{name: "many columns, the first is the time", row: "minute,a,b", value: "b", want: seriesColumns{0, 2}, header: true},
		{name: "a header by number", row: "x,y,z", time: "3", value: "1", want: seriesColumns{2, 0}, header: true},
		{name: "a name that looks like a number", row: "minute,5xx,2xx", value: "2xx", want: seriesColumns{0, 2}, header: true},
		{name: "many columns and no name", row: "a,b,c", problem: "which column holds the values?"},
		{name: "the value stands where the time would", row: "a,b,c", value: "a", problem: "which column holds the times?"},
		{name: "a number too high", row: "a,b", value: "3", problem: `--value "3": no such column`},
		{name: "two columns of the usual name of values", row: "timestamp,value,value", problem: `--value "value": columns 2 and 3 have that name: give its number`},
		{name: "two columns of the usual name of times", row: "time,time,value", problem: `--time "time": columns 1 and 2 have that name: give its number`},
		{name: "two columns of a name that is not asked for", row: "time,value,x,x", want: seriesColumns{0, 1}, header: true},
		{name: "one column", row: "a", problem: "1 column, want two or more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, header, err := findColumns(strings.Split(tc.row, ","), tc.time, tc.value)
			if tc.problem != "" {
				require.ErrorContains(t, err, tc.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.header, header)
		})
	}
}

func FuzzSeriesColumns(f *testing.F) {
	f.Add("timestamp,value", "", "")
	f.Add("a,b,c", "2", "c")
	f.Add("2026-01-01,7", "", "1")
	f.Fuzz(func(t *testing.T, row, time, value string) {
		cells := strings.Split(row, ",")
		c, _, err := findColumns(cells, time, value)
		if err == nil && (min(c.time, c.value) < 0 || max(c.time, c.value) >= len(cells) || c.time == c.value) {
			t.Fatalf("%q: %+v", row, c)
		}
	})
}
