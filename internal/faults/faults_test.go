package faults

import "testing"

// scenario runs one seed of a scenario in process and tells what it found.
type scenario func(t *testing.T, r *Result, o options) *verdict

// inProcess are the scenarios on the embedded broker under a virtual clock.
var inProcess = map[int]scenario{
	1:  killAtEveryPoint,
	2:  snapshotDamage,
	3:  compactedRestore,
	4:  rebalanceStorm,
	5:  zombies,
	6:  produceTimeout,
	7:  brokerMoves,
	8:  clickHouseDies,
	9:  clickHouseDown,
	10: oneDestinationFails,
	11: receiverDown,
	12: alertRoleKilled,
	13: disorderedInput,
	14: outOfRange,
	15: poisonRecords,
}

func TestFaults(t *testing.T) {
	for _, s := range Scenarios() {
		run := inProcess[s.Number]
		if run == nil {
			continue
		}
		s.Run(t, InProcess, func(t *testing.T, r *Result) {
			run(t, r, options{}).report(t, r)
		})
		if s.Number == 8 {
			s.Run(t, realEngine, engineDies)
		}
	}
}

// report counts what was found in the result, and fails the test for it.
func (v *verdict) report(t *testing.T, r *Result) {
	t.Helper()
	lost, twice := v.count()
	r.Lost(lost)
	r.Duplicated(twice)
	for i, f := range v.all {
		if i == 10 {
			t.Errorf("and %d more", len(v.all)-i)
			break
		}
		t.Error(f.text)
	}
}
