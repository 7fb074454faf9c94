package alerting

import (
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// shownPolicy is how many bytes of a policy a page shows; of a longer one it shows the
// keys only.
const shownPolicy = 200

// Policy is what the identity was allowed when the alert was made, in a line; empty
// where nothing is declared. A key that an entry of policies states says whom that
// entry is for.
func Policy(a *schemas.Alert) string {
	var parts []string
	for _, p := range a.Unmapped.Lapwing.Identity.Policy {
		part := p.Key + " " + p.Allows
		if p.Source != "identity" {
			part += " (policy for " + p.Source + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// policyOnPage is Policy, or its keys where it is long.
func policyOnPage(a *schemas.Alert) string {
	all := Policy(a)
	if len(all) <= shownPolicy {
		return all
	}
	var keys []string
	for _, p := range a.Unmapped.Lapwing.Identity.Policy {
		keys = append(keys, p.Key)
	}
	return some(keys, shownIDs) + " are limited"
}

// Exceptions are those in force, each with its end: "region-policy until
// 2026-03-09T00:00:00Z".
func Exceptions(a *schemas.Alert) string {
	var parts []string
	for _, x := range a.Unmapped.Lapwing.Identity.Exceptions {
		parts = append(parts, x.Detector+" until "+moment(x.Until))
	}
	return some(parts, shownIDs)
}

// Issuance is what is known of the credential's life, in a line: "issued
// 2026-03-01T00:00:00Z, expires 2026-06-01T00:00:00Z, to be rotated every 90 days
// (inventory); made by aws:…:role/ci with iam:CreateAccessKey at …".
func Issuance(a *schemas.Alert) string {
	x := a.Unmapped.Lapwing.Identity.Issuance
	if x == nil {
		return ""
	}
	var parts []string
	if x.Issued != 0 {
		parts = append(parts, "issued "+moment(x.Issued))
	}
	if x.Expires != 0 {
		word := "expires "
		if x.Expires <= a.FindingInfo.FirstSeenTime {
			word = "expired "
		}
		parts = append(parts, word+moment(x.Expires))
	}
	if x.RotateEvery > 0 {
		parts = append(parts, "to be rotated every "+interval(x.RotateEvery))
	}
	out := strings.Join(parts, ", ")
	if out != "" && x.Source != "" {
		out += " (" + x.Source + ")"
	}
	if x.MintedBy != "" {
		if out != "" {
			out += "; "
		}
		out += "made by " + x.MintedBy
		if x.MintedWith != "" {
			out += " with " + x.MintedWith
		}
		if x.MintedTime != 0 {
			out += " at " + moment(x.MintedTime)
		}
	}
	return out
}

// interval words milliseconds, in days where they are whole.
func interval(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	const whole = 24 * time.Hour
	if d%whole != 0 {
		return d.String()
	}
	if d == whole {
		return "day"
	}
	return strconv.FormatInt(int64(d/whole), 10) + " days"
}
