package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

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
	// Detector and Value narrow the verdict to one finding, when not empty.
	Detector, Value string
	// DryRun only says what would be sent.
	DryRun bool
}

// maxReason bounds the text of a reason.
const maxReason = 300

// AlertFeedback writes a verdict into the log of events, where it takes effect.
func AlertFeedback(ctx context.Context, cfg Config, o FeedbackOptions, std IO) (err error) {
	verdict := verdictWords[o.Word]
	switch {
	case o.Reason == "" && (verdict == verdictExpected || verdict == verdictFalsePositive):
		return Usagef("alert %s: say why with --reason; it is kept with the verdict", o.Word)
	case len(o.Reason) > maxReason:
		return Usagef("--reason: %d bytes, at most %d", len(o.Reason), maxReason)
	case o.Value != "" && o.Detector == "":
		return Usagef("--value needs --detector")
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
	if o.Detector != "" && !slices.Contains(detectorsOf(a), o.Detector) {
		return Usagef("--detector %q has no part in alert %s: want %s", o.Detector, a.ID(), oneOf(detectorsOf(a)))
	}
	recs := feedbackRecords(a, verdict, &o, time.Now())
	if !o.DryRun {
		// An incident is no identity: it lives in the cell that raised it.
		cell := anyCell
		if len(a.Unmapped.Lapwing.Identities) > 0 {
			cell = a.Unmapped.Lapwing.Cell
		}
		if err := s.sendFeedback(ctx, recs, cell); err != nil {
			return err
		}
	}
	said := "recorded"
	if o.DryRun {
		said = "would be recorded"
	}
	fmt.Fprintf(std.Err, "%s %s on alert %s: %s\n", verdict, said, a.ID(), oneLine(a.FindingInfo.Title))
	if verdict == verdictExpected || verdict == verdictFalsePositive {
		for i := range recs {
			if recs[i].Detector != "" {
				fmt.Fprintf(std.Err, "  %s is silent about %q of %s for 30 days\n", recs[i].Detector, oneLine(recs[i].Value), oneLine(recs[i].Identity))
			}
		}
		fmt.Fprintf(std.Err, "take it back: lapwing alert undo %s\n", a.ID())
	}
	return nil
}

// feedbackRecords are the records of a verdict. The first speaks of the alert
// and closes it if it is open; the others name what it found, so that the
// verdict holds for an alert that has closed by itself, too.
func feedbackRecords(a *schemas.Alert, verdict string, o *FeedbackOptions, now time.Time) []feedbackRecord {
	base := feedbackRecord{Time: now.UTC(), AlertID: a.ID(), Identity: a.Actor.User.UID, Verdict: verdict, By: o.By, Reason: o.Reason}
	if o.Detector != "" {
		base.Detector, base.Value = o.Detector, o.Value
		return []feedbackRecord{base}
	}
	out := []feedbackRecord{base}
	if verdict != verdictExpected && verdict != verdictFalsePositive {
		return out
	}
	for _, f := range a.Unmapped.Lapwing.Findings {
		r := base
		r.Detector, r.Value = f.Detector, f.Value
		if !slices.Contains(out, r) {
			out = append(out, r)
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
func FeedbackList(ctx context.Context, cfg Config, asJSON bool, std IO) error {
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
		enc := json.NewEncoder(std.Out)
		enc.SetEscapeHTML(false)
		for i := range recs {
			if err := enc.Encode(&recs[i]); err != nil {
				return err
			}
		}
		return nil
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = 0
	t.AppendHeader(table.Row{"since", "until", "verdict", "alert", "identity", "detector", "value", "by", "reason"})
	for i := range recs {
		r := &recs[i]
		t.AppendRow(table.Row{
			r.Time.Format("2006-01-02 15:04"), day(r.Until), r.Verdict, r.AlertID, oneLine(r.Identity), r.Detector,
			clipText(oneLine(r.Value), maxCell), oneLine(r.By), clipText(oneLine(r.Reason), maxCell),
		})
	}
	if _, err := fmt.Fprintln(std.Out, t.Render()); err != nil {
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
