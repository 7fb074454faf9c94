package detect

import (
	"math"
	"testing"
	"time"
)

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
