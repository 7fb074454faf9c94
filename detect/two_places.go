package detect

import (
	"net/netip"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// sharedCredentialPlaces is the card of an identity that is in two places: of the same
// detector as many machines on one credential.
var sharedCredentialPlaces = Meta{
	Name: sharedCredentialCard.Name, Rule: "places", Title: "Used in a strange place and at home", Basis: Learned, Family: FamilyPlace, Way: WayStrong,
	Severity: schemas.SeverityHigh, MinSample: "7 active days over 8 days, of an identity that lives in one or two countries",
	Floor: "a call from a new country, or from a new network of a cloud, hosting provider, VPN or Tor, and within three days one from a network that it is known for",
	Kept:  "the evidence of new-country and new-network", Model: "Good-Turing novelty rate of the identity (I. J. Good, 1953); a move ends the old place, a copy does not",
	Attacks: sharedCredentialCard.Attacks, NHI: sharedCredentialCard.NHI, API: sharedCredentialCard.API, NIST: sharedCredentialCard.NIST, PCI: sharedCredentialCard.PCI,
	FirstChecks: []string{
		"Ask the owner whether a second site, a failover or a developer's machine explains the other place.",
		"List every call from there: a copied key reads, or tries, what its owner never does.",
		"If nobody can explain it: give the owner a new key, then revoke this one.",
	},
}

const (
	// elsewhereSurprise is from which surprise on a place may be a thief's: less than
	// three calls in a hundred of such an identity come from somewhere new.
	elsewhereSurprise = 1.5
	elsewhereDays     = 7
)

// bothPlaces raises a new place that weak evidence speaks of as soon as the identity
// calls from a place that it is known for again. Who calls seldom has too little
// history for a new country to page by itself: vendors and partners move. But a move
// ends the old place; who copied a key works beside its owner.
func (e *Engine) bothPlaces(p *Profile, pane *Pane, d *dossier) {
	if pane.Backfill > 0 || p.Human() || p.Anonymous() || p.ActiveDays() < elsewhereDays || p.Age(pane.Last) < matureAge || e.lacks(offStrong) {
		return
	}
	var strange *note
	var home *sample
	for i := range d.notes {
		n := &d.notes[i]
		if n.tail == 0 || n.raised || n.hash == 0 || n.pane > pane.Number || n.Surprise < elsewhereSurprise ||
			n.dim != Country && n.dim != NetworkClass || n.meta != &newCountryCard && n.meta != &newNetworkCard {
			continue
		}
		// The order in which topics brought them must tell nothing.
		if strange != nil && (n.Surprise < strange.Surprise || n.Surprise == strange.Surprise && n.meta.Name+n.Value >= strange.meta.Name+strange.Value) {
			continue
		}
		if at := e.atHome(p, pane, n); at != nil {
			strange, home = n, at
		}
	}
	if strange == nil {
		return
	}
	strange.raised = true // once, or refused once
	if valuesOf(&e.cell, p, Country) > homeCountries+1 || !e.affordableAt(&sharedCredentialPlaces, strange.Surprise, hourOf(pane.Number)) {
		return
	}
	x := found{meta: &sharedCredentialPlaces, Finding: cloned(strange.Finding)}
	x.Way, x.Severity, x.Least = WayStrong, sharedCredentialPlaces.Severity, 0
	x.Did = "was used in a strange place and at home"
	x.Sentence += " At " + time.Unix(0, home.time).UTC().Format("2006-01-02 15:04 UTC") + " it called from " + home.from() + " again, a network that it is known for: a move would have ended that."
	x.Expected = "one place at a time"
	if !e.suspended(p, &x, pane.Last) {
		e.raiseAtClose(p, pane, pane.End(), []found{x}, []schemas.RelatedEvent{strange.sample})
	}
}

// atHome is a call of a pane, after what a note is about, from another country and
// a network that the identity is known for; nil where it has none.
func (e *Engine) atHome(p *Profile, pane *Pane, n *note) *sample {
	for i := sampleLargest - 1; i >= 0; i-- {
		s := &pane.samples[i]
		if s.time <= n.time || s.ipLen == 0 || s.outcome == uint8(schemas.Outcome_OUTCOME_DENIED) {
			continue
		}
		addr, err := netip.ParseAddr(string(s.ip[:s.ipLen]))
		if err != nil {
			continue
		}
		day := dayOf(s.time)
		if n.dim == Country {
			if s.country[0] == 0 {
				continue
			}
			if c := hashValue(Country, string(s.country[:])); c == n.hash || e.look(p, Country, c, day).State != Known {
				continue
			}
		}
		if e.look(p, Prefix, hashValue(Prefix, blockOf(addr)), day).State == Known {
			return s
		}
	}
	return nil
}

// blockOf is the /24 of an IPv4 address, the /48 of an IPv6 one, as events have it.
func blockOf(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}

// from words where a sample came from.
func (s *sample) from() string {
	if s.country[0] == 0 {
		return string(s.ip[:s.ipLen])
	}
	return string(s.ip[:s.ipLen]) + " (" + string(s.country[:]) + ")"
}
