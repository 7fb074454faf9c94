package detect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// everyFive is the time of a series' i-th value.
func everyFive(i int) time.Time { return fleetStart.Add(time.Duration(i) * 5 * time.Minute) }

// seriesScores scores values that come every five minutes.
func seriesScores(values []float64) []float64 {
	s := NewSeries()
	scores := make([]float64, len(values))
	for i, v := range values {
		scores[i] = s.Score(everyFive(i), v)
	}
	return scores
}

// noise is a series of n values around 100.
func noise(n int) []float64 {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's
	values := make([]float64, n)
	for i := range values {
		values[i] = 100 + 5*r.NormFloat64()
	}
	return values
}

// alarms counts the scores of at least 0.75, from the index on.
func alarms(scores []float64, from int) (n, first int) {
	first = -1
	for i := from; i < len(scores); i++ {
		if scores[i] >= 0.75 {
			if n++; first < 0 {
				first = i
			}
		}
	}
	return n, first
}

func TestASeriesScoreSees(t *testing.T) {
	const at = 3000
	day := func(i int) float64 { return 50 * math.Sin(2*math.Pi*float64(i%288)/288) }
	for _, c := range []struct {
		name   string
		change func(i int, v float64) float64
		within int
	}{
		{"a value that jumps", func(i int, v float64) float64 {
			if i == at {
				return 500
			}
			return v
		}, 1},
		{"a level that shifts by little more than the noise", func(i int, v float64) float64 {
			if i >= at {
				return v + 8
			}
			return v
		}, 40},
		{"a series that falls to nothing", func(i int, v float64) float64 {
			if i >= at {
				return 0
			}
			return v
		}, 1},
		{"a series that stands still at its mean", func(i int, v float64) float64 {
			if i >= at {
				return 100
			}
			return v
		}, 60},
		{"one that becomes restless around its mean", func(i int, v float64) float64 {
			if i >= at {
				return 100 + 2.5*(v-100)
			}
			return v
		}, 60},
		{"a fall to next to nothing where values differ by factors", func(i int, v float64) float64 {
			if i == at {
				return 0.001
			}
			return math.Exp((v - 70) / 10)
		}, 1},
		{"a mild rise that lasts, where single values are wild", func(i int, v float64) float64 {
			if i >= at {
				return v + 11
			}
			if i < 900 && i%60 == 0 {
				return v + 400
			}
			return v
		}, 60},
		{"a busy hour at night", func(i int, v float64) float64 {
			if i >= at && i < at+12 {
				return v + day(72)
			}
			return v + day(i)
		}, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			values := noise(at + 100)
			for i, v := range values {
				values[i] = c.change(i, v)
			}
			scores := seriesScores(values)
			if n, first := alarms(scores, 1000); first < at || first >= at+c.within {
				t.Errorf("%d alarms, the first at %d, want one from %d to %d", n, first, at, at+c.within)
			}
		})
	}
}

func TestASeriesScoreStaysLowOnWhatItKnows(t *testing.T) {
	for name, change := range map[string]func(i int, v float64) float64{
		"noise":                    func(_ int, v float64) float64 { return v },
		"nothing":                  func(int, float64) float64 { return 0 },
		"one value":                func(int, float64) float64 { return 0.1 },
		"a square wave":            func(i int, _ float64) float64 { return float64(20 + 60*(i/144%2)) },
		"days with noise":          func(i int, v float64) float64 { return v + 80*math.Sin(2*math.Pi*float64(i)/288) },
		"mostly nothing, at times": func(i int, v float64) float64 { return math.Max(0, math.Round(v-107)) },
	} {
		t.Run(name, func(t *testing.T) {
			values := noise(6000)
			for i, v := range values {
				values[i] = change(i, v)
			}
			if n, first := alarms(seriesScores(values), 750); n > 0 {
				t.Errorf("%d alarms, the first at %d", n, first)
			}
		})
	}
}

func TestASeriesAlarmIsOneAlarm(t *testing.T) {
	t.Run("while it goes on", func(t *testing.T) {
		values := noise(3300)
		for i := 3000; i < 3300; i++ {
			values[i] += 400
		}
		scores := seriesScores(values)
		if n, first := alarms(scores, 1000); first != 3000 || n > 12 {
			t.Errorf("%d alarms, the first at %d", n, first)
		}
		if n, first := alarms(scores, 3040); n > 0 {
			t.Errorf("%d alarms once the means have followed, the first at %d", n, first)
		}
	})
	t.Run("unless it becomes far rarer", func(t *testing.T) {
		values := noise(3100)
		for i := 3000; i < 3100; i++ {
			values[i] += 30
		}
		values[3020] = 5000
		scores := seriesScores(values)
		if scores[3020] < 0.75 {
			t.Errorf("score %v", scores[3020])
		}
	})
	t.Run("and comes to be usual when it happens again and again", func(t *testing.T) {
		values := noise(8000)
		for i := 1000; i < 8000; i += 100 {
			values[i] = 150
		}
		scores := seriesScores(values)
		if n, first := alarms(scores, 0); first != 1000 || n > 15 {
			t.Errorf("%d alarms, the first at %d", n, first)
		}
		if n, first := alarms(scores, 4000); n > 0 {
			t.Errorf("%d alarms after thirty, the first at %d", n, first)
		}
	})
}

func TestASeriesScoresWhatIsNoNumberAsNothing(t *testing.T) {
	s := NewSeries()
	for i, v := range []float64{1, 1e9, math.NaN(), math.Inf(1), -5} {
		if x := s.Score(everyFive(i), v); x != 0 {
			t.Errorf("score %v of %v before anything is learned", x, v)
		}
	}
	with, without := NewSeries(), NewSeries()
	for i, v := range noise(2000) {
		if x := with.Score(everyFive(i), math.NaN()); x != 0 {
			t.Fatalf("score %v of NaN", x)
		}
		if a, b := with.Score(everyFive(i), v), without.Score(everyFive(i), v); a != b {
			t.Fatalf("score %v at %d, %v had there been no NaN", a, i, b)
		}
	}
}

// seriesOf draws a series: noise with steps, spikes, gaps and runs.
func seriesOf(t *rapid.T) []float64 {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)) //nolint:gosec // a test's
	values := make([]float64, rapid.IntRange(1, 1500).Draw(t, "values"))
	level := 0.0
	for i := range values {
		switch k := r.IntN(200); {
		case k == 0:
			level = 100 * r.NormFloat64()
		case k == 1:
			values[i] = 1e4 * r.NormFloat64()
			continue
		case k < 40 && i > 0:
			values[i] = values[i-1]
			continue
		}
		values[i] = level + r.NormFloat64()
	}
	return values
}

func TestASeriesScoreKnowsNothingOfWhatComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := seriesOf(t)
		whole := seriesScores(values)
		part := seriesScores(values[:rapid.IntRange(0, len(values)).Draw(t, "part")])
		for i := range part {
			if part[i] != whole[i] {
				t.Fatalf("score %v at %d, %v in the whole series", part[i], i, whole[i])
			}
		}
	})
}

func TestASeriesScoreKnowsNoUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := seriesOf(t)
		// Powers of two: what they scale, they round alike.
		unit := math.Ldexp(1-2*float64(rapid.IntRange(0, 1).Draw(t, "negative")), rapid.IntRange(-200, 200).Draw(t, "power"))
		scaled := make([]float64, len(values))
		for i, v := range values {
			scaled[i] = v * unit
		}
		a, b := seriesScores(values), seriesScores(scaled)
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("score %v at %d, %v in units of %v", a[i], i, b[i], unit)
			}
		}
	})
}

func TestASeriesScoreIsAlwaysOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := seriesOf(t)
		wild := []float64{math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 0, 1e300, -1e-300}
		for range rapid.IntRange(1, 20).Draw(t, "wild values") {
			values[rapid.IntRange(0, len(values)-1).Draw(t, "at")] = rapid.SampledFrom(wild).Draw(t, "value")
		}
		s := NewSeries()
		for i, v := range values {
			at := everyFive(i)
			if rapid.IntRange(0, 50).Draw(t, "leap") == 0 {
				at = at.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "hours")) * time.Hour)
			}
			if x := s.Score(at, v); !(x >= 0 && x <= 1) {
				t.Fatalf("score %v of %v at %d", x, v, i)
			}
		}
	})
}

func TestARarerDeviationIsNoLessSurprising(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tail seriesTail
		for _, v := range seriesOf(t) {
			tail.learn(math.Abs(v), 0)
		}
		x := rapid.Float64Range(0, 1e6).Draw(t, "x")
		y := rapid.Float64Range(x, 1e7).Draw(t, "y")
		if a, b := tail.surprise(x), tail.surprise(y); a < 0 || b < a {
			t.Fatalf("surprise %v of %v, %v of %v", a, x, b, y)
		}
	})
}

// storied is a series with something in it for each part of a Series.
func storied() []float64 {
	values := noise(9000)
	for i := range values {
		values[i] += 40 * math.Sin(2*math.Pi*float64(i)/288)
		if i%700 > 690 {
			values[i] += 300
		}
		if i > 6000 {
			values[i] += 60
		}
		if i > 8000 {
			values[i] = 0
		}
	}
	return values
}

func TestEachPartOfASeriesCarriesSomething(t *testing.T) {
	factors := noise(4000)
	for i, v := range factors {
		factors[i] = math.Exp((v - 70) / 10)
		if i == 3000 {
			factors[i] = 0
		}
		if i > 3500 {
			factors[i] *= 2
		}
	}
	all := [][]float64{storied(), factors}
	var whole [][]float64
	for _, values := range all {
		whole = append(whole, seriesScores(values))
	}
	for _, part := range SeriesParts() {
		t.Run(part, func(t *testing.T) {
			for k, values := range all {
				s, err := NewSeriesWithout(part)
				if err != nil {
					t.Fatal(err)
				}
				for i, v := range values {
					if s.Score(everyFive(i), v) != whole[k][i] {
						return
					}
				}
			}
			t.Error("the same scores without it")
		})
	}
	if _, err := NewSeriesWithout("luck"); err == nil {
		t.Error("no error for a part that is none")
	}
}

func BenchmarkSeries(b *testing.B) {
	values := noise(1 << 14)
	s := NewSeries()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Score(everyFive(i), values[i%len(values)])
		i++
	}
}
