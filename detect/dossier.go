package detect

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// dossier is what is kept of an identity only while something is going on:
// evidence not yet judged or still warm, and alerts that are open. Most
// identities have none.
type dossier struct {
	notes  []note
	alerts []*openAlert
}

// note is one piece of weak evidence.
type note struct {
	found
	pane, time int64
	tail       float64 // calibrated surprise; 0 until the pane closes
	dim        Dimension
	topic      uint8
	hash       uint32
	sample     schemas.RelatedEvent
}

const (
	maxNotes    = 24
	maxAlerts   = 12
	maxFindings = 32
)

func (e *Engine) dossier(p *Profile) *dossier {
	d := e.dossiers[p.self]
	if d == nil {
		d = &dossier{}
		e.dossiers[p.self] = d
	}
	return d
}

// strongest is the largest surprise among the notes of a family in a pane.
func (d *dossier) strongest(pane int64, f Family) float64 {
	most := 0.0
	for i := range d.notes {
		if n := &d.notes[i]; n.pane == pane && n.meta.Family.evidence() == f {
			most = max(most, n.Surprise)
		}
	}
	return most
}

// note keeps arrival evidence until its pane closes. The same detector and
// value counts once a pane.
func (e *Engine) note(p *Profile, call *Call, x *found) {
	d := e.dossier(p)
	pane := paneOf(call.Time)
	for i := range d.notes {
		if n := &d.notes[i]; n.pane == pane && n.meta == x.meta && n.Value == x.Value {
			return
		}
	}
	if len(d.notes) >= maxNotes {
		e.stats.NotesDropped++
		return
	}
	n := note{found: *x, pane: pane, time: call.Time, topic: call.topic, sample: relatedOf(call.Event)}
	n.Finding = cloned(x.Finding)
	for dim := range dimensions {
		if x.meta.Wake&(1<<dim) != 0 && call.sights[dim].State == Unseen {
			n.dim, n.hash = dim, call.sights[dim].hash
			break
		}
	}
	d.notes = append(d.notes, n)
}

// keep remembers a statistical verdict of a closed pane, for the words of a
// later alert.
func (d *dossier) keep(x *found, pane int64, tail float64) {
	for i := range d.notes {
		if n := &d.notes[i]; n.meta == x.meta && n.hash == 0 && n.Value == x.Value && n.pane > pane-96 {
			if tail > n.tail {
				*n = note{found: *x, pane: pane, time: (pane+1)*PaneLength - 1, tail: tail}
			}
			return
		}
	}
	if len(d.notes) < maxNotes {
		d.notes = append(d.notes, note{found: *x, pane: pane, time: (pane+1)*PaneLength - 1, tail: tail})
	}
}

func relatedOf(ev *schemas.Event) schemas.RelatedEvent {
	var s sample
	s.take(ev)
	r := s.related()
	r.UID, r.Type = clone(ev.Id), clone(ev.Operation)
	return r
}

func cloned(x Finding) Finding {
	x.Value, x.Did, x.Sentence = clone(x.Value), clone(x.Did), clone(x.Sentence)
	x.Observed, x.Expected, x.Rarity = clone(x.Observed), clone(x.Expected), clone(x.Rarity)
	x.Calibration = clone(x.Calibration)
	return x
}

func clone(s string) string { return strings.ToValidUTF8(strings.Clone(s), "\uFFFD") }

// The lanes keep arrivals and closes apart: a close's finding may join an alert
// that an arrival opened before, never the other way round, so that the
// interleaving of topics changes no id. Reports join nothing.
type lane uint8

const (
	laneArrival lane = iota
	laneClose
	laneReport
)

// openAlert is an alert that still grows.
type openAlert struct {
	id      string
	meta    *Meta
	lane    lane
	way     Way
	opened  int64
	first   int64 // the first event of its first finding
	last    int64 // newest finding
	arrival int64 // newest finding made on arrival
	version int
	early   int // versions emitted on arrival
	dirty   bool

	severity int
	paged    int // severity of the last page; 0 when it never paged
	page     bool
	caps     capability.Set
	young    bool
	parts    []part
	samples  []schemas.RelatedEvent
	links    []string
	// Of the event that opened it, or of the pane's newest sample.
	principal, credential, session, format string
	history                                string
}

// part is one finding of an alert.
type part struct {
	found
	severity   int
	count      int
	first, end int64
}

// Spans of an alert's life.
const (
	quietEnds = 24 * 3600 * int64(1e9)
	ageEnds   = 72 * 3600 * int64(1e9)
)

// deadline is when the alert closes if nothing more is found.
func (a *openAlert) deadline() int64 { return min(a.last+quietEnds, a.opened+ageEnds) }

// arrivalDeadline is until when arrivals join: it knows of arrivals only.
func (a *openAlert) arrivalDeadline() int64 { return min(a.arrival+quietEnds, a.opened+ageEnds) }

// alertID is a hash of the identity, the opening detector and the start of the
// pane that opened the alert.
func alertID(identity, detector string, pane int64) string {
	var b [16]byte
	d := xxhash.New()
	put := func(s string) {
		_, _ = d.WriteString(s) // a hash never fails
		_, _ = d.Write([]byte{0})
	}
	put(identity)
	put(detector)
	put(formatInt(pane * PaneLength))
	sum := d.Sum64()
	for i := range 8 {
		b[i] = byte(sum >> (56 - 8*i)) //nolint:gosec // cut into bytes
	}
	put("2")
	sum = d.Sum64()
	for i := range 8 {
		b[8+i] = byte(sum >> (56 - 8*i)) //nolint:gosec // cut into bytes
	}
	return hex.EncodeToString(b[:14])
}

// suspended reports whether an exception or an analyst's word silences a
// finding.
func (e *Engine) suspended(p *Profile, x *found, at int64) bool {
	if e.store.facts[p.self].excepted(x.meta.Name, at) {
		e.stats.Excepted++
		return true
	}
	for _, value := range [...]string{x.Value, ""} {
		s := e.slots.find(&p.slots, Verdict, ruleHash(Verdict, x.meta.Name, value, false))
		if s != nil && int(dayOf(at))-int(s.day) <= verdictDays {
			e.stats.Excepted++
			return true
		}
	}
	return false
}

// verdictDays is how long an analyst's word and a raised rule are remembered.
const verdictDays = 30

func ruleHash(d Dimension, detector, value string, refused bool) uint32 {
	h := uint64(hashValue(d, detector))<<32 | uint64(hashValue(d, value))
	if refused {
		h++
	}
	return hashNumber(d, h)
}

// raisedBefore notes a rule's sighting and reports whether it was raised within
// the last 30 days: a rule raises one alert for (identity, rule, value) until
// something changes.
func (e *Engine) raisedBefore(p *Profile, x *found, today uint16) bool {
	h := ruleHash(Rule, x.meta.Name, x.Value, x.Refused)
	s := e.slots.find(&p.slots, Rule, h)
	if s == nil {
		if s, _ = e.slots.insert(&p.slots, Rule, h, today); s != nil {
			s.day = today
		}
		return false
	}
	before := int(today)-int(s.day) <= verdictDays
	s.day = max(s.day, today)
	s.set(min(s.weight()+1, 15), 0)
	return before
}

// arrived takes in what detectors found on one event. It reports whether a
// consequence finding was among it.
func (e *Engine) arrived(p *Profile, call *Call, list []found, late bool) (grave bool) {
	for i := range list {
		x := &list[i]
		if x.Way == WayDefault {
			x.Way = x.meta.Way
		}
		if x.Severity == 0 {
			x.Severity = x.meta.Severity
		}
		if x.Way == WayConsequence {
			grave = true
		}
		if e.suspended(p, x, call.Time) {
			continue
		}
		switch {
		case p.Human() && x.meta.Basis == Learned && x.Way != WayConsequence:
			continue
		case x.Way == WayFused:
			if !late && !call.Backfill && x.Surprise > 0 {
				e.note(p, call, x)
			}
			continue
		}
		e.raise(p, call, x)
	}
	return grave
}

// raise opens or grows an alert with a finding made on arrival.
func (e *Engine) raise(p *Profile, call *Call, x *found) {
	before := e.raisedBefore(p, x, call.Day)
	d := e.dossier(p)
	a := d.joinable(x, call.Time)
	if before {
		if a = d.holding(x, call.Time); a != nil {
			a.count(x, call.Time)
			a.arrival = max(a.arrival, call.Time)
			a.sample(relatedOf(call.Event))
			a.dirty = true
		}
		return
	}
	if a == nil {
		l := laneArrival
		if x.Way == WayReport {
			l = laneReport
		}
		a = e.open(p, d, x, l, call.Time, call.Time)
		if a == nil {
			return
		}
		ev := call.Event
		a.principal, a.credential = clone(ev.Principal), clone(ev.CredentialId)
		a.session, a.format = clone(ev.SessionId), clone(ev.Format)
	}
	page := e.grow(p, a, x, call.Time)
	a.arrival = max(a.arrival, call.Time)
	a.sample(relatedOf(call.Event))
	if page || a.early < 8 {
		a.early++
		e.emit(p, a, call.Time, page)
	}
}

// joinable is the alert that an arrival's finding grows: the newest one of its
// lane that is open. A consequence finding of another capability opens its own.
func (d *dossier) joinable(x *found, at int64) *openAlert {
	var best *openAlert
	for _, a := range d.alerts {
		switch {
		case at > a.arrivalDeadline():
			continue
		case x.Way == WayReport:
			if a.lane != laneReport || a.meta != x.meta {
				continue
			}
		case a.lane != laneArrival:
			continue
		case x.Way == WayConsequence && x.Capability != 0 && !a.caps.Any(x.Capability):
			continue
		}
		if best == nil || a.opened > best.opened || a.opened == best.opened && a.id > best.id {
			best = a
		}
	}
	return best
}

// holding is the newest open alert that has the finding already.
func (d *dossier) holding(x *found, at int64) *openAlert {
	for i := len(d.alerts) - 1; i >= 0; i-- {
		if a := d.alerts[i]; at <= a.arrivalDeadline() && a.lane != laneClose && a.find(x) != nil {
			return a
		}
	}
	return nil
}

// open starts an alert. An alert of the same id is taken up again; beyond
// maxAlerts open ones the finding is counted and dropped.
func (e *Engine) open(p *Profile, d *dossier, x *found, l lane, at, first int64) *openAlert {
	pane := paneOf(at)
	if l == laneClose {
		pane = paneOf(at - 1)
	}
	id := alertID(e.store.ids[p.self], x.meta.Name, pane)
	for _, a := range d.alerts {
		if a.id == id {
			return a
		}
	}
	if len(d.alerts) >= maxAlerts {
		e.stats.AlertsDropped++
		return nil
	}
	a := &openAlert{id: id, meta: x.meta, lane: l, way: x.Way, opened: at, first: first, last: at, arrival: at,
		young: p.activeDays <= learnDays, history: historyOf(p, at)}
	for _, b := range d.alerts {
		if l != laneReport && b.lane != laneReport && at <= b.deadline() {
			a.links = append(a.links, b.id)
			if len(b.links) < 8 {
				b.links = append(b.links, id)
				b.dirty = true
			}
		}
	}
	d.alerts = append(d.alerts, a)
	e.timers.push(timer{a.deadline(), e.store.ids[p.self], timerAlert})
	e.stats.Opened[x.Way]++
	return a
}

// find is the alert's part for a finding, or nil.
func (a *openAlert) find(x *found) *part {
	for i := range a.parts {
		if q := &a.parts[i]; q.meta == x.meta && q.Value == x.Value && q.Refused == x.Refused {
			return q
		}
	}
	return nil
}

// count notes one more of a finding that the alert has.
func (a *openAlert) count(x *found, at int64) {
	if q := a.find(x); q != nil {
		q.count++
		q.end = max(q.end, at)
		if x.Surprise > q.Surprise {
			n := q.count
			q.Finding = cloned(x.Finding)
			q.count = n
		}
	}
	a.last = max(a.last, at)
}

// grow adds a finding and reports whether this should wake somebody: at
// opening, when severity rises, or at a new capability.
func (e *Engine) grow(p *Profile, a *openAlert, x *found, at int64) (page bool) {
	sev := e.severity(p, x)
	a.last = max(a.last, at)
	if q := a.find(x); q != nil {
		a.count(x, at)
	} else if len(a.parts) < maxFindings {
		y := *x
		y.Finding = cloned(x.Finding)
		a.parts = append(a.parts, part{found: y, severity: sev, count: 1, first: at, end: at})
	}
	novel := a.caps|x.Capability != a.caps
	a.caps |= x.Capability
	a.severity = max(a.severity, sev)
	if x.Way > a.way && a.lane != laneReport {
		a.way = x.Way
	}
	wakes := x.Way != WayReport && !p.Anonymous() ||
		x.Way == WayReport && x.meta.Basis == Declared && critical(e.store.facts[p.self])
	if !wakes || a.paged != 0 && a.severity <= a.paged && !novel {
		return false
	}
	if a.paged == 0 {
		e.tables.at(hourOf(paneOf(at - 1))).pages[x.Way]++
		e.stats.Paged[x.Way]++
	}
	a.paged = max(a.severity, a.paged)
	return true
}

func critical(f *facts) bool { return f.criticality == "high" || f.criticality == "critical" }

// severity adjusts a finding's severity: refused one lower; a critical identity
// one higher, a sandbox or one of low criticality one lower.
func (e *Engine) severity(p *Profile, x *found) int {
	sev := x.Severity
	if sev == 0 {
		sev = x.meta.Severity
	}
	if x.Refused {
		sev--
	}
	f := e.store.facts[p.self]
	switch {
	case x.Way == WayReport:
		if critical(f) {
			sev = max(sev, schemas.SeverityMedium)
		}
	case f.criticality == "critical" && sev >= schemas.SeverityMedium:
		sev++
	case f.criticality == "low" || f.environment == "sandbox":
		sev--
	}
	least := schemas.SeverityLow // what pages is never informational
	if x.Way == WayReport {
		least = schemas.SeverityInfo
	}
	return min(max(sev, least), schemas.SeverityCritical)
}

// sample keeps the first 20 events, and of the later ones the newest 30.
func (a *openAlert) sample(r schemas.RelatedEvent) {
	if r.UID == "" {
		return
	}
	for i := range a.samples {
		if a.samples[i].UID == r.UID {
			return
		}
	}
	if len(a.samples) == schemas.MaxAlertSamples {
		a.samples = slices.Delete(a.samples, 20, 21)
	}
	a.samples = append(a.samples, r)
}

// closed takes in a finding made when a pane closed.
func (e *Engine) closed(p *Profile, pane *Pane, x *found) {
	if x.Way == WayDefault {
		x.Way = x.meta.Way
	}
	if x.Severity == 0 {
		x.Severity = x.meta.Severity
	}
	if e.suspended(p, x, pane.Last) || p.Human() && x.meta.Basis == Learned && x.Way != WayConsequence {
		return
	}
	if x.Way == WayFused {
		if d := e.dossier(p); len(d.notes) < maxNotes && x.Surprise > 0 {
			d.notes = append(d.notes, note{found: *x, pane: pane.Number, time: pane.Last})
		}
		return
	}
	e.raiseAtClose(p, pane, pane.End(), []found{*x}, nil)
}

// raiseAtClose opens or grows an alert with findings of a closed pane (nil for
// a finding that no pane made, such as silence).
func (e *Engine) raiseAtClose(p *Profile, pane *Pane, at int64, list []found, samples []schemas.RelatedEvent) {
	d := e.dossier(p)
	var a *openAlert
	for _, b := range d.alerts {
		if b.lane == laneReport || b.lane == laneArrival && b.opened >= at || b.opened > at || at > b.deadline() {
			continue
		}
		if a == nil || b.lane < a.lane || b.lane == a.lane && (b.opened > a.opened || b.opened == a.opened && b.id > a.id) {
			a = b
		}
	}
	if a == nil {
		first := at
		if pane != nil {
			first = pane.First
		}
		if a = e.open(p, d, &list[0], laneClose, at, first); a == nil {
			return
		}
	}
	page := false
	for i := range list {
		page = e.grow(p, a, &list[i], at) || page
	}
	for _, r := range samples {
		a.sample(r)
	}
	if pane != nil {
		for i := range pane.samples {
			if s := &pane.samples[i]; s.time != 0 {
				a.sample(s.related())
				if a.credential == "" {
					a.credential = valid(s.cred[:s.credLen])
				}
			}
		}
	}
	slices.SortStableFunc(a.samples, func(x, y schemas.RelatedEvent) int { return compare(x.Time, y.Time) })
	e.emit(p, a, at, page)
}

// fuse raises the combined evidence of the last panes.
func (e *Engine) fuse(p *Profile, pane *Pane, c float64, from string, panes int64) {
	d := e.dossier(p)
	var list []found
	var samples []schemas.RelatedEvent
	var fams [families]bool
	order := make([]*note, 0, len(d.notes))
	for i := range d.notes {
		if n := &d.notes[i]; n.tail >= 1 && n.pane <= pane.Number && n.pane > pane.Number-panes {
			order = append(order, n)
		}
	}
	// What this pane brought comes first: it opens the alert.
	slices.SortStableFunc(order, func(a, b *note) int {
		if now := pane.Number; (a.pane == now) != (b.pane == now) {
			if a.pane == now {
				return -1
			}
			return 1
		}
		if x := compareFloat(b.tail, a.tail); x != 0 {
			return x
		}
		return strings.Compare(a.meta.Name+a.Value, b.meta.Name+b.Value)
	})
	for _, n := range order {
		x := n.found
		x.Way, x.Surprise = WayFused, n.tail
		if x.Severity == 0 {
			x.Severity = x.meta.Severity
		}
		x.Severity = max(x.Severity, schemas.SeverityMedium)
		if e.suspended(p, &x, pane.Last) {
			continue
		}
		fams[x.meta.Family.evidence()] = true
		if n.sample.UID != "" {
			samples = append(samples, n.sample)
		}
		list = append(list, x)
	}
	wide := 0
	for _, on := range fams {
		if on {
			wide++
		}
	}
	if wide < 2 {
		return
	}
	list[0].Surprise = max(list[0].Surprise, c)
	list[0].Calibration = from
	if list[0].Rarity == "" {
		list[0].Rarity = e.cell.rarity(p, SignalFused2h, c)
	}
	e.raiseAtClose(p, pane, pane.End(), list, samples)
	// Told once: the same evidence does not raise again.
	p.stats.near, p.stats.far = [families]float32{}, [families]float32{}
}

// refresh emits alerts that grew since their last version, once a pane.
func (e *Engine) refresh(p *Profile, pane *Pane) {
	d := e.dossiers[p.self]
	if d == nil {
		return
	}
	for _, a := range d.alerts {
		if a.dirty && a.opened < pane.End() {
			e.emit(p, a, a.last, false)
		}
	}
	d.prune(pane.Number)
	if len(d.notes) == 0 && len(d.alerts) == 0 {
		delete(e.dossiers, p.self)
	}
}

func (d *dossier) prune(pane int64) {
	d.notes = slices.DeleteFunc(d.notes, func(n note) bool { return n.pane < pane-288 })
}

// expire closes the alerts of an identity whose time has come.
func (e *Engine) expire(p *Profile, at int64) {
	d := e.dossiers[p.self]
	if d == nil {
		return
	}
	d.alerts = slices.DeleteFunc(d.alerts, func(a *openAlert) bool {
		if a.deadline() > at {
			e.timers.push(timer{a.deadline(), e.store.ids[p.self], timerAlert})
			return false
		}
		reason := "nothing more for 24 hours"
		if a.deadline() == a.opened+ageEnds {
			reason = "open for 72 hours"
		}
		e.emitClose(p, a, a.deadline(), reason)
		return true
	})
	if len(d.notes) == 0 && len(d.alerts) == 0 {
		delete(e.dossiers, p.self)
	}
}
