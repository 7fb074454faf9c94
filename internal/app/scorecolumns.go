package app

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// seriesColumns are where a CSV file has its times and values, from 0 on.
type seriesColumns struct{ time, value int }

// Names of columns that are taken for what they say where no other is asked for.
var (
	timeColumns  = []string{"timestamp", "time", "datetime", "date", "ts"}
	valueColumns = []string{"value"}
)

// startsWithDigit tells a time or a number from a name.
func startsWithDigit(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9')
}

// findColumns says where the columns are that wantTime and wantValue name, or those
// that usually hold them, in a file that begins with row; header reports whether row
// holds names. A name may be a number, from 1 on.
func findColumns(row []string, wantTime, wantValue string) (c seriesColumns, header bool, err error) {
	header = !startsWithDigit(row[0]) && !slices.ContainsFunc(row, isDatum) || hasColumn(row, wantTime) || hasColumn(row, wantValue)
	if !header {
		row = slices.Repeat([]string{""}, len(row))
	}
	c.time, err = column("--time", row, header, wantTime, timeColumns)
	if err != nil {
		return c, header, err
	}
	if c.value, err = column("--value", row, header, wantValue, valueColumns); err != nil {
		return c, header, err
	}
	// What nothing names is the first and the second, unless a header names more.
	few := len(row) <= 2 || !header
	switch {
	case c.value < 0 && (few && c.time <= 0 || len(row) == 2 && c.time == 1):
		c.time = max(c.time, 0)
		c.value = 1 - c.time
	case c.value < 0:
		return c, header, fmt.Errorf("which column holds the values? Name it with --value: %s", columnsText(row, header))
	case c.time < 0 && (c.value != 0 || len(row) == 2):
		c.time = 0
		if c.value == 0 {
			c.time = 1
		}
	case c.time < 0:
		return c, header, fmt.Errorf("which column holds the times? Name it with --time: %s", columnsText(row, header))
	}
	if c.time == c.value {
		return c, header, fmt.Errorf("--time and --value are the same column: %s", columnsText(row, header))
	}
	if n := len(row); max(c.time, c.value) >= n {
		if n == 1 && strings.ContainsAny(row[0], ";\t|") {
			return c, header, errors.New("one column: want columns divided by commas")
		}
		return c, header, fmt.Errorf("%s, want two or more: timestamp,value", count(n, "column"))
	}
	return c, header, nil
}

// isDatum reports whether a cell is a time or a number, which no name is.
func isDatum(cell string) bool {
	_, err1 := seriesTime(cell)
	_, err2 := seriesValue(cell)
	return err1 == nil || err2 == nil
}

// hasColumn reports whether a row has a name that was asked for.
func hasColumn(row []string, want string) bool {
	_, number := strconv.Atoi(want)
	return want != "" && number != nil && slices.ContainsFunc(row, func(name string) bool { return sameColumn(name, want) })
}

func sameColumn(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// column finds one column: that of a name or number, else the first of the usual
// names; -1 when there is none of these.
func column(flag string, row []string, header bool, want string, usual []string) (int, error) {
	if want == "" {
		for _, name := range usual {
			if i, err := columnNamed(flag, row, name); i >= 0 || err != nil {
				return i, err
			}
		}
		return -1, nil
	}
	if i, err := columnNamed(flag, row, want); i >= 0 || err != nil {
		return i, err
	}
	if n, err := strconv.Atoi(want); err == nil && n >= 1 && n <= len(row) {
		return n - 1, nil
	}
	return 0, fmt.Errorf("%s %q: no such column: %s", flag, want, columnsText(row, header))
}

// columnNamed is the one column of a name, or -1.
func columnNamed(flag string, row []string, want string) (int, error) {
	found := -1
	for i, name := range row {
		switch {
		case !sameColumn(name, want):
		case found >= 0:
			return -1, fmt.Errorf("%s %q: columns %d and %d have that name: give its number", flag, want, found+1, i+1)
		default:
			found = i
		}
	}
	return found, nil
}

// columnsText lists the columns of a file.
func columnsText(row []string, header bool) string {
	if !header {
		return fmt.Sprintf("the file has no header, so give a number from 1 to %d", len(row))
	}
	const most = 20
	names := make([]string, 0, most)
	for _, name := range row[:min(len(row), most)] {
		names = append(names, strconv.Quote(clipText(oneLine(strings.TrimSpace(name)), 40)))
	}
	if len(row) > most {
		names = append(names, "…")
	}
	return "the file has " + strings.Join(names, ", ")
}
