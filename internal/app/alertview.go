package app

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Widths of the terminal view of alerts.
const (
	viewWidth   = 100
	updateWidth = 160
	viewIndent  = "    "
	shownEvents = 3
)

// alertView shows alerts as they land: the first version that pages in full,
// reports and what changes as a line each.
type alertView struct {
	w     io.Writer
	color bool
	seen  map[string]schemas.Alert
	full  map[string]bool // shown in full
}

func newAlertView(w io.Writer) *alertView {
	return &alertView{w: w, color: terminal(w), seen: map[string]schemas.Alert{}, full: map[string]bool{}}
}

// ANSI codes by severity.
var severityColor = map[int]string{
	schemas.SeverityCritical: "\x1b[1;97;41m", schemas.SeverityHigh: "\x1b[1;31m",
	schemas.SeverityMedium: "\x1b[1;33m", schemas.SeverityLow: "\x1b[36m",
}

func (v *alertView) paint(code, s string) string {
	if !v.color || code == "" {
		return s
	}
	return code + s + "\x1b[0m"
}

// show prints one version of an alert.
func (v *alertView) show(a *schemas.Alert) {
	old, known := v.seen[a.ID()]
	v.seen[a.ID()] = *a
	if known && (v.full[a.ID()] || !a.Unmapped.Lapwing.Page) {
		v.update(&old, a)
		return
	}
	l := &a.Unmapped.Lapwing
	sev := strings.ToUpper(schemas.SeverityName(a.SeverityID))
	if !l.Page {
		line := fmt.Sprintf("  · %s  %s  %s: %s (no page)", stamp(a.FindingInfo.FirstSeenTime), strings.ToLower(sev), a.FindingInfo.Analytic.UID, a.FindingInfo.Title)
		fmt.Fprintln(v.w, v.paint("\x1b[2m", clipText(oneLine(line), updateWidth)))
		return
	}
	v.inFull(a)
}

// inFull prints all that a person needs to judge an alert.
func (v *alertView) inFull(a *schemas.Alert) {
	v.full[a.ID()] = true
	l := &a.Unmapped.Lapwing
	sev := strings.ToUpper(schemas.SeverityName(a.SeverityID))
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s  %s UTC  %s  %s\n",
		v.paint(severityColor[a.SeverityID], sev), stamp(a.FindingInfo.FirstSeenTime), a.FindingInfo.Analytic.UID, v.paint("\x1b[1m", oneLine(a.Actor.User.UID)))
	b.WriteString(wrap(a.FindingInfo.Title, "  ", viewWidth))
	if a.FindingInfo.Desc != a.FindingInfo.Title {
		b.WriteString(wrap(a.FindingInfo.Desc, viewIndent, viewWidth))
	}
	field := func(name, value string) {
		if value != "" {
			b.WriteString(wrapField(name, value, viewWidth))
		}
	}
	field("observed", l.Observed)
	field("expected", l.Expected)
	field("rarity", l.Rarity)
	field("who", alerting.Who(a))
	field("how sure", alerting.HowSure(a))
	field("credential", a.Actor.User.CredentialUID)
	field("its life", alerting.Issuance(a))
	field("policy", alerting.Policy(a))
	field("exceptions", alerting.Exceptions(a))
	field("source", alerting.Sources(a))
	field("network", alerting.Networks(a))
	field("seen", seen(a))
	field("breaks", alerting.Breaks(a))
	for i, c := range l.FirstChecks { // eight at most
		name := ""
		if i == 0 {
			name = "check first"
		}
		b.WriteString(wrapField(name, fmt.Sprintf("%d. %s", i+1, c), viewWidth))
	}
	field("events", eventList(a))
	field("mappings", clipList(oneLine(mappings(a)), viewWidth-len(viewIndent)-fieldWidth-len("…")))
	field("alert", fmt.Sprintf("%s  version %d, %s, risk %d, confidence %d", a.ID(), l.Version, way(l), a.RiskScore, a.Confidence))
	fmt.Fprint(v.w, b.String())
}

// seen is when the alert was, and how often.
func seen(a *schemas.Alert) string {
	f := &a.FindingInfo
	out := stamp(f.FirstSeenTime)
	if f.LastSeenTime > f.FirstSeenTime {
		out += " to " + stamp(f.LastSeenTime)
	}
	out += " UTC"
	if calls := alerting.Calls(a); calls != "" {
		out += ": " + calls
	}
	return out
}

// update prints what a later version changed, on one line: it rose, it found
// something else, it wakes somebody. A version that only counts on, or closes
// for want of news, is not worth one.
func (v *alertView) update(old, a *schemas.Alert) {
	l := &a.Unmapped.Lapwing
	var what []string
	if a.SeverityID > old.SeverityID {
		what = append(what, "rose to "+strings.ToLower(schemas.SeverityName(a.SeverityID)))
	}
	if f := newFinding(old, a); f != "" {
		what = append(what, f)
	}
	if len(what) == 0 && l.Page && !old.Unmapped.Lapwing.Page {
		what = append(what, "pages again")
	}
	if len(what) == 0 || a.ActivityID == schemas.ActivityClose {
		return
	}
	line := fmt.Sprintf("  ~ %s  %s version %d  %s", stamp(a.Time), a.Actor.User.UID, a.Version(), strings.Join(what, ": "))
	fmt.Fprintln(v.w, v.paint("\x1b[2m", clipText(oneLine(line), updateWidth)))
}

// newFinding gives the sentence of a detector that joined the alert.
func newFinding(old, a *schemas.Alert) string {
	had := map[string]bool{}
	for _, f := range old.Unmapped.Lapwing.Findings {
		had[f.Detector] = true
	}
	for _, f := range a.Unmapped.Lapwing.Findings {
		if !had[f.Detector] {
			return f.Detector + ": " + f.Sentence
		}
	}
	return ""
}

// stamp writes a time in milliseconds for people, in UTC.
func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05") }

func way(l *schemas.Lapwing) string {
	s := l.Family
	if l.Way != "" && l.Way != l.Family {
		s += ", " + l.Way
	}
	if !l.Paged {
		s += ", no page"
	}
	return s
}

func eventList(a *schemas.Alert) string {
	var ids []string
	for i, e := range a.FindingInfo.RelatedEvents {
		if i == shownEvents {
			ids = append(ids, fmt.Sprintf("and %d more", len(a.FindingInfo.RelatedEvents)-i))
			break
		}
		ids = append(ids, e.UID)
	}
	return strings.Join(ids, ", ")
}

func mappings(a *schemas.Alert) string {
	var out []string
	m := &a.Unmapped.Lapwing.Mappings
	out = append(out, m.OWASPNHI...)
	out = append(out, m.OWASPAPI...)
	for _, t := range a.FindingInfo.Attacks {
		out = append(out, "ATT&CK "+t.Technique.UID)
	}
	out = append(out, m.NISTCSF...)
	for _, p := range m.PCIDSS {
		out = append(out, "PCI DSS "+strings.TrimPrefix(p, "PCI DSS "))
	}
	return strings.Join(out, ", ")
}

const fieldWidth = 12

// wrapField writes "name  value", the value wrapped under itself.
func wrapField(name, value string, width int) string {
	pad := viewIndent + strings.Repeat(" ", fieldWidth)
	text := wrap(value, pad, width)
	return viewIndent + fmt.Sprintf("%-*s", fieldWidth, name) + strings.TrimPrefix(text, pad)
}

// wrap breaks text at spaces into lines of at most width, each after indent. A
// longer word stays whole.
func wrap(s, indent string, width int) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(s) {
		word = strings.Map(harmless, word)
		if line != indent && len(line)+1+len(word) > width {
			b.WriteString(strings.TrimRight(line, " "))
			b.WriteByte('\n')
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	if line == indent {
		return ""
	}
	b.WriteString(line)
	b.WriteByte('\n')
	return b.String()
}

// clipList cuts a list to n characters, behind one of its entries.
func clipList(s string, n int) string {
	const more = ", …"
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	s = string(r[:n-len([]rune(more))+1])
	if i := strings.LastIndex(s, ","); i >= 0 {
		return s[:i] + more
	}
	return clipText(s, n)
}

// clipText cuts s to n characters.
func clipText(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
