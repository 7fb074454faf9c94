package app

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
)

// The targets of the primary number.
const (
	targetCloud   = 0.95
	targetGateway = 0.90
	targetStratum = 0.80
)

// attackRows are the attacks of cohorts.
func attackRows(cohorts []*cohort) []simulate.Row { return attacksOf(cardsOf(cohorts)) }

func attacksOf(cards []*simulate.Scorecard) []simulate.Row {
	var out []simulate.Row
	for _, c := range cards {
		for _, r := range c.Rows {
			if r.Label.Kind == simulate.KindAttack {
				out = append(out, r)
			}
		}
	}
	return out
}

// recallOf is the share of found rows among those that a condition takes.
func recallOf(rows []simulate.Row, take func(*simulate.Row) bool) (found, of int) {
	for i := range rows {
		if take(&rows[i]) {
			of++
			if rows[i].Found {
				found++
			}
		}
	}
	return found, of
}

func isCloud(r *simulate.Row) bool { return r.Label.Log == simulate.CloudTrail }

// headline is the primary number, seed by seed.
func (e *evaluation) headline() {
	t := evalTable{Name: "primary", Title: "Primary: recall by listed event, and false alerts a day", Header: []string{"seed", "fleets", "events", "attacks", "cloud", "gateway", "all", "by identity and time", "false a day", "worst fleet", "learned", "declared", "realised / nominal"}}
	p := &evalPrimary{RecallCloudWorst: 1, RecallGatewayWorst: 1}
	seeds := 0.0
	var all tally
	line := func(name string, cohorts []*cohort) (cloud, gateway float64, sum tally, worst float64) {
		events := 0
		pages, nominal := 0.0, 0.0
		for _, c := range cohorts {
			sum.add(&c.main)
			events += c.events
			worst = max(worst, c.main.FalsePerDay)
			for w := range c.stats.Realised {
				if way := detect.Way(w); way == detect.WayConsequence || way == detect.WayStrong || way == detect.WayFused { //nolint:gosec // six ways
					pages += c.stats.Realised[w]
				}
			}
			nominal += e.cfg.Budget.FalseAlertsPerDay
		}
		rows := attackRows(cohorts)
		cf, co := recallOf(rows, isCloud)
		gf, g := recallOf(rows, func(r *simulate.Row) bool { return !isCloud(r) })
		t.add(name, len(cohorts), withCommas(events), sum.attacks, share(cf, co), share(gf, g), percent(sum.recall()), percent(ratioOf(sum.byTime, sum.attacks)),
			perDay(sum.falseAlerts, sum.days), fmt.Sprintf("%.2f", worst), perDay(sum.learned, sum.days), perDay(sum.declared, sum.days), fmt.Sprintf("%.2f", pages/max(nominal, 1e-9)))
		return ratioOf(cf, co), ratioOf(gf, g), sum, worst
	}
	for _, seed := range e.o.Seeds {
		mine := slices.DeleteFunc(slices.Clone(e.cohorts), func(c *cohort) bool { return c.seed != int(seed) }) //nolint:gosec // small
		cloud, gateway, sum, worst := line(fmt.Sprint(seed), mine)
		seeds++
		p.RecallCloud += cloud
		p.RecallGateway += gateway
		p.RecallCloudWorst, p.RecallGatewayWorst = min(p.RecallCloudWorst, cloud), min(p.RecallGatewayWorst, gateway)
		p.FalsePerDayWorst = max(p.FalsePerDayWorst, worst)
		all.attacks += sum.attacks
	}
	p.RecallCloud /= seeds
	p.RecallGateway /= seeds
	_, _, sum, _ := line("all", e.cohorts)
	p.FalsePerDay = float64(sum.falseAlerts) / sum.days
	p.FalsePerDayLearned, p.FalsePerDayDeclared = float64(sum.learned)/sum.days, float64(sum.declared)/sum.days
	e.report.Primary = p
	e.section.Tables = append(e.section.Tables, &t)
	p.RecallStratumLeast = 1
	rows := attackRows(e.cohorts)
	for _, s := range strataNames {
		if f, of := recallOf(rows, s.holds); of > 0 {
			p.RecallStratumLeast = min(p.RecallStratumLeast, ratioOf(f, of))
		}
	}
	p.Met = p.RecallCloud >= targetCloud && p.RecallGateway >= targetGateway && p.RecallStratumLeast >= targetStratum && p.FalsePerDay <= e.cfg.Budget.FalseAlertsPerDay
	word := "MET"
	if !p.Met {
		word = "NOT MET"
	}
	e.section.note("%s: cloud %s (worst seed %s; target %.0f%%), gateway %s (worst seed %s; target %.0f%%), least stratum %s (target %.0f%%), false alerts a day %.2f (learned %.2f, declared %.2f; worst fleet %.2f; allowed %.0f).",
		word, percent(p.RecallCloud), percent(p.RecallCloudWorst), 100*targetCloud, percent(p.RecallGateway), percent(p.RecallGatewayWorst), 100*targetGateway,
		percent(p.RecallStratumLeast), 100*targetStratum, p.FalsePerDay, p.FalsePerDayLearned, p.FalsePerDayDeclared, p.FalsePerDayWorst, e.cfg.Budget.FalseAlertsPerDay)
}

type stratumName struct{ network, client string }

func (s stratumName) holds(r *simulate.Row) bool {
	return r.Label.Network == s.network && r.Label.Client == s.client
}

var strataNames = []stratumName{{"usual", "own"}, {"usual", "other"}, {"known", "own"}, {"known", "other"}, {"foreign", "own"}, {"foreign", "other"}}

func (e *evaluation) byStratum() {
	t := evalTable{Name: "strata", Title: "By stratum", Header: []string{"network", "client", "cloud", "gateway", "all"}}
	rows := attackRows(e.cohorts)
	for _, s := range strataNames {
		cf, co := recallOf(rows, func(r *simulate.Row) bool { return s.holds(r) && isCloud(r) })
		gf, g := recallOf(rows, func(r *simulate.Row) bool { return s.holds(r) && !isCloud(r) })
		t.add(s.network, s.client, share(cf, co), share(gf, g), share(cf+gf, co+g))
		e.section.figure("recall "+s.network+" "+s.client, ratioOf(cf+gf, co+g))
	}
	e.section.Tables = append(e.section.Tables, &t)
}

// byAttack lists what was missed, and which classes were.
func (e *evaluation) byAttack(cards []*simulate.Scorecard) {
	t := evalTable{Name: "missed", Title: "Attacks missed at least once", Header: []string{"attack", "log", "found", "by time", "reported", "missed in"}}
	type sum struct {
		log                         string
		of, found, byTime, reported int
		missed                      []string
	}
	sums := map[string]*sum{}
	for _, r := range attacksOf(cards) {
		s := sums[r.Label.Name]
		if s == nil {
			s = &sum{log: r.Label.Log}
			sums[r.Label.Name] = s
		}
		s.of++
		switch {
		case r.Found:
			s.found++
		default:
			if r.Report {
				s.reported++
			}
			s.missed = append(s.missed, r.Label.Network+"/"+r.Label.Client)
		}
		if r.ByTime {
			s.byTime++
		}
	}
	names := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		x, y := sums[a], sums[b]
		return cmp.Or(cmp.Compare(ratioOf(x.found, x.of), ratioOf(y.found, y.of)), strings.Compare(a, b))
	})
	held := [2]tally{}
	for _, n := range names {
		s := sums[n]
		if s.found < s.of {
			slices.Sort(s.missed)
			t.add(n, s.log, share(s.found, s.of), s.byTime, s.reported, strings.Join(slices.Compact(s.missed), " "))
		}
		i := 0
		if heldOut(n) {
			i = 1
		}
		held[i].attacks += s.of
		held[i].found += s.found
	}
	e.section.Tables = append(e.section.Tables, &t)
	e.section.note("Classes kept out of development (one in six, by name): recall %s; all others %s.", share(held[1].found, held[1].attacks), share(held[0].found, held[0].attacks))
}

// heldOut says that an attack is one of those that nobody looks at while a
// detector is being changed.
func heldOut(name string) bool {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h%6 == 0
}

// cardsOf are the scorecards of cohorts.
func cardsOf(cohorts []*cohort) []*simulate.Scorecard {
	out := make([]*simulate.Scorecard, 0, len(cohorts))
	for _, c := range cohorts {
		out = append(out, &c.main)
	}
	return out
}

func (e *evaluation) byDetector(cards []*simulate.Scorecard) {
	t := evalTable{Name: "detectors", Title: "By the detector that opened the alert", Header: []string{"detector", "alerts", "paged", "true", "false", "false a day"}}
	sums := map[string]*simulate.DetectorRow{}
	days := 0.0
	for _, c := range cards {
		days += c.Days
		for _, d := range c.Detectors {
			s := sums[d.Detector]
			if s == nil {
				s = &simulate.DetectorRow{Detector: d.Detector}
				sums[d.Detector] = s
			}
			s.Alerts += d.Alerts
			s.Paged += d.Paged
			s.True += d.True
			s.False += d.False
		}
	}
	for _, n := range slices.Sorted(maps.Keys(sums)) {
		s := sums[n]
		t.add(n, s.Alerts, s.Paged, s.True, s.False, perDay(s.False, days))
	}
	e.section.Tables = append(e.section.Tables, &t)
}

func (e *evaluation) byHardCase(cards []*simulate.Scorecard) {
	t := evalTable{Name: "hard cases", Title: "Benign hard cases that paged", Header: []string{"case", "fleets", "paged", "pages"}}
	sums := map[string]*[3]int{}
	get := func(n string) *[3]int {
		if sums[n] == nil {
			sums[n] = &[3]int{}
		}
		return sums[n]
	}
	for _, c := range cards {
		for _, r := range c.Rows {
			if r.Label.Kind == simulate.KindHard {
				s := get(r.Label.Name)
				s[0]++
				if r.ByTime {
					s[1]++
				}
			}
		}
		for _, f := range c.FalsePages {
			name := f.HardCase
			if name == "" {
				name = "(an ordinary day)"
			}
			get(name)[2]++
		}
	}
	for _, n := range slices.Sorted(maps.Keys(sums)) {
		s := sums[n]
		t.add(n, s[0], s[1], s[2])
	}
	e.section.Tables = append(e.section.Tables, &t)
}

// honesty is what the same events give where nothing should be found, and what
// simple rules give.
func (e *evaluation) honesty() {
	t := evalTable{Name: "honesty", Title: "Placebo and a first-seen baseline on the same events", Header: []string{"condition", "recall by event", "recall by time", "false a day"}}
	var main, shifted, without, baseline, deepMain tally
	var found, falseOnes []float64
	for _, c := range e.cohorts {
		main.add(&c.main)
		shifted.add(&c.shifted)
		baseline.add(&c.baseline)
		if c.without.Days > 0 {
			without.add(&c.without)
			deepMain.add(&c.main)
		}
		for _, r := range c.main.Rows {
			if r.Label.Kind == simulate.KindAttack && r.Found {
				found = append(found, r.Rank)
			}
		}
		for _, f := range c.main.FalsePages {
			falseOnes = append(falseOnes, f.Rank)
		}
	}
	row := func(name string, s *tally) {
		t.add(name, percent(s.recall()), percent(ratioOf(s.byTime, s.attacks)), perDay(s.falseAlerts, s.days))
	}
	row("Lapwing", &main)
	row("labels moved by 3 days", &shifted)
	row("the stream without the attacks' events", &without)
	row("first-seen baseline", &baseline)
	// Lapwing with only its gravest pages, as many as match the baseline.
	slices.SortFunc(found, func(a, b float64) int { return cmp.Compare(b, a) })
	slices.SortFunc(falseOnes, func(a, b float64) int { return cmp.Compare(b, a) })
	need := int(baseline.recall() * float64(main.attacks))
	if need > 0 && need <= len(found) {
		at := found[need-1]
		n := 0
		for _, f := range falseOnes {
			if f >= at {
				n++
			}
		}
		t.add("Lapwing at the baseline's recall", percent(baseline.recall()), "", perDay(n, main.days))
	} else {
		t.add("Lapwing at the baseline's recall", "not reached", "", "")
	}
	if baseline.falseAlerts >= len(falseOnes) {
		t.add("Lapwing at the baseline's false alerts", percent(main.recall()), "", "all of its own, "+perDay(len(falseOnes), main.days))
	} else {
		at := falseOnes[baseline.falseAlerts]
		n := 0
		for _, f := range found {
			if f > at {
				n++
			}
		}
		t.add("Lapwing at the baseline's false alerts", percent(ratioOf(n, main.attacks)), "", perDay(baseline.falseAlerts, baseline.days))
	}
	e.section.Tables = append(e.section.Tables, &t)
}

// mechanisms shows what each part carries, and what a missing log costs.
func (e *evaluation) mechanisms() {
	var deep []*cohort
	for _, c := range e.cohorts {
		if len(c.ablated) > 0 {
			deep = append(deep, c)
		}
	}
	if len(deep) == 0 {
		return
	}
	t := evalTable{Name: "ablations", Title: fmt.Sprintf("Each mechanism off (%d fleets)", len(deep)), Header: []string{"without", "recall", "cloud", "gateway", "false a day"}}
	line := func(t *evalTable, name string, pick func(*cohort) *simulate.Scorecard) {
		var s tally
		var rows []simulate.Row
		for _, c := range deep {
			card := pick(c)
			s.add(card)
			for _, r := range card.Rows {
				if r.Label.Kind == simulate.KindAttack {
					rows = append(rows, r)
				}
			}
		}
		cf, co := recallOf(rows, isCloud)
		gf, g := recallOf(rows, func(r *simulate.Row) bool { return !isCloud(r) })
		t.add(name, percent(s.recall()), percent(ratioOf(cf, co)), percent(ratioOf(gf, g)), perDay(s.falseAlerts, s.days))
	}
	line(&t, "(nothing)", func(c *cohort) *simulate.Scorecard { return &c.main })
	for _, m := range detect.Mechanisms() {
		line(&t, m, func(c *cohort) *simulate.Scorecard { s := c.ablated[m]; return &s })
	}
	l := evalTable{Name: "left out", Title: "A log source left out: recall on the attacks in the others", Header: []string{"without", "recall", "cloud", "gateway", "false a day"}}
	for _, name := range slices.Sorted(maps.Keys(deep[0].leftOut)) {
		line(&l, name, func(c *cohort) *simulate.Scorecard { s := c.leftOut[name]; return &s })
	}
	e.section.Tables = append(e.section.Tables, &t, &l)
}
