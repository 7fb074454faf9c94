package detect

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// daysOfCalls are days of which each has as many calls as a function says, from
// day 1000 on.
func daysOfCalls(n int, calls func(day int) float64) *callDays {
	t := &callDays{day: 1000, since: 1000}
	for d := range n {
		t.today = float32(calls(d))
		t.roll(uint16(1001 + d)) //nolint:gosec // a few weeks
	}
	return t
}

func TestAClimbIsToldFromOtherRises(t *testing.T) {
	even := func(d int) float64 { return 100 + 7*float64(d%3) - 20*float64(btoi(d%7 > 4)) }
	for _, c := range []struct {
		name  string
		days  int
		calls func(d int) float64
		known bool
		tells bool
	}{
		{"a level load", 50, even, true, false},
		{"1% a day", 50, func(d int) float64 { return even(d) * math.Pow(1.01, float64(d)) }, true, true},
		{"1% a day for two weeks only", 50, func(d int) float64 { return even(d) * math.Pow(1.01, float64(max(0, d-36))) }, true, false},
		{"1% a week", 50, func(d int) float64 { return even(d) * math.Pow(1.01, float64(d/7)) }, true, false},
		{"a lift in the middle of a week", 50, func(d int) float64 { return even(d) * (1 + 0.5*float64(btoi(d > 31))) }, true, false},
		{"a last week that is busy", 50, func(d int) float64 { return even(d) * (1 + 2*float64(btoi(d > 42))) }, true, false},
		{"a fall", 50, func(d int) float64 { return even(d) * math.Pow(0.98, float64(d)) }, true, false},
		{"four weeks", 28, func(d int) float64 { return even(d) * math.Pow(1.03, float64(d)) }, false, false},
		{"a few calls a day", 50, func(d int) float64 { return 5 * math.Pow(1.02, float64(d)) }, false, false},
		{"a pause of two weeks", 50, func(d int) float64 { return even(d) * float64(btoi(d < 20 || d > 33)) }, false, false},
	} {
		days := daysOfCalls(c.days, c.calls)
		x, known := days.climb()
		if known != c.known || known != days.known {
			t.Errorf("%s: known %v, want %v", c.name, known, c.known)
		}
		if tells := known && x.tells(0) > 0; tells != c.tells {
			t.Errorf("%s: told %v, want %v (%+v)", c.name, tells, c.tells, x)
		}
	}
}

func TestAClimbIsLessNewsWhereItIsShared(t *testing.T) {
	x, _ := daysOfCalls(50, func(d int) float64 { return 200 * math.Pow(1.02, float64(d)) }).climb()
	if alone, some, all := x.tells(0), x.tells(0.03), x.tells(0.14); alone <= some || some == 0 || all != 0 {
		t.Errorf("alone %v, partly shared %v, shared %v", alone, some, all)
	}
}

// Properties: one lift, of whatever size and on whatever day, is no climb; neither
// is any load that is told to be known but does not rise.
func TestAnEvenCallerThatIsLiftedOnceDoesNotClimbProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.Float64Range(20, 5000).Draw(t, "level")
		lift := rapid.Float64Range(0, 30).Draw(t, "lift")
		at := rapid.IntRange(0, 60).Draw(t, "day")
		x, known := daysOfCalls(50, func(d int) float64 {
			if d >= at {
				return math.Round(level * lift)
			}
			return math.Round(level)
		}).climb()
		if known && x.tells(0) > 0 {
			t.Errorf("told: %+v", x)
		}
	})
}
