package detect

import (
	"slices"
	"strings"
	"unicode"

	"github.com/cespare/xxhash/v2"
	"github.com/lapwing-sec/lapwing/schemas"
)

// profilesPerSlab is how many profiles one slab holds.
const profilesPerSlab = 256

// store holds the profiles of a cell in pointer-free slabs; what has pointers
// (names, declared facts) lies beside them.
type store struct {
	slabs [][]Profile
	ids   []string
	facts []*facts
	index map[uint64]uint32 // hash of the id -> profile
	free  []uint32
	live  int
	none  *facts // shared by every identity of which nothing is declared
	// policies are texts that many identities share; see policyText.
	policies [512]string
}

func (s *store) init() {
	s.index = map[uint64]uint32{}
	s.none = &facts{}
}

// at is the profile of an index.
func (s *store) at(i uint32) *Profile {
	return &s.slabs[i/profilesPerSlab][i%profilesPerSlab]
}

// find looks an identity up. Two ids of one 64-bit hash take neighbouring keys.
func (s *store) find(id string) (p *Profile, key uint64) {
	for key = xxhash.Sum64String(id); ; key++ {
		i, ok := s.index[key]
		if !ok {
			return nil, key
		}
		if s.ids[i] == id {
			return s.at(i), key
		}
	}
}

func (s *store) add(id string, key uint64) *Profile {
	var i uint32
	if n := len(s.free); n > 0 {
		i = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		i = uint32(len(s.ids)) //nolint:gosec // bounded by MaxIdentities
		if int(i/profilesPerSlab) == len(s.slabs) {
			s.slabs = append(s.slabs, make([]Profile, profilesPerSlab))
		}
		s.ids = append(s.ids, "")
		s.facts = append(s.facts, s.none)
	}
	s.ids[i] = strings.Clone(id)
	s.facts[i] = s.none
	s.index[key] = i
	s.live++
	p := s.at(i)
	*p = Profile{self: i}
	return p
}

// facts is what was declared of an identity in its newest event, for alerts.
type facts struct {
	kind, name, owner, team, environment, criticality, vendor, route, runbook string
	dependants                                                                []string
	managed                                                                   bool
	lastRotation                                                              int64
	exceptions                                                                []exception
	policy                                                                    string // in force, as schemas.Declared has it
}

type exception struct {
	detector string
	until    int64
}

// same reports whether the event declares what f holds.
func (f *facts) same(ev *schemas.Event, kind string) bool {
	d := ev.Declared
	return f.managed == d.GetManaged() && f.named(ev) && f.owner == ev.Owner && f.team == ev.Team &&
		f.kind == kind && f.environment == ev.Environment && f.criticality == ev.Criticality &&
		f.vendor == ev.Vendor && f.route == ev.Route && f.runbook == ev.Runbook &&
		slices.Equal(f.dependants, ev.Dependants) && f.lastRotation == d.GetCredential().GetIssued() && f.samePolicy(d.GetPolicy()) && f.sameExceptions(d)
}

// named reports whether f has the event's name: the declared one, else one that a log
// gave.
func (f *facts) named(ev *schemas.Event) bool {
	if ev.IdentityName != "" || f.managed {
		return f.name == ev.IdentityName
	}
	return f.name != "" || loggedName(ev) == ""
}

// loggedName is what the log calls a caller whose id says nothing to a person: the
// display name of an application that is known by a number. It is the caller's own
// word, and stands in sentences only.
func loggedName(ev *schemas.Event) string {
	name := ev.Principal
	if !nameable(name) || !opaque(lastName(ev.IdentityId)) && !strings.HasPrefix(ev.IdentityId, "okta:") || opaque(name) || strings.Contains(name, ":") ||
		strings.Contains(name, lastName(ev.IdentityId)) {
		return ""
	}
	return name
}

// nameable says that a name which a caller gave itself may stand in an alert: it has a
// letter, and neither markup nor a mention of somebody (an address has one of its own).
func nameable(name string) bool {
	letter, before := false, ' '
	for _, r := range name {
		switch {
		case unicode.IsLetter(r):
			letter = true
		case unicode.IsDigit(r), unicode.IsMark(r), strings.ContainsRune(" ._-()&+'/,", r):
		case r == '@' && (unicode.IsLetter(before) || unicode.IsDigit(before)):
		default:
			return false
		}
		before = r
	}
	return letter && len(name) <= maxLoggedName && schemas.Plain(name) == name
}

// maxLoggedName bounds a name that a log gives, in bytes.
const maxLoggedName = 64

// opaque says that a name is an id: a UUID, a number, an OAuth client of Google, or letters and digits without
// a word between them.
func opaque(s string) bool {
	if len(s) < 8 {
		return false
	}
	if isUUID(s) || strings.HasSuffix(s, ".apps.googleusercontent.com") {
		return true
	}
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		default:
			return false
		}
	}
	return digits >= 2
}

func (f *facts) samePolicy(text string) bool {
	return f.policy == text || len(text) > maxPolicyText && f.policy == clipBytes(text, maxPolicyText)
}

func (f *facts) sameExceptions(d *schemas.Declared) bool {
	if len(f.exceptions) != len(d.GetExceptions()) {
		return false
	}
	for i, x := range d.GetExceptions() {
		if f.exceptions[i].detector != x.Detector || f.exceptions[i].until != x.Until {
			return false
		}
	}
	return true
}

func factsOf(ev *schemas.Event, kind string) *facts {
	d := ev.Declared
	f := &facts{
		kind: kind, name: ev.IdentityName, owner: ev.Owner, team: ev.Team, environment: ev.Environment, criticality: ev.Criticality,
		vendor: ev.Vendor, route: ev.Route, runbook: ev.Runbook, managed: d.GetManaged(), lastRotation: d.GetCredential().GetIssued(),
	}
	if f.name == "" && !f.managed {
		f.name = loggedName(ev)
	}
	// One copy beside each other: same reads all of them for every event.
	fields := [...]*string{&f.kind, &f.name, &f.owner, &f.team, &f.environment, &f.criticality, &f.vendor, &f.route, &f.runbook}
	var all strings.Builder
	for _, field := range fields {
		all.WriteString(*field)
	}
	rest := all.String()
	for _, field := range fields {
		*field, rest = rest[:len(*field)], rest[len(*field):]
	}
	for _, x := range ev.Dependants {
		f.dependants = append(f.dependants, strings.Clone(x))
	}
	for _, x := range d.GetExceptions() {
		f.exceptions = append(f.exceptions, exception{strings.Clone(x.Detector), x.Until})
	}
	return f
}

// excepted reports whether an exception suspends a detector at time t.
func (f *facts) excepted(detector string, t int64) bool {
	for _, x := range f.exceptions {
		if x.detector == detector && t < x.until {
			return true
		}
	}
	return false
}

// profile finds or makes the profile of an event's identity. It returns nil
// when the cell is overfull within one pane: eviction happens when panes close.
func (e *Engine) profile(ev *schemas.Event) *Profile {
	p, key := e.store.find(ev.IdentityId)
	if p == nil {
		if e.store.live >= e.cfg.MaxIdentities+e.cfg.MaxIdentities/4+16 {
			e.stats.Overflow++
			return nil
		}
		p = e.store.add(ev.IdentityId, key)
		p.group = kindOf(ev.IdentityKind)
		p.first = ev.Time
		p.below = never
		if ev.Anonymous {
			p.flags |= flagAnonymous
		}
		if !ev.Anonymous { // a source without an identity is nobody's peer
			e.tables.identity(hourOf(paneOf(ev.Time)), p.group)
		}
	}
	kind := p.kindBy(ev)
	if f := e.store.facts[p.self]; !f.same(ev, kind) && !e.staysMachine(p, f, ev) {
		old := f
		f = factsOf(ev, kind)
		if f.name == "" && !f.managed && !old.managed {
			f.name = old.name // the log's, which not every record has
		}
		f.policy = e.store.policyText(ev.Declared.GetPolicy())
		e.store.facts[p.self] = f
		p.group = kindOf(kind)
		p.flags &^= flagManaged
		if ev.Declared.GetManaged() {
			p.flags |= flagManaged
		}
	}
	return p
}

// kindBy is the kind of an identity by one more event. Where nobody declares it, it is
// guessed from that event alone: one that tells nothing changes nothing.
func (p *Profile) kindBy(ev *schemas.Event) string {
	if ev.IdentityKind == "" && !ev.GetDeclared().GetManaged() && p.flags&flagManaged == 0 {
		return kindNames[p.group]
	}
	return ev.IdentityKind
}

// staysMachine reports whether a guess would make a person of an identity that
// nobody declares and that called like a machine, never with a tool of people's,
// for a week of days, or in two weeks: then the call is what is odd, not the past.
func (e *Engine) staysMachine(p *Profile, f *facts, ev *schemas.Event) bool {
	return ev.IdentityKind == kindNames[kindHuman] && !ev.Declared.GetManaged() && !f.managed && p.group != kindOf("") && p.group != kindHuman &&
		p.calls >= matureCalls && (p.activeDays >= matureDays || p.Age(ev.Time) >= rareAge) && !e.usedByHand(p, dayOf(ev.Time))
}

// evict forgets the identities with the oldest event time, then id, until the
// cell is back in its bound; a few more, so that it does not happen at each
// pane. Identities with open panes stay.
func (e *Engine) evict() {
	if e.store.live <= e.cfg.MaxIdentities {
		return
	}
	var all []*Profile
	for i, id := range e.store.ids {
		p := e.store.at(uint32(i)) //nolint:gosec // an index
		if id != "" && p.open == 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *Profile) int {
		if a.last != b.last {
			return compare(a.last, b.last)
		}
		return strings.Compare(e.store.ids[a.self], e.store.ids[b.self])
	})
	n := min(e.store.live-e.cfg.MaxIdentities+e.cfg.MaxIdentities/50, len(all))
	for _, p := range all[:n] {
		e.forget(p)
	}
	e.stats.Evicted += uint64(n) //nolint:gosec // not negative
}

func (e *Engine) forget(p *Profile) {
	i := p.self
	_, key := e.store.find(e.store.ids[i])
	e.slots.release(&p.slots)
	delete(e.dossiers, i)
	delete(e.asides, i)
	delete(e.store.index, key)
	// A later id of the same hash must stay reachable: move it down.
	for next := key + 1; ; next++ {
		j, ok := e.store.index[next]
		if !ok || xxhash.Sum64String(e.store.ids[j]) == next {
			break
		}
		delete(e.store.index, next)
		e.store.index[next-1] = j
	}
	e.store.ids[i] = ""
	e.store.facts[i] = e.store.none
	*p = Profile{self: i}
	e.store.free = append(e.store.free, i)
	e.store.live--
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
