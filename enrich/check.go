package enrich

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/lapwing-sec/lapwing/schemas"
)

// CheckIdentity holds an identity that did not come from an inventory file
// against the same rules: known values, well-formed policies, bounded texts.
// The error joins everything that is wrong, each part beginning with the key.
func CheckIdentity(it *schemas.Identity) error {
	c := checker{zones: make(zones)}
	if it.ID == "" {
		c.add("id", "an identity needs one, such as aws:123456789012:role/ci-deploy")
	}
	for _, f := range []struct{ key, text string }{
		{"id", it.ID}, {"name", it.Name}, {"owner", it.Owner}, {"team", it.Team}, {"vendor", it.Vendor}, {"runbook", it.Runbook}, {"route", it.Route},
	} {
		c.text(f.key, f.text)
	}
	c.oneOf("kind", it.Kind, kinds)
	c.oneOf("environment", it.Environment, environments)
	c.oneOf("criticality", it.Criticality, criticalities)
	if err := checkURL(it.Runbook); err != nil {
		c.add("runbook", "%w", err)
	}
	c.list("aliases", it.Aliases, nil)
	c.list("dependants", it.Dependants, nil)
	if len(it.Labels) > MaxListEntries {
		c.add("labels", "too many, at most %d", MaxListEntries)
	}
	for k, v := range it.Labels {
		c.text("labels", k)
		c.text("labels", v)
	}
	c.allowed(it.Allowed)
	c.credentials(it.Credentials)
	if len(it.Exceptions) > MaxListEntries {
		c.add("exceptions", "too many entries, at most %d", MaxListEntries)
		return errors.Join(c.errs...)
	}
	for i := range it.Exceptions {
		x := &it.Exceptions[i]
		for _, s := range []string{x.Detector, x.Reason, x.By} {
			c.text("exceptions", s)
		}
		if x.Detector == "" || x.Until.IsZero() {
			c.add("exceptions", "an exception needs detector and until: it holds for one detector and ends")
		}
	}
	return errors.Join(c.errs...)
}

type checker struct {
	zones zones
	errs  []error
}

func (c *checker) add(key, format string, args ...any) {
	if len(c.errs) < maxReported {
		c.errs = append(c.errs, fmt.Errorf("%s: %w", key, fmt.Errorf(format, args...)))
	}
}

func (c *checker) text(key, s string) {
	if err := CheckText(s); err != nil {
		c.add(key, "%w", err)
	}
}

// CheckText refuses what no value of an inventory may hold: more than
// MaxTextBytes, control characters, or those that turn the direction of writing.
func CheckText(s string) error {
	if len(s) > MaxTextBytes {
		return fmt.Errorf("%d bytes, at most %d", len(s), MaxTextBytes)
	}
	if hasControl(s) {
		return errors.New(controlCharacter)
	}
	return nil
}

const controlCharacter = "holds a control character, or one that turns the direction of writing"

// hasControl reports whether a text holds what steers a terminal or makes it
// read otherwise than it is: operators approve what they see.
func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f {
			return true
		} else if c >= 0x80 {
			return strings.ContainsFunc(s[i:], steers)
		}
	}
	return false
}

// steers reports whether a terminal obeys r instead of showing it.
func steers(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

func (c *checker) oneOf(key, s string, accepted []string) {
	if s != "" && !slices.Contains(accepted, s) {
		c.add(key, "unknown value %q (accepted: %s)", shorten(s), strings.Join(accepted, ", "))
	}
}

func (c *checker) list(key string, list []string, check func(string) (string, error)) {
	if len(list) > MaxListEntries {
		c.add(key, "too many entries, at most %d", MaxListEntries)
		return
	}
	for _, s := range list {
		c.text(key, s)
		if s == "" {
			c.add(key, "an entry is empty")
		} else if check != nil {
			if _, err := check(s); err != nil {
				c.add(key, "%w", err)
			}
		}
	}
}

func (c *checker) allowed(a *schemas.Allowed) {
	if a == nil {
		return
	}
	c.list("operations", a.Operations, nil)
	c.list("countries", a.Countries, checkCountry)
	c.list("regions", a.Regions, nil)
	c.list("networks", a.Networks, checkNetwork)
	c.list("environments", a.Environments, nil)
	for _, e := range a.Environments {
		c.oneOf("environments", e, environments)
	}
	if s := a.Schedule; s != nil {
		if _, err := c.zones.load(s.Timezone); err != nil {
			c.add("timezone", "%w", err)
		}
		c.list("windows", s.Windows, func(w string) (string, error) {
			_, err := parseWindow(w)
			return w, err
		})
	}
	if r := a.Rate; r != nil && !(r.PerMinute >= 0 && r.PerMinute <= 1e9) {
		c.add("per_minute", "want a number of calls from 0 to 1e9")
	}
	if s := a.Spend; s != nil {
		if !(s.PerDay >= 0 && s.PerDay <= maxSpendPerDay) {
			c.add("per_day", "want US dollars from 0 to 1e9")
		}
		if s.TokensPerDay > maxTokensPerDay {
			c.add("tokens_per_day", "want a number of tokens up to 1e15")
		}
	}
	if n := a.Workloads; n != nil && (*n == 0 || *n > maxWorkloads) {
		c.add("workloads", "want a number of machines from 1 to 1,000,000")
	}
}

func (c *checker) credentials(list []schemas.KnownCredential) {
	if len(list) > MaxListEntries {
		c.add("credentials", "too many entries, at most %d", MaxListEntries)
		return
	}
	for i := range list {
		k := &list[i]
		if k.Ref == "" {
			c.add("ref", "a credential needs one: the id that logs show, or sha256:… or hmac:…")
		}
		c.text("ref", k.Ref)
		if c.text("fingerprint", k.Fingerprint); k.Fingerprint != "" && fingerprintOf(k.Fingerprint) == "" {
			c.add("fingerprint", "%s", wantFingerprint)
		}
		c.oneOf("type", k.Type, credentialTypes)
		if k.RotateEvery < 0 {
			c.add("rotate_every", "want a value such as 90d, 36h or 15m")
		}
	}
}
