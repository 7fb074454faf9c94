package detect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Incidents: what happens to several identities for one reason is one alert that
// lists them. Members stay alerts of their own, without pages of their own.
//
// Whether there is an incident depends on the set of what was found and when,
// never on the order in which it came: a cause has one on a day if, at some
// moment of that day, enough identities had shown it within its window. So
// neither the ids of incidents nor their number depend on how topics interleave;
// which of the first members had paged by then does.

// cause is what identities have in common.
type cause struct {
	kind  causeKind
	value string
}

func compareCauses(a, b cause) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.value, b.value))
}

type causeKind uint8

const (
	causeSource causeKind = iota + 1
	causeCredential
	causeFinding // the same finding with the same value: a release, an outage
	causeSpray
	causeLog // a log source fell silent
)

// rule is from how many identities within which time a cause is an incident.
func (c cause) rule() (identities int, window int64) {
	switch c.kind {
	case causeSpray:
		return sprayFloor, sprayWindow
	case causeLog:
		return silentFloor, silentWindow
	default:
		return incidentFloor, incidentWindow
	}
}

const (
	incidentFloor  = 3
	incidentWindow = int64(time.Hour)
	// Bounds of what is remembered: causes, sightings of one, incidents, members
	// listed. What exceeds them is counted in Stats and stays an alert of its own.
	maxCauses    = 4096
	maxSightings = 128
	maxIncidents = 256
	maxMembers   = 200
	// causeKept is how long sightings are remembered, in hours of event time.
	causeKept = 26
)

// actor is the incident's name among identities.
func (c cause) actor() string {
	switch c.kind {
	case causeSource, causeSpray:
		return "source:" + c.value
	case causeCredential:
		return "credential:" + c.value
	case causeLog:
		return "log:" + c.value
	default:
		return "change:" + strings.ReplaceAll(c.value, "\x00", "/")
	}
}

// sighted is one identity that showed a cause.
type sighted struct {
	at       int64
	identity string
	alert    string // of the member; empty when it has none
	x        found
	severity int
	sample   schemas.RelatedEvent
}

func (s *sighted) before(o *sighted) bool {
	if s.at != o.at {
		return s.at < o.at
	}
	return s.identity < o.identity
}

// incident is an alert about several identities.
type incident struct {
	openAlert
	cause   cause
	members []string // in the order of their first sighting
	more    int      // members beyond the list
	alerts  []string // their alerts
	closed  bool
}

// incidents is what a cell knows of shared causes.
type incidents struct {
	seen   map[cause][]sighted // by time, then identity
	list   []*incident         // in the order in which they opened
	swept  int64
	newest int64
}

func (n *incidents) init() { n.seen = map[cause][]sighted{} }

// sharedBy is what an event tells of causes.
type sharedBy struct {
	source, credential string
	sample             schemas.RelatedEvent
}

// sharedBy tells from where a call came, where that is no place that its identity
// is known in, and by which credential.
func (e *Engine) sharedBy(call *Call) sharedBy {
	ev := call.Event
	s := sharedBy{credential: ev.CredentialId, sample: relatedOf(ev)}
	if call.Sight(Address).State != Known && !placeless(&e.cell, call) {
		s.source = ev.SrcIp
	}
	return s
}

// groups notes that an identity is about to page, and reports whether an
// incident takes the page over.
func (e *Engine) groups(p *Profile, a *openAlert, x *found, severity int, at int64, by sharedBy) (held bool) {
	if p.Anonymous() || x.Way == WayReport {
		return false
	}
	s := sighted{at: at, identity: e.store.ids[p.self], alert: a.id, x: *x, severity: severity, sample: by.sample}
	s.x.Finding = cloned(x.Finding)
	for _, c := range [...]cause{{causeSource, by.source}, {causeCredential, by.credential}, {causeFinding, x.meta.Key() + "\x00" + x.Value}} {
		if c.value == "" || c.kind == causeFinding && x.Value == "" {
			continue
		}
		c.value = clone(c.value)
		if inc := e.shows(c, s); inc != nil {
			held = true
			if a.partOf == "" && e.standsFor(inc, p, s.severity) {
				a.partOf = inc.id
			}
			if !slices.Contains(a.links, inc.id) && len(a.links) < 8 {
				a.links = append(a.links, inc.id)
				a.dirty = true
			}
		}
	}
	return held
}

// shows notes a sighting of a cause and returns the incident that it belongs
// to, opened when need be; nil when there is none.
func (e *Engine) shows(c cause, s sighted) *incident {
	floor, window := c.rule()
	n := &e.incidents
	list, known := n.seen[c]
	if !known && len(n.seen) >= maxCauses {
		e.stats.IncidentsRefused++
		return nil
	}
	if i := slices.IndexFunc(list, func(o sighted) bool { return o.identity == s.identity && o.at == s.at }); i < 0 {
		if len(list) >= maxSightings {
			list = slices.Delete(list, 0, 1)
		}
		at, _ := slices.BinarySearchFunc(list, &s, func(o sighted, s *sighted) int {
			switch {
			case o.before(s):
				return -1
			case s.before(&o):
				return 1
			}
			return 0
		})
		list = slices.Insert(list, at, s)
		n.seen[c] = list
	}
	n.newest = max(n.newest, s.at)
	// Every moment at which this sighting completes a set, or belongs to one.
	var out *incident
	for i := range list {
		end := list[i].at
		if end < s.at || end > s.at+window {
			continue
		}
		var ids []string
		from := i
		for ; from >= 0 && list[from].at >= end-window; from-- {
			if !slices.Contains(ids, list[from].identity) {
				ids = append(ids, list[from].identity)
			}
		}
		if len(ids) < floor {
			continue
		}
		// The day of the moment names the incident.
		if inc := e.incident(c, end); inc != nil {
			for k := from + 1; k <= i; k++ {
				e.joins(inc, &list[k])
			}
			e.tell(inc)
			for k := from + 1; k <= i; k++ {
				if list[k].alert != s.alert {
					e.folds(inc, &list[k])
				}
			}
			out = inc
		}
	}
	return out
}

// incident is that of a cause on the day of a moment, opened when need be. Cells
// know nothing of each other's identities: each tells of its own, under an id of
// its own, so that one id and version never say two things.
func (e *Engine) incident(c cause, at int64) *incident {
	start := at / day * day
	name := "incident"
	if e.cfg.Cells > 1 {
		name += " " + formatInt(int64(e.cfg.Cell)) + "/" + formatInt(int64(e.cfg.Cells))
	}
	id := alertID(c.actor(), name, paneOf(start))
	for _, inc := range e.incidents.list {
		if inc.id == id || inc.cause == c && inc.opened/day*day == start {
			if inc.closed {
				inc.closed = false
				inc.last = max(inc.last, at)
			}
			return inc
		}
	}
	if len(e.incidents.list) >= maxIncidents {
		e.stats.IncidentsRefused++
		return nil
	}
	inc := &incident{cause: c, openAlert: openAlert{id: id, opened: at, first: at, last: at, arrival: at, emitted: never}}
	e.incidents.list = append(e.incidents.list, inc)
	return inc
}

// joins adds a member's finding to an incident.
func (e *Engine) joins(inc *incident, s *sighted) {
	inc.first, inc.last = min(inc.first, s.at), max(inc.last, s.at)
	if !slices.Contains(inc.members, s.identity) {
		if len(inc.members) < maxMembers {
			inc.members = append(inc.members, s.identity)
			inc.changed = true
		} else {
			inc.more++
		}
	}
	if s.alert != "" && !slices.Contains(inc.alerts, s.alert) && len(inc.alerts) < maxMembers {
		inc.alerts = append(inc.alerts, s.alert)
	}
	inc.sample(s.sample)
	inc.caps |= s.x.Capability
	inc.way = max(inc.way, s.x.Way)
	if s.severity > inc.severity {
		inc.severity = s.severity
		inc.changed = true
	}
	for i := range inc.parts {
		q := &inc.parts[i]
		if q.meta == s.x.meta && q.Value == s.x.Value && q.Sentence == s.x.Sentence {
			return
		}
	}
	if inc.cause.kind == causeSpray || inc.cause.kind == causeLog {
		if len(inc.parts) > 0 {
			return // one finding, worded anew for each version
		}
	}
	if len(inc.parts) < maxFindings {
		inc.parts = append(inc.parts, part{found: s.x, severity: s.severity, count: 1, first: s.at, end: s.at})
		inc.changed = true
	}
	if inc.meta == nil {
		inc.meta = s.x.meta
	}
}

// tell emits a version of an incident that changed, and decides whether it wakes
// somebody: at its opening, when its severity rises, at a new capability.
func (e *Engine) tell(inc *incident) {
	if !inc.changed || len(inc.parts) == 0 {
		return
	}
	page := inc.paged == 0 || inc.severity > inc.paged
	if inc.paged == 0 {
		// A cause that goes on from yesterday does not wake anybody anew.
		for _, o := range e.incidents.list {
			if o != inc && o.cause == inc.cause && !o.closed && o.paged >= inc.severity {
				page = false
				inc.links = append(inc.links, o.id)
			}
		}
		// Nor does a second cause that the same identities share: they are told of.
		if o := e.covering(inc); o != nil {
			page = false
			if !slices.Contains(inc.links, o.id) && len(inc.links) < 8 {
				inc.links = append(inc.links, o.id)
			}
		} else {
			inc.paged = inc.severity
		}
	}
	if page {
		if inc.woke = true; inc.version == 0 {
			e.tables.at(hourOf(paneOf(inc.last - 1))).pages[inc.way]++
			e.stats.Paged[inc.way]++
			e.stats.Opened[inc.way]++
		}
		inc.paged = max(inc.paged, inc.severity)
	}
	activity := schemas.ActivityUpdate
	if inc.version == 0 {
		activity = schemas.ActivityCreate
	}
	inc.version++
	inc.page, inc.changed, inc.emitted = page, false, inc.last
	e.out.Alerts = append(e.out.Alerts, e.composeIncident(inc, inc.last, activity, ""))
	e.stats.Versions++
}

// sweepIncidents closes incidents whose time has come and forgets what no
// further sighting can belong to.
func (e *Engine) sweepIncidents(now int64) {
	n := &e.incidents
	if now < n.swept+PaneLength {
		return
	}
	n.swept = now
	n.list = slices.DeleteFunc(n.list, func(inc *incident) bool {
		if !inc.closed && inc.deadline() <= now-int64(2*time.Hour) {
			inc.closed = true
			e.closeIncident(inc, inc.deadline(), "nothing more for 24 hours")
		}
		return inc.closed && inc.deadline() < now-3*day
	})
	oldest := now - causeKept*int64(time.Hour)
	for c, list := range n.seen {
		k := 0
		for k < len(list) && list[k].at < oldest {
			k++
		}
		if k == len(list) {
			delete(n.seen, c)
		} else if k > 0 {
			n.seen[c] = slices.Delete(list, 0, k)
		}
	}
}

func (e *Engine) closeIncident(inc *incident, at int64, reason string) {
	inc.version++
	inc.page = false
	e.out.Alerts = append(e.out.Alerts, e.composeIncident(inc, at, schemas.ActivityClose, reason))
	e.stats.Versions++
}

// ofIncident takes in an analyst's word about an incident: it closes, and the word
// holds for the alert of each member. It reports whether the record is about one.
func (e *Engine) ofIncident(c *schemas.Control) bool {
	inc := e.incidentByID(c.AlertId)
	if inc == nil || c.IdentityId != inc.cause.actor() {
		return false
	}
	if c.Detector != "" && len(inc.alerts) == 0 {
		return true // its members have no alerts of their own
	}
	for i, s := range e.membersOf(inc) {
		if i == maxMembers {
			break
		}
		word := &schemas.Control{
			Kind: c.Kind, Time: c.Time, AlertId: s.alert, IdentityId: s.identity, Verdict: c.Verdict, Detector: c.Detector, Value: c.Value, By: c.By, Reason: c.Reason,
		}
		if p, _ := e.store.find(s.identity); p != nil && s.alert != "" {
			e.feedback(word)
		}
	}
	if c.Verdict != verdictUndone && !inc.closed {
		inc.closed = true
		e.closeIncident(inc, max(c.Time, inc.last), c.Verdict+by(c.By))
	}
	return true
}

// membersOf are an incident's members with their alerts, each alert once.
func (e *Engine) membersOf(inc *incident) (out []sighted) {
	for _, s := range e.incidents.seen[inc.cause] {
		if slices.Contains(inc.members, s.identity) && !slices.ContainsFunc(out, func(o sighted) bool { return o.alert == s.alert && o.identity == s.identity }) {
			out = append(out, s)
		}
	}
	return out
}

// incidentByID is an incident that has not been forgotten, or nil.
func (e *Engine) incidentByID(id string) *incident {
	for _, inc := range e.incidents.list {
		if inc.id == id {
			return inc
		}
	}
	return nil
}

func (n *incidents) visit(c *codec) {
	c.i64(&n.swept)
	c.i64(&n.newest)
	keys := make([]cause, 0, len(n.seen))
	for k := range n.seen {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareCauses)
	list(c, &keys, func(k *cause) {
		k.visit(c)
		v := n.seen[*k]
		list(c, &v, func(s *sighted) {
			c.i64(&s.at)
			c.text(&s.identity)
			c.text(&s.alert)
			visitFound(c, &s.x)
			c.num(&s.severity)
			visitRelated(c, &s.sample)
		})
		if !c.writing() && c.err == nil {
			n.seen[*k] = v
		}
	})
	list(c, &n.list, func(p **incident) {
		if *p == nil {
			*p = &incident{}
		}
		(*p).visit(c)
	})
}

func (inc *incident) visit(c *codec) {
	inc.cause.visit(c)
	alert := &inc.openAlert
	alert.visit(c)
	c.texts(&inc.members)
	c.num(&inc.more)
	c.texts(&inc.alerts)
	c.bool(&inc.closed)
}

func (c *cause) visit(x *codec) {
	kind := uint8(c.kind)
	x.u8(&kind)
	c.kind = causeKind(kind)
	x.text(&c.value)
}
