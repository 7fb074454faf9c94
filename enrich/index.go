package enrich

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// entry is one declared identity in the compiled inventory.
type entry struct {
	it  *schemas.Identity
	id  string // canonical
	pol *policy
}

// credential is a declared credential and the identity it belongs to.
type credential struct {
	owner int32
	known *schemas.KnownCredential
}

// index is the compiled inventory of all sources. It is immutable once built:
// readers hold it without a lock. It refers to the inventories it was built
// from, which therefore must not change any more.
type index struct {
	entries  []entry
	byName   map[string]int32 // canonical ids and aliases, as spelled and canonical
	byRef    map[string]credential
	networks *networkTable
	watch    *watchlist
	accounts map[string]string
	hosts    map[string]string
	wildcard []hostPattern
	owners   map[string]string // of resources by their whole names
	owned    []ownedPattern
	// Policies that could not be compiled; the parser refuses these, so only an
	// inventory made by other means has any.
	ignored int
	hashed  int // credentials declared by hmac:…
}

type hostPattern struct {
	pattern     pattern
	environment string
}

// ownedPattern names the owner of the resources that a pattern names.
type ownedPattern struct {
	pattern pattern
	owner   string
}

// indexBuilder builds an index from inventories, the strongest source first.
type indexBuilder struct {
	ix    *index
	zones zones
	hash  func(ref string) []string
	// Compiled policies by all that they state, and a key to reuse.
	policies map[string]*policy
	key      []byte
	shared   []sharedPolicy
}

// buildIndex merges and compiles inventories given in order of precedence; nil
// ones are left out. hash gives the keyed hashes under which logs may show a
// credential that is declared in plain.
func buildIndex(hash func(ref string) []string, sources ...*schemas.Inventory) *index {
	n, names, refs := 0, 0, 0
	for _, inv := range sources {
		if inv == nil {
			continue
		}
		n += len(inv.Identities)
		for i := range inv.Identities {
			names += 1 + len(inv.Identities[i].Aliases)
			refs += len(inv.Identities[i].Credentials)
		}
	}
	b := indexBuilder{zones: make(zones), hash: hash, policies: map[string]*policy{}, ix: &index{
		entries: make([]entry, 0, n), byName: make(map[string]int32, names), byRef: make(map[string]credential, refs),
		accounts: make(map[string]string), hosts: make(map[string]string),
	}}
	var networks [][]schemas.Network
	var watched [][]schemas.Watched
	for _, inv := range sources {
		if inv == nil {
			continue
		}
		for i := range inv.Identities {
			b.add(&inv.Identities[i])
		}
		networks, watched = append(networks, inv.Networks), append(watched, inv.Watch)
		for i := range inv.Policies {
			b.shared = append(b.shared, compileSharedPolicy(&inv.Policies[i]))
		}
		for i := range inv.Targets {
			b.target(&inv.Targets[i])
		}
	}
	b.ix.networks = newNetworkTable(networks...)
	b.ix.watch = newWatchlist(hash, watched...)
	for i := range b.ix.entries {
		b.compile(int32(i))
	}
	return b.ix
}

// add registers an identity, or merges it into the one of a stronger source
// that has its id or one of its aliases.
func (b *indexBuilder) add(it *schemas.Identity) {
	id := Canonical(it.ID)
	at, known := b.ix.byName[id]
	for i := 0; !known && i < len(it.Aliases); i++ {
		at, known = b.ix.byName[Canonical(it.Aliases[i])]
	}
	if known {
		merged := mergeIdentity(b.ix.entries[at].it, it)
		b.ix.entries[at].it = merged
	} else {
		at = int32(len(b.ix.entries)) //nolint:gosec // bounded by the sizes of the inventories
		b.ix.entries = append(b.ix.entries, entry{it: it, id: id})
	}
	b.name(id, at)
	b.name(it.ID, at)
	for _, a := range it.Aliases {
		b.name(a, at)
		b.name(Canonical(a), at)
	}
}

// name keeps the first claim on a name: the stronger source's.
func (b *indexBuilder) name(name string, at int32) {
	if _, taken := b.ix.byName[name]; !taken {
		b.ix.byName[name] = at
	}
}

func (b *indexBuilder) target(t *schemas.Target) {
	put := func(m map[string]string, key string) {
		if _, taken := m[key]; !taken {
			m[key] = t.Environment
		}
	}
	if t.Resource != "" {
		b.owned(t)
		return
	}
	if t.Account != "" {
		put(b.ix.accounts, t.Account)
	}
	switch {
	case t.Host == "":
	case strings.Contains(t.Host, "*"):
		b.ix.wildcard = append(b.ix.wildcard, hostPattern{compilePattern(t.Host), t.Environment})
	default:
		put(b.ix.hosts, t.Host)
	}
}

// owned notes whose a resource is; the stronger source's word, and the first, stands.
func (b *indexBuilder) owned(t *schemas.Target) {
	if strings.Contains(t.Resource, "*") {
		if len(b.ix.owned) < MaxOwnedPatterns {
			b.ix.owned = append(b.ix.owned, ownedPattern{compilePattern(t.Resource), t.Owner})
		}
		return
	}
	if b.ix.owners == nil {
		b.ix.owners = map[string]string{}
	}
	if _, taken := b.ix.owners[t.Resource]; !taken {
		b.ix.owners[t.Resource] = t.Owner
	}
}

func (b *indexBuilder) compile(at int32) {
	e := &b.ix.entries[at]
	from := b.inherit(e)
	for i := range e.it.Credentials {
		c := &e.it.Credentials[i]
		b.ref(c.Ref, credential{at, c})
		if strings.HasPrefix(c.Ref, "hmac:") {
			b.ix.hashed++
			continue
		}
		if b.hash == nil {
			continue
		}
		for _, h := range b.hash(c.Ref) {
			b.ref(h, credential{at, c})
		}
	}
	if e.it.Allowed == nil {
		return
	}
	// Policies are few where identities are many.
	b.key = b.key[:0]
	for _, n := range from {
		b.key = binary.LittleEndian.AppendUint16(b.key, n)
	}
	b.key = policyKey(b.key, e.it.Allowed)
	if same, ok := b.policies[string(b.key)]; ok {
		e.pol = same
		return
	}
	p, err := compilePolicy(e.it.Allowed, b.zones)
	p.inForce = inForce(e.it.Allowed, from, b.shared)
	e.pol = p
	if err != nil {
		b.ix.ignored++
	} else if len(b.policies) < maxSharedPolicies {
		b.policies[string(b.key)] = p
	}
}

// maxSharedPolicies bounds the policies that are looked for among the others.
const maxSharedPolicies = 1 << 16

// policyKey writes all that a policy states: equal keys, equal policies.
func policyKey(b []byte, a *schemas.Allowed) []byte {
	lists := [][]string{a.Operations, a.Countries, a.Regions, a.Networks, a.Environments}
	if a.Schedule != nil {
		lists = append(lists, []string{a.Schedule.Timezone}, a.Schedule.Windows)
	}
	for _, list := range lists {
		for _, s := range list {
			b = binary.AppendUvarint(b, uint64(len(s))+1)
			b = append(b, s...)
		}
		b = append(b, 0)
	}
	if a.Rate == nil {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = binary.AppendUvarint(b, math.Float64bits(a.Rate.PerMinute))
		b = binary.AppendUvarint(b, uint64(a.Rate.Burst))
	}
	if a.Spend != nil {
		b = binary.AppendUvarint(b, math.Float64bits(a.Spend.PerDay))
		b = binary.AppendUvarint(b, a.Spend.TokensPerDay)
	}
	if a.Workloads != nil {
		b = append(b, 0xff, 0xff) // begins no limit of spending
		b = binary.AppendUvarint(b, uint64(*a.Workloads))
	}
	return b
}

func (b *indexBuilder) ref(ref string, c credential) {
	if _, taken := b.ix.byRef[ref]; !taken && ref != "" {
		b.ix.byRef[ref] = c
	}
}

// find looks an event's identity up by its canonical id, then by its principal
// as logged. A principal without a scheme ("ci") is too short to name one thing
// across all sources.
func (ix *index) find(ev *schemas.Event) *entry {
	if at, ok := ix.byName[ev.IdentityId]; ok {
		return &ix.entries[at]
	}
	if strings.IndexByte(ev.Principal, ':') > 0 {
		if at, ok := ix.byName[ev.Principal]; ok {
			return &ix.entries[at]
		}
	}
	return nil
}

// targetOwner is the attribute that names the owner of what a call touches.
const targetOwner = "target_owner"

// own attaches who owns what a call touches first, where the inventory says so.
func (ix *index) own(ev *schemas.Event) {
	if len(ev.Resources) == 0 || len(ix.owners) == 0 && len(ix.owned) == 0 {
		return
	}
	owner, ok := ix.owners[ev.Resources[0]]
	for i := 0; !ok && i < len(ix.owned); i++ {
		if ix.owned[i].pattern.match(ev.Resources[0]) {
			owner, ok = ix.owned[i].owner, true
		}
	}
	if !ok {
		return
	}
	if ev.Attributes == nil {
		ev.Attributes = make(map[string]string, 1)
	}
	ev.Attributes[targetOwner] = owner
}

// targetEnvironment is the environment that a call touched, or "". What the
// resource's owner is mapped to decides; only a call that names no other
// owner is placed by its host, its account or what the log itself says.
func (ix *index) targetEnvironment(ev *schemas.Event) string {
	if ev.TargetAccount != "" {
		return ix.accounts[ev.TargetAccount]
	}
	if ev.Host != "" {
		if env, ok := ix.hosts[ev.Host]; ok {
			return env
		}
		for i := range ix.wildcard {
			if ix.wildcard[i].pattern.match(ev.Host) {
				return ix.wildcard[i].environment
			}
		}
	}
	if env, ok := ix.accounts[ev.Account]; ok {
		return env
	}
	if env := ev.Attributes["target_environment"]; slices.Contains(environments, env) {
		return env
	}
	return ""
}

// mergeIdentity completes a declaration by a weaker one, field by field: what
// the stronger states stands. Credentials are merged by reference, labels and
// exceptions by name, aliases as a set.
func mergeIdentity(strong, weak *schemas.Identity) *schemas.Identity {
	m := *strong
	for _, f := range []struct {
		to   *string
		from string
	}{
		{&m.Kind, weak.Kind}, {&m.Name, weak.Name}, {&m.Owner, weak.Owner}, {&m.Team, weak.Team}, {&m.Environment, weak.Environment},
		{&m.Criticality, weak.Criticality}, {&m.Vendor, weak.Vendor}, {&m.Runbook, weak.Runbook}, {&m.Route, weak.Route},
	} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	firstTime(&m.LastUsed, weak.LastUsed)
	firstTime(&m.OffboardedAt, weak.OffboardedAt)
	m.Aliases = slices.Clone(m.Aliases)
	for _, a := range append([]string{weak.ID}, weak.Aliases...) {
		if a != m.ID && !slices.Contains(m.Aliases, a) {
			m.Aliases = append(m.Aliases, a)
		}
	}
	firstList(&m.Dependants, weak.Dependants)
	m.Allowed = mergeAllowed(m.Allowed, weak.Allowed)
	m.Credentials = mergeCredentials(m.Credentials, weak.Credentials)
	m.Exceptions = slices.Concat(m.Exceptions, weak.Exceptions)
	if len(weak.Labels) > 0 {
		labels := maps.Clone(weak.Labels)
		maps.Copy(labels, m.Labels)
		m.Labels = labels
	}
	return &m
}

func mergeAllowed(strong, weak *schemas.Allowed) *schemas.Allowed {
	if strong == nil || weak == nil {
		if strong == nil {
			return weak
		}
		return strong
	}
	m := *strong
	firstList(&m.Operations, weak.Operations)
	firstList(&m.Countries, weak.Countries)
	firstList(&m.Regions, weak.Regions)
	firstList(&m.Networks, weak.Networks)
	firstList(&m.Environments, weak.Environments)
	if m.Schedule == nil {
		m.Schedule = weak.Schedule
	}
	if m.Rate == nil {
		m.Rate = weak.Rate
	}
	if m.Spend == nil {
		m.Spend = weak.Spend
	}
	if m.Workloads == nil {
		m.Workloads = weak.Workloads
	}
	return &m
}

func mergeCredentials(strong, weak []schemas.KnownCredential) []schemas.KnownCredential {
	out := slices.Clone(strong)
	for _, w := range weak {
		i := slices.IndexFunc(out, func(c schemas.KnownCredential) bool { return c.Ref == w.Ref })
		if i < 0 {
			out = append(out, w)
			continue
		}
		c := &out[i]
		if c.Type == "" {
			c.Type = w.Type
		}
		c.Honey = c.Honey || w.Honey
		if c.Fingerprint == "" {
			c.Fingerprint = w.Fingerprint
		}
		if c.RotateEvery == 0 {
			c.RotateEvery = w.RotateEvery
		}
		firstTime(&c.Issued, w.Issued)
		firstTime(&c.Expires, w.Expires)
		firstTime(&c.Revoked, w.Revoked)
	}
	return out
}

func firstTime(to *time.Time, from time.Time) {
	if to.IsZero() {
		*to = from
	}
}

func firstList(to *[]string, from []string) {
	if len(*to) == 0 {
		*to = from
	}
}

// Merge gives the identities that several inventories declare together, the
// strongest first: one identity each, merged field by field as the enricher
// does, in the order of their first declaration and under their canonical ids.
// Inventories may be nil; they must not be changed afterwards.
func Merge(sources ...*schemas.Inventory) []schemas.Identity {
	ix := buildIndex(nil, sources...)
	out := make([]schemas.Identity, len(ix.entries))
	for i := range ix.entries {
		out[i] = *ix.entries[i].it
		out[i].ID = ix.entries[i].id
	}
	return out
}
