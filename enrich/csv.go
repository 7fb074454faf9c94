package enrich

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
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
	columns, at := d.header(header)
	if len(d.problems.errs) > 0 {
		return
	}
	if d.leaveOut {
		r.FieldsPerRecord = -1
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			d.csvError(err)
			var pe *csv.ParseError
			if d.leaveOut && errors.As(err, &pe) {
				d.rows, d.broken = d.rows+1, d.broken+1
				continue // the reader goes on after the line
			}
			return
		}
		line, _ := r.FieldPos(0)
		if len(d.inv.Identities) == MaxIdentities {
			d.problems.add(line, "too many identities, at most %d", MaxIdentities)
			return
		}
		d.rows++
		if len(row) != len(columns) {
			d.broken++
			d.problems.add(line, "%d values, the header has %d", len(row), len(columns))
			continue
		}
		d.csvRow(columns, at, row, line)
	}
}

// maxUnknownColumns bounds how many are named in an error.
const maxUnknownColumns = 5

// header gives the key of each column, "" for those that are left out, and
// where each header stands.
func (d *decoder) header(header []string) ([]string, map[string]int) {
	for i := range header {
		header[i] = strings.Clone(strings.TrimSpace(header[i]))
	}
	if d.csvMap != nil {
		return d.csvMap.bind(d, header)
	}
	columns := make([]string, len(header))
	var unknown []string
	for i, h := range header {
		switch {
		case !slices.Contains(csvKeys, h):
			unknown = append(unknown, strconv.Quote(shorten(h)))
		case slices.Contains(columns, h):
			d.problems.add(1, "column %q stands twice", h)
		}
		columns[i] = h
	}
	if len(unknown) > maxUnknownColumns {
		unknown = append(unknown[:maxUnknownColumns], fmt.Sprintf("%d more", len(unknown)-maxUnknownColumns))
	}
	if len(unknown) > 0 {
		d.problems.add(1, "unknown column %s (accepted: %s)", strings.Join(unknown, ", "), strings.Join(csvKeys, ", "))
	}
	if !slices.Contains(columns, "id") {
		d.problems.add(1, "column \"id\" is missing")
	}
	return columns, nil
}

// csvRow reads one row. With leaveOut, a row that is wrong, or that claims what
// an earlier one has, leaves nothing behind but its errors.
func (d *decoder) csvRow(columns []string, at map[string]int, row []string, line int) {
	before, aliases, creds := d.problems.count(), len(d.aliasLines), len(d.credLines)
	var it schemas.Identity
	var cred schemas.KnownCredential
	if m := d.csvMap; m != nil {
		for _, c := range m.constants {
			d.csvValue(&it, &cred, c.key, c.value, line)
		}
		if m.id != nil {
			d.csvValue(&it, &cred, "id", m.makeID(row, at), line)
		}
	}
	for i, key := range columns {
		if key != "" {
			d.csvValue(&it, &cred, key, row[i], line)
		}
	}
	if it.ID == "" {
		d.problems.add(line, "id: an identity needs one, such as aws:123456789012:role/ci-deploy")
	}
	if cred.Ref != "" {
		it.Credentials = []schemas.KnownCredential{cred}
		d.credLines = append(d.credLines, line32(line))
	}
	if d.leaveOut {
		if d.problems.count() == before {
			d.claim(&it, line)
		}
		if d.problems.count() > before {
			d.broken++
			d.aliasLines, d.credLines = d.aliasLines[:aliases], d.credLines[:creds]
			return
		}
	}
	d.idLines = append(d.idLines, line32(line))
	d.inv.Identities = append(d.inv.Identities, it)
}

// claim takes the names and credentials of a row, unless another row has one of
// them.
func (d *decoder) claim(it *schemas.Identity, line int) {
	if d.claimed == nil {
		d.claimed = map[string]int{}
	}
	var names []string
	for _, n := range append([]string{it.ID}, it.Aliases...) {
		names = append(names, "id "+Canonical(n))
	}
	for i := range it.Credentials {
		names = append(names, "ref "+it.Credentials[i].Ref)
	}
	for _, n := range names {
		if first := d.claimed[n]; first != 0 {
			what, name, _ := strings.Cut(n, " ")
			d.problems.add(line, "%s: %q is declared twice, first in line %d", what, shorten(name), first)
			return
		}
	}
	for _, n := range names {
		d.claimed[n] = line
	}
}

// csvValue sets one value of a row; an empty one states nothing.
func (d *decoder) csvValue(it *schemas.Identity, cred *schemas.KnownCredential, key, text string, line int) {
	v, ok := d.checked(key, line, strings.TrimSpace(text))
	if !ok || v == "" {
		return
	}
	v = d.csvMap.value(key, v)
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
		it.Aliases = d.csvList(key, v)
		for range it.Aliases {
			d.aliasLines = append(d.aliasLines, line32(line))
		}
	case "dependants":
		it.Dependants = d.csvList(key, v)
	case "runbook":
		it.Runbook = d.intern(v)
		if err := checkURL(v); err != nil {
			d.problems.add(line, "%s: %w", key, err)
		}
	case "route":
		it.Route = d.intern(v)
	case "last_used":
		d.csvTime(key, v, line, &it.LastUsed)
	case "offboarded":
		d.csvTime(key, v, line, &it.OffboardedAt)
	case "credential.ref":
		cred.Ref = strings.Clone(v)
	case "credential.type":
		cred.Type = d.oneOf(key, line, v, credentialTypes)
	case "credential.issued":
		d.csvTime(key, v, line, &cred.Issued)
	case "credential.expires":
		d.csvTime(key, v, line, &cred.Expires)
	case "credential.revoked":
		d.csvTime(key, v, line, &cred.Revoked)
	case "credential.rotate_every":
		every, err := schemas.ParseDuration(v)
		if err != nil || every < 0 {
			d.problems.add(line, "%s: duration %q: want a value such as 90d, 36h or 15m", key, shorten(v))
			return
		}
		cred.RotateEvery = every
	case "credential.fingerprint":
		if cred.Fingerprint = strings.Clone(v); fingerprintOf(v) == "" {
			d.problems.add(line, "%s: %q: %s", key, shorten(v), wantFingerprint)
		}
	case "allowed.workloads":
		if n := d.workloads(key, line, v); n != nil {
			it.Allowed = &schemas.Allowed{Workloads: n}
		}
	default:
		if it.Labels == nil {
			it.Labels = map[string]string{}
		}
		it.Labels[strings.TrimPrefix(key, labelPrefix)] = d.intern(v)
	}
}

func (d *decoder) csvTime(key, v string, line int, to *time.Time) {
	t, err := d.csvMap.time(v)
	if err != nil {
		d.problems.add(line, "%s: %w", key, err)
		return
	}
	*to = t
}

func (d *decoder) csvList(key, v string) []string {
	var out []string
	for _, part := range d.csvMap.list(key, v) {
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
