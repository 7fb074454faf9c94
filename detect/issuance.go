package detect

import (
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/lapwing-sec/lapwing/schemas"
)

// issuance is the life of the credential that an alert names: as the inventory
// declares it, else as the log of a call with it says. Times are Unix nanoseconds,
// zero where nothing is stated.
type issuance struct {
	issued, expires, rotateEvery int64
	declared                     bool // any of it
}

// issuanceOf is that of an event's credential.
func issuanceOf(ev *schemas.Event) issuance {
	c := ev.GetDeclared().GetCredential()
	x := issuance{issued: c.GetIssued(), expires: c.GetExpires(), rotateEvery: c.GetRotateEvery()}
	x.declared = x != issuance{}
	if x.issued == 0 {
		x.issued = ev.CredentialIssued
	}
	if x.expires == 0 {
		x.expires = ev.CredentialExpires
	}
	return x
}

func (x *issuance) visit(c *codec) {
	c.i64(&x.issued)
	c.i64(&x.expires)
	c.i64(&x.rotateEvery)
	c.bool(&x.declared)
}

// issuance is what an alert says of its credential's life, and who made it where
// the cell saw that within seven days; nil of nothing known.
func (e *Engine) issuance(a *openAlert, at int64) *schemas.Issuance {
	if a.credential == "" {
		return nil
	}
	out := schemas.Issuance{Issued: a.issued.issued / 1e6, Expires: a.issued.expires / 1e6, RotateEvery: a.issued.rotateEvery / 1e6}
	if out != (schemas.Issuance{}) {
		out.Source = schemas.IssuanceLogged
		if a.issued.declared {
			out.Source = schemas.IssuanceDeclared
		}
	}
	// By the credential's own id only: what was made for the identity may be another.
	made := keyOf(deedKeyMade, "", lastName(a.credential))
	if x := e.deeds.before(made, at, mintedWindow, func(*deed) bool { return true }); x != nil {
		out.MintedBy, out.MintedWith, out.MintedTime = x.by, x.operation, x.at/1e6
	}
	if out == (schemas.Issuance{}) {
		return nil
	}
	return &out
}

// maxShownExceptions bounds those that an alert carries.
const maxShownExceptions = 16

// inForce are the exceptions that have not ended at a time.
func (f *facts) inForce(at int64) (out []schemas.AlertException) {
	for _, x := range f.exceptions {
		if at < x.until && len(out) < maxShownExceptions {
			out = append(out, schemas.AlertException{Detector: x.detector, Until: x.until / 1e6})
		}
	}
	return out
}

// policies reads what schemas.Declared carries of the policy in force.
func (f *facts) policies() (out []schemas.AlertPolicy) {
	if f.policy == "" {
		return nil
	}
	for line := range strings.SplitSeq(f.policy, "\n") {
		key, rest, _ := strings.Cut(line, "\t")
		source, allows, ok := strings.Cut(rest, "\t")
		if ok && len(out) < maxPolicyKeys {
			out = append(out, schemas.AlertPolicy{Key: key, Source: source, Allows: allows})
		}
	}
	return out
}

const (
	maxPolicyKeys = 16
	// maxPolicyText bounds what is kept of a policy; an enricher writes no more.
	maxPolicyText = 1024
)

// policyText keeps one copy of a policy that many identities have. It is a table in
// which a newcomer takes the place of another: what comes out equals what went in.
func (s *store) policyText(text string) string {
	if text == "" {
		return ""
	}
	text = clipBytes(text, maxPolicyText)
	have := &s.policies[xxhash.Sum64String(text)%uint64(len(s.policies))]
	if *have != text {
		*have = strings.Clone(text)
	}
	return *have
}

// clipBytes cuts a text to a number of bytes.
func clipBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
