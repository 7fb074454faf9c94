package app

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/simulate"
)

// Bounds of a labels file.
const (
	maxLabelsBytes = 64 << 20
	maxLabels      = 100_000
)

// fileLabel is a label as people write it; the simulator's own fields may be
// given too.
type fileLabel struct {
	simulate.Label
	From     string   `json:"from"`
	To       string   `json:"to"`
	EventIDs []string `json:"event_ids"`
}

// label completes what was read: an attack unless it says otherwise, over the
// canonical identity.
func (f *fileLabel) label(number int) (simulate.Label, error) {
	l := f.Label
	for _, t := range [...]struct {
		name, text string
		into       *time.Time
	}{{"from", f.From, &l.Start}, {"to", f.To, &l.End}} {
		if t.text == "" {
			continue
		}
		at, err := parseMoment(t.text)
		if err != nil {
			return l, fmt.Errorf("%s: %w", t.name, err)
		}
		*t.into = at
	}
	if l.End.IsZero() {
		l.End = l.Start
	}
	l.Events = append(l.Events, f.EventIDs...)
	switch {
	case l.Identity == "" && len(l.Identities) == 0:
		return l, errors.New("identity is missing")
	case l.Start.IsZero():
		return l, errors.New("from is missing")
	case l.End.Before(l.Start):
		return l, fmt.Errorf("it ends (%s) before it begins (%s)", l.End.Format(time.RFC3339), l.Start.Format(time.RFC3339))
	}
	switch l.Kind {
	case "":
		l.Kind = simulate.KindAttack
	case simulate.KindAttack, simulate.KindHard, simulate.KindHousekeeping:
	default:
		return l, fmt.Errorf("kind %q: want %s, %s or %s", l.Kind, simulate.KindAttack, simulate.KindHard, simulate.KindHousekeeping)
	}
	l.Identity = enrich.Canonical(l.Identity)
	for i := range l.Identities {
		l.Identities[i] = enrich.Canonical(l.Identities[i])
	}
	if l.ID == "" {
		l.ID = fmt.Sprintf("label-%d", number)
	}
	if l.Name == "" {
		l.Name = l.ID
	}
	return l, nil
}

// parseMoment reads a time as RFC 3339, or a day.
func parseMoment(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: want RFC 3339 (2026-07-01T12:00:00Z) or a day (2026-07-01)", s)
}

// loadLabels reads what is known to have happened: NDJSON, a JSON array such as
// the simulator writes, or CSV with a header.
func loadLabels(name string) ([]simulate.Label, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("labels %s: %w", name, cause(err))
	}
	defer f.Close() //nolint:errcheck // opened for reading
	data, err := io.ReadAll(io.LimitReader(f, maxLabelsBytes+1))
	if err != nil {
		return nil, fmt.Errorf("labels %s: %w", name, cause(err))
	}
	if len(data) > maxLabelsBytes {
		return nil, fmt.Errorf("labels %s: larger than %d MB", name, maxLabelsBytes>>20)
	}
	labels, err := readLabels(data)
	if err != nil {
		return nil, fmt.Errorf("labels %s: %w", name, err)
	}
	return labels, nil
}

func readLabels(data []byte) ([]simulate.Label, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	var found []fileLabel
	var err error
	switch {
	case len(data) == 0:
		return nil, errors.New("empty")
	case data[0] == '[':
		d := strictJSON(data)
		err = d.Decode(&found)
	case data[0] == '{':
		found, err = readLabelLines(data)
	default:
		found, err = readLabelRows(data)
	}
	if err != nil {
		return nil, err
	}
	if len(found) > maxLabels {
		return nil, fmt.Errorf("%d labels: at most %d", len(found), maxLabels)
	}
	labels := make([]simulate.Label, len(found))
	for i := range found {
		if labels[i], err = found[i].label(i + 1); err != nil {
			return nil, fmt.Errorf("label %d: %w", i+1, err)
		}
	}
	return labels, nil
}

func strictJSON(data []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d
}

func readLabelLines(data []byte) ([]fileLabel, error) {
	var out []fileLabel
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, maxLabelsBytes)
	for n := 1; in.Scan(); n++ {
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		var l fileLabel
		if err := strictJSON(line).Decode(&l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, l)
	}
	return out, in.Err()
}

// labelColumns are the columns of a CSV file of labels; title, of the simulator's own
// labels, is taken too.
var labelColumns = []string{"identity", "from", "to", "name", "event_ids", "kind"}

// readLabelRows reads CSV; event ids are divided by spaces or semicolons.
func readLabelRows(data []byte) ([]fileLabel, error) {
	in := csv.NewReader(bytes.NewReader(data))
	in.TrimLeadingSpace = true
	rows, err := in.ReadAll()
	if err != nil {
		return nil, err
	}
	header := rows[0]
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(name))
		if header[i] != "title" && !slices.Contains(labelColumns, header[i]) {
			return nil, fmt.Errorf("line 1: unknown column %q: want %s", name, oneOf(labelColumns))
		}
	}
	out := make([]fileLabel, 0, len(rows)-1)
	for _, row := range rows[1:] {
		var l fileLabel
		for i, v := range row {
			v = strings.TrimSpace(v)
			switch header[i] {
			case "identity":
				l.Identity = v
			case "from":
				l.From = v
			case "to":
				l.To = v
			case "name":
				l.Name = v
			case "kind":
				l.Kind = v
			case "title":
				l.Title = v
			case "event_ids":
				l.EventIDs = strings.FieldsFunc(v, func(r rune) bool { return r == ';' || r == ' ' })
			}
		}
		out = append(out, l)
	}
	return out, nil
}
