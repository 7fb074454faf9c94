package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var responseShapeCard = Meta{
	Name: "response-shape", Title: "An endpoint answers with far more than ever", Basis: Learned, Family: FamilyVolume, Way: WayFused,
	Severity: schemas.SeverityLow, Closes: true,
	MinSample: "an endpoint called on about 4 days", Floor: "a response of 100 kB and 8 times the endpoint's largest of earlier days",
	Kept:    "50 bytes: the largest response of each of 12 endpoints, to a tenth",
	Model:   "the largest response of earlier days; a record by a factor is as rare as a Pareto tail of index 1 makes it, over the number of days",
	Attacks: []schemas.Technique{{UID: "T1119", Name: "Automated Collection"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API3:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.4.1", "11.5.1"},
	FirstChecks: []string{
		"Look at the request's parameters: a page size, a filter left out, a field list.",
		"Ask whether the API was released today and answers with more fields.",
		"Find out what the response held, and of whom.",
	},
}

// responseShape compares each response with the largest that its endpoint gave
// this identity on earlier days: a page of everything in place of one record.
// It corroborates.
type responseShape struct{ paneOnly }

// Meta implements Detector.
func (responseShape) Meta() *Meta { return &responseShapeCard }

// shape is what is kept of an endpoint's responses, in sevenths of a doubling.
type shape struct {
	tag         uint16 // of the operation; 0 is free
	best, today uint8  // largest of earlier days, and of the newest
}

const (
	shapesKept   = 12
	shapeUnit    = 7
	shapeLeast   = 3 * shapeUnit // eight times
	shapeBytes   = 100_000
	shapeWeight  = 2             // log2 of the days on which the endpoint was called
	shapeRise    = 2 * shapeUnit // by how much the largest may grow in a day
	shapeEvery   = 8             // days after which it is taken for a tenth less
	shapeMinimum = 1
)

// shapeOf is the logarithm of a size, rounded: whole doublings by the exponent of
// the float64, sevenths by its fraction.
func shapeOf(bytes uint64) uint8 {
	const fractionBits = 52
	x := math.Float64bits(float64(bytes) + 1)
	n := (int(x>>fractionBits) - 1023) * shapeUnit //nolint:gosec // 11 bits
	for _, step := range shapeSteps {
		n += btoi(x&(1<<fractionBits-1) >= step)
	}
	return uint8(min(n, 1<<8-1)) //nolint:gosec // clamped
}

// shapeSteps are the fractions from which a size is rounded up to the next seventh.
var shapeSteps = func() (t [shapeUnit]uint64) {
	for i := range t {
		t[i] = math.Float64bits(math.Exp2((float64(i)+0.5)/shapeUnit)) & (1<<52 - 1)
	}
	return t
}()

// learnShape compares a response with its endpoint's largest and learns it. It
// is called for each event that arrives, before its pane is.
func (p *Profile) learnShape(call *Call) {
	call.outsized = 0
	bytes := call.Event.BytesOut
	op := &call.sights[Operation]
	if bytes == 0 || op.hash == 0 || !call.Success {
		return
	}
	if call.Day > p.shapeDay {
		for i := range p.shapes {
			x := &p.shapes[i]
			// What is far above the rest may be an attack's: it lifts the bound, not at
			// once.
			if x.today > x.best {
				if x.best == 0 {
					x.best = x.today
				} else {
					x.best = uint8(min(int(x.today), int(x.best)+shapeRise)) //nolint:gosec // at most today
				}
			} else if call.Day%shapeEvery == 0 && x.best > shapeMinimum {
				x.best--
			}
			x.today = 0
		}
		p.shapeDay = call.Day
	}
	learn := !p.pinned()
	tag := uint16(op.hash>>16) | 1 //nolint:gosec // the high half
	size := shapeOf(bytes)
	free := -1
	for i := range p.shapes {
		x := &p.shapes[i]
		if x.tag == tag {
			if x.best > 0 && size > x.best && op.State == Known && op.Weight >= shapeWeight && bytes >= shapeBytes && !call.Backfill {
				call.outsized = size - x.best
			}
			if learn {
				x.today = max(x.today, size)
			}
			return
		}
		if x.tag == 0 && free < 0 {
			free = i
		}
	}
	if !learn {
		return
	}
	if free < 0 { // an endpoint not called today gives way: the one of the smallest responses
		for i := range p.shapes {
			if x := &p.shapes[i]; x.today == 0 && (free < 0 || x.best < p.shapes[free].best) {
				free = i
			}
		}
	}
	if free >= 0 {
		p.shapes[free] = shape{tag: tag, today: size}
	}
}

// Close implements Detector.
func (responseShape) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Backfill > 0 || s.judged < coldPanes || pane.BytesOut == 0 {
		return
	}
	surprise := 0.0
	if pane.outsized > 0 {
		surprise = math.Log10(float64(s.days)+1) + float64(pane.outsized)/shapeUnit*math.Log10(2)
	}
	out.Score(Score{
		Signal: SignalShape, Surprise: surprise, Observed: math.Exp2(float64(pane.outsized) / shapeUnit), Expected: 1,
		Faint:   pane.outsized < shapeLeast,
		Explain: explainShape,
	})
}

func explainShape(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	r := pane.outsizedBy.related()
	return Finding{
		Did: "got a response far beyond its endpoint's largest",
		Sentence: r.Type + " answered with " + number(s.Observed) + " times the most that it ever gave this identity in " + plural(int(p.stats.days), "active day") +
			" (" + clockTime(pane.outsizedBy.time) + ").",
		Observed: number(s.Observed) + " times its largest response", Expected: "at most its largest of earlier days",
		Value: r.Type, Trigger: pane.outsizedCall(),
	}
}

func (p *Pane) outsizedCall() string {
	if p.outsizedBy.time == 0 {
		return ""
	}
	r := p.outsizedBy.related()
	return "Outsized call: " + r.Type + " " + r.Desc
}
