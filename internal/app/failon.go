package app

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// A condition is what --fail-on says: clauses that must all hold for an alert,
// such as "severity>=medium,detector=scope-policy".
//
//	condition = clause { "," clause }
//	clause    = field operator value
//	operator  = "=" | "!=" | ">=" | "<=" | ">" | "<"
//
// severity, risk and confidence have an order and take all operators; the other
// fields take = and !=, and their values may hold * for any text.
type condition struct {
	text    string
	clauses []clause
}

type clause struct {
	field    conditionField
	operator string
	text     string
	number   int
}

// conditionField is one thing that a clause may ask of an alert: a number, or
// texts of which any may match.
type conditionField struct {
	name   string
	number func(a *schemas.Alert) int
	texts  func(a *schemas.Alert) []string
	// values are those that make sense, where there are few.
	values []string
}

// conditionFields is the table of what --fail-on knows.
var conditionFields = []conditionField{
	{name: "severity", number: func(a *schemas.Alert) int { return a.SeverityID }, values: schemas.SeverityWords()},
	{name: "risk", number: func(a *schemas.Alert) int { return a.RiskScore }},
	{name: "confidence", number: func(a *schemas.Alert) int { return a.Confidence }},
	{name: "detector", texts: detectorsOf},
	{name: "identity", texts: func(a *schemas.Alert) []string { return []string{a.Actor.User.UID} }},
	{name: "team", texts: func(a *schemas.Alert) []string { return []string{a.Unmapped.Lapwing.Identity.Team} }},
	{name: "environment", texts: func(a *schemas.Alert) []string { return []string{a.Unmapped.Lapwing.Identity.Environment} }},
	{name: "family", texts: func(a *schemas.Alert) []string { return []string{a.Unmapped.Lapwing.Family} }, values: []string{"declared", "learned"}},
	{name: "way", texts: func(a *schemas.Alert) []string { return []string{a.Unmapped.Lapwing.Way} }, values: []string{"declared", "consequence", "strong", "fused", "report"}},
	{name: "page", texts: func(a *schemas.Alert) []string { return []string{strconv.FormatBool(a.Unmapped.Lapwing.Paged)} }, values: []string{"true", "false"}},
}

// conditionOperators are the operators, longer ones first.
var conditionOperators = []string{">=", "<=", "!=", ">", "<", "="}

// detectorsOf names the detectors that have a part in an alert.
func detectorsOf(a *schemas.Alert) []string {
	out := []string{a.FindingInfo.Analytic.UID}
	for i := range a.Unmapped.Lapwing.Findings {
		if d := a.Unmapped.Lapwing.Findings[i].Detector; !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// FailOnFields lists the fields of --fail-on, for its help.
func FailOnFields() []string {
	out := make([]string, len(conditionFields))
	for i := range conditionFields {
		out[i] = conditionFields[i].name
	}
	return out
}

// parseCondition reads a condition; an error names the position, counted from 1.
func parseCondition(text string) (*condition, error) {
	c := &condition{text: strings.TrimSpace(text)}
	fail := func(at int, format string, args ...any) (*condition, error) {
		return nil, Usagef("--fail-on %q: at position %d: %w", text, at+1, fmt.Errorf(format, args...))
	}
	at := 0
	for part := range strings.SplitSeq(text, ",") {
		start := at + len(part) - len(strings.TrimLeft(part, " "))
		at += len(part) + 1
		s := strings.TrimSpace(part)
		if s == "" {
			return fail(start, "a clause is missing: want field, operator, value, such as severity>=high")
		}
		op := strings.IndexAny(s, "<>=!")
		if op < 0 {
			return fail(start+len(s), "an operator is missing after %q: want %s", s, oneOf(conditionOperators))
		}
		k := clause{}
		name := strings.TrimSpace(s[:op])
		i := slices.IndexFunc(conditionFields, func(f conditionField) bool { return f.name == strings.ToLower(name) })
		if i < 0 {
			return fail(start, "unknown field %q: want %s", name, oneOf(FailOnFields()))
		}
		k.field = conditionFields[i]
		for _, o := range conditionOperators {
			if strings.HasPrefix(s[op:], o) {
				k.operator = o
				break
			}
		}
		if k.operator == "" {
			return fail(start+op, "unknown operator %q: want %s", s[op:op+1], oneOf(conditionOperators))
		}
		rest := s[op+len(k.operator):]
		value := start + op + len(k.operator) + len(rest) - len(strings.TrimLeft(rest, " "))
		k.text = strings.TrimSpace(rest)
		if err := k.check(); err != nil {
			if k.field.number == nil && k.operator != "=" && k.operator != "!=" {
				value = start + op
			}
			return fail(value, "%w", err)
		}
		c.clauses = append(c.clauses, k)
	}
	return c, nil
}

// check completes a clause that was cut into its parts.
func (k *clause) check() error {
	switch {
	case k.field.number == nil && k.operator != "=" && k.operator != "!=":
		return fmt.Errorf("%s has no order: want = or !=", k.field.name)
	case k.text == "":
		return fmt.Errorf("%s %s what?", k.field.name, k.operator)
	case k.field.values != nil:
		n := slices.Index(k.field.values, strings.ToLower(k.text))
		if n < 0 {
			return fmt.Errorf("unknown %s %q: want %s", k.field.name, k.text, oneOf(k.field.values))
		}
		k.text, k.number = k.field.values[n], n+1
	case k.field.number != nil:
		n, err := strconv.Atoi(k.text)
		if err != nil || n < 0 || n > 100 {
			return fmt.Errorf("%s is a number from 0 to 100, not %q", k.field.name, k.text)
		}
		k.number = n
	default:
		if _, err := path.Match(globPattern(k.text), ""); err != nil {
			return fmt.Errorf("pattern %q: %w", k.text, err)
		}
	}
	return nil
}

// globPattern makes * the only special character, matching anything.
func globPattern(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`?[\`, r) {
			b.WriteByte('\\')
		}
		if r == '/' {
			r = '\x00'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// matches reports whether an alert is what the condition names.
func (c *condition) matches(a *schemas.Alert) bool {
	for i := range c.clauses {
		if !c.clauses[i].holds(a) {
			return false
		}
	}
	return true
}

func (k *clause) holds(a *schemas.Alert) bool {
	if k.field.number != nil {
		n := k.field.number(a)
		switch k.operator {
		case "=":
			return n == k.number
		case "!=":
			return n != k.number
		case ">=":
			return n >= k.number
		case "<=":
			return n <= k.number
		case ">":
			return n > k.number
		default:
			return n < k.number
		}
	}
	pattern := globPattern(k.text)
	some := slices.ContainsFunc(k.field.texts(a), func(s string) bool {
		ok, err := path.Match(pattern, strings.ReplaceAll(s, "/", "\x00")) // the pattern was tried before
		return ok && err == nil
	})
	return some == (k.operator == "=")
}

// failures says of every alert that meets a condition why, a line each.
func failures(conditions []*condition, alerts []schemas.Alert) []string {
	var out []string
	for i := range alerts {
		a := &alerts[i]
		for _, c := range conditions {
			if c.matches(a) {
				out = append(out, fmt.Sprintf("fail-on %s: %s %s %s %s: %s (alert %s)", c.text,
					strings.ToUpper(schemas.SeverityName(a.SeverityID)), stamp(a.FindingInfo.FirstSeenTime),
					a.FindingInfo.Analytic.UID, oneLine(a.Actor.User.UID), oneLine(a.FindingInfo.Title), a.ID()))
				break
			}
		}
	}
	return out
}
