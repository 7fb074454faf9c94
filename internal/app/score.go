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

// ScoreSeries reads `timestamp,value` rows and writes `timestamp,value,score`,
// the score of the rate detector in 0..1. A header line is kept. Rows that
// cannot be read are said on stderr and left out.
func ScoreSeries(ctx context.Context, file string, std IO) (err error) {
	src := std.In
	if file != stdinName {
		if st, err := os.Stat(file); err == nil && st.IsDir() {
			return Usagef("%s is a directory: name a CSV file in it", file)
		}
		f, err := os.Open(file)
		if err != nil {
			return fmt.Errorf("%s: %s", file, rootCause(err))
		}
		defer f.Close() //nolint:errcheck // opened for reading
		src = f
	}
	in := csv.NewReader(bufio.NewReaderSize(src, 1<<16))
	in.FieldsPerRecord, in.ReuseRecord, in.TrimLeadingSpace = -1, true, true
	out := csv.NewWriter(std.Out)
	series := detect.NewSeries()
	good, bad := 0, 0
	for n := 1; ; n++ {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var at time.Time
		var value float64
		if err == nil {
			at, value, err = readPoint(row)
		}
		if err != nil {
			if n == 1 && len(row) >= 2 && !startsWithDigit(row[0]) {
				if err := out.Write([]string{row[0], row[1], "score"}); err != nil {
					return err
				}
				continue
			}
			bad++
			fmt.Fprintf(std.Err, "%s: line %d: %s\n", file, n, oneLine(err.Error()))
			var parse *csv.ParseError
			if err := ctx.Err(); err != nil {
				return err
			}
			if !errors.As(err, &parse) && len(row) == 0 {
				return fmt.Errorf("%s: %w", file, err)
			}
			continue
		}
		good++
		score := strconv.FormatFloat(series.Score(at, value), 'f', 6, 64)
		if err := out.Write([]string{row[0], row[1], score}); err != nil {
			return err
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%s scored, %d bad\n", count(good, "row"), bad)
	if good == 0 && bad > 0 {
		return fmt.Errorf("%s: not one good row: want lines such as 2026-01-02 15:04:05,17.5", file)
	}
	return nil
}

func startsWithDigit(s string) bool { return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') }

// readPoint reads one row. Times are RFC 3339, "2006-01-02 15:04:05" in UTC, or
// a Unix time in seconds or milliseconds.
func readPoint(row []string) (time.Time, float64, error) {
	if len(row) < 2 {
		return time.Time{}, 0, errors.New("want timestamp,value")
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(row[1]), 64)
	if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		return time.Time{}, 0, fmt.Errorf("value %q: want a number", row[1])
	}
	text := strings.TrimSpace(row[0])
	for _, layout := range []string{time.DateTime, time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, value, nil
		}
	}
	if unix, err := strconv.ParseFloat(text, 64); err == nil && unix >= 0 && unix < 1e14 {
		const millis = 1e11 // above it, a Unix time is in milliseconds
		if unix < millis {
			unix *= 1000
		}
		return time.UnixMilli(int64(unix)).UTC(), value, nil
	}
	return time.Time{}, 0, fmt.Errorf("timestamp %q: want such as 2026-01-02 15:04:05, RFC 3339 or a Unix time", row[0])
}
