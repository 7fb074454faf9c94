package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// usualCoverage is the share of identities that a diligent organisation knows.
const usualCoverage = 0.85

// managed says whether an identity stands in the inventory.
func (f *Fleet) managed(id *identity) bool {
	k := &f.kinds[id.kind]
	if k.as == asService || k.as == asNobody {
		return false
	}
	coverage := f.cfg.Coverage
	switch {
	case coverage < 0:
		return false
	case coverage == 0:
		coverage = usualCoverage
	}
	if d := f.declared[id.index]; d != nil && d.managed {
		return true
	}
	return unit(hash(id.seed, 500)) < coverage
}

// Inventory is what the organisation declares: most of its identities with
// owner, team and credentials, policies on some, its own networks and which
// accounts and hosts are production. It has gaps and stale entries, as
// inventories do. It is the same on every call; the caller owns it.
func (f *Fleet) Inventory() *schemas.Inventory {
	inv := &schemas.Inventory{}
	for i := range f.ids {
		if id := &f.ids[i]; f.managed(id) {
			inv.Identities = append(inv.Identities, f.entry(id))
		}
	}
	cidr := func(ip uint32, bits uint8) string { return string(appendCIDR(nil, ip, bits)) }
	for i, ip := range officeVPN {
		inv.Networks = append(inv.Networks, schemas.Network{CIDR: cidr(ip, 2), Name: fmt.Sprintf("office-vpn-%d", i+1), Class: "shared_egress"})
	}
	for i, ip := range dataCentres {
		inv.Networks = append(inv.Networks, schemas.Network{CIDR: cidr(ip, 3), Name: fmt.Sprintf("data-centre-%d", i+1), Class: "workload"})
	}
	for _, region := range []string{"us-east-1", "eu-west-1", "eu-central-1"} {
		for _, env := range []string{"production", "staging"} {
			for i := range 3 {
				inv.Networks = append(inv.Networks, schemas.Network{CIDR: cidr(nat(region, env, i), 0), Name: fmt.Sprintf("nat-%s-%s-%c", region, env, 'a'+i), Class: "workload"})
			}
		}
	}
	inv.Networks = append(inv.Networks, schemas.Network{CIDR: "10.20.0.0/16", Name: "vpc", Class: "workload"}, schemas.Network{CIDR: "10.40.0.0/16", Name: "pods", Class: "workload"})
	for _, t := range []struct{ account, env string }{{accountProd, "production"}, {accountData, "production"}, {accountStaging, "staging"}, {accountDev, "development"}, {accountSecurity, "production"}} {
		inv.Targets = append(inv.Targets, schemas.Target{Account: t.account, Environment: t.env})
	}
	for _, t := range []struct{ host, env string }{{hostProd, "production"}, {hostStaging, "staging"}, {hostDev, "development"}, {edgeProd, "production"}, {edgeStaging, "staging"}, {edgeDev, "development"}} {
		inv.Targets = append(inv.Targets, schemas.Target{Host: t.host, Environment: t.env})
	}
	slices.SortFunc(inv.Identities, func(a, b schemas.Identity) int { return strings.Compare(a.ID, b.ID) })
	return inv
}

// entry is one identity's record.
func (f *Fleet) entry(id *identity) schemas.Identity {
	k := &f.kinds[id.kind]
	what := func(n uint64) float64 { return unit(hash(id.seed, 510+n)) }
	e := schemas.Identity{ID: id.id, Kind: k.kind, Name: strings.ReplaceAll(id.stem, "-", " "), Team: id.team, Environment: id.env}
	if what(1) < 0.92 {
		e.Owner = people[hash(id.seed, 520)%uint64(len(people))] + "@harborline.example"
	}
	e.Criticality = [...]string{"low", "medium", "medium", "high", "critical"}[hash(id.seed, 521)%5]
	if id.env != "production" {
		e.Criticality = "low"
	}
	switch k.name {
	case "vendor", "saas", "partner", "reader", "edge-user", "edge-reader":
		e.Vendor = strings.Split(id.stem, "-")[0] + " ltd"
	}
	if k.as == asRole && k.kind != "human" && what(2) < 0.6 {
		e.Aliases = []string{"arn:aws:iam::" + id.account + ":role/" + id.name}
	}
	if what(3) < 0.6 {
		for i := range 1 + hash(id.seed, 522)%3 {
			e.Dependants = append(e.Dependants, domains[hash(id.seed, 523, i)%uint64(len(domains))])
		}
		slices.Sort(e.Dependants)
		e.Dependants = slices.Compact(e.Dependants)
	}
	if what(4) < 0.5 {
		e.Runbook = "https://wiki.harborline.example/runbooks/" + id.stem
	}
	if what(5) < 0.5 {
		e.Route = id.team + "-oncall"
	}
	for i := range id.keys {
		e.Credentials = append(e.Credentials, f.credential(id, i))
	}
	d := f.declared[id.index]
	if d == nil || !d.plain {
		e.Allowed = f.policies(id)
	}
	if d != nil {
		d.fill(&e)
	}
	return e
}

// fill adds what a scenario declares.
func (d *declaration) fill(e *schemas.Identity) {
	if d.credentials != nil {
		e.Credentials = d.credentials
	}
	e.Exceptions = d.exceptions
	e.LastUsed, e.OffboardedAt = d.lastUsed, d.offboarded
	a := d.allowed
	if a.Operations != nil || a.Countries != nil || a.Regions != nil || a.Schedule != nil || a.Rate != nil {
		e.Allowed = &a
	}
}

// stale says that an identity's credential is past its rotation.
func stale(id *identity) bool { return len(id.keys) == 1 && unit(hash(id.seed, 530)) < 0.15 }

func (f *Fleet) credential(id *identity, i int) schemas.KnownCredential {
	c := schemas.KnownCredential{Ref: id.keys[i].ref, Type: "access_key", Issued: time.UnixMilli(f.start - int64(5+hash(id.seed, 531)%40)*dayMS).UTC(), RotateEvery: schemas.Duration(90 * 24 * time.Hour)}
	if f.kinds[id.kind].form != formatCloudTrail {
		c.Type, c.RotateEvery = "api_key", schemas.Duration(180*24*time.Hour)
	}
	if stale(id) {
		c.Issued = time.UnixMilli(f.start - int64(200+hash(id.seed, 531)%500)*dayMS).UTC()
	}
	return c
}

// policies are what some identities are limited to; their own traffic keeps to
// it, also through the changes that the fleet makes on purpose.
func (f *Fleet) policies(id *identity) *schemas.Allowed {
	k := &f.kinds[id.kind]
	a, some := schemas.Allowed{}, false
	draw := func(n uint64, p float64) bool { return unit(hash(id.seed, 540+n)) < p }
	nets := slices.Clone(id.nets)
	for i := range id.effects {
		nets = append(nets, id.effects[i].nets...)
	}
	if draw(1, 0.25) {
		if cc := countriesOf(nets); len(cc) > 0 && id.private == nil {
			a.Countries, some = cc, true
		}
	}
	if draw(2, 0.15) && id.private == nil && k.kind != "human" {
		for _, n := range nets {
			if n.pool != nil {
				a.Networks = nil
				break
			}
			if c := string(appendCIDR(nil, n.base, n.bits)); !slices.Contains(a.Networks, c) {
				a.Networks = append(a.Networks, c)
			}
		}
		some = some || a.Networks != nil
	}
	if k.form == formatCloudTrail && draw(3, 0.2) {
		a.Regions, some = []string{id.region}, true
		if id.region != "us-east-1" {
			a.Regions = append(a.Regions, "us-east-1") // global services log there
		}
		for i := range id.effects {
			if r := id.effects[i].region; r != "" {
				a.Regions = append(a.Regions, r)
			}
		}
	}
	if draw(4, 0.12) && !slices.ContainsFunc(id.effects, func(e effect) bool { return e.extra != nil }) && k.kind != "human" {
		a.Operations, some = f.scopes(id), true
	}
	if draw(5, 0.15) && k.form == formatKong {
		a.Rate, some = &schemas.Rate{PerMinute: 300, Burst: 300}, true
	}
	if nightly(f, id) && len(k.tails) == 0 && draw(6, 0.4) {
		a.Schedule, some = &schemas.Schedule{Timezone: "UTC", Windows: []string{"Mon-Sun 00:00-16:00"}}, true
	}
	if draw(7, 0.3) {
		a.Environments, some = []string{id.env}, true
	}
	if !some {
		return nil
	}
	return &a
}

// scopes are patterns for all that an identity does.
func (f *Fleet) scopes(id *identity) []string {
	k := &f.kinds[id.kind]
	var ops []*op
	for i := range k.flows {
		for j := range k.flows[i] {
			for l := range k.flows[i][j].steps {
				ops = append(ops, k.flows[i][j].steps[l].op)
			}
		}
	}
	ops = append(ops, k.tails...)
	if k.form != formatCloudTrail {
		// At a gateway, scopes name routes: only what this identity uses.
		ops = (&act{f: f, id: id}).own(true)
		ops = append(ops, (&act{f: f, id: id}).own(false)...)
		if len(k.tails) > 0 {
			for n := range uint64(24) {
				ops = append(ops, k.tails[hash(id.seed, 17, n)%uint64(len(k.tails))])
			}
		}
	}
	var out []string
	for _, o := range ops {
		p := o.pattern()
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// pattern is how a scope would name an operation.
func (o *op) pattern() string {
	if o.method == "" {
		return strings.TrimSuffix(o.source, ".amazonaws.com") + ":*"
	}
	var b strings.Builder
	b.WriteString(o.method)
	b.WriteByte(' ')
	for _, seg := range o.path {
		text, _, query := strings.Cut(seg.text, "?")
		b.WriteString(text)
		if query {
			break
		}
		if seg.v != varNone {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// housekeeping labels what is true of an identity all the time.
func (f *Fleet) housekeeping() {
	for i := range f.ids {
		id := &f.ids[i]
		k := &f.kinds[id.kind]
		if k.as == asNobody {
			continue
		}
		l := Label{Kind: KindHousekeeping, Identity: id.id, Start: f.Start(), End: f.End()}
		if !f.managed(id) {
			l.ID, l.Name, l.Case, l.Title = "unmanaged/"+id.id, "unmanaged", 1, "The identity is in no inventory."
			f.labels = append(f.labels, l)
			continue
		}
		d := f.declared[id.index]
		if stale(id) && (d == nil || d.credentials == nil) || d != nil && slices.ContainsFunc(d.credentials, func(c schemas.KnownCredential) bool {
			return c.RotateEvery > 0 && c.Issued.Add(time.Duration(c.RotateEvery)).Before(f.End())
		}) {
			l.ID, l.Name, l.Case, l.Title = "stale/"+id.id, "stale", 3, "Its credential is older than its rotation allows."
			f.labels = append(f.labels, l)
		}
	}
}
