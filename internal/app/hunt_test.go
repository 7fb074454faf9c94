package app

import (
	"bytes"
	"encoding/csv"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
)

func TestTextInCSVSteersNeitherTerminalNorSpreadsheet(t *testing.T) {
	for name, test := range map[string]struct {
		in   any
		want string
	}{
		"plain text stays":                     {"curl/8.5", "curl/8.5"},
		"a formula is text":                    {`=HYPERLINK("http://x","y")`, `'=HYPERLINK("http://x","y")`},
		"so is one that begins with plus":      {"+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"},
		"with minus":                           {"-2+3", "'-2+3"},
		"with at":                              {"@SUM(A1)", "'@SUM(A1)"},
		"a negative number stays a number":     {-1.5, "-1.5"},
		"a negative integer too":               {int64(-12), "-12"},
		"an escape is shown":                   {"a\x1b[2Jb", `a\x1b[2Jb`},
		"so is the escape of eight bits":       {"\u009b2J", `\u009b2J`},
		"and a new line, a return and a tab":   {"a\n\r\tb", `a\n\r\tb`},
		"a tab hides no formula":               {"\t=1+1", `\t=1+1`},
		"text that reads backwards is shown":   {"a\u202eb", `a\u202eb`},
		"quotes and commas are CSV's business": {`a,"b"`, `a,"b"`},
		"letters of any language stay":         {"Zürich 東京", "Zürich 東京"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			res := &clickhouse.Result{Rows: [][]any{{test.in}}}
			res.Columns = append(res.Columns, clickhouse.Column{Name: "=agent"})
			require.NoError(t, writeCSV(&out, res))
			rows, err := csv.NewReader(&out).ReadAll()
			require.NoError(t, err)
			require.Equal(t, [][]string{{"'=agent"}, {test.want}}, rows)
		})
	}
}

func TestAnAnswerInJSONIsOneObjectARow(t *testing.T) {
	res := &clickhouse.Result{
		Columns: []clickhouse.Column{{Name: "url"}, {Name: "n"}, {Name: "quantiles"}},
		Rows: [][]any{
			{"/a?b=1&c=<d>", uint64(2), []float64{0.5, math.NaN()}},
			{"/", uint64(math.MaxUint64), []float64{}},
		},
	}
	var out bytes.Buffer
	require.NoError(t, writeNDJSON(&out, res))
	require.Equal(t, `{"url":"/a?b=1&c=<d>","n":2,"quantiles":[0.5,null]}`+"\n"+
		`{"url":"/","n":18446744073709551615,"quantiles":[]}`+"\n", out.String())

	res.Columns, res.Rows = nil, [][]any{{}}
	out.Reset()
	require.NoError(t, writeNDJSON(&out, res))
	require.Equal(t, "{}\n", out.String())
}
