package app

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
)

// SeriesOptions configures ScoreSeries.
type SeriesOptions struct {
	// File is a CSV file, or "-" for standard input.
	File string
	// Time and Value are columns, by name or by number from 1 on. Empty means those
	// named as such in the header, else the first and the second.
	Time, Value string
}

// ScoreSeries reads a time series and writes `timestamp,value,score`, the score of
// the rate detector in 0..1. A header line is kept, with the names of the two columns.
// Rows that cannot be read are said on stderr and left out.
func ScoreSeries(ctx context.Context, o SeriesOptions, std IO) (err error) {
	src, name := std.In, o.File
	if name == stdinName {
		name = "stdin"
	} else {
		if st, err := os.Stat(name); err == nil && st.IsDir() {
			return Usagef("%s is a directory: name a CSV file in it", name)
		}
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, cause(err))
		}
		defer f.Close() //nolint:errcheck // opened for reading
		src = f
	}
	s := &seriesScorer{o: o, std: std, name: name, series: detect.NewSeries(), out: csv.NewWriter(std.Out)}
	err = s.score(ctx, newSeriesReader(src))
	s.out.Flush()
	if err = errors.Join(err, s.out.Error()); err != nil {
		return err
	}
	if n := s.bad - shownReasons; n > 0 {
		fmt.Fprintf(std.Err, "%s: and %s\n", name, count(n, "more bad row"))
	}
	if s.stepsBack > 0 {
		fmt.Fprintf(std.Err, "warning: %s: %s earlier than one before, the first in line %d: a score compares a row with the rows before it, so sort them by time\n", name, count(s.stepsBack, "row"), s.firstBack)
	}
	fmt.Fprintf(std.Err, "%s scored, %d bad\n", count(s.good, "row"), s.bad)
	if s.good == 0 && s.bad > 0 {
		return fmt.Errorf("%s: not one good row: want lines such as 2026-01-02 15:04:05,17.5, or the columns named with --time and --value", name)
	}
	return nil
}

// newSeriesReader reads CSV, after the mark that some programs begin a file with.
func newSeriesReader(src io.Reader) *csv.Reader {
	b := bufio.NewReaderSize(src, 1<<16)
	const mark = "\ufeff"
	if head, _ := b.Peek(len(mark)); string(head) == mark {
		_, _ = b.Discard(len(mark)) // it was peeked
	}
	in := csv.NewReader(b)
	in.FieldsPerRecord, in.ReuseRecord, in.TrimLeadingSpace = -1, true, true
	return in
}

// seriesScorer scores one file.
type seriesScorer struct {
	o         SeriesOptions
	std       IO
	name      string
	series    *detect.Series
	out       *csv.Writer
	columns   seriesColumns
	good, bad int
	newest    time.Time // of the rows before
	stepsBack int       // rows that are earlier than newest
	firstBack int       // the line of the first of them
}

func (s *seriesScorer) score(ctx context.Context, in *csv.Reader) error {
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		row, err := in.Read()
		var broken *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &broken) && !first:
			s.refuse(broken.StartLine, broken.Err)
			continue
		case errors.As(err, &broken): // where the columns are is not known
			return Usagef("%s: line %d: %w", s.name, broken.StartLine, broken.Err)
		case err != nil:
			return fmt.Errorf("%s: %w", s.name, cause(err))
		}
		line, _ := in.FieldPos(0)
		if first {
			var header bool
			if s.columns, header, err = findColumns(row, s.o.Time, s.o.Value); err != nil {
				return Usagef("%s: line %d: %w", s.name, line, err)
			}
			if header {
				if err := s.out.Write([]string{row[s.columns.time], row[s.columns.value], "score"}); err != nil {
					return err
				}
				continue
			}
		}
		at, value, err := s.columns.point(row)
		if err != nil {
			s.refuse(line, err)
			continue
		}
		if s.good > 0 && at.Before(s.newest) {
			if s.stepsBack++; s.stepsBack == 1 {
				s.firstBack = line
			}
		} else {
			s.newest = at
		}
		s.good++
		score := strconv.FormatFloat(s.series.Score(at, value), 'f', 6, 64)
		if err := s.out.Write([]string{row[s.columns.time], row[s.columns.value], score}); err != nil {
			return err
		}
	}
}

// refuse says why a row is left out, of the first few.
func (s *seriesScorer) refuse(line int, err error) {
	if s.bad++; s.bad <= shownReasons {
		fmt.Fprintf(s.std.Err, "%s: line %d: %s\n", s.name, line, oneLine(err.Error()))
	}
}

// point reads one row.
func (c seriesColumns) point(row []string) (at time.Time, value float64, err error) {
	if n := max(c.time, c.value); n >= len(row) {
		return at, 0, fmt.Errorf("%s, want %d or more", count(len(row), "column"), n+1)
	}
	if value, err = seriesValue(row[c.value]); err != nil {
		return at, 0, err
	}
	at, err = seriesTime(row[c.time])
	return at, value, err
}

func seriesValue(cell string) (float64, error) {
	value, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
	if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		return 0, fmt.Errorf("value %q: want a number", cell)
	}
	return value, nil
}

// seriesTime reads RFC 3339, "2006-01-02 15:04:05" in UTC, or a Unix time in seconds
// or milliseconds.
func seriesTime(cell string) (time.Time, error) {
	text := strings.TrimSpace(cell)
	for _, layout := range []string{time.DateTime, time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if unix, err := strconv.ParseFloat(text, 64); err == nil && unix >= 0 && unix < 1e14 {
		const millis = 1e11 // above it, a Unix time is in milliseconds
		if unix < millis {
			unix *= 1000
		}
		return time.UnixMilli(int64(unix)).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("timestamp %q: want such as 2026-01-02 15:04:05, RFC 3339 or a Unix time", cell)
}
