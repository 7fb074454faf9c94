package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// awsCredentialReport reads the IAM credential report of one AWS account (IAM
// user guide, "Generate credential reports for your AWS account").
var awsCredentialReport = Kind{
	Name:    "aws-credential-report",
	Title:   "AWS IAM users and their access keys, from the credential report (CSV)",
	Command: "aws iam generate-credential-report; aws iam get-credential-report --query Content --output text | base64 -d > report.csv",
	read:    readCredentialReport,
}

// reportColumns must be there; AWS adds others at the end.
var reportColumns = []string{"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date"}

// noTime lists the words that the report has where there is no time.
var noTime = []string{"N/A", "no_information", "not_supported", "-"}

func readCredentialReport(r *reader, data []byte) {
	if !utf8.Valid(data) {
		r.problem(firstBadLine(data), "", errors.New("not UTF-8 text"))
		return
	}
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	c.FieldsPerRecord = -1
	header, err := c.Read()
	if err != nil {
		r.problem(1, "", fmt.Errorf("not a credential report: %w", err))
		return
	}
	columns := map[string]int{}
	for i, h := range header {
		columns[strings.TrimSpace(h)] = i
	}
	for _, name := range reportColumns {
		if _, ok := columns[name]; !ok {
			r.problem(1, "", fmt.Errorf("not a credential report: column %q is missing", name))
			return
		}
	}
	for {
		row, err := c.Read()
		var pe *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &pe):
			// The reader goes on after the line.
			r.begin(pe.Line, nil).failAt(pe.Line, "", fmt.Errorf("not valid CSV: %w", pe.Err))
			continue
		case err != nil:
			r.problem(1, "", err)
			return
		}
		line, _ := c.FieldPos(0)
		u := iamUser{rec: r.begin(line, nil), columns: columns, row: row}
		if len(row) != len(header) {
			u.rec.failAt(line, "", fmt.Errorf("%d values, the header has %d", len(row), len(header)))
			continue
		}
		u.read()
		u.rec.end()
	}
}

// iamUser is one row of the report.
type iamUser struct {
	rec     *record
	columns map[string]int
	row     []string
}

func (u *iamUser) get(column string) *node {
	n := &node{kind: kindNull, line: u.rec.line, name: column}
	if i, ok := u.columns[column]; ok {
		n.kind, n.text = kindText, strings.TrimSpace(u.row[i])
	}
	return n
}

func (u *iamUser) bool(column string) bool {
	n := u.get(column)
	switch strings.ToLower(n.text) {
	case "true":
		return true
	case "false", "", "n/a", "not_supported", "no_information":
	default:
		u.rec.fail(n, "%q: want true or false", shorten(n.text))
	}
	return false
}

func (u *iamUser) read() {
	rec, it := u.rec, &u.rec.it
	arn := rec.need(u.get("arn"))
	it.ID, it.Name = enrich.Canonical(arn), strings.TrimPrefix(rec.need(u.get("user")), "<root_account>")
	if !strings.HasPrefix(it.ID, "aws:") && !rec.broken {
		rec.fail(u.get("arn"), "%q: want the ARN of a user or of the root", shorten(arn))
	}
	rec.alias(arn)
	rec.label("created", rec.text(u.get("user_creation_time")))
	password := u.bool("password_enabled")
	u.used("password_last_used")
	keys := 0
	for _, key := range []string{"access_key_1", "access_key_2"} {
		active := u.bool(key + "_active")
		issued := rec.time(u.get(key+"_last_rotated"), noTime...)
		used := u.used(key + "_last_used_date")
		if active {
			if !used.IsZero() {
				rec.label(key+".last_used", used.Format(time.RFC3339)) // for credentials-never-used: no log names this key
			}
			keys++
			// The report names no key. The place of the key, which stays over its
			// rotations, carries the date of issue.
			rec.credential(schemas.KnownCredential{Ref: it.ID + "#" + key, Type: "access_key", Issued: issued})
		}
	}
	for _, cert := range []string{"cert_1", "cert_2"} {
		if u.bool(cert + "_active") {
			keys++
			rec.credential(schemas.KnownCredential{Ref: it.ID + "#" + cert, Type: "certificate", Issued: rec.time(u.get(cert+"_last_rotated"), noTime...)})
		}
	}
	switch {
	case password, u.bool("mfa_active"), strings.HasSuffix(it.ID, ":root"):
		it.Kind = "human"
	case keys > 0:
		it.Kind = "service_account"
	}
}

func (u *iamUser) used(column string) time.Time {
	t := u.rec.time(u.get(column), noTime...)
	if t.After(u.rec.it.LastUsed) {
		u.rec.it.LastUsed = t
	}
	return t
}
