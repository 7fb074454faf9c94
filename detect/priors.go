package detect

// shippedPrior names the tails that stand in until a fleet is large enough.
const shippedPrior = "the shipped prior"

// byPrior says that a shipped prior spoke, alone or beside a small fleet's tails.
func byPrior(calibration string) bool {
	return calibration == shippedPrior || calibration == smallFleet
}

// priorTail turns a surprise into a calibrated one where no pool of the cell is
// large enough. It is a polygon through (0, 0): real traffic is far less
// regular than any model of it, so a surprise of 12 by the model is worth about
// 4.5. The corners come from simulated fleets with benign bursts and
// deployments, and are meant to be on the safe side.
func priorTail(signal Signal, s float64) float64 {
	c := &priorCorners[signal]
	if s <= c.knee {
		return s * c.below
	}
	return min(c.knee*c.below+(s-c.knee)*c.above, c.most)
}

type corner struct{ knee, below, above, most float64 }

var priorCorners = [signals]corner{
	SignalRate:          {2, 0.75, 0.30, 5.5},
	SignalRate3h:        {2, 0.70, 0.25, 5},
	SignalRate24h:       {2, 0.65, 0.20, 5},
	SignalBytes:         {2, 0.70, 0.30, 5.5},
	SignalResources:     {2, 0.70, 0.25, 5},
	SignalOperations:    {2, 0.70, 0.25, 5},
	SignalDenied:        {2, 0.70, 0.25, 5},
	SignalDeniedBreadth: {2, 0.70, 0.30, 5},
	SignalNovelty:       {2, 0.70, 0.25, 4},
	SignalDrift:         {2, 0.50, 0.20, 4},
	SignalPlace:         {3, 0.70, 0.40, 4.5},
	SignalOperation:     {3, 0.70, 0.40, 4.5},
	SignalTime:          {3, 0.70, 0.40, 4.5},
	SignalClient:        {3, 0.70, 0.40, 4.5},
	SignalAuth:          {2, 0.70, 0.25, 5},
	SignalSpend:         {2, 0.70, 0.30, 5.5},
	SignalSources:       {2, 0.70, 0.30, 5},
	SignalErrors:        {2, 0.70, 0.25, 4},
	SignalShape:         {2, 0.70, 0.25, 4},
	SignalChurn:         {2, 0.70, 0.25, 5},
	SignalPeers:         {2, 0.50, 0.20, 4},
	SignalFused2h:       {4, 0.40, 0.45, 6},
	SignalFused72h:      {4, 0.35, 0.35, 6},
}
