package enrich

import (
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

// MaxPolicies bounds the policies of an inventory: each identity is held against
// all of them when the inventory is loaded.
const MaxPolicies = 1000

var (
	policyKeys   = []string{"for", "allowed"}
	selectorKeys = []string{"id", "kind", "team", "environment", "criticality", "vendor"}
)

const (
	policyForNobody  = "for: a policy needs at least one of id, kind, team, environment, criticality and vendor: identities that have all of them are held to it"
	policyOfNothing  = "allowed: a policy needs one, such as allowed: {rate: {per_minute: 600, burst: 100}}"
	selectorNotEmpty = "%s: is empty: leave it out to ask nothing of it"
)

// policy reads one entry of policies.
func (d *decoder) policy(n *yaml.Node) {
	var p schemas.Policy
	said := d.problems.count()
	known := d.mapping(n, "a policy", policyKeys, func(key string, v *yaml.Node) {
		switch key {
		case "for":
			d.selector(v, &p.For)
		case "allowed":
			p.Allowed = d.allowed(v)
		}
	})
	if known && said == d.problems.count() {
		if p.For == (schemas.Selector{}) {
			d.problems.add(n.Line, policyForNobody)
		}
		if p.Allowed == nil {
			d.problems.add(n.Line, policyOfNothing)
		}
	}
	d.inv.Policies = append(d.inv.Policies, p)
}

func (d *decoder) selector(n *yaml.Node, s *schemas.Selector) {
	d.mapping(n, "for", selectorKeys, func(key string, v *yaml.Node) {
		var to *string
		switch key {
		case "id":
			to = &s.ID
		case "team":
			to = &s.Team
		case "vendor":
			to = &s.Vendor
		case "kind":
			d.enum(key, v, kinds, &s.Kind)
			return
		case "environment":
			d.enum(key, v, environments, &s.Environment)
			return
		case "criticality":
			d.enum(key, v, criticalities, &s.Criticality)
			return
		}
		if d.text(key, v, to); *to == "" {
			d.problems.add(v.Line, selectorNotEmpty, key)
		}
	})
}

// sharedPolicy is a compiled schemas.Policy.
type sharedPolicy struct {
	id, team, vendor               *pattern
	kind, environment, criticality string
	allowed                        *schemas.Allowed
	words                          string // whom it is for
}

func compileSharedPolicy(p *schemas.Policy) sharedPolicy {
	or := func(text string) *pattern {
		if text == "" {
			return nil
		}
		c := compilePattern(text)
		return &c
	}
	return sharedPolicy{
		id: or(p.For.ID), team: or(p.For.Team), vendor: or(p.For.Vendor),
		kind: p.For.Kind, environment: p.For.Environment, criticality: p.For.Criticality, allowed: p.Allowed,
		words: selectorWords(&p.For),
	}
}

// holds reports whether a policy is about an identity: it has all that the
// policy asks for. What an identity does not state it does not have.
func (p *sharedPolicy) holds(e *entry) bool {
	word := func(want, have string) bool { return want == "" || want == have }
	text := func(want *pattern, have string) bool { return want == nil || have != "" && want.match(have) }
	it := e.it
	return word(p.kind, it.Kind) && word(p.environment, it.Environment) && word(p.criticality, it.Criticality) &&
		text(p.id, e.id) && text(p.team, it.Team) && text(p.vendor, it.Vendor)
}

// inherit completes what an identity is allowed by the policies that are about
// it: what it states itself stands, then what the first of them states. It tells who
// states what.
func (b *indexBuilder) inherit(e *entry) (from origins) {
	allowed := e.it.Allowed
	for i := range b.shared {
		p := &b.shared[i]
		if !p.holds(e) {
			continue
		}
		have, more := states(allowed), states(p.allowed)
		for key := range from {
			if more[key] && !have[key] {
				from[key] = uint16(i + 1) //nolint:gosec // MaxPolicies an inventory
			}
		}
		allowed = mergeAllowed(allowed, p.allowed)
	}
	if allowed == e.it.Allowed {
		return from
	}
	it := *e.it // the inventory stays as it was given
	it.Allowed = allowed
	e.it = &it
	return from
}
