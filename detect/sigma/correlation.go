package sigma

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The types of correlations.
const (
	eventCount      = "event_count"
	valueCount      = "value_count"
	temporal        = "temporal"
	temporalOrdered = "temporal_ordered"
)

// Bounds of one correlation.
const (
	maxCount    = 10_000
	maxSpan     = 30 * 24 * time.Hour
	maxReferred = 16
	maxGroupBy  = 8
)

// correlation is what makes a rule of other rules.
type correlation struct {
	kind       string
	refs       []string
	rules      []int // in the order of refs
	groupBy    []int // fields; none for the identity
	field      int   // that value_count counts
	rawAliases map[string]map[string]string
	aliases    map[[2]int]int // of (alias, rule) the field
	span       int64          // nanoseconds
	within     string         // the same as the rule says it
	// A window matches with low to high events, values or rules, but for not.
	low, high int
	not       []int
	// deferred says that a window can be judged only when it is over.
	deferred bool
	generate bool
}

// fieldOf is the field that a name in group-by means for one of the rules.
func (c *correlation) fieldOf(f, rule int) int {
	if g, ok := c.aliases[[2]int{f, rule}]; ok {
		return g
	}
	return f
}

func (c *correlation) matches(n int) bool {
	return n >= c.low && n <= c.high && !slices.Contains(c.not, n)
}

var timespanText = regexp.MustCompile(`^(\d{1,6})([smhd])$`)

var timespanUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// correlation reads the section of that name.
func (l *loader) correlation(r *Rule, n *yaml.Node) {
	c := &correlation{kind: text(get(n, "type")), refs: texts(get(n, "rules")), field: anywhere, low: 1, high: math.MaxInt}
	fault := func(key, format string, args ...any) {
		l.fail(n.Line, "correlation: %s: %s", key, fmt.Sprintf(format, args...))
	}
	switch c.kind {
	case eventCount, valueCount, temporal, temporalOrdered:
	default:
		fault("type", "%q: want event_count, value_count, temporal or temporal_ordered", c.kind)
		return
	}
	r.Correlation, r.corr = c.kind, c
	switch {
	case len(c.refs) == 0:
		fault("rules", "missing: want ids or names of rules")
	case len(c.refs) > maxReferred:
		fault("rules", "%d: want %d at most", len(c.refs), maxReferred)
	case (c.kind == temporal || c.kind == temporalOrdered) && len(c.refs) < 2:
		fault("rules", "%s of one rule: want two or more", c.kind)
	}
	for i, ref := range c.refs {
		if slices.Contains(c.refs[:i], ref) {
			fault("rules", "%q stands twice", ref)
		}
	}
	m := timespanText.FindStringSubmatch(text(get(n, "timespan")))
	if m == nil {
		fault("timespan", "%q: want a number and s, m, h or d, such as 90m", text(get(n, "timespan")))
		return
	}
	count, _ := strconv.Atoi(m[1])
	span := time.Duration(count) * timespanUnits[m[2]]
	if span <= 0 || span > maxSpan {
		fault("timespan", "%q: want more than 0 and at most 30d", m[0])
		return
	}
	c.span, c.within = int64(span), m[0]
	c.generate = text(get(n, "generate")) == "true"
	if a := get(n, "aliases"); a != nil {
		c.rawAliases = map[string]map[string]string{}
		for i := 0; i+1 < len(a.Content) && a.Kind == yaml.MappingNode; i += 2 {
			by := map[string]string{}
			v := follow(a.Content[i+1])
			for k := 0; k+1 < len(v.Content) && v.Kind == yaml.MappingNode; k += 2 {
				by[v.Content[k].Value] = text(follow(v.Content[k+1]))
			}
			c.rawAliases[a.Content[i].Value] = by
		}
	}
	groups := texts(get(n, "group-by"))
	if len(groups) > maxGroupBy {
		fault("group-by", "%d fields: want %d at most", len(groups), maxGroupBy)
	}
	for _, g := range groups {
		c.groupBy = append(c.groupBy, l.field(g))
	}
	l.bounds(c, n)
	for _, f := range r.Fields {
		r.fields = append(r.fields, l.field(f))
	}
}

// bounds reads a correlation's condition.
func (l *loader) bounds(c *correlation, n *yaml.Node) {
	cond := get(n, "condition")
	fault := func(format string, args ...any) {
		l.fail(n.Line, "correlation: condition: %s", fmt.Sprintf(format, args...))
	}
	whole := c.kind == temporal || c.kind == temporalOrdered
	switch {
	case cond == nil && whole:
		c.low = len(c.refs)
		return
	case cond == nil:
		fault("missing: want one such as gte: 10")
		return
	case cond.Kind != yaml.MappingNode:
		fault("%q: want a map such as gte: 10; write and, or, not as rules of their own", text(cond))
		return
	}
	some := false
	low, high := math.MinInt, math.MaxInt
	for i := 0; i+1 < len(cond.Content); i += 2 {
		key, v := cond.Content[i].Value, follow(cond.Content[i+1])
		if key == "field" {
			names := texts(v)
			if len(names) != 1 || c.kind != valueCount {
				fault("field: want one field, of a value_count")
				return
			}
			c.field = l.field(names[0])
			continue
		}
		x, err := strconv.Atoi(text(v))
		if err != nil || x < 0 || x > maxCount {
			fault("%s: %q: want a whole number from 0 to %d", key, text(v), maxCount)
			return
		}
		some = true
		switch key {
		case "gt":
			low = max(low, x+1)
		case "gte":
			low = max(low, x)
		case "lt":
			high = min(high, x-1)
		case "lte":
			high = min(high, x)
		case "eq":
			low, high = max(low, x), min(high, x)
		case "neq":
			c.not = append(c.not, x)
		default:
			fault("%q: want gt, gte, lt, lte, eq, neq or field", key)
			return
		}
	}
	c.low, c.high = max(low, 1), high
	c.deferred = c.high != math.MaxInt || len(c.not) > 0
	switch {
	case !some:
		fault("no bound: want one such as gte: 10")
	case c.low > c.high:
		fault("no count is in it: a window without an event is not seen, and %d to %d holds none", max(low, 0), c.high)
	case c.kind == valueCount && c.field == anywhere:
		fault("field: missing: which field's values are counted?")
	case c.deferred && whole:
		fault("%s takes gt, gte: rules that have not matched yet may still match", c.kind)
	case whole && c.low > len(c.refs):
		fault("%d of %d rules can never match", c.low, len(c.refs))
	}
}

// keep is how many points of a group are remembered.
func (c *correlation) keep() int {
	switch {
	case c.kind == temporal || c.kind == temporalOrdered:
		return 8 * maxReferred
	case c.high != math.MaxInt:
		return 2*c.high + 8
	case len(c.not) > 0:
		return 2*max(c.low, slices.Max(c.not)) + 8
	default:
		return 2*c.low + 8
	}
}

// Describe says in a few words what a correlation waits for: "10 events or more
// of "Failed login" within 5m".
func (s *Set) Describe(rule int) string {
	r := &s.rules[rule]
	c := r.corr
	if c == nil {
		return ""
	}
	names := make([]string, len(c.rules))
	for i, j := range c.rules {
		names[i] = strconv.Quote(s.rules[j].Title)
	}
	within := " within " + c.within
	switch c.kind {
	case temporal:
		return atLeast(c.low, len(c.refs)) + " of " + strings.Join(names, ", ") + within
	case temporalOrdered:
		return atLeast(c.low, len(c.refs)) + " of " + strings.Join(names, ", then ") + ", in this order," + within
	case valueCount:
		return amount(c) + " values of " + s.fields.shown[c.field] + " in " + strings.Join(names, " or ") + within
	default:
		return amount(c) + " events of " + strings.Join(names, " or ") + within
	}
}

func atLeast(low, of int) string {
	if low == of {
		return "all"
	}
	return strconv.Itoa(low) + " or more"
}

func amount(c *correlation) string {
	switch {
	case c.low == c.high:
		return "exactly " + strconv.Itoa(c.low)
	case c.high == math.MaxInt && c.low == 1 && len(c.not) > 0:
		return "any number but " + strconv.Itoa(c.not[0]) + " of"
	case c.high == math.MaxInt:
		return strconv.Itoa(c.low) + " or more"
	case c.low <= 1:
		return "at most " + strconv.Itoa(c.high)
	default:
		return strconv.Itoa(c.low) + " to " + strconv.Itoa(c.high)
	}
}
