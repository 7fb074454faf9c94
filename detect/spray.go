package detect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var sprayCard = Meta{
	Name: "spray", Title: "One source is refused as many identities", Basis: Learned, Family: FamilyDenial, Way: WayStrong,
	Severity: schemas.SeverityMedium, Wake: OnDenied,
	MinSample: "none: the source must be unknown to each of the identities", Floor: "5 identities refused from one address within 30 minutes, in one log; never from shared egress or declared networks",
	Kept:    "nothing of each identity; of each address and quarter of an hour the first 32 identities, 20,000 addresses a cell",
	Model:   "a count of identities by address, taken when the log's time passes a quarter of an hour",
	Attacks: []schemas.Technique{{UID: "T1110.003", Name: "Password Spraying"}},
	NHI:     []string{"NHI4:2025"}, API: []string{"API2:2023"}, NIST: []string{"DE.CM-01", "DE.AE-03"}, PCI: []string{"8.3.4", "10.2.1.4", "10.4.1"},
	FirstChecks: []string{
		"See whether any call from this address was accepted, as anybody (lapwing hunt run address-history -p alert=ID): that credential is lost.",
		"Block the address where the calls come in.",
		"Find out what the identities have in common: a repository, an image, a customer whose keys leaked.",
	},
}

// spray finds one address that tries the credentials of many identities. It is
// one incident, whose members are the identities; none of them alone shows it.
type spray struct{ arrivalOnly }

const (
	sprayFloor  = 5
	sprayWindow = 2 * PaneLength
	// Bounds: addresses watched, and identities of one in a pane.
	maxSprays   = 20_000
	sprayedMost = 32
)

// Meta implements Detector.
func (spray) Meta() *Meta { return &sprayCard }

// Observe implements Detector.
func (spray) Observe(c *Cell, p *Profile, call *Call, _ *Findings) {
	if call.Late || call.Backfill || call.Event.SrcIp == "" || call.Sight(Address).State == Known || call.Sight(Prefix).State == Known || placeless(c, call) {
		return
	}
	// One that has no home yet counts once the fleet is known: until then
	// everybody comes from somewhere new.
	if p.activeDays < 2 && !fleetKnown(c, call) {
		return
	}
	c.e.sprayed(p, call)
}

// sprayKey is an address as one log shows it: of one log, everything up to a
// pane has come when its time passes it.
type sprayKey struct {
	topic  uint8
	source string
}

func compareSprayKeys(a, b sprayKey) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), strings.Compare(a.source, b.source))
}

// sprayPane are the identities refused from a source in a pane: those of least
// (id), so that no order of arrival matters.
type sprayPane struct {
	pane   int64
	ids    []string
	sample schemas.RelatedEvent // the earliest refusal
}

// sprays is what a cell knows of addresses that were refused.
type sprays struct{ seen map[sprayKey][]sprayPane }

func (s *sprays) init() { s.seen = map[sprayKey][]sprayPane{} }

// sprayed notes a refusal.
func (e *Engine) sprayed(p *Profile, call *Call) {
	topic := int(call.topic)
	pane := call.pane
	if t := &e.clock.topics[topic]; t.started && pane < t.boundary {
		return // the pane is over
	}
	key := sprayKey{call.topic, call.Event.SrcIp}
	list, ok := e.sprays.seen[key]
	if !ok {
		if len(e.sprays.seen) >= maxSprays {
			e.stats.SpraysRefused++
			return
		}
		key.source = clone(key.source)
	}
	i, found := slices.BinarySearchFunc(list, pane, func(x sprayPane, n int64) int { return compare(x.pane, n) })
	if !found {
		list = slices.Insert(list, i, sprayPane{pane: pane})
	}
	x := &list[i]
	id := e.store.ids[p.self]
	if at, have := slices.BinarySearch(x.ids, id); !have && at < sprayedMost {
		x.ids = slices.Insert(x.ids, at, id)
		x.ids = x.ids[:min(len(x.ids), sprayedMost)]
	}
	if r := relatedOf(call.Event); x.sample.UID == "" || r.Time < x.sample.Time || r.Time == x.sample.Time && r.UID < x.sample.UID {
		x.sample = r
	}
	e.sprays.seen[key] = list
}

// judgeSprays looks at the panes of a log that its time has passed: n and those
// before it.
func (e *Engine) judgeSprays(topic int, n int64) {
	if len(e.sprays.seen) == 0 {
		return
	}
	var keys []sprayKey
	for k := range e.sprays.seen {
		if int(k.topic) == topic {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b sprayKey) int { return strings.Compare(a.source, b.source) })
	for _, k := range keys {
		list := e.sprays.seen[k]
		for i := range list {
			x := &list[i]
			if x.pane > n {
				break
			}
			if x.pane < 0 || x.ids == nil {
				continue
			}
			all := slices.Clone(x.ids)
			if i > 0 && list[i-1].pane == x.pane-1 {
				for _, id := range list[i-1].ids {
					if !slices.Contains(all, id) {
						all = append(all, id)
					}
				}
			}
			if len(all) >= sprayFloor {
				e.raiseSpray(k.source, x, all)
			}
		}
		// The newest judged pane stays, for the one that follows it.
		keep := 0
		for keep < len(list) && list[keep].pane < n {
			keep++
		}
		if list = slices.Delete(list, 0, keep); len(list) == 0 {
			delete(e.sprays.seen, k)
		} else {
			e.sprays.seen[k] = list
		}
	}
}

func (e *Engine) raiseSpray(source string, x *sprayPane, all []string) {
	if e.off[sprayCard.Name] {
		return
	}
	slices.Sort(all)
	at := (x.pane+1)*PaneLength - 1
	f := found{meta: &sprayCard, Finding: Finding{
		Way: WayStrong, Severity: sprayCard.Severity, Value: source,
		Did:      "was refused as " + thousands(len(all)) + " identities",
		Sentence: source + " was refused as " + thousands(len(all)) + " identities within 30 minutes, none of which is known there.",
		Observed: thousands(len(all)) + " identities refused from " + source, Expected: "no source that tries more than its own",
		Rarity: "None of them was ever seen there.",
	}}
	severity := sprayCard.Severity
	if len(all) >= 4*sprayFloor {
		severity++
	}
	for _, id := range all {
		e.shows(cause{causeSpray, source}, sighted{at: at, identity: id, x: f, severity: severity, sample: x.sample})
	}
}

func (s *sprays) visit(c *codec) {
	keys := make([]sprayKey, 0, len(s.seen))
	for k := range s.seen {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareSprayKeys)
	list(c, &keys, func(k *sprayKey) {
		c.u8(&k.topic)
		c.text(&k.source)
		v := s.seen[*k]
		list(c, &v, func(x *sprayPane) {
			c.i64(&x.pane)
			c.texts(&x.ids)
			visitRelated(c, &x.sample)
		})
		if !c.writing() && c.err == nil {
			s.seen[*k] = v
		}
	})
}
