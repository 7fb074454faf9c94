package app

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// terminalWidth is how many columns a terminal has, 0 where w is none: what is
// piped elsewhere is written in full. COLUMNS stands above what it says itself.
func terminalWidth(w io.Writer) int {
	if !terminal(w) {
		return 0
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	n, _, err := term.GetSize(int(f.Fd())) //nolint:gosec // a file's number
	if err != nil {
		return 0
	}
	return n
}

// grid is a table for people: texts without line ends.
type grid struct {
	header []string
	rows   [][]string
	// spare names the columns that are dropped first where the table is wider
	// than the terminal, the least useful first.
	spare []string
	// whole names the columns that are never cut: what is copied into the next command.
	whole []string
}

// add appends a row of texts, each made one line.
func (g *grid) add(cells ...string) {
	for i := range cells {
		cells[i] = oneLine(cells[i])
	}
	g.rows = append(g.rows, cells)
}

// Bounds of a column that is cut: as much of it as is still of use.
const (
	minCell    = 14
	minKeyCell = 24 // of the first column, which names the row
)

// fit drops columns and cuts cells until the table is no wider than width, and
// gives the names of the dropped ones. width 0 changes nothing.
func (g *grid) fit(width int) (dropped []string) {
	if width <= 0 {
		return nil
	}
	if g.width() > width {
		g.shortenTimes()
	}
	for _, name := range g.spare {
		if g.width() <= width {
			return dropped
		}
		if g.drop(name) {
			dropped = append(dropped, name)
		}
	}
	for g.width() > width {
		widths := g.widths()
		widest := -1
		for i, w := range widths {
			if w > g.least(i) && !slices.Contains(g.whole, g.header[i]) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			if len(g.header) < 3 {
				return dropped
			}
			// Nothing is left to cut: the last column goes.
			name := g.header[len(g.header)-1]
			g.drop(name)
			dropped = append(dropped, name)
			continue
		}
		g.cut(widest, max(widths[widest]-(g.width()-width), g.least(widest)))
	}
	return dropped
}

// shortenTimes leaves of times what people read first: the minute.
func (g *grid) shortenTimes() {
	const minute = len("2026-03-01 10:00")
	for _, row := range g.rows {
		for i, s := range row {
			if len(s) > minute && s[4] == '-' && s[7] == '-' && (s[10] == 'T' || s[10] == ' ') && s[13] == ':' && s[16] == ':' {
				row[i] = s[:10] + " " + s[11:minute]
			}
		}
	}
}

func (g *grid) least(i int) int {
	least := minCell
	if i == 0 {
		least = minKeyCell
	}
	return max(least, utf8.RuneCountInString(g.header[i]))
}

// width is that of the table as it is drawn, with a line left of each column
// and a blank on both sides.
func (g *grid) width() int {
	sum := 1
	for _, w := range g.widths() {
		sum += w + 3
	}
	return sum
}

func (g *grid) widths() []int {
	out := make([]int, len(g.header))
	for i, h := range g.header {
		out[i] = utf8.RuneCountInString(h)
		for _, row := range g.rows {
			out[i] = max(out[i], utf8.RuneCountInString(row[i]))
		}
	}
	return out
}

func (g *grid) drop(name string) bool {
	for i, h := range g.header {
		if h != name {
			continue
		}
		g.header = append(g.header[:i:i], g.header[i+1:]...)
		for n, row := range g.rows {
			g.rows[n] = append(row[:i:i], row[i+1:]...)
		}
		return true
	}
	return false
}

// cut shortens the cells of a column. Of what names a row the end says more
// than the middle, which is left out.
func (g *grid) cut(i, most int) {
	for _, row := range g.rows {
		if utf8.RuneCountInString(row[i]) <= most {
			continue
		}
		text := []rune(row[i])
		if i > 0 {
			row[i] = string(text[:most-1]) + "…"
			continue
		}
		head := (most - 1) / 2
		row[i] = string(text[:head]) + "…" + string(text[len(text)-(most-1-head):])
	}
}

// write draws the table, no wider than width columns unless that is 0, and tells
// on said what it left out.
func (g *grid) write(w, said io.Writer, width int) error {
	dropped := g.fit(width)
	t := newTable(anys(g.header)...)
	for _, row := range g.rows {
		t.AppendRow(anys(row))
	}
	if _, err := fmt.Fprintln(w, t.Render()); err != nil {
		return err
	}
	if len(dropped) > 0 {
		fmt.Fprintf(said, "left out for want of room: %s (--wide shows them)\n", strings.Join(dropped, ", "))
	}
	return nil
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
