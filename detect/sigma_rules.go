package detect

import (
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/schemas"
)

var sigmaCard = Meta{
	Name: "sigma", Title: "A Sigma rule matches", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, Wake: OnEvery,
	MinSample: "none", Floor: "one match; of a correlation, as many as it says; below medium it is reported only",
	Kept:    "nothing; of correlations the window of each group, 16 bytes an event, at most 256 groups an identity and 65,536 a cell",
	Model:   "the rules in detect.sigma, by the Sigma specification 2",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Valid Accounts: Cloud Accounts"}},
	NHI:     []string{"NHI6:2025"}, API: []string{"API8:2023"}, NIST: nistActivity, PCI: []string{"10.4.1.1"},
	FirstChecks: []string{
		"Read the rule's description and references: what did its author mean to find?",
		"Look at the call, and at what else the identity did in the hour around it.",
		"If it is expected, add a filter to the rule, or an exception for sigma/ID with an end.",
	},
}

// sigmaRules runs the Sigma rules of the configuration. Each rule has a card of
// its own, with what the rule says of itself; all are the detector "sigma".
type sigmaRules struct{ arrivalOnly }

// Meta implements Detector.
func (sigmaRules) Meta() *Meta { return &sigmaCard }

// sigmaEngine is what an engine holds to run rules; nil without rules.
type sigmaEngine struct {
	set     *sigma.Set
	scanner *sigma.Scanner
	state   *sigma.State
	cards   []Meta // by rule
	hits    []sigma.Hit
}

func newSigmaEngine(set *sigma.Set) *sigmaEngine {
	if set.Len() == 0 {
		return nil
	}
	s := &sigmaEngine{set: set, scanner: sigma.NewScanner(set), state: sigma.NewState(set)}
	for i := range set.Len() {
		s.cards = append(s.cards, sigmaCardOf(set.Rule(i)))
	}
	return s
}

// sigmaCardOf is a rule's card: the detector's, with the rule's own words.
func sigmaCardOf(r *sigma.Rule) Meta {
	m := sigmaCard
	m.Rule, m.Title, m.Severity = r.ID, r.Title, r.Severity
	m.Attacks = nil
	for _, uid := range r.Techniques {
		m.Attacks = append(m.Attacks, schemas.Technique{UID: uid, Name: techniqueName(uid)})
	}
	m.NHI, m.API = nil, nil
	var checks []string
	for _, f := range r.FalsePositives {
		if len(checks) < 4 && !strings.EqualFold(f, "unknown") && !strings.EqualFold(f, "none") {
			checks = append(checks, "Rule out what is known to look like this: "+strings.TrimRight(clip(f, 200), ".")+".")
		}
	}
	if len(r.References) > 0 {
		checks = append(checks, "Read what the rule stands on: "+clip(r.References[0], 200)+".")
	}
	m.FirstChecks = append(checks, sigmaCard.FirstChecks[1:]...)
	return m
}

// techniqueName finds a technique's name in the cards of the catalogue, or
// nothing.
func techniqueName(uid string) string {
	for _, d := range catalogue {
		for _, t := range d.Meta().Attacks {
			if t.UID == uid {
				return t.Name
			}
		}
	}
	return ""
}

// Observe implements Detector.
func (sigmaRules) Observe(c *Cell, _ *Profile, call *Call, out *Findings) {
	s := c.e.sigma
	if s == nil {
		return
	}
	matched := s.scanner.Scan(call.Event)
	for _, i := range matched {
		if r := s.set.Rule(i); r.Alone {
			out.add(&s.cards[i], s.finding(call, i, nil))
		}
	}
	s.hits = s.state.Observe(s.scanner, matched, s.hits[:0])
	for k := range s.hits {
		h := &s.hits[k]
		if r := s.set.Rule(h.Rule); r.Alone {
			out.add(&s.cards[h.Rule], s.finding(call, h.Rule, h))
		}
	}
}

// finding words a match; h is nil for a rule on one event. The severity is the
// rule's own, refused or not: its author knew what it looks for.
func (s *sigmaEngine) finding(call *Call, rule int, h *sigma.Hit) Finding {
	r, ev := s.set.Rule(rule), call.Event
	f := Finding{
		Severity: r.Severity, Value: r.ID, Did: "matched the Sigma rule " + strconv.Quote(clip(r.Title, 120)),
		Observed: s.scanner.Show(rule), Expected: "no match of rule " + r.ID,
	}
	if r.Severity < schemas.SeverityMedium {
		f.Way = WayReport
	}
	called := who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call)
	switch {
	case h == nil:
		f.Sentence = called + ", which matches the Sigma rule " + strconv.Quote(r.Title) + "."
	case h.Over:
		f.Sentence = who(ev) + " matches the Sigma rule " + strconv.Quote(r.Title) + ": " + s.counted(rule, h) + ". The window was over before " + ev.Operation + " was called."
	default:
		f.Sentence = called + ", which completes the Sigma rule " + strconv.Quote(r.Title) + ": " + s.counted(rule, h) + "."
	}
	if what := strings.Join(strings.Fields(r.Description), " "); what != "" {
		f.Sentence += " " + strings.TrimRight(clip(what, 400), ".") + "."
	}
	if f.Observed == "" {
		f.Observed = ev.Operation + touched(ev)
	}
	return f
}

// counted says what a window held, and what was waited for.
func (s *sigmaEngine) counted(rule int, h *sigma.Hit) string {
	text := strconv.Itoa(h.Count) + " from " + time.Unix(0, h.From).UTC().Format("15:04:05") + " to " +
		time.Unix(0, h.To).UTC().Format("15:04:05") + " UTC"
	if h.Group != "" {
		text += " for " + h.Group
	}
	return text + ", where it looks for " + s.set.Describe(rule)
}

// card finds a rule's card by its id, or nil.
func (s *sigmaEngine) card(id string) *Meta {
	if s == nil {
		return nil
	}
	for i := range s.cards {
		if s.cards[i].Rule == id {
			return &s.cards[i]
		}
	}
	return nil
}

// visit writes or reads what correlations remember. A state that was written
// with other rules is read and forgotten.
func (s *sigmaEngine) visit(c *codec) {
	has := s != nil
	c.bool(&has)
	switch {
	case !has || c.err != nil:
	case s == nil:
		sigma.Forget(sigmaCodec{c})
	default:
		s.state.Visit(sigmaCodec{c})
	}
}

// sigmaCodec shows a codec to the package of the rules.
type sigmaCodec struct{ c *codec }

func (v sigmaCodec) Writing() bool  { return v.c.writing() }
func (v sigmaCodec) Failed() bool   { return v.c.err != nil }
func (v sigmaCodec) Int(x *int64)   { v.c.i64(x) }
func (v sigmaCodec) Uint(x *uint64) { v.c.u64(x) }
func (v sigmaCodec) Text(s *string) { v.c.text(s) }
func (v sigmaCodec) Len(n int) int  { return v.c.length(n) }
