package enrich

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of the policy in force as events carry it, in bytes.
const (
	maxPolicyText = 1024 // of all of it
	maxPolicyWho  = 80   // of who states a key
	maxPolicyList = 120  // of what a key allows
)

// The keys of schemas.Allowed, in the order of allowedKeys.
const (
	keyOperations = iota
	keyCountries
	keyRegions
	keyNetworks
	keyEnvironments
	keySchedule
	keyRate
	keySpend
	keyWorkloads
	keysOfAllowed
)

// origins says who states each key: 0 the identity, n the nth of the policies.
type origins [keysOfAllowed]uint16

// states reports which keys bind: a list that is empty, a schedule without windows
// and a rate of nothing state nothing.
func states(a *schemas.Allowed) (has [keysOfAllowed]bool) {
	if a == nil {
		return has
	}
	return [keysOfAllowed]bool{
		len(a.Operations) > 0, len(a.Countries) > 0, len(a.Regions) > 0, len(a.Networks) > 0, len(a.Environments) > 0,
		a.Schedule != nil && len(a.Schedule.Windows) > 0, a.Rate != nil, a.Spend != nil, a.Workloads != nil,
	}
}

// inForce words a policy as schemas.Declared carries it: a line for each key. It is
// made once for all identities that have the same, when the inventory is indexed.
func inForce(a *schemas.Allowed, from origins, shared []sharedPolicy) string {
	var b strings.Builder
	for key, has := range states(a) {
		if !has {
			continue
		}
		who := "identity"
		if n := int(from[key]); n > 0 {
			who = shared[n-1].words //nolint:gosec // from holds indexes of shared, plus one
		}
		line := allowedKeys[key] + "\t" + who + "\t" + allows(a, key)
		if b.Len() > 0 {
			line = "\n" + line
		}
		if b.Len()+len(line) > maxPolicyText {
			break // nine keys of the usual length fit
		}
		b.WriteString(line)
	}
	return b.String()
}

// allows words what one key allows.
func allows(a *schemas.Allowed, key int) string {
	switch key {
	case keyOperations:
		return shortList(a.Operations)
	case keyCountries:
		return shortList(a.Countries)
	case keyRegions:
		return shortList(a.Regions)
	case keyNetworks:
		return shortList(a.Networks)
	case keyEnvironments:
		return shortList(a.Environments)
	case keySchedule:
		zone := a.Schedule.Timezone
		if zone == "" {
			zone = "UTC"
		}
		return shortList(a.Schedule.Windows) + " " + oneLine(zone, maxPolicyWho)
	case keyRate:
		out := number(a.Rate.PerMinute) + " a minute"
		if a.Rate.Burst > 0 {
			out += ", " + strconv.FormatUint(uint64(a.Rate.Burst), 10) + " at once"
		}
		return out
	case keyWorkloads:
		return strconv.FormatUint(uint64(*a.Workloads), 10) + " at once"
	}
	var limits []string
	if a.Spend.PerDay > 0 {
		limits = append(limits, number(a.Spend.PerDay)+" US dollars a day")
	}
	if a.Spend.TokensPerDay > 0 {
		limits = append(limits, strconv.FormatUint(a.Spend.TokensPerDay, 10)+" tokens a day")
	}
	return strings.Join(limits, ", ")
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// shortList joins the first of a list, as many as there is room for, and counts the
// others. The first is cut where it alone is too long.
func shortList(list []string) string {
	var b strings.Builder
	for i, s := range list {
		s = oneLine(s, maxPolicyList)
		if i > 0 && b.Len()+2+len(s) > maxPolicyList {
			b.WriteString(" and " + decimal(len(list)-i) + " more")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s)
	}
	return b.String()
}

// oneLine keeps a declared text to a bound, without what separates lines and fields.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most-len("…")], "") + "…"
	}
	return s
}

// selectorWords says whom a policy is for: "kind=ci_pipeline team=payments".
func selectorWords(s *schemas.Selector) string {
	var parts []string
	for _, f := range [...][2]string{
		{"id", s.ID}, {"kind", s.Kind}, {"team", s.Team}, {"environment", s.Environment}, {"criticality", s.Criticality}, {"vendor", s.Vendor},
	} {
		if f[1] != "" {
			parts = append(parts, f[0]+"="+f[1])
		}
	}
	return oneLine(strings.Join(parts, " "), maxPolicyWho)
}
