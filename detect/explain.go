package detect

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// formatInt writes n in decimal.
func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// describe is the explanation: what happened, why it is not normal, whose
// identity it is, where from, what to know before acting. What a sentence says
// already is not said again. It begins with the finding that leads; the gravest of
// the others follow in the order of time.
func (e *Engine) describe(p *Profile, a *openAlert, parts []part, lead int) string {
	var b strings.Builder
	f := e.store.facts[p.self]
	say := func(s string) {
		s = strings.TrimSpace(s)
		if s == "" || strings.Contains(b.String(), s) {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
		if !strings.HasSuffix(s, ".") {
			b.WriteByte('.')
		}
	}
	shown, more := inOrder(parts, lead)
	tell := teller{name: display(e.store.ids[p.self], f)}
	for i, q := range shown {
		say(tell.retell(q))
		say(q.often())
		if _, sentence := unstamped(q.Sentence); i == 0 && !saysNumbers(sentence, q.Rarity) {
			say(rarityWords(q))
		}
	}
	if more > 0 {
		say("And " + plural(more, "more finding"))
	}
	told := b.String()
	historic := strings.Contains(told, " days and ") || strings.Contains(told, " day and ")
	if !historic && !a.young && a.way != WayDeclared && a.way != WayReport {
		say("It is known for " + a.history)
	}
	if !strings.Contains(told, "in no inventory") {
		say(whose(e.store.ids[p.self], f))
	}
	if parts[lead].Trigger != "" {
		say(parts[lead].Trigger)
	} else if n := len(a.samples); n > 0 && a.samples[n-1].Desc != "" {
		s := &a.samples[n-1]
		if !strings.Contains(told, placeOf(s)) {
			say("Latest call, at " + clockTime(s.Time*1e6) + ": " + s.Type + " " + s.Desc)
		}
	}
	learned := slices.ContainsFunc(parts, func(q part) bool { return q.meta.Basis == Learned })
	switch {
	case !learned: // what is declared needs no history
	case a.young:
		say(learning(p, a, historic))
	}
	if len(f.dependants) > 0 {
		say("Disabling it would break " + strings.Join(f.dependants, ", "))
	}
	if inc := e.incidentByID(a.partOf); inc != nil && a.partOf != "" {
		say("It is part of an incident of " + identitiesWord(len(inc.members)+inc.more) + ", " + inc.cause.actor())
	}
	if len(a.links) > 0 {
		say("See also " + plural(len(a.links), "linked alert") + " of the same identity")
	}
	return b.String()
}

// learning says why an identity's habits are not settled yet: it is new, or has
// seldom called. historic is whether its history has been told.
func learning(p *Profile, a *openAlert, historic bool) string {
	days := p.ActiveDays()
	known := int(p.Age(a.opened) / (24 * time.Hour))
	switch {
	case a.history == historyOf(&Profile{}, 0):
		return "Still learning: it was new when this opened"
	case known > learnDays && days <= learnDays:
		return "Still learning: it has been active on only " + plural(days, "day")
	case historic:
		return "Still learning"
	}
	return "Still learning: its history is only " + a.history
}

// inOrder are the findings that are told one by one, and how many are not: the one
// that leads, and the gravest of the others in the order of time.
func inOrder(parts []part, lead int) (shown []*part, more int) {
	const most = 4
	list := refusedOnce(parts, lead)
	shown = list[:min(len(list), most)]
	slices.SortStableFunc(shown[1:], func(a, b *part) int { return compare(a.first, b.first) })
	return shown, len(list) - len(shown)
}

// refusedOnce leaves out what tells of refusals that a finding before told of: each
// counts them beside another usual. Nor is a level told of beside the sum that has
// outgrown it. The one that leads comes first.
func refusedOnce(parts []part, lead int) []*part {
	out := make([]*part, 0, len(parts))
	told := false
	for n := range parts {
		i := n - 1
		switch {
		case n == 0:
			i = lead
		case n > lead:
			i = n
		}
		q := &parts[i]
		of := q.meta == &deniedProbingCard || q.meta == &authFailuresCard || q.meta == &errorMixCard && q.Value == failureNames[failRefused]
		if of && told || n > 0 && q.Value == "level" && q.sums() && slices.ContainsFunc(out, func(o *part) bool { return o.meta == q.meta && o.sums() }) {
			continue
		}
		told = told || of
		out = append(out, q)
	}
	return out
}

// often says of what there was more than the sentence tells: calls, or quarters of
// an hour. Weak evidence is not counted so; of a sum, which grows by itself, since when.
func (q *part) often() string {
	switch {
	case q.count < 2 || q.Way == WayFused:
		return ""
	case q.sums():
		return "It has been beyond that since " + clockTime(q.first)
	case q.meta.Closes && q.meta.Wake == 0:
		return "So far in " + plural(q.count, "quarter hour")
	case q.meta.Wake != 0 && !q.meta.Closes:
		return plural(q.count, "such call") + " so far"
	}
	return ""
}

// saysNumbers reports whether a sentence has every number of a rarity: then it
// says it already. A rarity without a number only names what the sentence says.
func saysNumbers(sentence, rarity string) bool {
	have := numbers(sentence)
	for _, n := range numbers(rarity) {
		if !slices.Contains(have, n) {
			return false
		}
	}
	return true
}

// numbers are the numbers of a text, without the commas between their digits.
func numbers(s string) []string {
	return strings.FieldsFunc(strings.ReplaceAll(s, ",", ""), func(r rune) bool { return r < '0' || r > '9' })
}

// placeOf is where a sampled call came from, as sentences say it: "from
// 203.0.113.9"; else the whole description.
func placeOf(s *schemas.RelatedEvent) string {
	rest, ok := strings.CutPrefix(s.Desc, "from ")
	if !ok {
		return s.Desc
	}
	ip, _, _ := strings.Cut(rest, " ")
	return "from " + strings.TrimSuffix(ip, ":")
}

func rarityWords(q *part) string {
	if q.Rarity == "" {
		return ""
	}
	s := strings.ToUpper(q.Rarity[:1]) + q.Rarity[1:]
	switch q.Calibration {
	case shippedPrior:
		s += " (estimated from simulated fleets: this one is too small or too young to say how rare it is here)"
	case smallFleet:
		s += " (estimated from this fleet and simulated ones together: it is too small to say alone how rare it is here)"
	}
	return s
}

// whose says what is declared of the identity.
func whose(id string, f *facts) string {
	if !f.managed {
		if f.name != "" {
			id += " (" + f.name + " in its log)"
		}
		return id + " is in no inventory: nobody is declared to own it"
	}
	var parts []string
	add := func(label, value string) {
		if value != "" {
			parts = append(parts, label+value)
		}
	}
	add("", strings.ReplaceAll(f.kind, "_", " "))
	add("owner ", f.owner)
	add("team ", f.team)
	add("environment ", f.environment)
	add("criticality ", f.criticality)
	add("vendor ", f.vendor)
	if len(parts) == 0 {
		return "Identity " + id
	}
	return "Identity " + id + ": " + strings.Join(parts, ", ")
}

// rarity says how rare a calibrated surprise is, never beyond what the cell has
// observed: an expectation within its history, else that it was not seen.
func (c *Cell) rarity(p *Profile, signal Signal, surprise float64) string {
	v := c.view
	if v == nil {
		return ""
	}
	days := v.days()
	t, alone := v.tail(p.group, signal)
	if !alone || days < 1 {
		return ""
	}
	n := plural(int(v.identities[groups]), "identity") //nolint:gosec // bounded
	n = strings.Replace(n, "identitys", "identities", 1)
	perDay := float64(t.points()) / days
	every := math.Pow(10, surprise) / math.Max(perDay, 1)
	switch {
	case every > days:
		// The tail's fit may say more than was observed; nothing beyond its history
		// is claimed.
		return "expected less than once in " + plural(int(days), "day") + " across " + n
	case every >= 1:
		return "expected once in " + plural(int(math.Round(every)), "day") + " across " + n
	default:
		return ""
	}
}

// days is how much history a version of the tables has.
func (v *view) days() float64 {
	if v.t.first == 0 {
		return 0
	}
	return float64(v.upTo-v.t.first) / 24
}

// number words a quantity: "1,234", "2.5".
func number(x float64) string {
	if x >= 10 || x == math.Trunc(x) {
		return thousands(int(math.Round(x)))
	}
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}

// some words a usual quantity of whole things: what rounds to nothing is "none",
// and nobody makes a fifth of a call.
func some(x float64) string {
	switch {
	case x < 0.05:
		return "none"
	case x < 0.95:
		return "less than one"
	}
	return number(x)
}

// about words a usual quantity of whole things that is an estimate: "about 2.5",
// "less than one", or "none".
func about(x float64) string {
	if x < 0.95 {
		return some(x)
	}
	return "about " + number(x)
}

// agree is the verb that follows a quantity of some or about: "about 1 was",
// "about 2.5 were".
func agree(quantity, one, many string) string {
	switch quantity {
	case "none", "1", "about 1", "less than one":
		return one
	}
	return many
}

// ofItsOwn says from how much history a usual quantity is known.
func ofItsOwn[N ~int | ~uint16 | ~uint32](panes N) string {
	return ", by " + plural(int(panes), "active quarter hour") + " of its own"
}

// size words bytes: "1.2 GB".
func size(x float64) string {
	const k = 1000
	units := [...]string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for x >= k && i < len(units)-1 {
		x /= k
		i++
	}
	return number(x) + " " + units[i]
}

// times words how many times larger x is than usual: "30 times". Beyond untold the
// number says more of how little is usual than of what was.
func times(x, usual float64) string {
	if usual <= 0 {
		return "far more than"
	}
	if x >= untold*usual {
		return "over " + thousands(untold) + " times"
	}
	n := number(x / usual)
	if n == "1" {
		n = "1.0" // "1 times" is no English
	}
	return n + " times"
}

// untold is from how many times the usual amount on no number is given.
const untold = 1000
