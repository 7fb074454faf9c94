package app

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of a report: how many alerts are told in full and how many are drawn.
const (
	maxReportAlerts = 2000
	maxReportPlots  = 300
)

//go:embed backtestreport.html
var reportPage string

// reportTemplate is parsed once; everything that comes from logs goes through
// its escaping.
var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"stamp": stamp, "lower": strings.ToLower, "day": func(t time.Time) string { return t.Format("2006-01-02 15:04") },
	"count": count, "round": func(d time.Duration) string { return d.Round(time.Second).String() },
	"percent": func(x float64) string { return fmt.Sprintf("%.0f%%", 100*x) },
	"two":     func(x float64) string { return fmt.Sprintf("%.2f", x) },
}).Parse(reportPage))

// reportView is what the page shows.
type reportView struct {
	Tenant   string
	Summary  *backtestSummary
	Spread   []severityCount
	Load     float64 // pages a day in percent of the budget, at most 100
	Over     bool
	Timeline *timeline
	Score    *simulate.Scorecard
	Missed   []simulate.Row
	Diff     *comparison
	Failures []string
	Alerts   []reportAlert
	More     int
	Undrawn  int
}

type severityCount struct {
	Name string
	N    int
}

// reportAlert is one alert with its picture.
type reportAlert struct {
	*schemas.Alert
	L        *schemas.Lapwing
	Sev      string
	Anchor   string
	Facts    string
	Way      string
	Mappings string
	Events   []schemas.RelatedEvent
	Further  int
	Plot     *plot
	Label    string // the attack that it found
}

// timeline shows all alerts over time, a lane for each severity.
type timeline struct {
	Width, Height int
	Left, Right   float64
	Learn         float64 // end of the learning days, 0 when there are none
	Lanes         []timelineLane
	X             []plotTick
	Base          float64
	Attacks       []timelineAttack
	AttackLane    float64
}

type timelineLane struct {
	Name string
	Y    float64
	Dots []timelineDot
}

type timelineDot struct {
	X      float64
	Page   bool
	Anchor string
	Title  string
}

type timelineAttack struct {
	X, W  float64
	Found bool
	Title string
}

// report prepares the page. The traffic is judged a second time: only now is it
// known which identities are worth drawing, and the result is the same.
func (b *backtest) report(ctx context.Context) (*reportView, error) {
	v := &reportView{Tenant: b.cfg.Tenant, Score: b.score, Diff: b.diff, Failures: b.failures}
	_, bad := b.in.totals()
	v.Summary = newBacktestSummary(b.cfg, b.v, len(b.in.files), int(bad))
	for _, name := range slices.Backward(schemas.SeverityWords()) {
		if n := v.Summary.BySeverity[name]; n > 0 {
			v.Spread = append(v.Spread, severityCount{name, n})
		}
	}
	if v.Summary.Budget > 0 {
		v.Load = min(100, 100*v.Summary.PagesPerDay/v.Summary.Budget)
		v.Over = v.Summary.PagesPerDay > v.Summary.Budget
	}
	shown := make([]*schemas.Alert, 0, len(b.v.alerts))
	for i := range b.v.alerts {
		shown = append(shown, &b.v.alerts[i])
	}
	slices.SortStableFunc(shown, func(x, y *schemas.Alert) int {
		return cmp.Or(btoi(y.Unmapped.Lapwing.Paged)-btoi(x.Unmapped.Lapwing.Paged), y.SeverityID-x.SeverityID)
	})
	if len(shown) > maxReportAlerts {
		v.More = len(shown) - maxReportAlerts
		shown = shown[:maxReportAlerts]
	}
	drawn := shown
	if len(drawn) > maxReportPlots {
		v.Undrawn = len(drawn) - maxReportPlots
		drawn = drawn[:maxReportPlots]
	}
	panes, err := b.panes(ctx, drawn)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{}
	if b.score != nil {
		for _, r := range b.score.Rows {
			if r.Found {
				labels[r.Alert] = r.Label.Name
			} else if r.Label.Kind == simulate.KindAttack {
				v.Missed = append(v.Missed, r)
			}
		}
	}
	for i, a := range shown {
		l := &a.Unmapped.Lapwing
		ra := reportAlert{
			Alert: a, L: l, Sev: strings.ToLower(schemas.SeverityName(a.SeverityID)), Anchor: anchor(a.ID()),
			Facts: alerting.Who(a), Way: way(l), Mappings: mappings(a), Events: a.FindingInfo.RelatedEvents, Label: labels[a.ID()],
		}
		const events = 12
		if n := len(ra.Events); n > events {
			ra.Events, ra.Further = ra.Events[:events], n-events
		}
		if i < len(drawn) {
			ra.Plot = newPlot(a, panes[a.Actor.User.UID])
		}
		v.Alerts = append(v.Alerts, ra)
	}
	v.Timeline = b.timeline(v.Alerts)
	return v, nil
}

// panes judges the traffic again and keeps the panes that plots need.
func (b *backtest) panes(ctx context.Context, alerts []*schemas.Alert) (map[string][]plotPane, error) {
	type window struct{ from, to int64 }
	want := map[string][]window{}
	for _, a := range alerts {
		from, to := plotWindow(a, plotFarBefore)
		want[a.Actor.User.UID] = append(want[a.Actor.User.UID], window{from, to})
	}
	if len(want) == 0 {
		return nil, nil
	}
	panes := map[string][]plotPane{}
	b.r.onAlert, b.r.onEnd = nil, nil
	b.r.onPane = func(p *detect.PaneView) {
		at := p.Start / 1e6
		for _, w := range want[p.Identity] {
			if at >= w.from && at < w.to {
				panes[p.Identity] = append(panes[p.Identity], plotPaneOf(p))
				return
			}
		}
	}
	bar := newProgress(b.std.Err, "drawing", int64(b.r.sorter.Len()), false)
	defer bar.finish()
	if _, err := b.r.judge(ctx, bar.add); err != nil {
		return nil, err
	}
	for _, list := range panes {
		slices.SortFunc(list, func(x, y plotPane) int { return cmp.Compare(x.start, y.start) })
	}
	return panes, nil
}

// anchor is a name for a link: an alert's id without what a URL would escape.
func anchor(id string) string {
	return "a-" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return '-'
	}, id)
}

func (b *backtest) timeline(alerts []reportAlert) *timeline {
	if b.v.events == 0 {
		return nil
	}
	const lane, head = 30, 12
	t := &timeline{Width: plotWidth, Left: 92, Right: plotWidth - 16}
	from, to := float64(b.v.from.UnixMilli()), float64(b.v.to.UnixMilli())
	if to-from < 3600e3 {
		to = from + 3600e3
	}
	x := func(at float64) float64 {
		return round1(t.Left + min(max((at-from)/(to-from), 0), 1)*(t.Right-t.Left))
	}
	y := float64(head)
	for _, name := range slices.Backward(schemas.SeverityWords()) {
		l := timelineLane{Name: name, Y: y + lane/2}
		for k := range alerts {
			a := &alerts[k]
			if a.Sev == l.Name {
				l.Dots = append(l.Dots, timelineDot{x(float64(a.FindingInfo.FirstSeenTime)), a.L.Paged, a.Anchor, stamp(a.FindingInfo.FirstSeenTime) + "  " + a.FindingInfo.Title})
			}
		}
		if len(l.Dots) > 0 {
			t.Lanes = append(t.Lanes, l)
			y += lane
		}
	}
	if b.score != nil {
		t.AttackLane = y + lane/2
		for _, r := range b.score.Rows {
			if r.Label.Kind != simulate.KindAttack {
				continue
			}
			at, end := x(float64(r.Label.Start.UnixMilli())), x(float64(r.Label.End.UnixMilli()))
			t.Attacks = append(t.Attacks, timelineAttack{at, round1(max(4, end-at)), r.Found, r.Label.Name})
		}
		// What was missed is drawn last, over what was found.
		slices.SortStableFunc(t.Attacks, func(a, b timelineAttack) int { return btoi(b.Found) - btoi(a.Found) })
		y += lane
	}
	if b.v.since().After(b.v.from) {
		t.Learn = x(float64(b.v.since().UnixMilli()))
	}
	t.Base = y + 4
	t.Height = int(t.Base) + 22
	t.X = dayTicks(from, to, x)
	return t
}

// render writes the page: one file, no script, nothing from elsewhere.
func (v *reportView) render(w io.Writer) error { return reportTemplate.Execute(w, v) }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
