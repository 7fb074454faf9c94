package detect

// Topics drift apart in the log: of two that are read side by side, one may be
// up to drift ahead of the other in event time. So whether an identity is in a
// topic takes effect at a fixed event time, by which every topic has told: a
// pane waits for the same topics however they interleave.

const (
	// drift is how far apart in event time, in panes, topics may be read.
	drift = 4
	// leaveAfter is how long an identity stays in a topic that it no longer
	// calls in: a week and a day, so that a weekly job is waited for.
	leaveAfter = 8 * day
)

// saw notes that p was seen in a topic. It reports whether the event counts in
// its pane: in a topic that the identity is new in, the first hour counts aside.
// The topic seen longest ago makes room. number is the pane of that time.
func (p *Profile) saw(topic int, at, number int64) (counts bool) {
	pane := int32(number) //nolint:gosec // until the year 60,000
	switch {
	case p.calls == 0 || at-p.last >= leaveAfter+drift*PaneLength:
		p.founded = pane
	case pane < p.founded && pane >= p.founded-drift:
		p.founded = pane
	}
	var s *topicSeen
	oldest := &p.topics[0]
	for i := range p.topics {
		x := &p.topics[i]
		if int(x.topic) == topic+1 {
			s = x
			break
		}
		if x.topic == 0 || oldest.topic != 0 && x.time < oldest.time {
			oldest = x
		}
	}
	joins := s == nil
	if joins {
		s = oldest
		*s = topicSeen{topic: uint8(topic + 1), time: at} //nolint:gosec // below maxTopics
	}
	if joins || at-s.time >= leaveAfter {
		s.since = pane
		if pane <= p.founded+drift {
			s.since = p.founded - 2*drift // a topic of its first hour was its own from the start
		}
	}
	s.time = max(s.time, at)
	return pane >= s.since+drift
}

// in reports whether the identity is in a topic as far as a pane is concerned.
func (s *topicSeen) in(pane int64) bool {
	return s.topic != 0 && pane >= int64(s.since)+drift && s.time >= (pane+1-drift)*PaneLength-leaveAfter
}

// young says that in this pane the identity may be in topics that have not told
// yet.
func (p *Profile) young(pane int64) bool { return pane <= int64(p.founded)+2*drift }

// sole is the one topic that the identity is in, or -1 when it is in several or
// they are not known yet.
func (p *Profile) sole(pane int64) int {
	one := -1
	for i := range p.topics {
		s := &p.topics[i]
		if !s.in(pane) {
			continue
		}
		if one >= 0 {
			return -1
		}
		one = int(s.topic) - 1
	}
	if p.young(pane) {
		return -1
	}
	return one
}

// final reports whether every topic that the identity is in has passed a pane.
// An identity that is in none, or has only come, waits for all of the cell.
func (e *Engine) final(p *Profile, pane int64) bool {
	none := true
	for i := range p.topics {
		s := &p.topics[i]
		if s.in(pane) {
			none = false
			if !e.clock.topics[s.topic-1].passed(pane) {
				return false
			}
		}
	}
	if none || p.young(pane) {
		for i := range e.clock.topics {
			if !e.clock.topics[i].passed(pane) {
				return false
			}
		}
	}
	return true
}

// finalUpTo reports whether a pane and every earlier one that is open are final:
// an identity's panes close in order.
func (e *Engine) finalUpTo(p *Profile, pane int64) bool {
	for i := p.open; i != 0; {
		x := e.panes.at(i - 1)
		if x.Number < pane && !e.final(p, x.Number) {
			return false
		}
		i = x.next
	}
	return e.final(p, pane)
}

// passed reports whether nothing more comes for a pane.
func (t *topicClock) passed(pane int64) bool { return t.started && t.boundary > pane || t.out }
