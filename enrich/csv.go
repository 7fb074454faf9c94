package enrich

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lapwing-sec/lapwing/schemas"
)

// csvKeys are the columns of an inventory in CSV: the scalar keys of an
// identity, and its two plain lists with ";" between entries.
var csvKeys = []string{"id", "kind", "name", "owner", "team", "environment", "criticality", "vendor", "aliases", "dependants", "runbook", "route",
	"last_used", "offboarded"}

// csv reads an inventory with a header line; columns stand in any order.
func (d *decoder) csv(data []byte) {
	if !utf8.Valid(data) {
		d.problems.add(firstBadLine(data), "not UTF-8 text: save the file in that encoding")
		return
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	r.ReuseRecord = true
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if err != nil {
		d.csvError(err)
		return
	}
	columns := make([]string, len(header))
	for i, h := range header {
		h = strings.TrimSpace(h)
		switch {
		case !slices.Contains(csvKeys, h):
			d.problems.add(1, "unknown column %q (accepted: %s)", shorten(h), strings.Join(csvKeys, ", "))
		case slices.Contains(columns, h):
			d.problems.add(1, "column %q stands twice", h)
		}
		columns[i] = strings.Clone(h)
	}
	if !slices.Contains(columns, "id") {
		d.problems.add(1, "column \"id\" is missing")
	}
	if len(d.problems.errs) > 0 {
		return
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			d.csvError(err)
			return
		}
		line, _ := r.FieldPos(0)
		if len(d.inv.Identities) == MaxIdentities {
			d.problems.add(line, "too many identities, at most %d", MaxIdentities)
			return
		}
		d.csvRow(columns, row, line)
	}
}

func (d *decoder) csvRow(columns, row []string, line int) {
	var it schemas.Identity
	for i, key := range columns {
		v, ok := d.checked(key, line, strings.TrimSpace(row[i]))
		if !ok || v == "" {
			continue
		}
		switch key {
		case "id":
			it.ID = strings.Clone(v)
		case "kind":
			it.Kind = d.oneOf(key, line, v, kinds)
		case "name":
			it.Name = strings.Clone(v)
		case "owner":
			it.Owner = d.intern(v)
		case "team":
			it.Team = d.intern(v)
		case "environment":
			it.Environment = d.oneOf(key, line, v, environments)
		case "criticality":
			it.Criticality = d.oneOf(key, line, v, criticalities)
		case "vendor":
			it.Vendor = d.intern(v)
		case "aliases":
			it.Aliases = d.csvList(v)
			for range it.Aliases {
				d.aliasLines = append(d.aliasLines, line32(line))
			}
		case "dependants":
			it.Dependants = d.csvList(v)
		case "runbook":
			it.Runbook = d.intern(v)
			if err := checkURL(v); err != nil {
				d.problems.add(line, "%s: %w", key, err)
			}
		case "route":
			it.Route = d.intern(v)
		case "last_used", "offboarded":
			t, err := parseTime(v)
			if err != nil {
				d.problems.add(line, "%s: %w", key, err)
				continue
			}
			if key == "last_used" {
				it.LastUsed = t
			} else {
				it.OffboardedAt = t
			}
		}
	}
	if it.ID == "" {
		d.problems.add(line, "id: an identity needs one, such as aws:123456789012:role/ci-deploy")
	}
	d.idLines = append(d.idLines, line32(line))
	d.inv.Identities = append(d.inv.Identities, it)
}

func (d *decoder) csvList(v string) []string {
	var out []string
	for part := range strings.SplitSeq(v, ";") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, d.intern(part))
		}
	}
	return out
}

// firstBadLine is the first line with bytes that are no UTF-8.
func firstBadLine(data []byte) int {
	line := 1
	for text := range bytes.Lines(data) {
		if !utf8.Valid(text) {
			break
		}
		line++
	}
	return line
}

func (d *decoder) csvError(err error) {
	var pe *csv.ParseError
	if errors.As(err, &pe) {
		d.problems.add(pe.Line, "not valid CSV: %w", pe.Err)
		return
	}
	d.problems.add(1, "not valid CSV: %w", err)
}
