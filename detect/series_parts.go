package detect

import (
	"fmt"
	"slices"
)

// seriesPart is a part of a Series that an evaluation can leave out, to show
// what it carries. Nobody who scores a series leaves one out.
type seriesPart uint16

// The deviations come first, in their order.
const (
	noShift seriesPart = 1 << iota
	noSpread
	noHour
	noPeak
	noFactor
	noLasting
	noDay
	noRobust
	noFirst
	noLimit
	noPareto
	noForgetting
	noRise
	noOnce
)

var seriesPartNames = []string{
	"shift", "spread", "hour", "peak", "factor", "lasting", "the time of day taken out", "alarms teach little", "an episode's first value counts half",
	"the level's limit", "Pareto tails (exponential ones)", "forgetting", "the bound that rises", "one episode, one alarm",
}

// SeriesParts lists what NewSeriesWithout can leave out.
func SeriesParts() []string { return slices.Clone(seriesPartNames) }

// NewSeriesWithout makes a scorer that lacks the named part, for evaluations.
func NewSeriesWithout(part string) (*Series, error) {
	i := slices.Index(seriesPartNames, part)
	if i < 0 {
		return nil, fmt.Errorf("a series has no part %q", part)
	}
	s := NewSeries()
	s.without = 1 << i
	for i := range s.tails {
		s.tails[i].without = s.without
	}
	return s, nil
}

// lacks reports whether a part is left out.
func (p seriesPart) lacks(o seriesPart) bool { return p&o != 0 }
