package enrich

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

func (d *decoder) inventory(n *yaml.Node) {
	d.mapping(n, "the inventory", inventoryKeys, func(key string, v *yaml.Node) {
		switch key {
		case "identities":
			if v.Kind == yaml.SequenceNode && len(v.Content) <= MaxIdentities {
				d.inv.Identities = slices.Grow(d.inv.Identities, len(v.Content))
			}
			d.each(key, v, MaxIdentities, d.identity)
		default:
			d.section(key, v)
		}
	})
}

// section reads the parts of the file other than the identities.
func (d *decoder) section(key string, v *yaml.Node) {
	switch key {
	case "policies":
		d.each(key, v, MaxPolicies, d.policy)
	case "networks":
		d.each(key, v, MaxNetworks, d.network)
	case "targets":
		d.each(key, v, MaxTargets, d.target)
	case "watch":
		d.each(key, v, MaxWatched, d.watched)
	}
}

func (d *decoder) identity(n *yaml.Node) {
	d.inv.Identities = append(d.inv.Identities, schemas.Identity{})
	it := &d.inv.Identities[len(d.inv.Identities)-1]
	line := n.Line
	known := d.mapping(n, "an identity", identityKeys, func(key string, v *yaml.Node) {
		switch key {
		case "id":
			line = v.Line
			d.own(key, v, &it.ID)
		case "kind":
			d.enum(key, v, kinds, &it.Kind)
		case "name":
			d.own(key, v, &it.Name)
		case "owner":
			d.text(key, v, &it.Owner)
		case "team":
			d.text(key, v, &it.Team)
		case "environment":
			d.enum(key, v, environments, &it.Environment)
		case "criticality":
			d.enum(key, v, criticalities, &it.Criticality)
		case "vendor":
			d.text(key, v, &it.Vendor)
		case "aliases":
			it.Aliases = d.refs(key, v)
		case "dependants":
			it.Dependants = d.list(key, v, nil)
		case "runbook":
			d.text(key, v, &it.Runbook)
			if err := checkURL(it.Runbook); err != nil {
				d.problems.add(v.Line, "%s: %w", key, err)
			}
		case "route":
			d.text(key, v, &it.Route)
		case "allowed":
			it.Allowed = d.allowed(v)
		case "credentials":
			d.each(key, v, MaxListEntries, func(n *yaml.Node) { it.Credentials = d.credential(it.Credentials, n) })
		case "exceptions":
			d.each(key, v, MaxListEntries, func(n *yaml.Node) { it.Exceptions = d.exception(it.Exceptions, n) })
		case "labels":
			it.Labels = d.labels(v)
		case "last_used":
			d.time(key, v, &it.LastUsed)
		case "offboarded":
			d.time(key, v, &it.OffboardedAt)
		}
	})
	d.idLines = append(d.idLines, line32(line))
	if known && it.ID == "" {
		d.problems.add(n.Line, "id: an identity needs one, such as aws:123456789012:role/ci-deploy")
	}
}

// refs reads the aliases, and remembers their lines.
func (d *decoder) refs(key string, n *yaml.Node) []string {
	out := d.list(key, n, nil)
	if n.Kind == yaml.SequenceNode && len(n.Content) == len(out) {
		for _, c := range n.Content {
			d.aliasLines = append(d.aliasLines, line32(c.Line))
		}
		return out
	}
	for range out {
		d.aliasLines = append(d.aliasLines, line32(n.Line))
	}
	return out
}

func (d *decoder) allowed(n *yaml.Node) *schemas.Allowed {
	a := &schemas.Allowed{}
	d.mapping(n, "allowed", allowedKeys, func(key string, v *yaml.Node) {
		switch key {
		case "operations":
			a.Operations = d.list(key, v, nil)
		case "countries":
			a.Countries = d.list(key, v, checkCountry)
		case "regions":
			a.Regions = d.list(key, v, nil)
		case "networks":
			a.Networks = d.list(key, v, checkNetwork)
		case "environments":
			a.Environments = d.list(key, v, func(s string) (string, error) {
				if !slices.Contains(environments, s) {
					return "", fmt.Errorf("unknown value %q (accepted: %s)", shorten(s), strings.Join(environments, ", "))
				}
				return s, nil
			})
		case "schedule":
			a.Schedule = d.schedule(v)
		case "rate":
			a.Rate = d.rate(v)
		case "spend":
			a.Spend = d.spend(v)
		case "workloads":
			if s, ok := d.scalar(key, v); ok {
				a.Workloads = d.workloads(key, v.Line, s)
			}
		}
	})
	if a.Operations == nil && a.Countries == nil && a.Regions == nil && a.Networks == nil && a.Environments == nil && a.Schedule == nil && a.Rate == nil && a.Spend == nil && a.Workloads == nil {
		return nil
	}
	return a
}

func checkCountry(s string) (string, error) {
	code := strings.ToUpper(s)
	if !isCountryCode(code) {
		return "", fmt.Errorf("%q: want an ISO 3166 code of two letters such as DE", shorten(s))
	}
	return code, nil
}

func checkNetwork(s string) (string, error) {
	if strings.HasPrefix(s, "asn:") {
		if _, ok := parseASN(s); !ok {
			return "", fmt.Errorf("%q: want a number such as asn:64500", shorten(s))
		}
		return s, nil
	}
	if _, err := parseCIDR(s); err != nil {
		return "", fmt.Errorf("%q: want an address, a prefix such as 203.0.113.0/24, or asn:64500", shorten(s))
	}
	return s, nil
}

func (d *decoder) schedule(n *yaml.Node) *schemas.Schedule {
	s := &schemas.Schedule{}
	d.mapping(n, "schedule", scheduleKeys, func(key string, v *yaml.Node) {
		switch key {
		case "timezone":
			d.text(key, v, &s.Timezone)
			if _, err := d.zones.load(s.Timezone); err != nil {
				d.problems.add(v.Line, "%s: %w", key, err)
			}
		case "windows":
			s.Windows = d.list(key, v, func(w string) (string, error) {
				_, err := parseWindow(w)
				return w, err
			})
		}
	})
	if s.Windows == nil {
		return nil
	}
	return s
}

func (d *decoder) rate(n *yaml.Node) *schemas.Rate {
	r := &schemas.Rate{}
	d.mapping(n, "rate", rateKeys, func(key string, v *yaml.Node) {
		s, ok := d.scalar(key, v)
		if !ok {
			return
		}
		switch key {
		case "per_minute":
			f, ok := parseFloat(s)
			if !ok || f < 0 || f > 1e9 {
				d.problems.add(v.Line, "%s: %q: want a number of calls from 0 to 1e9", key, shorten(s))
				return
			}
			r.PerMinute = f
		case "burst":
			b, err := strconv.ParseUint(s, 10, 32)
			if err != nil {
				d.problems.add(v.Line, "%s: %q: want a whole number of calls", key, shorten(s))
				return
			}
			r.Burst = uint32(b)
		}
	})
	if *r == (schemas.Rate{}) {
		return nil
	}
	return r
}

// maxTokensPerDay bounds a limit of tokens, minSpendPerDay and maxSpendPerDay one
// of US dollars, which events carry in millionths.
const (
	maxTokensPerDay = 1e15
	minSpendPerDay  = 1e-6
	maxSpendPerDay  = 1e9
)

// noLimit refuses a limit of nothing, which further on means that there is none.
const noLimit = "%s: %q would be no limit: leave it out for none"

// maxWorkloads bounds how many machines a credential may be declared for.
const maxWorkloads = 1_000_000

// workloads reads a number of machines.
func (d *decoder) workloads(key string, line int, s string) *uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	switch {
	case err != nil || n > maxWorkloads:
		d.problems.add(line, "%s: %q: want a whole number of machines from 1 to 1,000,000", key, shorten(s))
	case n == 0:
		d.problems.add(line, noLimit, key, shorten(s))
	default:
		of := uint32(n)
		return &of
	}
	return nil
}

func (d *decoder) spend(n *yaml.Node) *schemas.Spend {
	r := &schemas.Spend{}
	d.mapping(n, "spend", spendKeys, func(key string, v *yaml.Node) {
		s, ok := d.scalar(key, v)
		if !ok {
			return
		}
		switch key {
		case "per_day":
			f, ok := parseFloat(s)
			if !ok || f < 0 || f > maxSpendPerDay {
				d.problems.add(v.Line, "%s: %q: want US dollars up to 1e9", key, shorten(s))
				return
			}
			if f < minSpendPerDay {
				d.problems.add(v.Line, noLimit, key, shorten(s))
				return
			}
			r.PerDay = f
		case "tokens_per_day":
			b, err := strconv.ParseUint(s, 10, 64)
			if err != nil || b > maxTokensPerDay {
				d.problems.add(v.Line, "%s: %q: want a whole number of tokens up to 1e15", key, shorten(s))
				return
			}
			if b == 0 {
				d.problems.add(v.Line, noLimit, key, shorten(s))
				return
			}
			r.TokensPerDay = b
		}
	})
	if *r == (schemas.Spend{}) {
		return nil
	}
	return r
}

func (d *decoder) credential(list []schemas.KnownCredential, n *yaml.Node) []schemas.KnownCredential {
	var c schemas.KnownCredential
	line := n.Line
	known := d.mapping(n, "a credential", credentialKeys, func(key string, v *yaml.Node) {
		switch key {
		case "ref":
			line = v.Line
			d.own(key, v, &c.Ref)
		case "type":
			d.enum(key, v, credentialTypes, &c.Type)
		case "issued":
			d.time(key, v, &c.Issued)
		case "expires":
			d.time(key, v, &c.Expires)
		case "revoked":
			d.time(key, v, &c.Revoked)
		case "rotate_every":
			if s, ok := d.scalar(key, v); ok && s != "" {
				every, err := schemas.ParseDuration(s)
				if err != nil || every < 0 {
					d.problems.add(v.Line, "%s: duration %q: want a value such as 90d, 36h or 15m", key, shorten(s))
					return
				}
				c.RotateEvery = every
			}
		case "fingerprint":
			if d.own(key, v, &c.Fingerprint); c.Fingerprint != "" && fingerprintOf(c.Fingerprint) == "" {
				d.problems.add(v.Line, "%s: %q: %s", key, shorten(c.Fingerprint), wantFingerprint)
			}
		case "honey":
			if s, ok := d.scalar(key, v); ok && s != "" && s != "true" && s != "false" {
				d.problems.add(v.Line, "%s: %q: want true or false", key, shorten(s))
			} else {
				c.Honey = s == "true"
			}
		}
	})
	if known && c.Ref == "" {
		d.problems.add(n.Line, "ref: a credential needs one: the id that logs show, or sha256:… or hmac:…")
	}
	d.credLines = append(d.credLines, line32(line))
	return append(list, c)
}

func (d *decoder) exception(list []schemas.KnownException, n *yaml.Node) []schemas.KnownException {
	var x schemas.KnownException
	known := d.mapping(n, "an exception", exceptionKeys, func(key string, v *yaml.Node) {
		switch key {
		case "detector":
			d.text(key, v, &x.Detector)
		case "until":
			d.time(key, v, &x.Until)
		case "reason":
			d.text(key, v, &x.Reason)
		case "by":
			d.text(key, v, &x.By)
		}
	})
	if known && (x.Detector == "" || x.Until.IsZero()) {
		d.problems.add(n.Line, "an exception needs detector and until: it holds for one detector and ends")
	}
	return append(list, x)
}

func (d *decoder) labels(n *yaml.Node) map[string]string {
	if n.Kind != yaml.MappingNode {
		d.problems.add(n.Line, "labels: want a mapping of names to values")
		return nil
	}
	if len(n.Content) == 0 {
		return nil
	}
	d.entries += len(n.Content) / 2
	if len(n.Content)/2 > MaxListEntries || d.entries > MaxTotalListEntries {
		d.problems.add(n.Line, "labels: too many, at most %d", MaxListEntries)
		return nil
	}
	out := make(map[string]string, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, ok1 := d.scalar("labels", n.Content[i])
		v, ok2 := d.scalar("labels", n.Content[i+1])
		if !ok1 || !ok2 {
			continue
		}
		if _, twice := out[k]; twice {
			d.problems.add(n.Content[i].Line, "labels: %q stands twice", shorten(k))
			continue
		}
		out[d.intern(k)] = d.intern(v)
	}
	return out
}

func (d *decoder) network(n *yaml.Node) {
	var w schemas.Network
	d.netLines = append(d.netLines, line32(n.Line))
	known := d.mapping(n, "a network", networkKeys, func(key string, v *yaml.Node) {
		switch key {
		case "cidr":
			d.own(key, v, &w.CIDR)
			if _, err := parseCIDR(w.CIDR); err != nil {
				d.problems.add(v.Line, "cidr: %q: want an address or a prefix such as 203.0.113.0/24", shorten(w.CIDR))
			}
		case "name":
			d.text(key, v, &w.Name)
		case "class":
			d.enum(key, v, networkClasses, &w.Class)
		}
	})
	if known && w.CIDR == "" {
		d.problems.add(n.Line, "cidr: a network needs one, such as 203.0.113.0/24")
	}
	d.inv.Networks = append(d.inv.Networks, w)
}

func (d *decoder) target(n *yaml.Node) {
	var t schemas.Target
	known := d.mapping(n, "a target", targetKeys, func(key string, v *yaml.Node) {
		switch key {
		case "account":
			d.own(key, v, &t.Account)
		case "host":
			d.own(key, v, &t.Host)
		case "environment":
			d.enum(key, v, environments, &t.Environment)
		case "resource":
			d.own(key, v, &t.Resource)
		case "owner":
			d.text(key, v, &t.Owner)
		}
	})
	placed := t.Environment != "" && (t.Account == "") != (t.Host == "") && t.Resource == "" && t.Owner == ""
	owned := t.Resource != "" && t.Owner != "" && t.Account == "" && t.Host == "" && t.Environment == ""
	if known && !placed && !owned {
		d.problems.add(n.Line, "a target needs environment and one of account and host, or resource and owner")
	}
	if strings.Contains(t.Resource, "*") {
		if d.patterns++; d.patterns == MaxOwnedPatterns+1 {
			d.problems.add(n.Line, "more than %d resources with *: name one by its beginning, or each by its whole name", MaxOwnedPatterns)
		}
	}
	d.inv.Targets = append(d.inv.Targets, t)
}

// duplicates refuses an id, alias or credential that two identities claim. An
// ARN and its canonical id are the same claim.
func (d *decoder) duplicates() {
	if !d.complete() {
		return
	}
	type claim struct{ identity, line int32 }
	names := make(map[string]claim, len(d.inv.Identities)+len(d.aliasLines))
	refs := make(map[string]claim, len(d.credLines))
	take := func(m map[string]claim, what, name string, identity, line int32) {
		if name == "" {
			return // said already
		}
		first, taken := m[name]
		if !taken {
			m[name] = claim{identity, line}
			return
		}
		if first.identity != identity || what != "alias" {
			d.problems.add(int(line), "%s: %q is declared twice, first in line %d", what, shorten(name), first.line)
		}
	}
	alias, cred := 0, 0
	for i := range d.inv.Identities {
		it, at := &d.inv.Identities[i], int32(i)
		take(names, "id", Canonical(it.ID), at, d.idLines[i])
		for _, a := range it.Aliases {
			take(names, "alias", Canonical(a), at, d.aliasLines[alias])
			alias++
		}
		for j := range it.Credentials {
			take(refs, "ref", it.Credentials[j].Ref, at, d.credLines[cred])
			cred++
		}
	}
	nets := make(map[string]claim, len(d.inv.Networks))
	for i := range d.inv.Networks {
		p, err := parseCIDR(d.inv.Networks[i].CIDR)
		if err != nil {
			continue
		}
		take(nets, "cidr", p.String(), int32(i), d.netLines[i])
	}
}

// complete says that there is a line for everything that can be claimed. A file
// that was given up in the middle may lack some.
func (d *decoder) complete() bool {
	aliases, creds := 0, 0
	for i := range d.inv.Identities {
		aliases += len(d.inv.Identities[i].Aliases)
		creds += len(d.inv.Identities[i].Credentials)
	}
	return len(d.idLines) == len(d.inv.Identities) && len(d.aliasLines) == aliases && len(d.credLines) == creds && len(d.netLines) == len(d.inv.Networks)
}

func (d *decoder) watched(n *yaml.Node) {
	var w schemas.Watched
	known := d.mapping(n, "a watched thing", watchKeys, func(key string, v *yaml.Node) {
		switch key {
		case "address":
			d.own(key, v, &w.Address)
		case "credential":
			d.own(key, v, &w.Credential)
		case "identity":
			d.own(key, v, &w.Identity)
		case "agent":
			d.own(key, v, &w.Agent)
		case "reason":
			d.text(key, v, &w.Reason)
		}
	})
	if err := checkWatched(&w); known && err != nil {
		d.problems.add(n.Line, "%w", err)
	}
	d.inv.Watch = append(d.inv.Watch, w)
}
