package detect

// Stats is what an engine counts of itself, for metrics and summaries. Counts
// are since the engine was made or restored, sizes are current.
type Stats struct {
	Events, Late, Unusable, Overflow uint64
	Panes, Evicted                   uint64
	// Finished are the panes of topics that were gone through, which leaps in time
	// pass over.
	Finished uint64

	SlotsEvicted, SlotsRefused    uint64
	EgressRefused, SecretsRefused uint64
	DeedsRefused                  uint64
	NotesDropped, AlertsDropped   uint64
	// What did not fit into the bounds of shared causes and of sources refused.
	IncidentsRefused, SpraysRefused uint64
	Adopted, Excepted               uint64
	// Windows of Sigma correlations that are remembered, and that had to be
	// forgotten for want of room.
	SigmaWindows, SigmaForgotten uint64
	SilencesShared               uint64
	Versions                     uint64
	// Opened and Paged count alerts by Way.
	Opened, Paged [ways]uint64

	Identities, OpenPanes, OpenAlerts int
	// Unmanaged are those of Identities that no inventory names, anonymous networks
	// among them.
	Unmanaged int
	// ProfileBytes is the memory of all profiles: the fixed part, the slots and what is kept
	// beside.
	ProfileBytes int
	// TestsPerDay and Nominal are, by Way, the tests performed a day and the
	// alerts a day allowed; Realised what was paged a day over the last week.
	TestsPerDay, Nominal, Realised [ways]float64
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Identities = e.store.live
	s.OpenPanes = e.panes.open
	if e.sigma != nil {
		s.SigmaWindows, s.SigmaForgotten = uint64(e.sigma.state.Groups()), e.sigma.state.Evicted() //nolint:gosec // a length
	}
	for i, id := range e.store.ids {
		if id != "" {
			p := e.store.at(uint32(i)) //nolint:gosec // an index
			s.ProfileBytes += profileBytes + p.slots.bytes()
			if !p.Managed() {
				s.Unmanaged++
			}
		}
	}
	for _, a := range e.asides {
		s.ProfileBytes += a.bytes()
	}
	for _, d := range e.dossiers {
		s.OpenAlerts += len(d.alerts)
	}
	if n := len(e.tables.recent); n > 0 {
		b := e.tables.budget(e.tables.recent[n-1].hour, e.share())
		s.TestsPerDay, s.Nominal, s.Realised = b.tests, b.allowance, b.pages
	}
	return s
}
