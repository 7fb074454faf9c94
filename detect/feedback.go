package detect

import (
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Verdicts of an analyst. Undone takes an earlier one back.
const (
	verdictAcknowledged  = "acknowledged"
	verdictExpected      = "expected"
	verdictFalsePositive = "false_positive"
	verdictUndone        = "undone"
)

// Bounds of what is remembered of verdicts.
const (
	maxVerdicts     = 1024
	maxBindings     = 64
	maxFeedbackText = 1024
	maxShownText    = 300
)

// verdict is what an analyst said of one alert, kept for as long as it holds:
// so that it can be taken back, and so that peers can learn of it.
type verdict struct {
	alert, identity string
	at              int64 // event time at which it took effect
	group           uint8
	silences        bool // expected or false positive
	version         int  // of the alert when the verdict closed it
	// word, by and reason are as they came, for lists.
	word, by, reason string
	bound            []binding
	consequence      uint16 // the profile's day of it, where the verdict cleared it
}

// binding is one (detector, value) that a verdict is about. An empty value
// stands for any.
type binding struct {
	detector, value string
	private         bool // says nothing to peers: declared or of consequence
	loosed          []loosed
}

// loosed is a value that the verdict took into the baseline.
type loosed struct {
	dim        Dimension
	hash       uint32
	quarantine uint8
}

// feedback takes in an analyst's word at its event time. Acknowledged closes
// the alert. Expected and false_positive do so too, silence (identity,
// detector, value) for 30 days, and let that value join the baseline; without a
// detector they hold for the findings that Covered names. What other findings
// hold stays held. Undone takes that back.
func (e *Engine) feedback(c *schemas.Control) {
	p, _ := e.store.find(c.IdentityId)
	if p == nil && e.ofIncident(c) {
		return
	}
	if p == nil || max(len(c.AlertId), len(c.Detector), len(c.Value)) > maxFeedbackText {
		e.stats.Unusable++
		return
	}
	at := max(c.Time, p.last)
	switch c.Verdict {
	case verdictAcknowledged, verdictExpected, verdictFalsePositive:
	case verdictUndone:
		if !e.undo(p, c, at) {
			e.stats.Unusable++
		}
		return
	default:
		e.stats.Unusable++
		return
	}
	d := e.dossiers[p.self]
	alert := d.byID(c.AlertId)
	v := e.verdict(p, c, at)
	silence := c.Verdict != verdictAcknowledged
	v.silences = v.silences || silence
	v.word, v.by, v.reason = c.Verdict, clone(clip(c.By, maxShownText)), clone(clip(c.Reason, maxShownText))
	grave := false
	if c.Detector != "" {
		m := metaOf(c.Detector)
		grave = m != nil && m.Family == FamilyConsequence
		e.say(p, v, binding{detector: c.Detector, value: c.Value, private: grave || m != nil && m.Basis == Declared}, silence, at)
	}
	var rest []bool
	if alert != nil && silence && c.Detector == "" {
		rest = spared(len(alert.parts), func(i int) (detector, value string, way Way) {
			q := &alert.parts[i]
			return q.meta.Name, q.Value, q.Way
		})
	}
	for i := 0; alert != nil && i < len(alert.parts); i++ {
		q := &alert.parts[i]
		if rest != nil && rest[i] {
			continue
		}
		if c.Detector != "" && (c.Detector != q.meta.Name || c.Value != "" && c.Value != q.Value) {
			continue
		}
		b := binding{detector: q.meta.Name, value: q.Value, private: q.Way == WayConsequence || q.meta.Basis == Declared || q.meta.Family == FamilyConsequence}
		if c.Detector != "" {
			b.value = c.Value
		}
		e.say(p, v, b, silence, at)
		if silence {
			e.confirm(p, v, q)
		}
		grave = grave || q.Way == WayConsequence
	}
	if silence && grave && !d.grave(alert) && p.consequence != 0 {
		v.consequence, p.consequence = p.consequence, 0
	}
	if alert != nil {
		e.emitClose(p, alert, at, c.Verdict+by(c.By))
		v.version = alert.version
		d.alerts = slices.DeleteFunc(d.alerts, func(a *openAlert) bool { return a == alert })
		if len(d.notes) == 0 && len(d.alerts) == 0 {
			delete(e.dossiers, p.self)
		}
	}
}

// Covered tells for each finding of an alert whether a verdict without a
// detector is about it. A finding whose value only says what was measured, such
// as "bytes", would be silent whatever the size: the verdict is about it only
// if that is what paged.
func Covered(findings []schemas.Finding) []bool {
	out := spared(len(findings), func(i int) (detector, value string, way Way) {
		f := &findings[i]
		for way = WayDeclared; way > WayDefault && way.String() != f.Way; way-- {
		}
		return f.Detector, f.Value, way
	})
	for i := range out {
		out[i] = !out[i]
	}
	return out
}

// spared are those of n findings that a verdict without a detector leaves out:
// sizes that paged nobody by themselves. Where nothing does, evidence paged
// together, and what has a value carries the verdict.
func spared(n int, of func(int) (detector, value string, way Way)) []bool {
	var value, valueAlone, sizeAlone bool
	for i := range n {
		detector, v, way := of(i)
		alone := way >= WayStrong
		if Sized(detector, v) {
			sizeAlone = sizeAlone || alone
		} else {
			value, valueAlone = true, valueAlone || alone
		}
	}
	out := make([]bool, n)
	for i := range out {
		if detector, v, way := of(i); Sized(detector, v) {
			out[i] = valueAlone || sizeAlone && way < WayStrong || !sizeAlone && value
		}
	}
	return out
}

// Sized reports whether a finding's value is no value but what was measured.
func Sized(detector, value string) bool {
	switch detector {
	case authFailuresCard.Name, callRateCard.Name, deniedProbingCard.Name, egressVolumeCard.Name, enumerationCard.Name, errorMixCard.Name,
		objectEnumerationCard.Name, peerDeviationCard.Name, riskCard.Name, sharedCredentialCard.Name, slowDriftCard.Name, tokenChurnCard.Name:
		return true
	case agentSpendCard.Name: // else a declared limit
		return value == "spend"
	case destroysDataCard.Name:
		return strings.HasPrefix(value, "volume of ")
	case secretAccessCard.Name, spawnsComputeCard.Name:
		return value == "volume" || value == "level"
	}
	return false
}

// byID is an open alert, or nil.
func (d *dossier) byID(id string) *openAlert {
	if d == nil {
		return nil
	}
	for _, a := range d.alerts {
		if a.id == id {
			return a
		}
	}
	return nil
}

// verdict is the one that is remembered of an alert; a new one, unless the same
// alert was spoken of before. The oldest give way.
func (e *Engine) verdict(p *Profile, c *schemas.Control, at int64) *verdict {
	id := e.store.ids[p.self]
	e.verdicts = slices.DeleteFunc(e.verdicts, func(v *verdict) bool { return !v.holds(at) })
	for _, v := range e.verdicts {
		if v.alert == c.AlertId && v.identity == id {
			v.at = max(v.at, at)
			return v
		}
	}
	if len(e.verdicts) >= maxVerdicts {
		e.verdicts = slices.Delete(e.verdicts, 0, len(e.verdicts)-maxVerdicts+1)
	}
	v := &verdict{alert: clone(c.AlertId), identity: id, at: at, group: p.group}
	e.verdicts = append(e.verdicts, v)
	return v
}

// closedAt is the version at which a verdict closed an alert, 0 if none did: one
// that is opened again in the same pane has the same id, and counts on.
func (e *Engine) closedAt(alert, identity string) int {
	for _, v := range e.verdicts {
		if v.alert == alert && v.identity == identity {
			return v.version
		}
	}
	return 0
}

// holds reports whether a verdict is still in force at a time.
func (v *verdict) holds(at int64) bool { return int(dayOf(at))-int(dayOf(v.at)) <= verdictDays }

// say adds what a verdict is about, and silences it if it is to.
func (e *Engine) say(p *Profile, v *verdict, b binding, silence bool, at int64) {
	if silence {
		e.bind(p, b.detector, b.value, at)
	}
	b.detector, b.value = clone(b.detector), clone(b.value)
	i := slices.IndexFunc(v.bound, func(x binding) bool { return x.detector == b.detector && x.value == b.value })
	if i < 0 {
		if len(v.bound) >= maxBindings {
			return
		}
		v.bound = append(v.bound, b)
		i = len(v.bound) - 1
	}
	if silence {
		e.loose(p, &v.bound[i], b.value)
	}
}

// loose takes a value into the baseline, in whatever dimension it is known, and
// remembers what held it.
func (e *Engine) loose(p *Profile, b *binding, value string) {
	if value == "" {
		return
	}
	for d := range dimensions {
		if s := e.slots.find(&p.slots, d, hashValue(d, value)); s != nil && d != Rule && d != Verdict {
			b.take(s, d)
		}
	}
}

func (b *binding) take(s *slot, d Dimension) {
	if q := s.quarantine(); q != 0 && len(b.loosed) < maxBindings {
		b.loosed = append(b.loosed, loosed{d, s.hash, q})
	}
	s.set(s.weight(), 0)
}

// confirm takes what a finding is about into the baseline: its value, and the
// consequence's class.
func (e *Engine) confirm(p *Profile, v *verdict, q *part) {
	b := &v.bound[len(v.bound)-1]
	if i := slices.IndexFunc(v.bound, func(x binding) bool { return x.detector == q.meta.Name && (x.value == q.Value || x.value == "") }); i >= 0 {
		b = &v.bound[i]
	}
	e.loose(p, b, q.Value)
	for rest := q.Capability; rest != 0; rest &= rest - 1 {
		if s := e.slots.find(&p.slots, CapabilityBit, capabilityHash(rest.First())); s != nil {
			b.take(s, CapabilityBit)
		}
	}
}

// undo takes back what was said of an alert, or of a detector and value: what
// was silenced speaks again at its next sighting, and what the verdict let into
// the baseline is held as before. It reports whether there was anything.
func (e *Engine) undo(p *Profile, c *schemas.Control, at int64) (done bool) {
	id := e.store.ids[p.self]
	about := func(b *binding) bool {
		return c.Detector == "" || b.detector == c.Detector && (c.Value == "" || b.value == c.Value)
	}
	for _, v := range e.verdicts {
		if v.identity != id || c.AlertId != "" && v.alert != c.AlertId || c.AlertId == "" && c.Detector == "" {
			continue
		}
		kept := v.bound[:0]
		for i := range v.bound {
			b := v.bound[i]
			if !about(&b) {
				kept = append(kept, b)
				continue
			}
			done = true
			e.unbind(p, v, &b, at)
		}
		clear(v.bound[len(kept):])
		v.bound = kept
		if len(kept) == 0 {
			// What is left only tells at which version the alert was closed.
			p.consequence = max(p.consequence, v.consequence)
			v.word, v.silences, v.consequence = verdictUndone, false, 0
		}
	}
	// A binding that another verdict makes too stays.
	for _, v := range e.verdicts {
		for i := range v.bound {
			if v.identity == id && v.silences && v.holds(at) {
				e.bind(p, v.bound[i].detector, v.bound[i].value, v.at)
			}
		}
	}
	return done
}

// unbind lets a detector and value speak again.
func (e *Engine) unbind(p *Profile, v *verdict, b *binding, at int64) {
	e.erase(p, Verdict, ruleHash(Verdict, b.detector, b.value, false))
	for _, refused := range [...]bool{false, true} {
		e.erase(p, Rule, ruleHash(Rule, b.detector, b.value, refused))
	}
	for _, l := range b.loosed {
		s := e.slots.find(&p.slots, l.dim, l.hash)
		if s == nil || s.quarantine() != 0 {
			continue
		}
		// A quarantine that would be over by now stays over.
		if l.quarantine == quarantineHeld || int(dayOf(at))-int(dayOf(v.at)) < quarantineDays {
			s.set(s.weight(), l.quarantine)
		}
	}
}

// erase removes a slot, if it is there.
func (e *Engine) erase(p *Profile, d Dimension, h uint32) {
	if e.slots.find(&p.slots, d, h) == nil {
		return
	}
	table := e.slots.table(&p.slots)
	for i := range table {
		if table[i].hash == h && table[i].dim == uint8(d)+1 {
			e.slots.remove(&p.slots, i)
			return
		}
	}
}

// peersFor is how many different identities of a kind must be judged alike
// before their peers hear of it.
const peersFor = 3

// peersLift is by how much the floor of a finding is raised, as -log10 p: ten
// times as rare.
const peersLift = 1

// lifted reports whether verdicts on three other identities of its kind called
// this detector and value expected within 30 days. It never does for declared
// rules and for consequences.
func (e *Engine) lifted(p *Profile, x *found, at int64) bool {
	if len(e.verdicts) < peersFor || x.meta.Basis == Declared || x.meta.Family == FamilyConsequence || x.Way == WayConsequence {
		return false
	}
	id := e.store.ids[p.self]
	var who [peersFor]string
	n := 0
	for _, v := range e.verdicts {
		if !v.silences || v.group != p.group || v.identity == id || !v.holds(at) || slices.Contains(who[:n], v.identity) {
			continue
		}
		for i := range v.bound {
			if b := &v.bound[i]; !b.private && b.detector == x.meta.Name && (b.value == "" || b.value == x.Value) {
				who[n] = v.identity
				n++
				break
			}
		}
		if n == peersFor {
			return true
		}
	}
	return false
}

// heed weakens what peers' verdicts called expected: on arrival, strong becomes
// evidence, and evidence counts for less.
func (e *Engine) heed(p *Profile, x *found, at int64) {
	way := x.Way
	if way == WayDefault {
		way = x.meta.Way
	}
	if way != WayStrong && way != WayFused || !e.lifted(p, x, at) {
		return
	}
	x.Way = WayFused
	x.Surprise = max(0, x.Surprise-peersLift)
}

// grave reports whether an open alert other than one has a consequence finding.
func (d *dossier) grave(but *openAlert) bool {
	if d == nil {
		return false
	}
	return slices.ContainsFunc(d.alerts, func(a *openAlert) bool {
		return a != but && slices.ContainsFunc(a.parts, func(q part) bool { return q.Way == WayConsequence })
	})
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + clone(who)
}

// bind silences a detector and value for this identity.
func (e *Engine) bind(p *Profile, detector, value string, at int64) {
	today := dayOf(at)
	h := ruleHash(Verdict, detector, value, false)
	s := e.slots.find(&p.slots, Verdict, h)
	if s == nil {
		s, _ = e.slots.insert(&p.slots, Verdict, h, today)
	}
	if s != nil {
		s.day = max(s.day, today)
	}
}

// visitVerdicts goes through what analysts said, in the order in which it came.
func (e *Engine) visitVerdicts(c *codec) {
	list(c, &e.verdicts, func(p **verdict) {
		if *p == nil {
			*p = &verdict{}
		}
		v := *p
		c.text(&v.alert)
		c.text(&v.identity)
		c.i64(&v.at)
		c.u8(&v.group)
		c.bool(&v.silences)
		c.num(&v.version)
		c.text(&v.word)
		c.text(&v.by)
		c.text(&v.reason)
		c.u16(&v.consequence)
		list(c, &v.bound, func(b *binding) {
			c.text(&b.detector)
			c.text(&b.value)
			c.bool(&b.private)
			list(c, &b.loosed, func(l *loosed) {
				dim := uint8(l.dim)
				c.u8(&dim)
				l.dim = Dimension(dim)
				c.u32(&l.hash)
				c.u8(&l.quarantine)
			})
		})
	})
}
