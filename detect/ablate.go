package detect

import (
	"fmt"
	"slices"
)

// mechanism is a part of judging that an evaluation can turn off, to show what
// it carries. Nobody who runs Lapwing turns one off.
type mechanism uint16

const (
	offTails mechanism = 1 << iota
	offPeers
	offFleet
	offAdoption
	offRobust
	offSeason
	offNoveltyRate
	offConsequence
	offStrong
	offFused
	offArrivalGate
	offDeclared
)

var mechanismNames = []string{
	"calibration on the fleet's own tails", "peers", "fleet effects divided out", "adoption by peers", "robust learning", "hours of the week",
	"the identity's own novelty rate", "the consequence way", "the strong way", "the fused way", "the budget of arrival findings", "declared rules",
}

// Mechanisms lists what Config.Without can name.
func Mechanisms() []string { return slices.Clone(mechanismNames) }

func mechanismsOf(names []string) (mechanism, error) {
	var m mechanism
	for _, name := range names {
		i := slices.Index(mechanismNames, name)
		if i < 0 {
			return 0, fmt.Errorf("unknown mechanism %q", name)
		}
		m |= 1 << i
	}
	return m, nil
}

// lacks reports whether a mechanism is turned off.
func (e *Engine) lacks(m mechanism) bool { return e.without&m != 0 }
