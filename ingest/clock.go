package ingest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var errNoTime = errors.New("missing")

// parseISO reads an RFC 3339 time, with any number of fractional digits, with
// a space for the T, and without a zone for UTC. It returns Unix nanoseconds.
func parseISO(s string) (int64, error) {
	if s == "" {
		return 0, errNoTime
	}
	bad := func() (int64, error) { return 0, fmt.Errorf("%q is no RFC 3339 time", clip(s, 40)) }
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != ' ' && s[10] != 't') || s[13] != ':' || s[16] != ':' {
		return bad()
	}
	year, month, day := two(s, 0)*100+two(s, 2), two(s, 5), two(s, 8)
	hour, minute, second := two(s, 11), two(s, 14), two(s, 17)
	rest := s[19:]
	nanos := 0
	if rest != "" && (rest[0] == '.' || rest[0] == ',') {
		i, scale := 1, 100_000_000
		for i < len(rest) && isDigit(rest[i]) {
			nanos += int(rest[i]-'0') * scale
			scale /= 10
			i++
		}
		if i == 1 {
			return bad()
		}
		rest = rest[i:]
	}
	offset, ok := zone(rest)
	if !ok {
		return bad()
	}
	if t, ok := instant(year, month, day, hour, minute, second, nanos, offset); ok {
		return t, nil
	}
	return bad()
}

// zone reads Z, nothing, ±hh:mm, ±hhmm or ±hh, after any spaces, as seconds
// east of UTC.
func zone(s string) (seconds int, ok bool) {
	if s == "Z" || s == " +0000" { // most of them
		return 0, true
	}
	s = strings.TrimLeft(s, " ")
	if s == "" || s == "Z" || s == "z" || s == "UTC" {
		return 0, true
	}
	if (s[0] != '+' && s[0] != '-') || len(s) < 3 {
		return 0, false
	}
	hours, minutes := digits(s[1:3]), 0
	switch {
	case len(s) == 6 && s[3] == ':':
		minutes = digits(s[4:6])
	case len(s) == 5:
		minutes = digits(s[3:5])
	case len(s) != 3:
		return 0, false
	}
	if hours < 0 || hours > 24 || minutes < 0 || minutes > 59 {
		return 0, false
	}
	seconds = hours*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// digits reads s as a decimal number, or returns -1.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// two reads the two digits at s[i]; where they are none, what it returns is below
// zero, and so is what becomes of it as part of a year.
func two(s string, i int) int {
	tens, ones := s[i]-'0', s[i+1]-'0'
	if tens > 9 || ones > 9 {
		return -10_000
	}
	return int(tens)*10 + int(ones)
}

// instant checks the parts of a time. A leap second counts as the next second.
func instant(year, month, day, hour, minute, second, nanos, offset int) (int64, bool) {
	if year < 1700 || year > 2250 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return 0, false
	}
	if day > 28 {
		if day > daysIn(year, month) {
			return 0, false // such as 31 June
		}
	}
	seconds := int64(daysBefore(year, month)+day-1)*86400 + int64(hour*3600+minute*60+second-offset)
	return seconds*int64(time.Second) + int64(nanos), true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysBefore is the number of days from 1970-01-01 to the first of a month, in
// the Gregorian calendar, of a year after Christ. Years begin in March here, so that leap days are
// at their ends (E. Reingold and N. Dershowitz, Calendrical Calculations).
func daysBefore(year, month int) int {
	if month < 3 {
		year, month = year-1, month+12
	}
	return year*365 + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 - 719468
}

// monthOf returns the number of a month by its name, from 1 on, or 0.
func monthOf(name string) int {
	switch name {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

// parseCommonLog reads the time of the common log format, such as
// 10/Oct/2000:13:55:36 -0700.
func parseCommonLog(s string) (int64, error) {
	if s == "" {
		return 0, errNoTime
	}
	if len(s) >= 20 && s[2] == '/' && s[6] == '/' && s[11] == ':' && s[14] == ':' && s[17] == ':' {
		if offset, ok := zone(s[20:]); ok {
			if t, ok := instant(two(s, 7)*100+two(s, 9), monthOf(s[3:6]), two(s, 0), two(s, 12), two(s, 15), two(s, 18), 0, offset); ok {
				return t, nil
			}
			return 0, fmt.Errorf("%q: there is no such day or time", clip(s, 40))
		}
	}
	return 0, fmt.Errorf("%q is no common log time (02/Jan/2006:15:04:05 -0700)", clip(s, 40))
}

// parseEpoch reads a Unix time in seconds, milliseconds, microseconds or
// nanoseconds, told apart by their size (seconds until the year 5138), with an
// exact fraction.
func parseEpoch(s string) (int64, error) {
	if s == "" {
		return 0, errNoTime
	}
	bad := func() (int64, error) { return 0, fmt.Errorf("%q is no Unix time", clip(s, 40)) }
	whole, fraction, _ := cutByte(s, '.')
	v := int64(0)
	if len(whole) <= 18 { // which no int64 is too small for
		v = int64(count(whole)) //nolint:gosec // as above
	}
	if v == 0 {
		var err error
		if v, err = strconv.ParseInt(whole, 10, 64); err != nil || v < 0 {
			if f, ferr := strconv.ParseFloat(s, 64); ferr == nil && f >= 0 && f < 1e11 { // 1.7e9
				return int64(f * 1e9), nil
			}
			return bad()
		}
	}
	unit := int64(time.Second)
	switch {
	case v >= 1e17:
		unit = 1
	case v >= 1e14:
		unit = int64(time.Microsecond)
	case v >= 1e11:
		unit = int64(time.Millisecond)
	}
	if v > math.MaxInt64/unit-1 {
		return bad()
	}
	t, scale := v*unit, unit/10
	for i := range len(fraction) {
		if !isDigit(fraction[i]) {
			return bad()
		}
		t += int64(fraction[i]-'0') * scale
		scale /= 10
	}
	return t, nil
}

// parseAnyTime reads a time in any of the three notations.
func parseAnyTime(s string) (int64, error) {
	if s != "" && !isDigit(s[0]) || len(s) > 4 && s[4] == '-' {
		return parseISO(s)
	}
	if len(s) > 2 && s[2] == '/' {
		return parseCommonLog(s)
	}
	return parseEpoch(s)
}

// elapsed is the time between two Unix times in nanoseconds, in microseconds; 0
// when the second is not the later one.
func elapsed(from, to int64) uint64 {
	if to <= from {
		return 0
	}
	return uint64(to-from) / 1000 //nolint:gosec // it is positive
}

// clip shortens s to n bytes at most, at a rune's edge, and marks the cut.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// number reads a finite decimal number, or returns 0.
func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
