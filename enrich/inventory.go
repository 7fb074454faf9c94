package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of an inventory. Beyond them the file is refused as a whole.
const (
	MaxInventoryBytes   = 256 << 20
	MaxIdentities       = 2_000_000
	MaxNetworks         = 100_000
	MaxTargets          = 100_000
	MaxListEntries      = 10_000     // in one list of one identity
	MaxTotalListEntries = 20_000_000 // in all lists together
	MaxTextBytes        = 4096       // one value
	maxReported         = 50         // errors spelled out; more are counted
)

// The accepted values of the enumerations, in the order errors list them.
var (
	kinds           = []string{"service_account", "api_key", "oauth_app", "ci_pipeline", "workload", "ai_agent", "integration", "human"}
	environments    = []string{"production", "staging", "development", "sandbox"}
	criticalities   = []string{"low", "medium", "high", "critical"}
	credentialTypes = []string{"access_key", "api_key", "oauth_client", "certificate", "jwt", "session", "pat"}
	networkClasses  = []string{"shared_egress", "workload", "office", "vendor"}
)

// The accepted keys of each object of the file.
var (
	inventoryKeys = []string{"identities", "networks", "targets"}
	identityKeys  = []string{"id", "kind", "name", "owner", "team", "environment", "criticality", "vendor", "aliases", "dependants", "runbook", "route",
		"allowed", "credentials", "exceptions", "labels", "last_used", "offboarded"}
	allowedKeys    = []string{"operations", "countries", "regions", "networks", "environments", "schedule", "rate"}
	scheduleKeys   = []string{"timezone", "windows"}
	rateKeys       = []string{"per_minute", "burst"}
	credentialKeys = []string{"ref", "type", "issued", "expires", "revoked", "rotate_every", "fingerprint"}
	exceptionKeys  = []string{"detector", "until", "reason", "by"}
	networkKeys    = []string{"cidr", "name", "class"}
	targetKeys     = []string{"account", "host", "environment"}
)

// emptyFile is an error: a file that lost its content must not wipe the
// inventory in use.
const emptyFile = `the file is empty; an inventory that declares nothing is written "identities: []"`

// LoadInventory reads an inventory file: YAML (so JSON as well), or CSV when
// the name ends in .csv. The error joins everything that is wrong with it, each
// part naming file, line and key.
func LoadInventory(path string) (*schemas.Inventory, error) {
	data, err := readBounded(path, MaxInventoryBytes)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return ParseInventory(path, data)
}

// ParseInventory reads the content of an inventory file; name is used in errors
// and, by its ending, to tell CSV from YAML. The result keeps no reference to
// data. An empty list states nothing, like a list that is left out.
func ParseInventory(name string, data []byte) (*schemas.Inventory, error) {
	if len(data) > MaxInventoryBytes {
		return nil, fmt.Errorf("%s: %d bytes, an inventory has at most %d", name, len(data), MaxInventoryBytes)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%s: %s", name, emptyFile)
	}
	d := newDecoder(name)
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		d.csv(data)
	} else {
		d.yaml(data)
	}
	d.duplicates()
	if err := d.problems.err(); err != nil {
		return nil, err
	}
	return &d.inv, nil
}

// problems collects errors with their lines.
type problems struct {
	file string
	errs []error
	more int
}

func (p *problems) add(line int, format string, args ...any) {
	if len(p.errs) >= maxReported {
		p.more++
		return
	}
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %w", p.file, line, fmt.Errorf(format, args...)))
}

func (p *problems) err() error {
	errs := p.errs
	if p.more > 0 {
		errs = append(slices.Clip(errs), fmt.Errorf("%s: and %d more errors", p.file, p.more))
	}
	return errors.Join(errs...)
}

// decoder turns nodes into an Inventory.
type decoder struct {
	problems problems
	inv      schemas.Inventory
	interned map[string]string
	zones    zones
	entries  int
	// Lines of the ids and, in order, of the aliases and credentials of
	// all identities, for the errors about duplicates.
	idLines    []int32
	aliasLines []int32
	credLines  []int32
	netLines   []int32
}

func newDecoder(file string) *decoder {
	return &decoder{problems: problems{file: file}, interned: make(map[string]string), zones: make(zones)}
}

// intern keeps one copy of values that many identities share.
func (d *decoder) intern(s string) string {
	if s == "" {
		return ""
	}
	if have, ok := d.interned[s]; ok {
		return have
	}
	s = strings.Clone(s)
	if len(d.interned) < 1<<16 {
		d.interned[s] = s
	}
	return s
}

// yamlLine finds the line in an error of the YAML library.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func (d *decoder) yaml(data []byte) {
	if d.pieces(data) {
		return
	}
	if len(data) > largestWhole {
		d.problems.add(1, "a file of more than %d MiB needs \"identities:\" at the top level with one entry after the other, valid YAML and no anchor that is used across entries", largestWhole>>20)
		return
	}
	d.whole(data)
}

// whole reads the file as one YAML tree.
func (d *decoder) whole(data []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || (err == nil && len(doc.Content) == 0) {
		d.problems.add(1, "%s", emptyFile)
		return
	}
	if err != nil {
		d.syntax(err)
		return
	}
	if err := dec.Decode(&next); err == nil {
		d.problems.add(next.Line, "a second YAML document; an inventory is one")
		return
	}
	d.inventory(doc.Content[0])
}

func (d *decoder) syntax(err error) {
	line, text := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			line = n
		}
	}
	d.problems.add(line, "not valid YAML: %s", text)
}

// follow gives the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for i := 0; n.Kind == yaml.AliasNode && n.Alias != nil && i < 8; i++ {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// mapping calls set for every known key of a mapping. what names the object in
// errors: "an identity".
func (d *decoder) mapping(n *yaml.Node, what string, keys []string, set func(key string, v *yaml.Node)) bool {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		d.problems.add(n.Line, "%s must be a mapping with keys of: %s", what, strings.Join(keys, ", "))
		return false
	}
	var seen [24]int // line of each key of keys
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := follow(n.Content[i])
		at := slices.Index(keys, k.Value)
		if at < 0 || k.Kind != yaml.ScalarNode {
			d.problems.add(k.Line, "unknown key %q in %s (accepted: %s)", shorten(k.Value), what, strings.Join(keys, ", "))
			continue
		}
		if seen[at] != 0 {
			d.problems.add(k.Line, "key %q stands twice in %s, first in line %d", k.Value, what, seen[at])
			continue
		}
		seen[at] = k.Line
		if v := follow(n.Content[i+1]); !isNull(v) {
			set(keys[at], v)
		}
	}
	return true
}

// each calls item for every element of a sequence of at most most elements.
func (d *decoder) each(key string, n *yaml.Node, most int, item func(n *yaml.Node)) {
	n = follow(n)
	if n.Kind != yaml.SequenceNode {
		d.problems.add(n.Line, "%s: want a list", key)
		return
	}
	d.entries += len(n.Content)
	if len(n.Content) > most || d.entries > MaxTotalListEntries {
		d.problems.add(n.Line, "%s: too many entries, at most %d in this list and %d in the whole file", key, most, MaxTotalListEntries)
		return
	}
	for _, c := range n.Content {
		item(follow(c))
	}
}

// scalar gives the text of a value, as written.
func (d *decoder) scalar(key string, n *yaml.Node) (string, bool) {
	n = follow(n)
	if n.Kind != yaml.ScalarNode {
		d.problems.add(n.Line, "%s: want one value, found a list or a mapping", key)
		return "", false
	}
	if isNull(n) {
		return "", true
	}
	return d.checked(key, n.Line, n.Value)
}

func (d *decoder) checked(key string, line int, s string) (string, bool) {
	if len(s) > MaxTextBytes {
		d.problems.add(line, "%s: %d bytes, at most %d", key, len(s), MaxTextBytes)
		return "", false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			d.problems.add(line, "%s: holds a control character", key)
			return "", false
		}
	}
	return s, true
}

func (d *decoder) text(key string, n *yaml.Node, to *string) {
	if s, ok := d.scalar(key, n); ok {
		*to = d.intern(s)
	}
}

// own is text that is not shared by others: ids and references.
func (d *decoder) own(key string, n *yaml.Node, to *string) {
	if s, ok := d.scalar(key, n); ok {
		*to = strings.Clone(s)
	}
}

func (d *decoder) enum(key string, n *yaml.Node, accepted []string, to *string) {
	if s, ok := d.scalar(key, n); ok && s != "" {
		*to = d.oneOf(key, n.Line, s, accepted)
	}
}

func (d *decoder) oneOf(key string, line int, s string, accepted []string) string {
	if i := slices.Index(accepted, s); i >= 0 {
		return accepted[i]
	}
	d.problems.add(line, "%s: unknown value %q (accepted: %s)", key, shorten(s), strings.Join(accepted, ", "))
	return ""
}

// list reads a list of texts; a single value stands for a list of one. check
// may change the text or refuse it.
func (d *decoder) list(key string, n *yaml.Node, check func(s string) (string, error)) []string {
	n = follow(n)
	var out []string
	one := func(n *yaml.Node) {
		s, ok := d.scalar(key, n)
		if !ok {
			return
		}
		if s == "" {
			d.problems.add(n.Line, "%s: an entry is empty", key)
			return
		}
		if check != nil {
			var err error
			if s, err = check(s); err != nil {
				d.problems.add(n.Line, "%s: %w", key, err)
				return
			}
		}
		out = append(out, d.intern(s))
	}
	if n.Kind == yaml.ScalarNode {
		if n.Value != "" {
			one(n)
		}
		return out
	}
	if n.Kind == yaml.SequenceNode && len(n.Content) <= MaxListEntries {
		out = make([]string, 0, len(n.Content))
	}
	d.each(key, n, MaxListEntries, one)
	if len(out) == 0 {
		return nil
	}
	return out
}

func (d *decoder) time(key string, n *yaml.Node, to *time.Time) {
	if s, ok := d.scalar(key, n); ok && s != "" {
		t, err := parseTime(s)
		if err != nil {
			d.problems.add(n.Line, "%s: %w", key, err)
			return
		}
		*to = t
	}
}

// parseTime reads RFC 3339, or a date as its midnight in UTC.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		t = t.UTC()
		// Later than year 2262 has no nanoseconds in 64 bits.
		if t.IsZero() || (t.Year() >= 1900 && t.Year() < 2262) {
			return t, nil
		}
		return time.Time{}, fmt.Errorf("time %q: year out of range", shorten(s))
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil && t.Year() >= 1900 && t.Year() < 2262 {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("time %q: want RFC 3339 such as 2026-01-10T00:00:00Z, or a date", shorten(s))
}

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
	case "networks":
		d.each(key, v, MaxNetworks, d.network)
	case "targets":
		d.each(key, v, MaxTargets, d.target)
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
		}
	})
	if a.Operations == nil && a.Countries == nil && a.Regions == nil && a.Networks == nil && a.Environments == nil && a.Schedule == nil && a.Rate == nil {
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
			d.own(key, v, &c.Fingerprint)
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
		}
	})
	if known && (t.Environment == "" || (t.Account == "") == (t.Host == "")) {
		d.problems.add(n.Line, "a target needs environment and one of account and host")
	}
	d.inv.Targets = append(d.inv.Targets, t)
}

// duplicates refuses an id, alias or credential that two identities claim. An
// ARN and its canonical id are the same claim.
func (d *decoder) duplicates() {
	if len(d.problems.errs) > 0 {
		return // lines are only complete for a file without errors
	}
	type claim struct{ identity, line int32 }
	names := make(map[string]claim, len(d.inv.Identities)+len(d.aliasLines))
	refs := make(map[string]claim, len(d.credLines))
	take := func(m map[string]claim, what, name string, identity, line int32) {
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

func checkURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%q: want an http or https address", shorten(s))
	}
	return nil
}

func parseFloat(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// shorten keeps errors readable whatever the file holds.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func line32(n int) int32 {
	if n < 0 || n > math.MaxInt32 {
		return 0
	}
	return int32(n)
}
