package detect

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nabSeries is one series of the benchmark with its scores.
type nabSeries struct {
	scores  []float64
	windows [][2]int
	probe   int
	name    string
}

// nab scores the Numenta Anomaly Benchmark where its files are at hand.
func nab(t *testing.T) []nabSeries {
	t.Helper()
	root := os.Getenv("LAPWING_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(root, "nab", "windows.json"))
	if err != nil {
		t.Skip("the benchmark's files are not here")
	}
	var windows map[string][][2]string
	if err := json.Unmarshal(raw, &windows); err != nil {
		t.Fatal(err)
	}
	var out []nabSeries
	for name, spans := range windows {
		raw, err := os.ReadFile(filepath.Join(root, "nab", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		s := NewSeries()
		n := nabSeries{name: name}
		var times []string
		for i, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			at, value, _ := strings.Cut(strings.TrimSpace(line), ",")
			if i == 0 {
				continue
			}
			when, err := time.Parse(time.DateTime, at)
			if err != nil {
				t.Fatal(err)
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			times = append(times, at)
			n.scores = append(n.scores, s.Score(when, v))
		}
		n.probe = min(len(times)*15/100, 750)
		for _, span := range spans {
			w := [2]int{len(times), 0}
			for i, at := range times {
				if at >= span[0][:19] && at <= span[1][:19] {
					w = [2]int{min(w[0], i), i}
				}
			}
			n.windows = append(n.windows, w)
		}
		out = append(out, n)
	}
	return out
}

// nabScore is the benchmark's own score of a threshold, 0 to 100, for the
// weights of false positives and false negatives of a profile.
func nabScore(all []nabSeries, threshold, fp, fn float64) float64 {
	sigmoid := func(x float64) float64 {
		if x > 3 {
			return -1
		}
		return 2/(1+math.Exp(5*x)) - 1
	}
	var total, perfect, null float64
	for _, s := range all {
		perfect += float64(len(s.windows))
		null -= fn * float64(len(s.windows))
		hits := make([]float64, len(s.windows))
		for i, x := range s.scores {
			if x < threshold || i < s.probe {
				continue
			}
			in, last := -1, -1
			for j, w := range s.windows {
				if i >= w[0] && i <= w[1] {
					in = j
				}
				if w[1] < i {
					last = j
				}
			}
			switch {
			case in >= 0:
				w := s.windows[in]
				hits[in] = math.Max(hits[in], sigmoid(-float64(w[1]-i+1)/float64(w[1]-w[0]+1))/sigmoid(-1))
			case last >= 0:
				w := s.windows[last]
				total += fp * sigmoid(float64(i-w[1])/float64(w[1]-w[0]))
			default:
				total -= fp
			}
		}
		for _, h := range hits {
			if h == 0 {
				total -= fn
			}
			total += h
		}
	}
	return 100 * (total - null) / (perfect - null)
}

func TestTheSeriesScorerHoldsOnThePublishedBenchmark(t *testing.T) {
	all := nab(t)
	best := map[string]float64{}
	at := map[string]float64{}
	for threshold := 0.3; threshold < 1; threshold += 0.005 {
		for name, w := range map[string][2]float64{"standard": {0.11, 1}, "low FP": {0.22, 1}, "low FN": {0.11, 2}} {
			if s := nabScore(all, threshold, w[0], w[1]); s > best[name] {
				best[name], at[name] = s, threshold
			}
		}
	}
	t.Logf("best %v at %v", best, at)
	if best["standard"] < 55 {
		t.Errorf("standard score %.1f", best["standard"])
	}
}

func TestASeriesScore(t *testing.T) {
	noise := func(i int) float64 { return 100 + float64((i*7919)%13) }
	at := func(i int) time.Time { return fleetStart.Add(time.Duration(i) * 5 * time.Minute) }
	feed := func(n int) *Series {
		s := NewSeries()
		for i := range n {
			if x := s.Score(at(i), noise(i)); x < 0 || x > 1 {
				t.Fatalf("score %v at %d", x, i)
			}
		}
		return s
	}
	t.Run("stays low on what it knows", func(t *testing.T) {
		if x := feed(3000).Score(at(3000), 105); x > 0.5 {
			t.Errorf("score %v", x)
		}
	})
	t.Run("is high where the value jumps", func(t *testing.T) {
		if x := feed(3000).Score(at(3000), 500); x < 0.75 {
			t.Errorf("score %v", x)
		}
	})
	t.Run("is damped while the same alarm goes on", func(t *testing.T) {
		s := feed(3000)
		first := s.Score(at(3000), 500)
		if next := s.Score(at(3001), 500); next >= first || next > 0.5 {
			t.Errorf("score %v after %v", next, first)
		}
	})
	t.Run("is 0 before anything is learned, and for what is no number", func(t *testing.T) {
		s := NewSeries()
		for i, v := range []float64{1, 1e9, math.NaN(), math.Inf(1), -5} {
			if x := s.Score(at(i), v); x != 0 {
				t.Errorf("score %v of %v", x, v)
			}
		}
		s = feed(3000)
		if x := s.Score(at(3000), math.NaN()); x != 0 {
			t.Errorf("score %v of NaN", x)
		}
	})
}

func BenchmarkSeries(b *testing.B) {
	s := NewSeries()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s.Score(fleetStart, 100+float64((i*7919)%13))
		i++
	}
}
