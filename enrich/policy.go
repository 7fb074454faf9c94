package enrich

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// The detectors that report broken policies.
const (
	regionPolicy     = "region-policy"
	networkPolicy    = "network-policy"
	scopePolicy      = "scope-policy"
	offSchedule      = "off-schedule"
	crossEnvironment = "cross-environment"
	deadCredential   = "dead-credential"  //nolint:gosec // a detector, no secret
	staleCredential  = "stale-credential" //nolint:gosec // a detector, no secret
)

// Those that report what is watched for, planted, or points inside.
const (
	honeyCredential  = "honey-credential" //nolint:gosec // a detector, no secret
	watchedIndicator = "watched-indicator"
	ssrfShape        = "ssrf-shape"
)

const production = "production"

// policyDetectors lists them for the metric of violations.
var policyDetectors = []string{regionPolicy, networkPolicy, scopePolicy, offSchedule, crossEnvironment, deadCredential, staleCredential, shadowAPI, schemaViolation,
	honeyCredential, watchedIndicator, ssrfShape, bindingMismatch}

// policy is a compiled schemas.Allowed. A nil part states nothing.
type policy struct {
	operations   *matcher
	regions      *matcher
	countries    []string
	networks     *networkRule
	environments []string
	schedule     *schedule
	rate         *schemas.Rate
	spend        *schemas.Spend
	workloads    uint32
	inForce      string // what events carry of it, in words
}

// networkRule is a closed list of networks.
type networkRule struct {
	prefixes []netip.Prefix
	asns     []uint32
	words    string
}

// compilePolicy compiles what can be compiled; the error says what could not.
func compilePolicy(a *schemas.Allowed, z zones) (*policy, error) {
	p := &policy{rate: a.Rate, spend: a.Spend, countries: a.Countries, environments: a.Environments}
	if a.Workloads != nil {
		p.workloads = *a.Workloads
	}
	if len(a.Operations) > 0 {
		p.operations = compileMatcher(a.Operations)
	}
	if len(a.Regions) > 0 {
		p.regions = compileMatcher(a.Regions)
	}
	var bad []error
	if len(a.Networks) > 0 {
		r := &networkRule{words: enumerate(a.Networks)}
		for _, text := range a.Networks {
			if asn, ok := parseASN(text); ok {
				r.asns = append(r.asns, asn)
				continue
			}
			prefix, err := parseCIDR(text)
			if err != nil {
				bad = append(bad, err)
				continue
			}
			r.prefixes = append(r.prefixes, prefix)
		}
		p.networks = r
	}
	s, err := compileSchedule(a.Schedule, z)
	if err != nil {
		bad = append(bad, err)
	}
	p.schedule = s
	return p, errors.Join(bad...)
}

// allows reports whether an address is in the list. An unknown AS can't break a
// rule that names AS numbers: without an ASN database it is not known.
func (r *networkRule) allows(pl *place) bool {
	for _, p := range r.prefixes {
		if p.Contains(pl.addr) {
			return true
		}
	}
	if len(r.asns) == 0 {
		return false
	}
	return (pl.asn == 0 && pl.class != classPrivate && pl.class != classInternal) || slices.Contains(r.asns, pl.asn)
}

// observed names the network of a refused address: its prefix, so that an
// address that wanders is one value, unless a part of that prefix is allowed.
func (r *networkRule) observed(pl *place) string {
	own, err := netip.ParsePrefix(pl.prefix)
	if err != nil {
		return pl.ip
	}
	for _, p := range r.prefixes {
		if p.Overlaps(own) {
			return pl.addr.String()
		}
	}
	return pl.prefix
}

// operates reports whether the list has the operation. Of a path that climbs,
// such as /files/../admin, only patterns that allow any path of the method do:
// what stands before the climb says nothing of where it leads.
func (p *policy) operates(ev *schemas.Event) bool {
	if ev.HttpMethod != "" && climbs(ev.UrlPath) {
		return p.operations.match(ev.HttpMethod + " ")
	}
	return p.operations.match(ev.Operation)
}

// climbs reports whether a path has a segment that leads elsewhere, "." or "..",
// also when it is percent-encoded, once or twice.
func climbs(path string) bool {
	if !strings.Contains(path, ".") && !strings.Contains(path, "%") {
		return false
	}
	for range 3 {
		for seg := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
			if seg, _, _ = strings.Cut(seg, ";"); seg == "." || seg == ".." {
				return true
			}
		}
		plain, err := url.PathUnescape(path)
		if err != nil || plain == path {
			return false
		}
		path = plain
	}
	return false
}

// concrete reports whether the call is allowed as it was made: a pattern such
// as "GET /files/*.pdf" names the path, not the route that it is counted by.
func (p *policy) concrete(ev *schemas.Event) bool {
	return !climbs(ev.UrlPath) && ev.HttpMethod != "" && ev.UrlPath != "" && p.operations.match(ev.HttpMethod+" "+ev.UrlPath)
}

// judge appends the policies of an identity that the event breaks. Facts that
// are unknown break nothing.
func (p *policy) judge(ev *schemas.Event, pl *place, d *schemas.Declared) {
	if p.operations != nil && ev.Operation != "" && !p.operates(ev) && !p.concrete(ev) {
		violate(d, scopePolicy, ev.Operation, p.operations.words)
	}
	// In a declared network geography says nothing.
	if len(p.countries) > 0 && ev.Country != "" && !pl.declared && !slices.Contains(p.countries, ev.Country) {
		violate(d, regionPolicy, ev.Country, enumerate(p.countries))
	}
	if p.regions != nil && ev.Region != "" && !p.regions.match(ev.Region) && !isGlobalCall(ev) {
		violate(d, regionPolicy, ev.Region, p.regions.words)
	}
	if p.networks != nil && pl.addr.IsValid() && !p.networks.allows(pl) {
		violate(d, networkPolicy, p.networks.observed(pl), p.networks.words)
	}
	if p.schedule != nil && ev.Time != 0 && !p.schedule.allows(ev.Time) {
		violate(d, offSchedule, p.schedule.describe(ev.Time), p.schedule.words)
	}
	if p.rate != nil {
		d.RatePerMinute, d.RateBurst = p.rate.PerMinute, p.rate.Burst
	}
	if p.spend != nil && (ev.CostMicros > 0 || ev.TokensIn+ev.TokensOut > 0) {
		d.SpendMicrosPerDay, d.TokensPerDay = uint64(p.spend.PerDay*1e6+0.5), p.spend.TokensPerDay
	}
	d.Workloads = p.workloads
}

// isGlobalCall says that a call's region is only where CloudTrail keeps the
// records of a global service.
func isGlobalCall(ev *schemas.Event) bool {
	return ev.Region == "us-east-1" && awsGlobal[ev.Service]
}

// judgeEnvironment compares where an identity lives with what it touched. Its
// own environment is always allowed. Without a declared list the one crossing
// that is refused is the one that matters everywhere: into production from
// outside of it.
func judgeEnvironment(own string, pol *policy, d *schemas.Declared) {
	target := d.TargetEnvironment
	if own == "" || target == "" || own == target {
		return
	}
	expected := own
	if pol != nil && len(pol.environments) > 0 {
		if slices.Contains(pol.environments, target) {
			return
		}
		expected = enumerate(pol.environments)
	} else if target != production {
		return
	}
	violate(d, crossEnvironment, own+" -> "+target, expected)
}

// judgeOffboarding refuses every call of an identity that has left.
func (e *entry) judgeOffboarding(ev *schemas.Event, d *schemas.Declared) {
	if off := e.it.OffboardedAt; !off.IsZero() && ev.Time != 0 && !time.Unix(0, ev.Time).Before(off) {
		violate(d, deadCredential, "the identity was offboarded on "+day(off), "no calls since then")
	}
}

// judgeCredential checks a declared credential's life at the time of the event.
func judgeCredential(c *schemas.KnownCredential, ev *schemas.Event, d *schemas.Declared) {
	if ev.Time == 0 {
		return
	}
	if c.Honey {
		violate(d, honeyCredential, "a call with "+credentialName(c), "no call with it, ever")
	}
	at := time.Unix(0, ev.Time)
	switch {
	case !c.Revoked.IsZero() && !at.Before(c.Revoked):
		violate(d, deadCredential, credentialName(c)+" was revoked on "+day(c.Revoked), "no calls since then")
	case !c.Expires.IsZero() && !at.Before(c.Expires):
		violate(d, deadCredential, credentialName(c)+" expired on "+day(c.Expires), "no calls since then")
	}
	if c.RotateEvery > 0 && !c.Issued.IsZero() && at.Sub(c.Issued) > time.Duration(c.RotateEvery) {
		violate(d, staleCredential, credentialName(c)+" was issued on "+day(c.Issued), "rotated every "+daily(c.RotateEvery))
	}
}

// daily words an interval in days where it is whole days: "90 days".
func daily(d schemas.Duration) string {
	const whole = schemas.Duration(24 * time.Hour)
	switch {
	case d == whole:
		return "day"
	case d%whole == 0:
		return strconv.FormatInt(int64(d/whole), 10) + " days"
	}
	return d.String()
}

// credentialName keeps a reference short enough for an alert's headline.
func credentialName(c *schemas.KnownCredential) string {
	const most = 24
	ref := c.Ref
	if len(ref) > most {
		ref = strings.ToValidUTF8(ref[:most], "") + "…"
	}
	return ref
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func violate(d *schemas.Declared, detector, observed, expected string) {
	d.Violations = append(d.Violations, &schemas.Violation{Detector: detector, Observed: observed, Expected: expected})
}

// unixNano is zero for the zero time.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// declaredCredential is a credential as it goes with an event.
func declaredCredential(c *schemas.KnownCredential) *schemas.Credential {
	return &schemas.Credential{
		Ref: c.Ref, Type: c.Type, Issued: unixNano(c.Issued), Expires: unixNano(c.Expires), Revoked: unixNano(c.Revoked),
		RotateEvery: int64(c.RotateEvery),
	}
}
