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
	raised     bool // as one of two places
}

const (
	maxNotes    = 24 // of one pane not closed yet, and of all that are
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

// strongest is the largest surprise among the notes of a family that a pane
// weighs.
func (d *dossier) strongest(pane int64, f Family) float64 {
	most := 0.0
	for i := range d.notes {
		if n := &d.notes[i]; n.pane <= pane && n.tail == 0 && n.meta.Family.evidence() == f {
			most = max(most, n.Surprise)
		}
	}
	return most
}

// note keeps arrival evidence until a pane closes that weighs it. The same detector and
// value counts once a pane.
func (e *Engine) note(p *Profile, call *Call, x *found, pane int64) {
	d := e.dossier(p)
	same := 0
	for i := range d.notes {
		n := &d.notes[i]
		if n.pane != pane || n.tail > 0 {
			continue
		}
		if n.meta == x.meta && n.Value == x.Value {
			return
		}
		same++
	}
	if same >= maxNotes {
		e.stats.NotesDropped++
		return
	}
	n := note{found: *x, pane: pane, time: call.Time, topic: call.topic, sample: relatedOf(call.Event)}
	n.Finding = cloned(x.Finding)
	// Of a detector of several dimensions the one that it speaks of.
	for dim := range dimensions {
		if x.meta.Wake&(1<<dim) == 0 || call.sights[dim].State != Unseen {
			continue
		}
		if h := call.sights[dim].hash; n.hash == 0 || h == hashValue(dim, x.Value) {
			n.dim, n.hash = dim, h
		}
	}
	if x.hash != 0 {
		n.dim, n.hash = x.dim, x.hash
	}
	d.notes = append(d.notes, n)
}

// keep remembers a statistical verdict of a closed pane, for the words of a
// later alert.
func (d *dossier) keep(x *found, pane *Pane, tail float64) {
	kept := note{found: *x, pane: pane.Number, time: pane.End() - 1, tail: tail}
	if s := pane.shown(x); s.time != 0 {
		kept.sample = s.related()
	}
	for i := range d.notes {
		if n := &d.notes[i]; n.meta == x.meta && n.hash == 0 && n.Value == x.Value && n.pane > pane.Number-96 {
			if tail > n.tail {
				*n = kept
			}
			return
		}
	}
	d.notes = append(d.notes, kept)
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
	x.Trigger = clone(x.Trigger)
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
	early   int   // versions emitted on arrival
	emitted int64 // event time of the newest version
	dirty   bool  // counted since the newest version
	changed bool  // found something new since the newest version

	severity int
	paged    int // severity of the last page; 0 when it never paged
	page     bool
	woke     bool // somebody, by this version or an earlier one
	caps     capability.Set
	young    bool
	parts    []part
	samples  []schemas.RelatedEvent
	links    []string
	// partOf is the incident that wakes somebody in its place.
	partOf string
	// Of the event that opened it, or of the pane's newest sample.
	principal, credential, session, format string
	history                                string
	// issued is of the credential.
	issued issuance
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
	f := e.store.facts[p.self]
	if f.excepted(x.meta.Name, at) || x.meta.Rule != "" && f.excepted(x.meta.Key(), at) {
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

// find is the alert's part for a finding, or nil.
func (a *openAlert) find(x *found) *part {
	for i := range a.parts {
		if q := &a.parts[i]; q.meta == x.meta && q.Value == x.Value && q.Refused == x.Refused {
			return q
		}
	}
	return nil
}

// sums says that a finding states what the calls of a day, or of a quarter of an hour,
// add up to so far.
func (x *found) sums() bool {
	switch x.meta {
	case &secretAccessCard:
		return x.Value == "volume" || x.Value == "burst"
	case &destroysDataCard, &spawnsComputeCard:
		return x.Value == "level" || x.Value == "volume" || strings.HasPrefix(x.Value, "volume of ")
	}
	return false
}

// count notes one more of a finding that the alert has.
func (a *openAlert) count(x *found, at int64) {
	if q := a.find(x); q != nil {
		q.count++
		switch way := q.Way; {
		case x.Surprise > q.Surprise:
			q.Finding = cloned(x.Finding)
		case q.sums() && at >= q.end:
			// What a day's calls add up to grows with each: a version tells the newest sum.
			surprise := q.Surprise
			q.Finding = cloned(x.Finding)
			q.Way, q.Surprise = way, surprise
		}
		q.end = max(q.end, at)
	}
	a.last = max(a.last, at)
}

// grow adds a finding and reports whether this should wake somebody: at
// opening, when severity rises, or at a new capability. It marks the alert as
// changed by a new detector or value, or a higher severity; else as counted.
func (e *Engine) grow(p *Profile, a *openAlert, x *found, at int64, by sharedBy) (page bool) {
	sev := e.severity(p, x)
	a.dirty = true
	a.changed = a.changed || sev > a.severity
	a.last = max(a.last, at)
	if q := a.find(x); q != nil {
		a.count(x, at)
	} else if len(a.parts) < maxFindings {
		y := *x
		y.Finding = cloned(x.Finding)
		a.parts = append(a.parts, part{found: y, severity: sev, count: 1, first: at, end: at})
		a.changed = true
	}
	novel := a.caps|x.Capability != a.caps
	a.caps |= x.Capability
	a.severity = max(a.severity, sev, a.leastSeverity())
	if x.Way > a.way && a.lane != laneReport {
		a.way = x.Way
	}
	wakes := x.Way != WayReport && !p.Anonymous() ||
		x.Way == WayReport && x.meta.Basis == Declared && critical(e.store.facts[p.self])
	if !wakes || a.paged != 0 && a.severity <= a.paged && !novel {
		return false
	}
	if e.groups(p, a, x, sev, at, by) {
		a.paged = max(a.severity, a.paged)
		return false
	}
	a.partOf = "" // it pages by itself
	if !a.woke {
		a.woke = true
		e.tables.at(hourOf(paneOf(at - 1))).pages[x.Way]++
		e.stats.Paged[x.Way]++
	}
	a.paged = max(a.severity, a.paged)
	return true
}

// leastSeverity is medium where a grave call that was accepted stands beside a broken
// declared rule, whatever the identity's criticality; else 0.
func (a *openAlert) leastSeverity() int {
	grave, broken := false, false
	for i := range a.parts {
		q := &a.parts[i]
		grave = grave || q.Way == WayConsequence && !q.Refused && q.Capability.Any(capability.Grave)
		broken = broken || q.Way == WayDeclared && q.meta.Basis == Declared
	}
	if grave && broken {
		return schemas.SeverityMedium
	}
	return 0
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
	return min(max(sev, least, x.Least), schemas.SeverityCritical)
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

// refreshEvery is how often an open alert that only counts tells its counts.
const refreshEvery = 3600 * int64(1e9)

// refresh emits what grew since its last version: new findings once a pane,
// counts once an hour of event time. A report's counts wait until it closes.
func (e *Engine) refresh(p *Profile, pane *Pane) {
	d := e.dossiers[p.self]
	if d == nil {
		return
	}
	for _, a := range d.alerts {
		counted := a.dirty && a.lane != laneReport && a.last-a.emitted >= refreshEvery
		if (a.changed || counted) && a.opened < pane.End() {
			e.emit(p, a, a.last, false)
		}
	}
	d.prune(pane.Number)
	if len(d.notes) == 0 && len(d.alerts) == 0 {
		delete(e.dossiers, p.self)
	}
}

// prune forgets what is older than 72 hours, and of the rest of what panes up
// to this one brought all but the strongest: what has come for later panes
// already depends on how topics interleave.
func (d *dossier) prune(pane int64) {
	d.notes = slices.DeleteFunc(d.notes, func(n note) bool { return n.pane < pane-288 })
	closed := 0
	for i := range d.notes {
		closed += btoi(d.notes[i].pane <= pane)
	}
	for ; closed > maxNotes; closed-- {
		weakest := -1
		for i := range d.notes {
			if n := &d.notes[i]; n.pane <= pane && (weakest < 0 || n.weaker(&d.notes[weakest])) {
				weakest = i
			}
		}
		d.notes = slices.Delete(d.notes, weakest, weakest+1)
	}
}

// weaker orders notes of closed panes: by their tail, then by age and name.
func (n *note) weaker(o *note) bool {
	switch {
	case n.tail != o.tail:
		return n.tail < o.tail
	case n.pane != o.pane:
		return n.pane < o.pane
	case n.meta != o.meta:
		return n.meta.Name > o.meta.Name
	}
	return n.Value > o.Value
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
