package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Words of the command line for verdicts.
var verdictWords = map[string]string{"ack": verdictAcknowledged, "expected": verdictExpected, "false": verdictFalsePositive, "undo": verdictUndone}

// FeedbackOptions says what an analyst decided of an alert.
type FeedbackOptions struct {
	// Word is ack, expected, false or undo.
	Word, AlertID string
	// Reason is asked for by expected and false; By defaults to the user's name.
	Reason, By string
	// Detectors, when not empty, are those whose findings it is about; without
	// them it is about what detect.Covered names. Value narrows it to one of the
	// only detector.
	Detectors []string
	Value     string
	// DryRun only says what would be sent.
	DryRun bool
}

// maxReason bounds the text of a reason.
const maxReason = 300

// AlertFeedback writes a verdict into the log of events, where it takes effect.
func AlertFeedback(ctx context.Context, cfg Config, o FeedbackOptions, std IO) (err error) {
	verdict := verdictWords[o.Word]
	switch {
	case !o.DryRun && !saysWhy(o.Reason) && (verdict == verdictExpected || verdict == verdictFalsePositive):
		return Usagef("alert %s: say why with --reason \"…\", in words; it is kept with the verdict. --dry-run says what would be silent", o.Word)
	case len(o.Reason) > maxReason:
		return Usagef("--reason: %d bytes, at most %d", len(o.Reason), maxReason)
	case o.Value != "" && len(o.Detectors) != 1:
		return Usagef("--value needs --detector, and only one")
	}
	if o.By == "" {
		o.By = userName()
	}
	s := newServices(&cfg)
	db, err := s.openClickHouse(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a, err := findAlert(ctx, db, cfg.Tenant, o.AlertID)
	if err != nil {
		return err
	}
	for _, name := range o.Detectors {
		if !slices.Contains(detectorsOf(a), name) {
			return Usagef("--detector %q has no part in alert %s: want %s", name, a.ID(), oneOf(detectorsOf(a)))
		}
	}
	recs := feedbackRecords(a, verdict, &o, time.Now())
	// An incident is no identity: it lives in the cell that raised it.
	cell := anyCell
	if len(a.Unmapped.Lapwing.Identities) > 0 {
		cell = a.Unmapped.Lapwing.Cell
	}
	if verdict == verdictUndone && s.nothingSaid(ctx, a, cell, std) {
		fmt.Fprintf(std.Err, "nothing to undo: no verdict on alert %s holds (lapwing alert feedback list shows those that do)\n", a.ID())
		return nil
	}
	if !o.DryRun {
		if err := s.sendFeedback(ctx, recs, cell); err != nil {
			return err
		}
	}
	said := "recorded"
	if o.DryRun {
		said = "would be recorded"
	}
	fmt.Fprintf(std.Err, "%s %s on alert %s: %s\n", verdict, said, a.ID(), oneLine(a.FindingInfo.Title))
	if verdict == verdictUndone && a.ActivityID == schemas.ActivityClose {
		fmt.Fprintln(std.Err, "the alert stays closed; what is found from now on opens another")
	}
	if verdict == verdictExpected || verdict == verdictFalsePositive {
		tellSilence(std.Err, a, recs)
		if o.DryRun {
			fmt.Fprintf(std.Err, "record it: lapwing alert %s %s --reason \"why\"\n", o.Word, a.ID())
			return nil
		}
		fmt.Fprintf(std.Err, "take it back: lapwing alert undo %s\n", a.ID())
	}
	return nil
}

// saysWhy reports whether a reason has a word in it: the dots of a command that
// was pasted have none.
func saysWhy(reason string) bool {
	return strings.ContainsFunc(reason, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// nothingSaid reports whether certainly no verdict on an alert holds. Who may
// not read the cell's state is not told so.
func (s *services) nothingSaid(ctx context.Context, a *schemas.Alert, cell int, std IO) bool {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return false
	}
	defer kc.Close()
	if cell == anyCell {
		if cell, err = cellOf(ctx, kc, a.Actor.User.UID); err != nil {
			return false
		}
	}
	bar := newProgress(std.Err, "reading the log", 0, false)
	e, err := s.cellEngine(ctx, kc, cell, bar)
	bar.finish()
	return err == nil && !slices.ContainsFunc(e.Verdicts(), func(v detect.VerdictView) bool { return v.AlertID == a.ID() })
}

// tellSilence says what a verdict silences and which findings it leaves alone.
func tellSilence(w io.Writer, a *schemas.Alert, recs []feedbackRecord) {
	said := func(detector, value string) bool {
		return slices.ContainsFunc(recs, func(r feedbackRecord) bool {
			return r.Detector == detector && (r.Value == value || r.Value == "")
		})
	}
	for i := range recs {
		if r := &recs[i]; r.Detector != "" {
			about := "any value"
			if r.Value != "" {
				about = strconv.Quote(oneLine(r.Value))
			}
			fmt.Fprintf(w, "  %s is silent about %s of %s for 30 days%s\n", r.Detector, about, oneLine(r.Identity), whateverSize(r.Detector, r.Value))
		}
	}
	for i := range a.Unmapped.Lapwing.Findings {
		if f := &a.Unmapped.Lapwing.Findings[i]; !said(f.Detector, f.Value) {
			fmt.Fprintf(w, "  %s speaks on about %q (--detector %s silences it%s)\n", f.Detector, oneLine(f.Value), f.Detector, whateverSize(f.Detector, f.Value))
		}
	}
}

// whateverSize warns of a silence that holds for more than what was seen.
func whateverSize(detector, value string) string {
	if !detect.Sized(detector, value) {
		return ""
	}
	return ", whatever the size"
}

// feedbackRecords are the records of a verdict. The first speaks of the alert
// and closes it if it is open; the others name what it found, so that the
// verdict holds for an alert that has closed by itself, too.
func feedbackRecords(a *schemas.Alert, verdict string, o *FeedbackOptions, now time.Time) []feedbackRecord {
	base := feedbackRecord{Time: now.UTC(), AlertID: a.ID(), Identity: a.Actor.User.UID, Verdict: verdict, By: o.By, Reason: o.Reason}
	var out []feedbackRecord
	add := func(detector, value string) {
		r := base
		r.Detector, r.Value = detector, value
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	silences := verdict == verdictExpected || verdict == verdictFalsePositive
	switch {
	case len(o.Detectors) == 0:
		out = append(out, base)
	case o.Value != "" || !silences:
		for _, name := range o.Detectors {
			add(name, o.Value)
		}
		return out
	}
	if !silences {
		return out
	}
	covered := detect.Covered(a.Unmapped.Lapwing.Findings)
	for i, f := range a.Unmapped.Lapwing.Findings {
		if len(o.Detectors) == 0 && covered[i] || slices.Contains(o.Detectors, f.Detector) {
			add(f.Detector, f.Value)
		}
	}
	return out
}

// sendFeedback appends verdicts to the cells of their identities.
func (s *services) sendFeedback(ctx context.Context, recs []feedbackRecord, cell int) error {
	list := make([]*schemas.Control, len(recs))
	for i := range recs {
		c, err := recs[i].control()
		if err != nil {
			return Usage(err)
		}
		list[i] = c
	}
	return s.sendControls(ctx, list, cell)
}

// anyCell stands for the cell of each record's identity.
const anyCell = -1

// sendControls appends an operator's words to the cells of their identities.
func (s *services) sendControls(ctx context.Context, list []*schemas.Control, to int) error {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	byCell := map[int]*stream.Batch{}
	for _, c := range list {
		cell := to
		if cell == anyCell {
			if cell, err = cellOf(ctx, kc, c.IdentityId); err != nil {
				return err
			}
		}
		if byCell[cell] == nil {
			byCell[cell] = &stream.Batch{}
		}
		if err := byCell[cell].AddControl(c); err != nil {
			return err
		}
	}
	for cell, batch := range byCell {
		if err := kc.ProduceTo(ctx, kc.Topic("events"), cell, batch.Records()); err != nil {
			return err
		}
	}
	return nil
}

// userName is who runs the command, for the record.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// FeedbackImport sends the verdicts of a file, such as a SIEM's export.
func FeedbackImport(ctx context.Context, cfg Config, name string, std IO) error {
	var list []*schemas.Control
	var err error
	if name == stdinName {
		list, err = readFeedback("stdin", std.In)
	} else {
		list, err = loadFeedback("feedback", name)
	}
	if err != nil {
		return err
	}
	recs := make([]feedbackRecord, len(list))
	for i, c := range list {
		recs[i] = recordOf(c)
	}
	if err := newServices(&cfg).sendFeedback(ctx, recs, anyCell); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%s recorded\n", count(len(recs), "verdict"))
	return nil
}

func recordOf(c *schemas.Control) feedbackRecord {
	return feedbackRecord{
		Time: time.Unix(0, c.Time).UTC(), AlertID: c.AlertId, Identity: c.IdentityId, Verdict: c.Verdict,
		Detector: c.Detector, Value: c.Value, By: c.By, Reason: c.Reason,
	}
}

// FeedbackList shows the verdicts that hold.
func FeedbackList(ctx context.Context, cfg Config, asJSON, wide bool, std IO) error {
	var recs []feedbackRecord
	err := newServices(&cfg).engines(ctx, std, func(e *detect.Engine) error {
		for _, v := range e.Verdicts() {
			recs = append(recs, recordsOf(&v)...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(recs, func(a, b feedbackRecord) int { return a.Time.Compare(b.Time) })
	if asJSON {
		return encodeLines(std.Out, recs)
	}
	g := grid{
		header: []string{"since", "until", "verdict", "alert", "identity", "detector", "value", "by", "reason"},
		spare:  []string{"detector", "value", "by", "since"},
		whole:  []string{"alert"},
	}
	for i := range recs {
		r := &recs[i]
		g.add(r.Time.Format("2006-01-02 15:04"), day(r.Until), r.Verdict, r.AlertID, r.Identity, r.Detector,
			clipText(oneLine(r.Value), maxCell), r.By, clipText(oneLine(r.Reason), maxCell))
	}
	if err := g.write(std.Out, std.Err, widthFor(std.Out, wide)); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, count(len(recs), "verdict"))
	return nil
}

// recordsOf are a verdict's records, one for each thing that it is about.
func recordsOf(v *detect.VerdictView) []feedbackRecord {
	base := feedbackRecord{Time: v.Time, AlertID: v.AlertID, Identity: v.Identity, Verdict: v.Verdict, By: v.By, Reason: v.Reason, Until: v.Until}
	if v.Verdict == verdictAcknowledged || len(v.About) == 0 {
		base.Until = time.Time{} // it silences nothing
		return []feedbackRecord{base}
	}
	var out []feedbackRecord
	for _, b := range v.About {
		r := base
		r.Detector, r.Value = b.Detector, b.Value
		out = append(out, r)
	}
	return out
}
