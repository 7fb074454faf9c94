package app

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestATableFitsTheTerminal(t *testing.T) {
	rows := func() *grid {
		return &grid{
			header: []string{"identity", "kind", "owner", "team", "first seen"},
			rows: [][]string{
				{"aws:123456789012:role/ci-deploy-of-the-payment-service-in-production", "ci_pipeline", "alice@example.com", "platform", "2026-03-01"},
				{"kong:consumer/partner-7", "integration", "", "", "2026-03-02"},
			},
			spare: []string{"team", "nothing of that name", "kind"},
		}
	}
	draw := func(width int) (table, said string) {
		var out, err strings.Builder
		require.NoError(t, rows().write(&out, &err, width))
		return out.String(), err.String()
	}
	full, said := draw(0)
	require.Contains(t, full, "production")
	require.Contains(t, full, "platform")
	require.Empty(t, said)

	wide, said := draw(200)
	require.Equal(t, full, wide)
	require.Empty(t, said)

	narrow, said := draw(100)
	require.NotContains(t, narrow, "platform")
	require.Contains(t, narrow, "aws:123456789012:role/")
	require.Contains(t, narrow, "in-production", "the end of a name stays")
	require.Equal(t, "left out for want of room: team, kind (--wide shows them)\n", said)
}

// What is copied into the next command stays whole, and a cell is one line.
func TestATableKeepsWhatIsCopied(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 2)
	g := grid{header: []string{"since", "alert", "what"}, spare: []string{"since"}, whole: []string{"alert"}}
	g.add("2026-03-01 10:00", id, "first line\nsecond line "+strings.Repeat("and on ", 20))
	var out, said strings.Builder
	require.NoError(t, g.write(&out, &said, 70))
	require.Contains(t, out.String(), id)
	require.NotContains(t, out.String(), "since")
	require.Contains(t, out.String(), "first line second line")
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 70)
	}
}

// Whatever a table holds, it is no wider than asked, but for two columns that
// need more, and keeps its rows and the first column.
func TestNoTableIsWiderThanTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 9).Draw(t, "columns")
		g := &grid{}
		for i := range columns {
			g.header = append(g.header, strings.Repeat("h", i+1))
		}
		g.spare = rapid.SliceOfN(rapid.SampledFrom(g.header), 0, 3).Draw(t, "spare")
		n := rapid.IntRange(0, 5).Draw(t, "rows")
		for range n {
			row := make([]string, columns)
			for i := range row {
				row[i] = rapid.StringMatching(`[a-zé…]{0,70}`).Draw(t, "cell")
			}
			g.rows = append(g.rows, row)
		}
		width := rapid.IntRange(60, 160).Draw(t, "width")
		var out, said strings.Builder
		if err := g.write(&out, &said, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if got := utf8.RuneCountInString(strings.TrimRight(line, "\n")); got > width {
				t.Fatalf("%d columns of %d: %s", got, width, line)
			}
		}
		if len(g.rows) != n {
			t.Fatalf("%d rows of %d", len(g.rows), n)
		}
	})
}
