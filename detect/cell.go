package detect

// Cell is what detectors may ask about the other identities of the cell. Every
// answer comes from tables frozen at a fixed event time at least an hour ago.
type Cell struct {
	e    *Engine
	view *view // of the pane being closed
	// expected is what that pane was expected to hold.
	expected expectation
}

// Novelty is the surprise (-log10 p) of a value of d that this identity never
// showed: its own novelty rate in d (Good-Turing, shrunk to its kind), made
// likelier by the share of its peers that have the value. It is 0 for a value
// that is not new, and while d is being learned. rarity is the sentence part
// that says from how much history: "not seen in 21 days and 40,312 calls".
func (c *Cell) Novelty(p *Profile, call *Call, d Dimension) (surprise float64, rarity string) {
	return c.novelty(p, call.Sight(d), d, call.Time)
}

// NoveltyOf is Novelty for a value looked up with Call.See.
func (c *Cell) NoveltyOf(p *Profile, call *Call, d Dimension, s Sight) (surprise float64, rarity string) {
	return c.novelty(p, s, d, call.Time)
}

// Peers tells how many identities of the profile's kind have the value in
// their baseline, and how many identities of that kind there are.
func (c *Cell) Peers(p *Profile, call *Call, d Dimension) (have, of int) {
	return c.peers(p, call.Sight(d), d)
}

// SharedEgress reports whether the event's network says nothing about place:
// its class says so, or 20 identities or more called from it within a week.
func (c *Cell) SharedEgress(call *Call) bool { return c.sharedEgress(call) }
