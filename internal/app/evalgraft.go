package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/internal/simulate"
)

// graft plays recorded attacks of others on identities of simulated fleets:
// who acts, from where, when and with which client is the fleet's; what is
// called, with which parameters and with what outcome is theirs. User agents in
// the recordings name the tool, so none of them is kept.
func (e *evaluation) graft(ctx context.Context) error {
	dir := filepath.Join(e.o.Data, "cloudtrail-attacks")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		e.section.note("Skipped: no recorded attacks in %s.", dir)
		return nil // a bad pattern matches nothing
	}
	seed := uint64(e.o.Seeds[0])
	fleet, err := quietFleet(seed)
	if err != nil {
		return err
	}
	t, err := recordTape(ctx, e.cfg, fleet)
	if err != nil {
		return err
	}
	mark, err := t.mark(ctx, fleet.Judged().Add(probesAfter))
	if err != nil {
		return err
	}
	table := evalTable{Name: "graft", Header: []string{"technique", "calls", "usual own", "usual other", "known own", "known other", "foreign own", "foreign other", "by"}}
	found, of := 0, 0
	for _, file := range files {
		events, err := readRecorded(file)
		if err != nil {
			return err
		}
		row := []any{strings.TrimSuffix(filepath.Base(file), ".json"), len(events)}
		var by []string
		for i, s := range strataNames {
			const tries = 2
			n := 0
			for nth := range tries {
				own, label, ok := fleet.Probe(simulate.Probe{Class: "its own calls", Events: len(events), Network: s.network, Client: s.client}, i*5+nth)
				if !ok {
					return fmt.Errorf("%s: the fleet has no identity for it", file)
				}
				records, err := grafted(events, own)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				r, err := t.overlay(ctx, mark, records, label)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				of++
				if r.Found {
					n++
					by = append(by, r.Detector)
				}
			}
			found += n
			row = append(row, fmt.Sprintf("%d of %d", n, tries))
		}
		slices.Sort(by)
		table.add(append(row, strings.Join(slices.Compact(by), " "))...)
	}
	e.section.note("%d techniques of %s: %s paged.", len(files), dir, share(found, of))
	e.section.figure("recall", ratioOf(found, of))
	e.section.Tables = append(e.section.Tables, &table)
	return nil
}

// readRecorded reads the calls of one technique in order, without those that a
// service of the cloud made.
func readRecorded(file string) ([]map[string]json.RawMessage, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var events []map[string]json.RawMessage
	if err := json.Unmarshal(b, &events); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	events = slices.DeleteFunc(events, func(ev map[string]json.RawMessage) bool {
		return bytes.Contains(ev["userIdentity"], []byte(`"AWSService"`))
	})
	slices.SortStableFunc(events, func(a, b map[string]json.RawMessage) int {
		return cmp.Compare(string(a["eventTime"]), string(b["eventTime"]))
	})
	return events, nil
}

// grafted puts recorded calls into the place of an identity's own.
func grafted(events []map[string]json.RawMessage, own []simulate.Record) ([]simulate.Record, error) {
	var out []simulate.Record
	for i, ev := range events {
		var host map[string]json.RawMessage
		if err := json.Unmarshal(own[i].Value, &host); err != nil {
			return nil, err
		}
		theirs := strings.Trim(string(ev["recipientAccountId"]), `"`)
		ours := strings.Trim(string(host["recipientAccountId"]), `"`)
		merged := map[string]json.RawMessage{}
		for k, v := range ev {
			if theirs != "" {
				v = bytes.ReplaceAll(v, []byte(theirs), []byte(ours))
			}
			merged[k] = v
		}
		for _, k := range []string{"userIdentity", "sourceIPAddress", "userAgent", "recipientAccountId", "awsRegion", "eventTime", "eventID", "requestID"} {
			if v, ok := host[k]; ok {
				merged[k] = v
			}
		}
		delete(merged, "tlsDetails")
		b, err := json.Marshal(merged)
		if err != nil {
			return nil, err
		}
		r := own[i]
		r.Value = b
		out = append(out, r)
	}
	return out, nil
}
