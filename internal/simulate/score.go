package simulate

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// How long after a label's end an alert still belongs to it. A pane closes up
// to a quarter of an hour after the last call, and its clock may wait for the
// slowest source; silence shows only once a deadline has passed.
const (
	matchSlack   = 2 * time.Hour
	silenceSlack = 24 * time.Hour
	// An alert of a pane may be dated by the pane's start.
	matchLead = 15 * time.Minute
)

// Scorecard says what of the labels the alerts found, and what else they said.
type Scorecard struct {
	// From and To bound the judged days.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Days float64   `json:"days"`

	// Attacks within the judged days, and how many were found by a page that
	// names one of their events; ByTime counts those found by identity and
	// time, with or without an event.
	Attacks  int     `json:"attacks"`
	Found    int     `json:"found"`
	ByTime   int     `json:"found_by_time"`
	Reported int     `json:"reported"` // not paged, but in a report
	Recall   float64 `json:"recall"`

	// Alerts are distinct alert ids; Paged those that woke somebody.
	Alerts int `json:"alerts"`
	Paged  int `json:"paged"`
	// False pages matched no attack and no housekeeping fact; False counts
	// those of hard cases too.
	False       int     `json:"false_alerts"`
	FalsePerDay float64 `json:"false_alerts_per_day"`
	// FalseLearned and FalseDeclared are its two parts.
	FalseLearned  int `json:"false_alerts_learned"`
	FalseDeclared int `json:"false_alerts_declared"`
	// Reports are alerts that paged nobody; FalseReports those among them that
	// matched nothing.
	Reports      int `json:"reports"`
	FalseReports int `json:"false_reports"`

	// Hard cases, and how many of them woke somebody.
	HardCases int `json:"hard_cases"`
	HardFired int `json:"hard_cases_fired"`

	// MedianDelay is the median time to detect over found attacks.
	MedianDelay time.Duration `json:"median_time_to_detect_ns"`

	Rows []Row `json:"rows"`
	// Unjudged are labels that count for nothing: the logs lack what they tell of.
	Unjudged   []Unjudged   `json:"unjudged,omitempty"`
	FalsePages []FalseAlert `json:"false_pages,omitempty"`
	Strata     []Stratum    `json:"strata,omitempty"`
	// Detectors are the opening detectors of alerts, by name.
	Detectors []DetectorRow `json:"detectors,omitempty"`
}

// DetectorRow is what one detector's alerts were worth.
type DetectorRow struct {
	Detector string `json:"detector"`
	Alerts   int    `json:"alerts"`
	Paged    int    `json:"paged"`
	// True alerts belong to an attack or state a fact; False ones paged and
	// belong to nothing.
	True        int     `json:"true_alerts"`
	False       int     `json:"false_alerts"`
	FalsePerDay float64 `json:"false_alerts_per_day"`
}

// Row is one label's result.
type Row struct {
	Label  Label `json:"label"`
	Found  bool  `json:"found"`   // a page names one of its events
	ByTime bool  `json:"by_time"` // a page of the identity at the time
	Report bool  `json:"report"`  // an alert that pages nobody
	// Alert and Detector are those that found it first, or fired.
	Alert    string        `json:"alert,omitempty"`
	Detector string        `json:"detector,omitempty"`
	Rank     float64       `json:"rank,omitempty"` // the highest of those that found it
	Delay    time.Duration `json:"time_to_detect_ns,omitempty"`
}

// Unjudged is a label that the judged logs say nothing of, with the reason in words.
type Unjudged struct {
	Label Label  `json:"label"`
	Why   string `json:"why"`
}

// FalseAlert is a page that matched nothing.
type FalseAlert struct {
	Alert    string    `json:"alert"`
	Detector string    `json:"detector"`
	Identity string    `json:"identity"`
	Family   string    `json:"family,omitempty"` // declared or learned
	Time     time.Time `json:"time"`
	Rank     float64   `json:"rank"` // its risk, then its confidence
	Title    string    `json:"title"`
	HardCase string    `json:"hard_case,omitempty"`
}

// Stratum is recall over attacks that share a network and a client.
type Stratum struct {
	Network string `json:"network"`
	Client  string `json:"client"`
	Attacks int    `json:"attacks"`
	Found   int    `json:"found"`
}

// finding is all versions of one alert.
type finding struct {
	id, detector, title string
	family              string
	rank                float64
	identities          []string
	paged               bool
	first, page         int64            // event time of the first version, and of the first that paged
	pages               []int64          // event times of all that paged
	begin, end          int64            // what it covers
	events              map[int64]int64  // event time -> version's time
	named               map[string]int64 // event id -> version's time
	matched, hard       bool
}

// Score compares alerts with labels. alerts may hold every version of an alert
// or only the last; an alert counts once.
//
// An alert belongs to a label if it is about the label's identity (or lists
// it, as an incident does) and one of its related events has one of the label's
// times ("by event"), or if it was opened, or paged again, from a quarter of an hour before the
// label's start (a pane is dated by its beginning) to two hours after its end ("by time"; 24 hours where the attack is a silence). An
// attack is found if an alert that pages belongs to it by event; a silence, by
// time. Time to detect runs from the label's start to the event time of the
// first version that pages and belongs. A label that names no event is found by
// identity and time.
//
// A false alert is a page opened within [from, to) that belongs to no attack,
// by event or time, and to no housekeeping label of its identity. Pages of
// benign hard cases are false, and named.
//
// Labels that begin outside [from, to) count for nothing.
func Score(labels []Label, alerts []schemas.Alert, from, to time.Time) Scorecard {
	return ScoreJudged(labels, alerts, from, to, func(l *Label, _ *Row) (string, bool) {
		return "", !l.Start.Before(from) && l.Start.Before(to)
	})
}

// ScoreJudged is Score where judged says which labels count, given what was found of
// them, and why others don't: these go to Unjudged unless the reason is empty.
func ScoreJudged(labels []Label, alerts []schemas.Alert, from, to time.Time, judged func(l *Label, r *Row) (why string, ok bool)) Scorecard {
	s := Scorecard{From: from, To: to, Days: to.Sub(from).Hours() / 24}
	found := collect(alerts)
	byIdentity := make(map[string][]*finding)
	for _, f := range found {
		for _, id := range f.identities {
			byIdentity[id] = append(byIdentity[id], f)
		}
	}
	strata := make(map[[2]string]*Stratum)
	var delays []time.Duration
	for i := range labels {
		l := &labels[i]
		if l.Kind == KindHousekeeping {
			continue
		}
		r := judge(*l, byIdentity) // of one that does not count, too: its alerts are not false
		if why, ok := judged(l, &r); !ok {
			if why != "" {
				s.Unjudged = append(s.Unjudged, Unjudged{*l, why})
			}
			continue
		}
		s.Rows = append(s.Rows, r)
		if l.Kind == KindHard {
			s.HardCases++
			if r.ByTime {
				s.HardFired++
			}
			continue
		}
		s.Attacks++
		k := [2]string{l.Network, l.Client}
		if strata[k] == nil {
			strata[k] = &Stratum{Network: l.Network, Client: l.Client}
		}
		strata[k].Attacks++
		switch {
		case r.Found:
			s.Found++
			strata[k].Found++
			delays = append(delays, r.Delay)
		case r.Report && !r.ByTime:
			s.Reported++
		}
		if r.ByTime {
			s.ByTime++
		}
	}
	for _, l := range labels {
		if l.Kind != KindHousekeeping {
			continue
		}
		for _, f := range byIdentity[l.Identity] {
			if housekeeping(f.detector) {
				f.matched = true
			}
		}
	}
	rows := make(map[string]*DetectorRow)
	for _, f := range found {
		if f.first < from.UnixMilli() || f.first >= to.UnixMilli() {
			continue
		}
		row := rows[f.detector]
		if row == nil {
			row = &DetectorRow{Detector: f.detector}
			rows[f.detector] = row
		}
		row.add(f)
		s.Alerts++
		if f.paged {
			s.Paged++
		} else {
			s.Reports++
		}
		switch {
		case f.matched:
		case !f.paged:
			s.FalseReports++
		default:
			s.False++
			if f.family == "declared" {
				s.FalseDeclared++
			} else {
				s.FalseLearned++
			}
			s.FalsePages = append(s.FalsePages, f.describe(labels))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		if s.Days > 0 {
			row.FalsePerDay = float64(row.False) / s.Days
		}
		s.Detectors = append(s.Detectors, *row)
	}
	if s.Attacks > 0 {
		s.Recall = float64(s.Found) / float64(s.Attacks)
	}
	if s.Days > 0 {
		s.FalsePerDay = float64(s.False) / s.Days
	}
	if len(delays) > 0 {
		slices.Sort(delays)
		s.MedianDelay = delays[len(delays)/2]
	}
	for _, st := range strata {
		s.Strata = append(s.Strata, *st)
	}
	slices.SortFunc(s.Strata, func(a, b Stratum) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Client, b.Client))
	})
	return s
}

func (r *DetectorRow) add(f *finding) {
	r.Alerts++
	if f.paged {
		r.Paged++
	}
	switch {
	case f.matched:
		r.True++
	case f.paged:
		r.False++
	}
}

// housekeeping says whether an alert states a standing fact about an identity,
// not something that it did.
func housekeeping(detector string) bool {
	return detector == "stale-credential" || detector == "unmanaged-identity"
}

// collect groups versions by alert, in order of opening.
func collect(alerts []schemas.Alert) []*finding {
	byID := make(map[string]*finding)
	var out []*finding
	for i := range alerts {
		a := &alerts[i]
		f := byID[a.ID()]
		if f == nil {
			f = &finding{id: a.ID(), detector: a.FindingInfo.Analytic.UID, title: a.FindingInfo.Title, family: a.Unmapped.Lapwing.Family, events: make(map[int64]int64), named: make(map[string]int64), first: a.Time, begin: a.Time, end: a.Time}
			byID[f.id] = f
			out = append(out, f)
		}
		if a.ActivityID == schemas.ActivityClose && a.Version() > 1 {
			continue
		}
		for _, id := range append([]string{a.Actor.User.UID}, a.Unmapped.Lapwing.Identities...) {
			if id != "" && !slices.Contains(f.identities, id) {
				f.identities = append(f.identities, id)
			}
		}
		opened := a.Time
		if a.FindingInfo.FirstSeenTime > 0 {
			opened = min(opened, a.FindingInfo.FirstSeenTime)
		}
		f.first = min(f.first, opened)
		f.rank = max(f.rank, float64(a.RiskScore)+float64(a.Confidence)/1000)
		f.begin, f.end = min(f.begin, opened), max(f.end, a.Time)
		if a.Unmapped.Lapwing.Page {
			if !f.paged || a.Time < f.page {
				f.paged, f.page = true, a.Time
			}
			f.pages = append(f.pages, a.Time)
		}
		for _, e := range a.FindingInfo.RelatedEvents {
			if at, ok := f.named[e.UID]; !ok || a.Time < at {
				f.named[e.UID] = a.Time
			}
			if e.Time == 0 {
				continue
			}
			if at, ok := f.events[e.Time]; !ok || a.Time < at {
				f.events[e.Time] = a.Time
			}
		}
	}
	slices.SortFunc(out, func(a, b *finding) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.id, b.id)) })
	return out
}

// judge finds what belongs to a label and marks it as explained.
func judge(l Label, byIdentity map[string][]*finding) Row {
	r := Row{Label: l}
	first, until := l.Window()
	start, opens, end := l.Start.UnixMilli(), first.UnixMilli(), until.UnixMilli()
	best := int64(-1)
	for _, id := range l.Who() {
		for _, f := range byIdentity[id] {
			named := int64(-1)
			for _, t := range l.Times {
				if at, ok := f.events[t]; ok && (named < 0 || at < named) {
					named = at
				}
			}
			for _, uid := range l.Events {
				if at, ok := f.named[uid]; ok && (named < 0 || at < named) {
					named = at
				}
			}
			inTime := f.first >= opens && f.first < end
			again := int64(-1) // an older alert that pages again
			for _, at := range f.pages {
				if !inTime && l.Kind != KindHard && at >= opens && at < end && (again < 0 || at < again) {
					again = at
				}
			}
			if named < 0 && !inTime && again < 0 {
				continue
			}
			if l.Kind == KindHard {
				// A hard case explains nothing away: its alerts are false.
				if f.paged && inTime {
					r.ByTime = true
					f.hard = true
					if r.Alert == "" {
						r.Alert, r.Detector = f.id, f.detector
					}
				}
				continue
			}
			f.matched = true
			if !f.paged {
				r.Report = true
				continue
			}
			r.ByTime = true
			if named < 0 && !l.Silence && len(l.Times)+len(l.Events) > 0 {
				continue
			}
			r.Rank = max(r.Rank, f.rank)
			at := max(f.page, named)
			if named < 0 {
				at = max(at, again)
			}
			if best < 0 || at < best {
				best = at
				r.Found, r.Alert, r.Detector = true, f.id, f.detector
				r.Delay = max(0, time.Duration(at-start)*time.Millisecond)
			}
		}
	}
	return r
}

func (f *finding) describe(labels []Label) FalseAlert {
	fa := FalseAlert{Alert: f.id, Detector: f.detector, Title: f.title, Family: f.family, Rank: f.rank, Time: time.UnixMilli(f.first).UTC()}
	if len(f.identities) > 0 {
		fa.Identity = f.identities[0]
	}
	if !f.hard {
		return fa
	}
	for _, l := range labels {
		if l.Kind != KindHard || f.first < l.Start.UnixMilli() || f.first >= l.End.Add(matchSlack).UnixMilli() {
			continue
		}
		for _, id := range f.identities {
			if id == l.Identity || slices.Contains(l.Identities, id) {
				fa.HardCase = l.Name
			}
		}
	}
	return fa
}
