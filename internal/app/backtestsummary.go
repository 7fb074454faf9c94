package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// backtestSummary is what a backtest says at its end, in words or as JSON.
type backtestSummary struct {
	Files      int       `json:"files"`
	Events     int       `json:"events"`
	Bad        int       `json:"bad"`
	Duplicates int       `json:"duplicates"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
	// JudgedFrom is From, or what --learn-until says; Days counts from it.
	JudgedFrom time.Time `json:"judged_from,omitzero"`
	Days       float64   `json:"days"`
	Identities int       `json:"identities"`
	Unmanaged  int       `json:"unmanaged_identities"`
	// LearningAlerts were opened before JudgedFrom and not written.
	LearningAlerts int            `json:"learning_alerts"`
	Alerts         int            `json:"alerts"`
	BySeverity     map[string]int `json:"by_severity"`
	Pages          int            `json:"pages"`
	PagesPerDay    float64        `json:"pages_per_day"`
	// Budget is the false alerts a day that the configuration allows.
	Budget float64     `json:"false_alerts_per_day_allowed"`
	Ways   []wayBudget `json:"ways"`

	strayFeedback

	Scorecard *simulate.Scorecard `json:"scorecard,omitempty"`
	Compare   *comparisonCounts   `json:"compare,omitempty"`
	Failures  []string            `json:"failures,omitempty"`
}

// wayBudget is what a way to page was allowed and what it did, a day, over the
// last week of the input.
type wayBudget struct {
	Way      string  `json:"way"`
	Allowed  float64 `json:"allowed_per_day"`
	Realised float64 `json:"realised_per_day"`
	Paged    uint64  `json:"paged"`
}

func newBacktestSummary(cfg *Config, v *verdict, files, bad int) *backtestSummary {
	s := &backtestSummary{
		Files: files, Events: v.events, Bad: bad, Duplicates: v.duplicates, BySeverity: map[string]int{},
		Budget: cfg.Budget.FalseAlertsPerDay, LearningAlerts: v.learning, Alerts: len(v.alerts), Pages: v.pages,
	}
	if v.events == 0 {
		return s
	}
	s.From, s.To, s.JudgedFrom, s.Days = v.from, v.to, v.since(), v.days()
	s.Identities, s.Unmanaged = v.stats.Identities, v.stats.Unmanaged
	s.PagesPerDay = float64(v.pages) / v.days()
	for i := range v.alerts {
		s.BySeverity[strings.ToLower(schemas.SeverityName(v.alerts[i].SeverityID))]++
	}
	for _, w := range []detect.Way{detect.WayDeclared, detect.WayConsequence, detect.WayStrong, detect.WayFused} {
		s.Ways = append(s.Ways, wayBudget{w.String(), v.stats.Nominal[w], v.stats.Realised[w], v.stats.Paged[w]})
	}
	return s
}

// text says in a few lines what was judged and found.
func (s *backtestSummary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s", count(s.Files, "file"), count(s.Events, "event"))
	if s.Bad > 0 {
		fmt.Fprintf(&b, ", %d bad", s.Bad)
	}
	if s.Duplicates > 0 {
		fmt.Fprintf(&b, ", %s dropped", count(s.Duplicates, "duplicate"))
	}
	b.WriteByte('\n')
	if s.Events == 0 {
		b.WriteString("0 alerts\n")
		return b.String()
	}
	const minute = "2006-01-02 15:04"
	fmt.Fprintf(&b, "%s to %s (%.1f days), %s, of them %d in no inventory\n",
		s.From.Format(minute), s.To.Format(minute), max(s.To.Sub(s.From), time.Hour).Hours()/24, count(s.Identities, "identity"), s.Unmanaged)
	if s.JudgedFrom.After(s.From) {
		fmt.Fprintf(&b, "judged from %s (%.1f days); %s of the learning days not written\n", s.JudgedFrom.Format(minute), s.Days, count(s.LearningAlerts, "alert"))
	}
	fmt.Fprintf(&b, "%s%s; %d of them page\n", count(s.Alerts, "alert"), s.severities(": "), s.Pages)
	if s.Days < 1 {
		fmt.Fprintf(&b, "less than a day was judged: too little for a rate of pages a day\n")
		return b.String()
	}
	fmt.Fprintf(&b, "pages a day: %.2f, true ones included; the budget allows %g false ones\n", s.PagesPerDay, s.Budget)
	return b.String()
}

// severities lists the alerts by severity, the gravest first.
func (s *backtestSummary) severities(before string) string {
	var b strings.Builder
	for _, name := range slices.Backward(schemas.SeverityWords()) {
		if n := s.BySeverity[name]; n > 0 {
			fmt.Fprintf(&b, "%s%d %s", before, n, name)
			before = ", "
		}
	}
	return b.String()
}
