package enrich

import "github.com/lapwing-sec/lapwing/schemas"

// named is who one text stands for: the id, and the identity that the index
// has under it, or nil.
type named struct {
	id  string
	ent *entry
	// plain: the identity declares no more than facts, which are copies of its
	// own. With a million identities an event costs what it waits for memory, and
	// the inventory's record of an identity lies in six other places.
	plain bool
	as    string // the identity's id, where id is one of its aliases
	facts facts
}

// facts are what an identity is declared to be.
type facts struct {
	kind, name, owner, team, environment, criticality, vendor, route, runbook string
}

func factsOf(it *schemas.Identity) facts {
	return facts{it.Kind, it.Name, it.Owner, it.Team, it.Environment, it.Criticality, it.Vendor, it.Route, it.Runbook}
}

// state writes the facts into an event.
func (f *facts) state(ev *schemas.Event) {
	ev.IdentityKind, ev.IdentityName, ev.Owner, ev.Team = f.kind, f.name, f.owner, f.team
	ev.Environment, ev.Criticality, ev.Vendor, ev.Route, ev.Runbook = f.environment, f.criticality, f.vendor, f.route, f.runbook
}

// newNames makes the caches of ids, for one index.
func newNames() []*cache[named] {
	names := make([]*cache[named], len(families))
	for i := range families {
		if families[i].sole != nil {
			names[i] = newCache[named](nameBits)
		}
	}
	return names
}

// resolve is Resolve, remembering who one text stands for. It gives what is
// remembered, or nil.
func (st *state) resolve(ev *schemas.Event) *named {
	key, at := soleName(ev)
	if key == "" {
		Resolve(ev)
		return nil
	}
	if known := st.names[at].get(key); known != nil {
		ev.IdentityId = known.id
		return known
	}
	Resolve(ev)
	// Another part of the event may have decided after all.
	only := schemas.EventFromVTPool()
	defer only.ReturnToVTPool()
	only.Format, only.PrincipalType, only.Principal, only.PrincipalIssuer = ev.Format, ev.PrincipalType, key, ev.PrincipalIssuer
	if ev.Anonymous || families[at].resolve(only) != ev.IdentityId {
		return nil
	}
	both := key + ev.IdentityId // beside each other in memory
	key, n := both[:len(key)], named{id: both[len(key):]}
	if i, ok := st.index.byName[n.id]; ok {
		n.ent = &st.index.entries[i]
		it := n.ent.it
		n.as, n.facts = n.ent.id, factsOf(it)
		n.plain = n.ent.pol == nil && len(it.Dependants) == 0 && len(it.Exceptions) == 0 && it.LastUsed.IsZero() && it.OffboardedAt.IsZero()
	}
	return st.names[at].put(key, n)
}

// attach is that of the entry, where there is nothing to judge by but the
// environment.
func (n *named) attach(ev *schemas.Event, d *schemas.Declared) {
	d.Managed = true
	ev.IdentityId, ev.Anonymous = n.as, false
	n.facts.state(ev)
	ev.Dependants = ev.Dependants[:0]
	judgeEnvironment(n.facts.environment, nil, d)
}
