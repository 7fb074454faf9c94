package detect

import (
	"math"
	"math/bits"

	"github.com/lapwing-sec/lapwing/detect/capability"
)

// look says what p knows of a value before the event.
func (e *Engine) look(p *Profile, d Dimension, h uint32, today uint16) Sight {
	s, _ := p.knows(e.slots.table(&p.slots), d, h, today)
	return s
}

// knows is look in the profile's table at hand. settled says that the value is of
// the baseline and was seen today: another sighting changes nothing of its slot.
func (p *Profile) knows(table []slot, d Dimension, h uint32, today uint16) (out Sight, settled bool) {
	s := findIn(table, d, h)
	if s == nil {
		return Sight{State: Unseen, hash: h}, false
	}
	out = Sight{State: Known, Weight: s.weight(), Day: s.day, hash: h}
	if s.quarantine() == 0 {
		return out, today <= s.day
	}
	if !p.trusted(s, today) {
		out.State = Quarantined
	}
	return out, false
}

// trusted reports whether a value is part of the baseline: its quarantine is
// over, and no consequence finding fell into it.
func (p *Profile) trusted(s *slot, today uint16) bool {
	if s.quarantine() == 0 {
		return true
	}
	return s.served(today) && (p.consequence == 0 || int(today)-int(p.consequence) >= quarantineDays)
}

// churning reports whether new values of d are this identity's daily business,
// so that keeping them says nothing.
func (p *Profile) churning(d Dimension) bool {
	return p.observed[d] >= 64 && p.fresh[d] > p.observed[d]/2
}

// learn takes the event into the profile: every value that it showed, then
// what the identity's time, gaps and places say. grave says that the event
// made a consequence finding: what was new in it is held until an analyst's
// word.
func (e *Engine) learn(p *Profile, call *Call, grave bool) {
	if e.egress.note(p, call, e.store.ids[p.self]) {
		e.stats.EgressRefused++
	}
	if e.secrets.note(e.store.facts[p.self], p, call) {
		e.stats.SecretsRefused++
	}
	e.learnBurst(p, call)
	e.learnInvoked(p, call)
	e.learnContext(p, call)
	for rest := call.present; rest != 0; rest &= rest - 1 {
		d := Dimension(bits.TrailingZeros64(rest)) //nolint:gosec // below dimensions
		if call.settled&(1<<d) != 0 {
			p.count(d)
			continue
		}
		e.learnValue(p, call, d, call.sights[d], grave && (d == Secret))
	}
	for rest := call.Can.Set; rest != 0; rest &= rest - 1 {
		bit := rest.First()
		if call.settledBits.Has(bit) {
			p.count(CapabilityBit)
			continue
		}
		s := Sight{State: Known, hash: capabilityHash(bit)}
		if call.NewCapabilities.Has(bit) {
			s.State = Unseen
		} else if call.HeldCapabilities.Has(bit) {
			s.State = Quarantined
		}
		e.learnValue(p, call, CapabilityBit, s, grave && bit.Any(capability.Grave))
	}
	for i := range call.extra {
		x := &call.extra[i]
		if x.shared && x.sight.State == Unseen && p.Learned(x.dim) {
			e.adopt.insert(adoptionKey{x.dim, call.topic, x.sight.hash, quarterOf(call.pane)}, adopter{call.pane, e.store.ids[p.self]})
		}
		e.learnValue(p, call, x.dim, x.sight, grave && x.dim.sensitive())
	}
	if grave {
		p.consequence = max(p.consequence, call.Day)
	}
	if h := call.sights[Credential].hash; h != 0 && static(call.Event) {
		p.keys.saw(h, call.Day, call.pane)
	}
	p.depth = max(p.depth, uint8(min(len(call.Event.Delegation), 1<<8-1))) //nolint:gosec // clamped
	e.learnTime(p, call)
	e.learnPlace(p, call)
	if call.Day != p.tallyDay && call.Day > p.tallyDay {
		if n := p.tallyNow[TallySpawned]; n > 0 {
			e.aside(p).machines.learnDay(n)
		}
		if n := p.tallyNow[TallyDestroys]; n > 0 {
			e.aside(p).destroyed.learnDay(n)
		}
		for t := range p.tallyNow {
			p.tallyBest[t] = max(p.tallyBest[t], p.tallyNow[t])
			p.tallyNow[t] = 0
		}
		p.tallyDay = call.Day
	}
	if call.tally == [tallies]uint16{} {
		return
	}
	for t, n := range call.tally {
		p.tallyNow[t] = uint16(min(uint32(p.tallyNow[t])+uint32(n), 1<<16-1)) //nolint:gosec // clamped
	}
}

// count counts one observation of a dimension.
func (p *Profile) count(d Dimension) {
	if p.observed[d] >= 60000 {
		p.observed[d] /= 2
		p.fresh[d] /= 2
		p.singles[d] /= 2
	}
	p.observed[d]++
}

// learnValue notes one sighting of a value.
func (e *Engine) learnValue(p *Profile, call *Call, d Dimension, s Sight, hold bool) {
	p.count(d)
	if s.State == Unseen {
		learned := p.Learned(d)
		p.fresh[d]++
		p.singles[d]++
		slot, evicted := e.slots.insert(&p.slots, d, s.hash, call.Day)
		if evicted {
			e.stats.SlotsEvicted++
		}
		if slot == nil {
			e.stats.SlotsRefused++
			return
		}
		slot.day = call.Day
		switch {
		case hold:
			slot.set(0, quarantineHeld)
		case learned:
			slot.set(0, quarantineFrom(call.Day))
		default:
			slot.set(0, 0)
		}
		if learned {
			call.fresh++
			e.adopt.add(d, s.hash, call.topic, call.pane, e.store.ids[p.self])
		}
		if !d.churns() && !p.Anonymous() {
			e.tables.seen(hourOf(call.pane), p.group, d, s.hash)
			if ev := call.Event; d == Account && ev.TargetAccount != "" && ev.TargetAccount != ev.Account {
				e.tables.seen(hourOf(call.pane), p.group, d, reachedAccount(s.hash))
			}
		}
		return
	}
	slot := e.slots.find(&p.slots, d, s.hash)
	if slot == nil { // evicted by another value of the same event
		return
	}
	q := slot.quarantine()
	switch {
	case hold && q != 0:
		q = quarantineHeld
	case q != 0 && q != quarantineHeld && s.State == Known:
		q = 0
	}
	// The weight is the logarithm of the days on which the value was seen: it
	// rises from w to w+1 with probability 2^-w, drawn from the event itself.
	w := slot.weight()
	if call.Day > slot.day {
		if w == 0 && p.singles[d] > 0 {
			p.singles[d]--
		}
		if w < 15 && (w == 0 || bits.TrailingZeros32(fold(uint64(call.Time)^uint64(s.hash)<<17)) >= int(w)) { //nolint:gosec // mixed only
			w++
		}
	}
	slot.set(w, q)
	slot.day = max(slot.day, call.Day)
}

// learnTime keeps first, last, active days and gaps.
func (e *Engine) learnTime(p *Profile, call *Call) {
	if p.calls < 1<<32-1 {
		p.calls++
	}
	p.first = min(p.first, call.Time)
	if call.Gap > 0 {
		b := min(bits.Len64(uint64(call.Gap/1e9)), gapBuckets-1) //nolint:gosec // positive
		if p.gaps[b] == 1<<8-1 {
			for i := range p.gaps {
				// Rounded up, so that a rare long gap is never forgotten.
				p.gaps[i] -= p.gaps[i] / 2
			}
		}
		p.gaps[b]++
	}
	if call.Day > p.lastDay {
		p.lastDay = call.Day
		if p.activeDays < 1<<16-1 {
			p.activeDays++
		}
	}
	p.last = max(p.last, call.Time)
}

// learnPlace keeps the last place; one seen again takes a new time.
func (e *Engine) learnPlace(p *Profile, call *Call) {
	ev := call.Event
	if ev.Country == "" || ev.Latitude == 0 && ev.Longitude == 0 || !(math.Abs(ev.Latitude) <= 90 && math.Abs(ev.Longitude) <= 180) || call.Time < p.place.Time {
		return
	}
	n := Place{
		Time: call.Time, Latitude: float32(ev.Latitude), Longitude: float32(ev.Longitude),
		Country: call.sights[Country].hash, Prefix: call.sights[Prefix].hash,
	}
	if ev.GeoPrecision == "city" {
		n.Radius = uint16(min(ev.GeoRadiusKm, 1<<16-1)) //nolint:gosec // clamped
	}
	last := &p.place
	same := last.Prefix == n.Prefix && last.Country == n.Country
	if same && dayOf(last.Time) == call.Day {
		n.Shared = last.Shared
	} else {
		n.Shared = e.cell.SharedEgress(call)
	}
	p.place = n
}
