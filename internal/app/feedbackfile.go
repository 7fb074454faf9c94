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

	"github.com/lapwing-sec/lapwing/detect"
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

// strayFeedback is what verdicts name that a run has none of, each once, in their order.
type strayFeedback struct {
	StrayAlerts     []string `json:"feedback_of_unknown_alerts,omitempty"`
	StrayDetectors  []string `json:"feedback_of_unknown_detectors,omitempty"`
	StrayIdentities []string `json:"feedback_of_unknown_identities,omitempty"`
	// StrayLate is how many verdicts were given after the last call.
	StrayLate int `json:"feedback_after_the_last_call,omitempty"`
	// near are the names that may have been meant, by what was written.
	near map[string]string
}

// findStray compares verdicts with the detectors there are, and with the alerts, the
// identities and the last call of a run.
func findStray(list []*schemas.Control, alerts map[string]schemas.Alert, e *detect.Engine, last time.Time) strayFeedback {
	s := strayFeedback{near: map[string]string{}}
	if len(list) == 0 {
		return s
	}
	identities := e.Identities()
	var detectors []string
	for _, m := range detect.Catalogue() {
		detectors = append(detectors, m.Name)
	}
	reported := map[string]bool{} // an alert of several identities has an identity of its own
	for id := range alerts {
		a := alerts[id]
		reported[a.Actor.User.UID] = true
	}
	stray := func(into *[]string, name string, known bool, candidates []string) {
		if name == "" || known || slices.Contains(*into, name) {
			return
		}
		*into = append(*into, name)
		if len(*into) <= shownStray && len(name) <= maxCell {
			s.near[name] = nearest(name, candidates)
		}
	}
	for _, c := range list {
		if c.Time > last.UnixNano() {
			s.StrayLate++
		}
		_, raised := alerts[c.AlertId]
		stray(&s.StrayAlerts, c.AlertId, raised, nil)
		stray(&s.StrayDetectors, c.Detector, slices.Contains(detectors, c.Detector), detectors)
		_, seen := slices.BinarySearch(identities, c.IdentityId)
		stray(&s.StrayIdentities, c.IdentityId, seen || reported[c.IdentityId], identities)
	}
	return s
}

// shownStray is how many names of a kind are said.
const shownStray = 5

// texts warn of verdicts that are about nothing of the run.
func (s *strayFeedback) texts() []string {
	var out []string
	say := func(names []string, before, after string) {
		if len(names) == 0 {
			return
		}
		shown := make([]string, 0, shownStray)
		for _, name := range names[:min(len(names), shownStray)] {
			text := clipText(oneLine(name), maxCell)
			if near := s.near[name]; near != "" {
				text += " (did you mean " + oneLine(near) + "?)"
			}
			shown = append(shown, text)
		}
		more := ""
		if n := len(names) - len(shown); n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		out = append(out, "feedback: "+before+" "+strings.Join(shown, ", ")+more+"; "+after)
	}
	say(s.StrayAlerts, "no alert of this run is called", "of such a verdict only detector and value count, if it has them")
	say(s.StrayDetectors, "no detector is called", "such a verdict silences nothing")
	say(s.StrayIdentities, "no identity of this run is called", "such a verdict counts for nothing; aliases are not resolved")
	if s.StrayLate > 0 {
		out = append(out, "feedback: "+count(s.StrayLate, "verdict")+" given after the last call: a verdict takes effect at its time, so move it to before what it is about")
	}
	return out
}
