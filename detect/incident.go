package detect

import (
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
			out = inc
		}
	}
	return out
}

// incident is that of a cause on the day of a moment, opened when need be.
func (e *Engine) incident(c cause, at int64) *incident {
	start := at / day * day
	actor := c.actor()
	id := alertID(actor, "incident", paneOf(start))
	for _, inc := range e.incidents.list {
		if inc.id == id {
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
		inc.paged = inc.severity
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

// composeIncident words one version of an incident.
func (e *Engine) composeIncident(inc *incident, at int64, activity int, closed string) schemas.Alert {
	f := e.commonFacts(inc.members)
	parts := ordered(inc.parts)
	if k := inc.cause.kind; k == causeSpray || k == causeLog {
		parts[0].Sentence, parts[0].Observed = e.incidentSentence(inc), identitiesWord(len(inc.members)+inc.more)
	}
	slices.SortStableFunc(inc.samples, func(x, y schemas.RelatedEvent) int { return compare(x.Time, y.Time) })
	title, desc := e.incidentWords(inc, parts)
	out := e.compose(inc.cause.actor(), f, &inc.openAlert, parts, title, desc, at, activity, closed)
	out.Actor.User.TypeID, out.Actor.User.Type = 99, "Other"
	l := &out.Unmapped.Lapwing
	l.Identities = slices.Clone(inc.members)
	slices.Sort(l.Identities)
	for _, a := range inc.alerts {
		if !slices.Contains(l.Links, a) {
			l.Links = append(l.Links, a)
		}
	}
	slices.Sort(l.Links)
	return out
}

// incidentWords are its title and its explanation. Members with a finding of
// consequence are named.
func (e *Engine) incidentWords(inc *incident, parts []part) (title, desc string) {
	n := identitiesWord(len(inc.members) + inc.more)
	switch inc.cause.kind {
	case causeSpray, causeLog:
		x := &parts[0]
		members := slices.Clone(inc.members)
		slices.Sort(members)
		for i := range members {
			members[i] = shortID(members[i])
		}
		who := "They are " + firstOf(members, 8) + "."
		if inc.cause.kind == causeSpray {
			return inc.cause.value + " was refused as " + n + " within 30 minutes",
				x.Sentence + " " + who
		}
		return "The log " + inc.cause.value + " fell silent: " + n + " stopped together",
			x.Sentence + " While it is silent, nothing that happens there is seen. " + who
	case causeSource:
		title = n + " raised alerts from " + inc.cause.value + " within an hour"
	case causeCredential:
		title = n + " raised alerts with credential " + clip(inc.cause.value, 40) + " within an hour"
	default:
		title = n + " within an hour: " + strings.ToLower(inc.meta.Title[:1]) + inc.meta.Title[1:]
		if _, value, ok := strings.Cut(inc.cause.value, "\x00"); ok && value != "" {
			title += " (" + clip(value, 60) + ")"
		}
	}
	var grave, told []string
	for i := range parts {
		q := &parts[i]
		if q.Way == WayConsequence && q.Did != "" {
			grave = append(grave, q.Did)
		}
		if len(told) < 5 {
			told = append(told, q.Sentence)
		}
	}
	if len(grave) > 0 {
		title += "; " + firstOf(e.graveMembers(inc), 3)
	}
	desc = title + ": one cause, or one intruder. " + strings.Join(told, " ")
	if more := len(parts) - len(told); more > 0 {
		desc += " And " + plural(more, "more finding") + "."
	}
	return title, desc + " Each has an alert of its own, linked and without a page."
}

// incidentSentence says what an incident with one finding for all has seen.
func (e *Engine) incidentSentence(inc *incident) string {
	n := identitiesWord(len(inc.members) + inc.more)
	if inc.cause.kind == causeSpray {
		return inc.cause.value + " was refused as " + n + " within 30 minutes (" + clockTime(inc.first) +
			"), none of which was ever seen there: somebody tries what credentials open."
	}
	return "In the log " + inc.cause.value + " " + n + " are overdue that called regularly, the last by " + clockTime(inc.last) +
		"; the log itself has all but stopped, so nothing is said of each."
}

// identitiesWord counts identities: "1 identity", "12 identities".
func identitiesWord(n int) string {
	if n == 1 {
		return "1 identity"
	}
	return thousands(n) + " identities"
}

// graveMembers are the members with a finding of consequence, with what they did.
func (e *Engine) graveMembers(inc *incident) (out []string) {
	for _, s := range e.incidents.seen[inc.cause] {
		if s.x.Way != WayConsequence || s.at < inc.first || s.at > inc.last {
			continue
		}
		name := shortID(s.identity)
		if p, _ := e.store.find(s.identity); p != nil {
			name = display(s.identity, e.store.facts[p.self])
		}
		if line := name + " " + s.x.Did; !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

// firstOf joins the first of a list and counts the others.
func firstOf(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + " and " + thousands(len(list)-most) + " more"
}

// commonFacts is what is declared alike of all members.
func (e *Engine) commonFacts(members []string) *facts {
	var out *facts
	for _, id := range members {
		p, _ := e.store.find(id)
		if p == nil {
			continue
		}
		f := e.store.facts[p.self]
		if out == nil {
			x := *f
			x.name, x.lastRotation, x.exceptions = "", 0, nil
			x.dependants = slices.Clone(f.dependants)
			out = &x
			continue
		}
		for _, s := range [...]struct {
			to   *string
			from string
		}{
			{&out.kind, f.kind}, {&out.owner, f.owner}, {&out.team, f.team}, {&out.environment, f.environment},
			{&out.criticality, f.criticality}, {&out.vendor, f.vendor}, {&out.route, f.route}, {&out.runbook, f.runbook},
		} {
			if *s.to != s.from {
				*s.to = ""
			}
		}
		out.managed = out.managed && f.managed
		for _, d := range f.dependants {
			if !slices.Contains(out.dependants, d) && len(out.dependants) < 32 {
				out.dependants = append(out.dependants, d)
			}
		}
	}
	if out == nil {
		return &facts{}
	}
	return out
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
	slices.SortFunc(keys, func(a, b cause) int {
		if a.kind != b.kind {
			return int(a.kind) - int(b.kind)
		}
		return strings.Compare(a.value, b.value)
	})
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
		inc := *p
		inc.cause.visit(c)
		inc.openAlert.visit(c)
		c.texts(&inc.members)
		c.num(&inc.more)
		c.texts(&inc.alerts)
		c.bool(&inc.closed)
	})
}

func (k *cause) visit(c *codec) {
	kind := uint8(k.kind)
	c.u8(&kind)
	k.kind = causeKind(kind)
	c.text(&k.value)
}
