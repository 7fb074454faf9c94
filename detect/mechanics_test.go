package detect

import (
	"math"
	"testing"
	"time"
	"unsafe"

	"github.com/lapwing-sec/lapwing/schemas"
	"pgregory.net/rapid"
)

// binomialTail sums a negative binomial directly.
func binomialTail(x, mean, variance float64) float64 {
	r := mean * mean / (variance - mean)
	q := mean / (mean + r)
	below := 0.0
	lr, _ := math.Lgamma(r)
	for k := 0.0; k < x; k++ {
		a, _ := math.Lgamma(k + r)
		b, _ := math.Lgamma(k + 1)
		below += math.Exp(a - b - lr + k*math.Log(q) + r*math.Log1p(-q))
	}
	return -math.Log10(1 - below)
}

func TestTailsAgreeWithDirectSums(t *testing.T) {
	for _, c := range [][3]float64{{1, 2, 5}, {5, 2, 5}, {10, 4, 6}, {30, 20, 60}, {3, 0.2, 0.3}, {12, 10, 400}} {
		if got, want := negativeBinomialTail(c[0], c[1], c[2]), binomialTail(c[0], c[1], c[2]); math.Abs(got-want) > 1e-6*math.Max(1, want) {
			t.Errorf("P(X >= %v), mean %v, variance %v: %v, by the sum %v", c[0], c[1], c[2], got, want)
		}
	}
	// Student's t: tabulated one-sided points.
	for _, c := range [][3]float64{{1.812, 10, 0.05}, {2.764, 10, 0.01}, {1.645, 1e6, 0.05}, {3.182, 3, 0.025}} {
		if got := studentTail(c[0], c[1]); math.Abs(got+math.Log10(c[2])) > 0.002 {
			t.Errorf("P(T >= %v), %v degrees of freedom: 10^-%v, want %v", c[0], c[1], got, c[2])
		}
	}
}

func TestTailsGrowWithTheValueAndStayFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Float64Range(0.01, 1e6).Draw(t, "mean")
		variance := mean * rapid.Float64Range(0.5, 1e4).Draw(t, "dispersion")
		x := rapid.Float64Range(0, 1e9).Draw(t, "x")
		a, b := negativeBinomialTail(x, mean, variance), negativeBinomialTail(x*1.5+1, mean, variance)
		if math.IsNaN(a) || math.IsInf(a, 0) || a < 0 || b < a-1e-6 {
			t.Fatalf("surprise %v at %v, %v at %v", a, x, b, x*1.5+1)
		}
	})
}

func TestASketchIsExactToSixteenAndCloseAbove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 5000).Draw(t, "values")
		seed := rapid.Uint64().Draw(t, "seed")
		var s Sketch
		for i := range n {
			h := fold(seed + uint64(i)*0x9E3779B97F4A7C15) //nolint:gosec // small
			s.Add(h)
			s.Add(h)
		}
		got := s.Count()
		if n <= sketchExact && got != float64(n) || math.Abs(got-float64(n)) > 3+0.6*float64(n) {
			t.Fatalf("%v of %d distinct values", got, n)
		}
	})
}

func TestSlotsAreFoundUntilTheyAreEvicted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var slabs slotSlabs
		var table, other slotTable
		known := map[uint64]bool{}
		for i := range rapid.IntRange(1, 400).Draw(t, "values") {
			d := Dimension(rapid.IntRange(0, int(dimensions)-1).Draw(t, "dimension")) //nolint:gosec // small
			h := rapid.Uint32Range(0, 300).Draw(t, "hash")
			before := int(table.used)
			if slabs.find(&table, d, h) == nil {
				e, evicted := slabs.insert(&table, d, h, uint16(i)) //nolint:gosec // small
				if e != nil {
					e.day = uint16(i) //nolint:gosec // small
					known[uint64(d)<<32|uint64(h)] = true
				}
				if e != nil && !evicted && int(table.used) != before+1 {
					t.Fatalf("%d slots after an insertion into %d", table.used, before)
				}
				if e != nil && slabs.find(&table, d, h) != e {
					t.Fatal("a value just inserted is not found")
				}
			}
			if i%50 == 0 { // another identity in the same slabs
				slabs.insert(&other, Operation, h+1000, 1)
			}
		}
		used := 0
		for _, e := range slabs.table(&table) {
			if e.dim == 0 {
				continue
			}
			used++
			if slabs.find(&table, Dimension(e.dim-1), e.hash) == nil {
				t.Fatal("a slot in the table is not found")
			}
			if !known[uint64(e.dim-1)<<32|uint64(e.hash)] {
				t.Fatal("a slot that nobody inserted")
			}
		}
		if used != int(table.used) || used > int(slotLimits[len(slotLimits)-1])+1 {
			t.Fatalf("%d slots, counted as %d", used, table.used)
		}
	})
}

func TestQuarantineLastsSevenDays(t *testing.T) {
	for first := uint16(20000); first < 20030; first++ {
		s := slot{day: first}
		s.set(0, quarantineFrom(first))
		for d := uint16(0); d < 40; d++ {
			if got, want := s.served(first+d), d >= quarantineDays; got != want {
				t.Errorf("seen on day %d only: served after %d days: %v", first, d, got)
			}
		}
		s.day = first + 5 // seen again before it was over
		for d := uint16(5); d < 40; d++ {
			if got, want := s.served(first+d), d >= quarantineDays; got != want {
				t.Errorf("seen on day %d and 5 days later: served after %d days: %v", first, d, got)
			}
		}
		s.set(0, quarantineHeld)
		if s.served(first + 300) {
			t.Error("a held value was released by time")
		}
	}
}

func TestTheTailOfAPoolIsCalibrated(t *testing.T) {
	r := random(4)
	var h histogram
	const n = 100_000
	for range n {
		h[binOf(2*r.ExpFloat64()/math.Ln10)] += wholePoint // twice as surprising as it should be
	}
	tail := fit(&h)
	for _, c := range []float64{1, 2, 3, 4} {
		if got := tail.calibrated(2 * c); math.Abs(got-c) > 0.25 {
			t.Errorf("a surprise of %v is worth %v, want %v", 2*c, got, c)
		}
	}
	if most := tail.calibrated(maxSurprise); most > math.Log10(n)+1+1e-9 {
		t.Errorf("a pool of %d claims 10^-%v", n, most)
	}
	for s := 0.0; s < 40; s += 0.05 {
		if tail.calibrated(s+0.05) < tail.calibrated(s)-1e-9 {
			t.Fatalf("the calibration falls at %v", s)
		}
	}
}

func TestATopicsTimeIsThatOfItsSlowestLivingPartition(t *testing.T) {
	at := func(m int) int64 { return fleetStart.UnixNano() + int64(m)*int64(time.Minute) }
	for _, c := range []struct {
		name string
		do   func(c *clock, t int)
		want int64
	}{
		{"one partition", func(c *clock, t int) { c.event(t, 0, at(5)) }, at(5)},
		{"the slower of two", func(c *clock, t int) { c.event(t, 0, at(5)); c.event(t, 1, at(3)); c.event(t, 0, at(9)) }, at(5)},
		{"an idle one is not waited for", func(c *clock, t int) {
			c.event(t, 0, at(5))
			c.event(t, 1, at(3))
			c.mark(t, 1, at(3), true, false)
			c.event(t, 0, at(9))
		}, at(9)},
		{"an announced one is waited for", func(c *clock, t int) { c.announce(t, 0); c.announce(t, 1); c.event(t, 0, at(5)) }, at(5 - 120)},
		{"but no more than two hours", func(c *clock, t int) { c.announce(t, 0); c.announce(t, 1); c.event(t, 0, at(300)) }, at(180)},
		{"all ended: the last watermark", func(c *clock, t int) {
			c.event(t, 0, at(5))
			c.mark(t, 0, at(60), true, true)
			c.mark(t, 1, at(70), true, true)
		}, at(70)},
		{"never backwards", func(c *clock, t int) { c.event(t, 0, at(9)); c.event(t, 1, at(2)) }, at(9)},
	} {
		var k clock
		topic := k.topic("raw.a")
		c.do(&k, topic)
		if got := k.topics[topic].time; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, time.Unix(0, got).UTC(), time.Unix(0, c.want).UTC())
		}
	}
}

func TestAdoptionDoesNotDependOnTheOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "adopters")
		panes := make([]int64, n)
		for i := range panes {
			panes[i] = rapid.Int64Range(0, 200).Draw(t, "pane")
		}
		order := rapid.Permutation(seq(n)).Draw(t, "order")
		var a, b adoption
		a.init()
		b.init()
		for i := range n {
			a.add(Operation, 1, 0, panes[i], string(rune('a'+i)))
			j := order[i]
			b.add(Operation, 1, 0, panes[j], string(rune('a'+j)))
		}
		for pane := int64(0); pane < 300; pane += 7 {
			if x, y := a.others(Operation, 1, 0, pane, "a"), b.others(Operation, 1, 0, pane, "a"); x != y {
				t.Fatalf("%d and %d adopters by pane %d", x, y, pane)
			}
		}
	})
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// A raw topic that is heard of late begins with the first pane that has anything,
// also while identities wait for all topics of the cell.
func TestATopicMayStartWhilePanesWait(t *testing.T) {
	r := random(1)
	m := newMember(0, r)
	e := newEngine(t)
	var out Output
	// Known, but silent: whoever is new waits for it.
	e.Control(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_FENCE, RawTopic: "raw.late"}, &out)
	drive(e, stamp(m.events(r, fleetStart, fleetStart.Add(6*time.Hour))), nil, &out)
	if len(e.panes.waiting) == 0 {
		t.Fatal("nobody waits: the test shows nothing")
	}
	e.Control(&schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK, RawTopic: "raw.late", Watermark: fleetStart.Add(5 * time.Hour).UnixNano(),
	}, &out)
	if n := len(e.panes.waiting); n > 8 {
		t.Errorf("%d panes wait still", n)
	}
}

func TestAPaneTakenAgainIsEmpty(t *testing.T) {
	var s paneStore
	i, used := s.take(1)
	for at := range unsafe.Sizeof(*used) {
		*(*byte)(unsafe.Add(unsafe.Pointer(used), at)) = 0xFF
	}
	s.free = append(s.free, i)
	_, again := s.take(7)
	// What is left of a sample's texts is beyond their lengths.
	for _, x := range append([]*sample{&again.outsizedBy}, pointers(again.samples[:])...) {
		x.id, x.operation, x.ip, x.client, x.cred = [64]byte{}, [72]byte{}, [40]byte{}, [20]byte{}, [44]byte{}
	}
	want := Pane{Number: 7, First: math.MaxInt64, ratio: 1, windows: [windows]float32{1, 1}}
	if *again != want {
		t.Errorf("%+v", *again)
	}
}

func pointers[T any](list []T) (out []*T) {
	for i := range list {
		out = append(out, &list[i])
	}
	return out
}
