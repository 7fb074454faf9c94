package app

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Verdicts on an alert, as control records carry them.
const (
	verdictAcknowledged  = "acknowledged"
	verdictExpected      = "expected"
	verdictFalsePositive = "false_positive"
	verdictUndone        = "undone"
)

var verdicts = []string{verdictAcknowledged, verdictExpected, verdictFalsePositive, verdictUndone}

// feedbackRecord is one verdict as it is listed, and as files hold it.
type feedbackRecord struct {
	Time     time.Time `json:"time"`
	AlertID  string    `json:"alert_id,omitempty"`
	Identity string    `json:"identity"`
	Verdict  string    `json:"verdict"`
	// Detector and Value say what it is about; without a detector it holds for
	// every finding of the alert.
	Detector string `json:"detector,omitempty"`
	Value    string `json:"value,omitempty"`
	By       string `json:"by,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Until is when it lapses; it is written, not read.
	Until time.Time `json:"until,omitzero"`
}

// control is the record in the log of events.
func (f *feedbackRecord) control() (*schemas.Control, error) {
	switch {
	case f.Identity == "":
		return nil, errors.New("identity is missing")
	case f.Time.IsZero():
		return nil, errors.New("time is missing")
	case !slices.Contains(verdicts, f.Verdict):
		return nil, fmt.Errorf("verdict %q: want %s", f.Verdict, oneOf(verdicts))
	case f.AlertID == "" && f.Detector == "":
		return nil, errors.New("neither alert_id nor detector: what is it about?")
	}
	return &schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_FEEDBACK, Time: f.Time.UnixNano(), AlertId: f.AlertID, IdentityId: enrich.Canonical(f.Identity),
		Verdict: f.Verdict, Detector: f.Detector, Value: f.Value, By: f.By, Reason: f.Reason,
	}, nil
}

// maxFeedbackLine bounds a line of a feedback file.
const maxFeedbackLine = 1 << 20

// loadFeedback reads NDJSON as `lapwing alert feedback list --json` writes it.
func loadFeedback(flag, name string) ([]*schemas.Control, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, Usagef("%s %s: %w", flag, name, cause(err))
	}
	defer f.Close() //nolint:errcheck // opened for reading
	return readFeedback(flag+" "+name, f)
}

func readFeedback(what string, r io.Reader) ([]*schemas.Control, error) {
	var out []*schemas.Control
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxFeedbackLine)
	for n := 1; in.Scan(); n++ {
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		var rec feedbackRecord
		err := strictJSON(line).Decode(&rec)
		var c *schemas.Control
		if err == nil {
			c, err = rec.control()
		}
		if err != nil {
			return nil, Usagef("%s: line %d: %w", what, n, err)
		}
		out = append(out, c)
	}
	if err := in.Err(); err != nil {
		return nil, Usagef("%s: %w", what, err)
	}
	return out, nil
}

// sortFeedback orders verdicts by time.
func sortFeedback(list []*schemas.Control) []*schemas.Control {
	slices.SortStableFunc(list, func(a, b *schemas.Control) int { return cmp.Compare(a.Time, b.Time) })
	return list
}

// strayVerdicts are the alert ids of verdicts that no alert of a run has, each once.
func strayVerdicts(list []*schemas.Control, alerts map[string]schemas.Alert) []string {
	var out []string
	for _, c := range list {
		if _, known := alerts[c.AlertId]; c.AlertId != "" && !known && !slices.Contains(out, c.AlertId) {
			out = append(out, c.AlertId)
		}
	}
	return out
}

// shownStray is how many ids of strayVerdicts are said.
const shownStray = 5

// strayText warns of verdicts on alerts that there are none of.
func strayText(ids []string) []string {
	if len(ids) == 0 {
		return nil
	}
	shown := make([]string, 0, shownStray)
	for _, id := range ids[:min(len(ids), shownStray)] {
		shown = append(shown, clipText(oneLine(id), maxCell))
	}
	more := ""
	if n := len(ids) - len(shown); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return []string{fmt.Sprintf("feedback: no alert of this run is called %s%s; of such a verdict only detector and value count, if it has them", strings.Join(shown, ", "), more)}
}
