package enrich

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a static image has no time zones of its own

	"github.com/lapwing-sec/lapwing/schemas"
)

const minutesPerWeek = 7 * 24 * 60

// days in the order of time.Weekday.
var days = [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

// span is a stretch of a week in minutes from Sunday 00:00, end excluded;
// a window that passes the end of the week is two spans.
type span struct{ from, to int }

// schedule is a compiled schemas.Schedule.
type schedule struct {
	zone  *time.Location
	spans []span
	words string
}

// compileSchedule reads the windows: "Mon-Fri 01:00-05:00" (each of these days),
// "Sat 22:00-02:00" (over midnight), "Mon,Wed 08:00-18:00", "08:00-18:00"
// (every day) or "Fri 18:00-Mon 06:00" (one stretch). 24:00 is the end of the
// day. Without windows there is no schedule.
func compileSchedule(s *schemas.Schedule, z zones) (*schedule, error) {
	if s == nil || len(s.Windows) == 0 {
		return nil, nil // no schedule declared is not an error
	}
	zone, err := z.load(s.Timezone)
	if err != nil {
		return nil, err
	}
	out := &schedule{zone: zone, words: enumerate(s.Windows) + " " + zone.String()}
	for _, w := range s.Windows {
		spans, err := parseWindow(w)
		if err != nil {
			return nil, err
		}
		out.spans = append(out.spans, spans...)
	}
	return out, nil
}

// zones remembers time zones, which are files to read. Names that exist are
// few, so it is bounded.
type zones map[string]*time.Location

func (z zones) load(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if zone, ok := z[name]; ok {
		return zone, nil
	}
	if name == "Local" {
		return nil, errors.New(`time zone "Local": want a name such as UTC or Europe/Berlin`)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: want a name such as UTC or Europe/Berlin", shorten(name))
	}
	z[name] = zone
	return zone, nil
}

func parseWindow(text string) ([]span, error) {
	bad := func(why string) error {
		return fmt.Errorf("window %q: %s; want such as \"Mon-Fri 01:00-05:00\", \"Sat 22:00-02:00\" or \"Fri 18:00-Mon 06:00\"", text, why)
	}
	f := strings.Fields(text)
	// "Fri 18:00-Mon 06:00": one stretch from a day to a day.
	if len(f) == 3 {
		clock1, day2, ok := strings.Cut(f[1], "-")
		d1, ok1 := dayOf(f[0])
		d2, ok2 := dayOf(day2)
		m1, ok3 := clock(clock1)
		m2, ok4 := clock(f[2])
		if !ok || !ok1 || !ok2 || !ok3 || !ok4 {
			return nil, bad("not understood")
		}
		return weekSpans(d1*1440+m1, d2*1440+m2), nil
	}
	var hours string
	chosen := [7]bool{true, true, true, true, true, true, true}
	switch len(f) {
	case 1:
		hours = f[0]
	case 2:
		hours = f[1]
		var ok bool
		if chosen, ok = dayList(f[0]); !ok {
			return nil, bad("days not understood")
		}
	default:
		return nil, bad("not understood")
	}
	a, b, ok := strings.Cut(hours, "-")
	from, ok1 := clock(a)
	to, ok2 := clock(b)
	if !ok || !ok1 || !ok2 || from == 1440 {
		return nil, bad("hours not understood")
	}
	if from == to {
		return nil, bad("empty; a whole day is 00:00-24:00")
	}
	if to < from {
		to += 1440
	}
	var out []span
	for d := range 7 {
		if chosen[d] {
			out = append(out, weekSpans(d*1440+from, d*1440+to)...)
		}
	}
	return out, nil
}

// weekSpans cuts [from, to) at the end of the week; to before from wraps.
func weekSpans(from, to int) []span {
	if to <= from {
		to += minutesPerWeek
	}
	if to <= minutesPerWeek {
		return []span{{from, to}}
	}
	return []span{{from, minutesPerWeek}, {0, to - minutesPerWeek}}
}

func dayList(s string) (chosen [7]bool, ok bool) {
	for part := range strings.SplitSeq(s, ",") {
		a, b, ranged := strings.Cut(part, "-")
		d1, ok1 := dayOf(a)
		if !ok1 {
			return chosen, false
		}
		d2 := d1
		if ranged {
			var ok2 bool
			if d2, ok2 = dayOf(b); !ok2 {
				return chosen, false
			}
		}
		for d := d1; ; d = (d + 1) % 7 {
			chosen[d] = true
			if d == d2 {
				break
			}
		}
	}
	return chosen, true
}

func dayOf(s string) (int, bool) {
	for d, name := range days {
		if strings.EqualFold(s, name) || strings.EqualFold(s, time.Weekday(d).String()) {
			return d, true
		}
	}
	return 0, false
}

// clock reads "05:30" as minutes of the day; 24:00 is 1440.
func clock(s string) (int, bool) {
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	for _, i := range [4]int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if h > 24 || m > 59 || (h == 24 && m != 0) {
		return 0, false
	}
	return h*60 + m, true
}

// minute gives the minute of the week of a time in Unix nanoseconds, in the
// schedule's zone.
func (s *schedule) minute(ns int64) (of int, at time.Time) {
	at = time.Unix(0, ns).In(s.zone)
	return int(at.Weekday())*1440 + at.Hour()*60 + at.Minute(), at
}

func (s *schedule) allows(ns int64) bool {
	m, _ := s.minute(ns)
	for _, w := range s.spans {
		if m >= w.from && m < w.to {
			return true
		}
	}
	return false
}

// describe names the hour of a call, not its minute: the same deviation is one
// value, however many calls it has.
func (s *schedule) describe(ns int64) string {
	_, at := s.minute(ns)
	return at.Format("Mon 15h ") + s.zone.String()
}
