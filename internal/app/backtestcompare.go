package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Kinds of difference between two verdicts.
const (
	diffGained  = "gained"
	diffLost    = "lost"
	diffChanged = "changed"
)

// comparison is what a second configuration would change.
type comparison struct {
	Differences []difference
	Counts      comparisonCounts
	// after are the second side's alerts.
	after map[string]*schemas.Alert
}

// comparisonCounts sums up a comparison.
type comparisonCounts struct {
	Same    int `json:"same"`
	Gained  int `json:"gained"`
	Lost    int `json:"lost"`
	Changed int `json:"changed"`
	// PagesBefore and PagesAfter are the alerts that page on either side.
	PagesBefore int `json:"pages_before"`
	PagesAfter  int `json:"pages_after"`
	// PagesGained and PagesLost are alerts that page on one side only.
	PagesGained int `json:"pages_gained"`
	PagesLost   int `json:"pages_lost"`
}

// difference is one alert that the two sides see differently.
type difference struct {
	Change   string      `json:"change"`
	Identity string      `json:"identity"`
	Title    string      `json:"title"`
	Before   *alertBrief `json:"before,omitempty"`
	After    *alertBrief `json:"after,omitempty"`
	// Why says what differs, and for an alert gained or lost what it found.
	Why []string `json:"why"`
	// Alert is the whole alert: of the second side, unless it is lost.
	Alert *schemas.Alert `json:"alert"`
}

// alertBrief is an alert in short.
type alertBrief struct {
	UID        string   `json:"uid"`
	SeverityID int      `json:"severity_id"`
	Severity   string   `json:"severity"`
	Page       bool     `json:"page"`
	Way        string   `json:"way"`
	Detectors  []string `json:"detectors"`
	FirstSeen  int64    `json:"first_seen_time"`
}

func briefOf(a *schemas.Alert) *alertBrief {
	return &alertBrief{
		UID: a.ID(), SeverityID: a.SeverityID, Severity: a.Severity, Page: a.Unmapped.Lapwing.Paged, Way: a.Unmapped.Lapwing.Way,
		Detectors: detectorsOf(a), FirstSeen: a.FindingInfo.FirstSeenTime,
	}
}

// compareVerdicts finds what differs. Alerts are paired by id; what is left, by
// identity where one begins while the other lasts, since another opening
// detector makes another id.
func compareVerdicts(before, after *verdict, feedback []*schemas.Control) *comparison {
	c := &comparison{after: map[string]*schemas.Alert{}}
	c.Counts.PagesBefore, c.Counts.PagesAfter = before.pages, after.pages
	old := map[string]*schemas.Alert{}
	for i := range before.alerts {
		old[before.alerts[i].ID()] = &before.alerts[i]
	}
	var fresh []*schemas.Alert
	for i := range after.alerts {
		a := &after.alerts[i]
		c.after[a.ID()] = a
		if b := old[a.ID()]; b != nil {
			delete(old, a.ID())
			c.pair(b, a)
			continue
		}
		fresh = append(fresh, a)
	}
	var gone []*schemas.Alert
	for i := range before.alerts {
		if a := &before.alerts[i]; old[a.ID()] != nil {
			gone = append(gone, a)
		}
	}
	for _, a := range fresh {
		i := slices.IndexFunc(gone, func(b *schemas.Alert) bool { return overlap(a, b) })
		if i < 0 {
			c.Counts.Gained++
			c.add(difference{Change: diffGained, After: briefOf(a), Why: sentences(a), Alert: a})
			continue
		}
		c.pair(gone[i], a)
		gone = slices.Delete(gone, i, i+1)
	}
	for _, a := range gone {
		c.Counts.Lost++
		why := sentences(a)
		if f := silencedBy(a, feedback); f != "" {
			why = append([]string{f}, why...)
		}
		c.add(difference{Change: diffLost, Before: briefOf(a), Why: why, Alert: a})
	}
	slices.SortStableFunc(c.Differences, func(x, y difference) int {
		return cmp.Or(cmp.Compare(x.Alert.FindingInfo.FirstSeenTime, y.Alert.FindingInfo.FirstSeenTime), cmp.Compare(x.Alert.ID(), y.Alert.ID()))
	})
	return c
}

// overlap reports whether two alerts are about one identity at one time.
func overlap(a, b *schemas.Alert) bool {
	x, y := &a.FindingInfo, &b.FindingInfo
	return a.Actor.User.UID == b.Actor.User.UID && x.FirstSeenTime <= y.LastSeenTime && y.FirstSeenTime <= x.LastSeenTime
}

// pair compares two versions of what is one alert.
func (c *comparison) pair(b, a *schemas.Alert) {
	var why []string
	if a.FindingInfo.Analytic.UID != b.FindingInfo.Analytic.UID {
		why = append(why, "opened by "+a.FindingInfo.Analytic.UID+" instead of "+b.FindingInfo.Analytic.UID)
	}
	if a.SeverityID != b.SeverityID {
		why = append(why, strings.ToLower(b.Severity)+" becomes "+strings.ToLower(a.Severity))
	}
	if x, y := b.Unmapped.Lapwing.Paged, a.Unmapped.Lapwing.Paged; x != y {
		why = append(why, map[bool]string{true: "it pages now", false: "it pages nobody any more"}[y])
	}
	had, has := detectorsOf(b), detectorsOf(a)
	for _, f := range a.Unmapped.Lapwing.Findings {
		if !slices.Contains(had, f.Detector) {
			had = append(had, f.Detector)
			why = append(why, "also "+f.Detector+": "+f.Sentence)
		}
	}
	for _, d := range had {
		if !slices.Contains(has, d) {
			why = append(why, "no longer "+d)
		}
	}
	if len(why) == 0 {
		c.Counts.Same++
		return
	}
	c.Counts.Changed++
	c.add(difference{Change: diffChanged, Before: briefOf(b), After: briefOf(a), Why: why, Alert: a})
}

func (c *comparison) add(d difference) {
	d.Identity, d.Title = d.Alert.Actor.User.UID, d.Alert.FindingInfo.Title
	was, is := d.Before != nil && d.Before.Page, d.After != nil && d.After.Page
	switch {
	case is && !was:
		c.Counts.PagesGained++
	case was && !is:
		c.Counts.PagesLost++
	}
	c.Differences = append(c.Differences, d)
}

// sentences are what an alert's detectors said, at most three.
func sentences(a *schemas.Alert) []string {
	var out []string
	for _, f := range a.Unmapped.Lapwing.Findings[:min(len(a.Unmapped.Lapwing.Findings), 3)] {
		out = append(out, f.Detector+": "+f.Sentence)
	}
	return out
}

// silencedBy names the verdict that silenced an alert, if one did.
func silencedBy(a *schemas.Alert, feedback []*schemas.Control) string {
	for i := len(feedback) - 1; i >= 0; i-- {
		c := feedback[i]
		if c.IdentityId != a.Actor.User.UID || c.Verdict == verdictAcknowledged || c.Time/1e6 > a.FindingInfo.FirstSeenTime {
			continue
		}
		if c.Detector != "" && !slices.Contains(detectorsOf(a), c.Detector) {
			continue
		}
		s := fmt.Sprintf("silenced by %q of %s", c.Verdict, time.Unix(0, c.Time).UTC().Format(time.DateOnly))
		if c.By != "" {
			s += ", " + oneLine(c.By)
		}
		if c.Reason != "" {
			s += ": " + oneLine(c.Reason)
		}
		return s
	}
	return ""
}

// fresh are the second side's alerts that are gained, graver than before, or
// page where they did not: what a change has to answer for.
func (c *comparison) fresh() []schemas.Alert {
	var out []schemas.Alert
	for i := range c.Differences {
		d := &c.Differences[i]
		if d.After != nil && (d.Before == nil || d.After.SeverityID > d.Before.SeverityID || d.After.Page && !d.Before.Page) {
			out = append(out, *d.Alert)
		}
	}
	return out
}

func (c *comparison) summary() *comparisonCounts {
	if c == nil {
		return nil
	}
	return &c.Counts
}

// shownDifferences is how many differences are shown; the file has all.
const shownDifferences = 20

// text is the comparison for people.
func (c *comparison) text() string {
	n := &c.Counts
	var b strings.Builder
	t := newTable("", "same", "gained", "lost", "changed", "before", "after")
	t.AppendRow(table.Row{"alerts", n.Same, n.Gained, n.Lost, n.Changed, n.Same + n.Lost + n.Changed, n.Same + n.Gained + n.Changed})
	t.AppendRow(table.Row{"pages", "", n.PagesGained, n.PagesLost, "", n.PagesBefore, n.PagesAfter})
	fmt.Fprintln(&b, t.Render())
	for i := range c.Differences {
		if i == shownDifferences {
			fmt.Fprintf(&b, "and %d more\n", len(c.Differences)-i)
			break
		}
		d := &c.Differences[i]
		fmt.Fprintf(&b, "%-7s  %s  %s  %s\n", d.Change, stamp(d.Alert.FindingInfo.FirstSeenTime), strings.ToLower(d.Alert.Severity), oneLine(d.Title))
		for _, w := range d.Why {
			b.WriteString(wrap(oneLine(w), "         ", viewWidth))
		}
	}
	return b.String()
}
