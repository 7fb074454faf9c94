package detect

import (
	"math"
	"time"
)

// statistics is the part of a profile that closes of panes write. Observe never
// reads it.
type statistics struct {
	lastPane int64  // newest active pane judged
	lastSeen int64  // newest event in a closed pane
	lastCall int64  // deadline of the pending silence timer; 0 when there is none
	judged   uint32 // active panes judged
	gapMax   float32
	day      uint16 // of the newest closed pane
	days     uint16 // days with a closed pane
	inTail   uint32 // signals that were in their tail on that day, one bit each
	counted  uint32 // signals that were a candidate to page on that day

	rate, rate3h, rate24h           level // calls, less season and fleet
	bytes                           level // ln(1+bytes out)
	resources, operations           level // distinct values
	denied, breadth                 level // refused calls, distinct refused operations
	spend                           level // ln(1+cost), of panes that cost anything
	spendBest, spendToday           float32
	auth                            level // calls whose credential was refused
	authBest, authToday             float32
	sum3h, sum24h, breadth24h       float32
	best, today                     [bestSignals]float32
	near, far                       [families]float32 // evidence by family, decayed over 2 h and 72 h
	seasonRatio                     [seasonBins]uint16
	seasonCount                     [seasonBins]uint8
	anchor, dayMean, dayWeight, sum float32 // drift

	sources, tokens, distance level              // machines on one credential, tokens taken, distance from peers
	newest                    [newMaxima]float32 // today's maxima of sources and tokens
	most                      [newMaxima]float32 // and those of earlier days
	codes                     [failureKinds]uint16
	hours                     [24]uint8 // panes by hour of day, halved together
	weekdays                  [7]uint8  // active days by day of the week, halved together
	lastRun                   uint8     // how its newest active pane went
	held                      uint8     // against whom its levels were held last
	noted                     uint8     // on which days before the one it noted its levels, a bit each
	notedDay                  uint16
	spots                     spots // the levels that it noted last
	habit                     habit
	trends                    [trends]trend
	records                   level // ln(1+records out)
	recordsBest, recordsToday float32
}

const (
	// bestSignals are those whose own maximum is kept.
	bestSignals = int(SignalDeniedBreadth) + 1
	// seasonBins are the hours of a weekday and of a weekend day.
	seasonBins = 48
	seasonUnit = 1024
	// memoryPanes is how many active panes a level remembers: memory scales
	// with the identity's cadence.
	memoryPanes = 400
)

// level is an exponentially weighted mean and variance.
type level struct {
	mean, variance float32
	n              uint16
}

// learn takes x in with a weight. Beyond six deviations x is cut off: one wild
// pane must not carry the level away.
func (l *level) learn(x, weight float64) {
	if l.n == 0 {
		l.mean, l.n = float32(x), 1
		l.variance = float32(x) // until the second value, as a Poisson count
		return
	}
	m, v := float64(l.mean), float64(l.variance)
	if l.n >= 20 && x > m+4 { // nothing below that is cut off
		x = min(x, m+float64(6*math.Sqrt(v))+4)
	}
	gain := reciprocals[min(int(l.n)+1, memoryPanes)]
	if weight != 1 {
		gain = weight / min(float64(l.n)+1, memoryPanes)
	}
	delta := x - m
	l.mean = float32(m + float64(gain*delta))
	l.variance = float32((1 - gain) * (v + float64(gain*delta*delta)))
	if weight > 0.5 && l.n < 1<<16-1 {
		l.n++
	}
}

// seasonBin is the hour of day of a pane, weekends apart.
func seasonBin(pane int64) int {
	hour := hourOf(pane)
	b := int(mod(hour, 24))
	if d := mod(hour/24+4, 7); d == 0 || d == 6 { // the epoch began on a Thursday
		b += 24
	}
	return b
}

// season is the factor of a pane's hour: the identity's own, drawn towards its
// group's by eight panes.
func (s *statistics) season(v *view, group uint8, pane int64) float64 {
	if v.off&offSeason != 0 {
		return 1
	}
	b := seasonBin(pane)
	const weight = 8
	g := v.season(group, hourOf(pane))
	n := float64(s.seasonCount[b])
	own := float64(s.seasonRatio[b]) / seasonUnit
	return max((float64(own*n)+float64(g*weight))/(n+weight), 0.02)
}

func (s *statistics) learnSeason(pane int64, ratio, weight float64) {
	b := seasonBin(pane)
	ratio = min(ratio, 16)
	old := float64(s.seasonRatio[b]) / seasonUnit
	n := float64(s.seasonCount[b])
	now := old + float64(weight/min(n+1, 40)*(ratio-old))
	s.seasonRatio[b] = uint16(math.Round(now * seasonUnit)) //nolint:gosec // at most 16 units of 1024
	if s.seasonCount[b] < 1<<8-1 {
		s.seasonCount[b]++
	}
}

// mature reports whether the identity's own history carries a strong finding:
// 60 active panes over three days, or 20 over a week.
func (p *Profile) mature() bool {
	n := p.stats.judged
	days := p.stats.days
	return n >= 60 && days > 3 || n >= 20 && days > 7
}

// leastMean is the mean of what has never been.
const leastMean = 0.02

// predictive gives mean and variance of the next value of a level scaled by a
// factor: the identity's own dispersion, drawn to its group's by 50 panes, and
// the uncertainty of its mean.
func (l *level) predictive(factor, groupSpread float64) (mean, variance float64) {
	m := max(float64(l.mean), leastMean)
	n := float64(l.n)
	own := max(0, (float64(l.variance)-m)/(m*m))
	const weight = 50
	d := (float64(own*n) + float64(groupSpread*weight)) / (n + weight)
	d += 1 / (n + 1)
	mean = m * factor
	return mean, mean + float64(d*mean*mean)
}

// expectation is what a pane was expected to hold.
type expectation struct {
	season, ratio  float64
	mean, variance float64
}

func (p *Profile) expect(v *view, pane *Pane) expectation {
	x := expectation{season: p.stats.season(v, p.group, pane.Number), ratio: float64(pane.ratio)}
	x.mean, x.variance = p.stats.rate.predictive(x.season*x.ratio, v.spread[p.group])
	return x
}

// decay moves the long windows and the evidence on to a pane.
func (s *statistics) decay(pane int64) {
	if s.judged == 0 {
		return
	}
	f := fadingOver(max(pane-s.lastPane, 0))
	s.sum3h = float32(float64(s.sum3h) * f.short)
	s.sum24h = float32(float64(s.sum24h) * f.long)
	s.breadth24h = float32(float64(s.breadth24h) * f.long)
	for i := range s.near {
		s.near[i] = float32(float64(s.near[i]) * f.near)
		s.far[i] = float32(float64(s.far[i]) * f.far)
	}
}

// fading is what is left of the windows and of evidence after some panes.
type fading struct{ short, long, near, far float64 }

// fadings are those of the usual distances between two active panes.
var fadings = func() (t [16]fading) {
	for d := range t {
		t[d] = fade(int64(d))
	}
	return t
}()

func fadingOver(panes int64) fading {
	if panes < int64(len(fadings)) {
		return fadings[panes]
	}
	return fade(panes)
}

func fade(panes int64) fading {
	d := float64(panes)
	return fading{math.Exp(-d / 12), math.Exp(-d / 96), math.Exp2(-d / 8), math.Exp2(-d / 144)}
}

// newDay moves on to another day. The identity's own maxima of earlier days are
// halved every 120 days, so that a monthly or quarterly job is remembered.
func (s *statistics) newDay(day uint16) {
	if day <= s.day {
		return
	}
	if s.day != 0 {
		f := float32(math.Exp2(-float64(day-s.day) / 120))
		for i := range s.best {
			s.best[i] = max(s.best[i]*f, s.today[i])
			s.today[i] = 0
		}
		s.authBest, s.authToday = max(s.authBest*f, s.authToday), 0
		s.recordsBest, s.recordsToday = max(s.recordsBest*f, s.recordsToday), 0
		s.spendBest, s.spendToday = max(s.spendBest*f, s.spendToday), 0
		for i := range s.most {
			s.most[i], s.newest[i] = max(s.most[i]*f, s.newest[i]), 0
		}
		s.gapMax *= float32(math.Pow(0.98, float64(day-s.day)))
		s.newDriftDay()
		s.habit.pass(day - s.day)
	}
	s.day = day
	if s.days < 1<<16-1 {
		s.days++
	}
	// One that is far from its peers stays so for weeks: it is in the tail once, and
	// does not make it what it is held against.
	s.inTail, s.counted = s.inTail&(1<<SignalPeers), 0
}

// beyond reports whether x is at least twice the own maximum of earlier days.
// Maxima count from the first pane on, judged or not.
func (s *statistics) beyond(signal Signal, x float64) bool {
	return x >= 2*float64(s.best[signal])
}

// The maxima that new families keep.
const (
	maxSources = iota
	maxTokens
	newMaxima
)

// learnPane takes a judged pane into the statistics. c is the calibrated
// surprise of its rate: what alarms teaches little.
func (s *statistics) learnPane(p *Pane, x expectation, c float64) {
	w := learningWeight(c)
	if p.Backfill == 0 {
		for signal, x := range [bestSignals]float32{
			SignalRate: float32(p.Calls), SignalRate3h: s.sum3h, SignalRate24h: s.sum24h, SignalBytes: float32(p.BytesOut),
			SignalResources: float32(p.Resources.Count()), SignalOperations: float32(p.Operations.Count()),
			SignalDenied: float32(p.Denied), SignalDeniedBreadth: float32(p.DeniedOperations.Count()),
		} {
			s.today[signal] = max(s.today[signal], x)
		}
		rest := max(x.season*x.ratio, 0.02)
		if s.judged >= 20 {
			s.learnSeason(p.Number, float64(p.Calls)/max(float64(s.rate.mean)*x.ratio, 0.5), w)
		}
		s.rate.learn(float64(p.Calls)/rest, w)
		s.rate3h.learn(float64(s.sum3h), w)
		s.rate24h.learn(float64(s.sum24h), w)
		if p.BytesOut > 0 {
			s.bytes.learn(math.Log1p(float64(p.BytesOut)), w)
		}
		if p.Records > 0 {
			s.records.learn(math.Log1p(float64(p.Records)), w)
			s.recordsToday = max(s.recordsToday, float32(p.Records))
		}
		s.auth.learn(float64(p.Unauthenticated), w)
		s.authToday = max(s.authToday, float32(p.Unauthenticated))
		if cost := p.Cost(); cost > 0 {
			s.spend.learn(math.Log1p(cost), w)
			s.spendToday = max(s.spendToday, float32(cost))
		}
		s.resources.learn(p.Resources.Count(), w)
		s.operations.learn(p.Operations.Count(), w)
		s.denied.learn(float64(p.Denied), w)
		s.breadth.learn(p.DeniedOperations.Count(), w)
		s.learnDrift(float64(p.Calls)/rest, w)
		s.trends[trendBytes].learn(math.Log1p(float64(p.BytesOut)/float64(p.Calls)), w)
		s.trends[trendCalls].learn(math.Log1p(float64(p.Calls)/rest), w)
		s.trends[trendObjects].learn(math.Log1p(min(p.Resources.Count(), float64(p.Calls))/float64(p.Calls)), w)
		s.sources.learn(p.Sources.Count(), w)
		s.tokens.learn(p.taken(), w)
		s.newest[maxSources] = max(s.newest[maxSources], float32(p.Sources.Count()))
		s.newest[maxTokens] = max(s.newest[maxTokens], float32(p.taken()))
		s.learnCodes(p)
		s.learnHour(p)
	}
	if s.lastSeen != 0 && p.First > s.lastSeen {
		s.gapMax = max(s.gapMax, float32(time.Duration(p.First-s.lastSeen).Seconds()))
	}
	s.lastSeen = max(s.lastSeen, p.Last)
	s.lastPane = p.Number
	s.judged++
}
