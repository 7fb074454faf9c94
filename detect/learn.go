package detect

// look says what p knows of a value before the event.
func (e *Engine) look(p *Profile, d Dimension, h uint32, today uint16) Sight {
	s := e.slots.find(&p.slots, d, h)
	if s == nil {
		return Sight{State: New, hash: h}
	}
	out := Sight{State: Known, Weight: s.weight(), Day: s.day, hash: h}
	if !s.served(today) {
		out.State = Quarantined
	}
	return out
}
