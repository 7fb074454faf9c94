package detect

// Curve is how a signal is calibrated at the end of what an engine has read: for
// each surprise by the model, how surprising it is by what the fleet has shown
// and by the shipped prior, all as -log10 of a share of panes.
type Curve struct {
	Signal string
	Points []CurvePoint
	// Panes and Identities are what the fleet's side rests on.
	Panes, Identities int
	// Needed is the calibrated surprise at which the strong way pages.
	Needed float64
	// TestsPerDay and Allowance are what Needed comes from.
	TestsPerDay, Allowance float64
}

// CurvePoint is one surprise under three rulers. Seen is false beyond the most
// surprising pane that the fleet has shown.
type CurvePoint struct {
	Surprise, Fleet, Prior float64
	Seen                   bool
}

// Curve reads a signal's calibration, from all identities of the cell.
func (e *Engine) Curve(signal Signal) Curve {
	v := e.tables.view(e.tables.newest, e)
	t := v.pool(groups, signal)
	c := Curve{
		Signal: signal.String(), Panes: int(t.points()), Identities: int(v.identities[groups]), //nolint:gosec // bounded
		Needed: v.budget.strong, TestsPerDay: v.budget.tests[WayStrong], Allowance: v.budget.allowance[WayStrong],
	}
	for s := 0.0; s <= 16; s += 0.25 {
		p := CurvePoint{Surprise: s, Prior: priorTail(signal, s), Seen: t.above[binOf(s)] > 0}
		if t.n > 0 {
			p.Fleet = t.calibrated(s)
		}
		c.Points = append(c.Points, p)
	}
	return c
}
