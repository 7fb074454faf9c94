package detect

import (
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var logTamperingCard = Meta{
	Name: "log-tampering", Title: "Logging is stopped, deleted or narrowed", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityCritical, Wake: OnCapability,
	MinSample: "none for what stops or deletes a log; an operation never used for what narrows one", Floor: "one call",
	Kept:    "the engine's operation slots",
	Model:   "the capability data's list of operations; no learning for the critical ones",
	Attacks: []schemas.Technique{{UID: "T1562.008", Name: "Disable or Modify Cloud Logs"}},
	NHI:     []string{"NHI6:2025"}, API: []string{"API8:2023"}, NIST: nistActivity, PCI: pciLogs,
	FirstChecks: []string{
		"Switch the logging back on first, from another credential.",
		"Assume that what follows is not in the log: look at other sources for the same hours.",
		"Ask the owner whether this was a planned change; who approved it?",
	},
}

// logTampering finds calls that stop, delete or narrow the records that
// everything here stands on, and leaving the organisation that keeps them. What
// stops or deletes a trail is a finding whoever does it; what changes selectors,
// retention or alarms only from an identity that never did so.
type logTampering struct{ arrivalOnly }

// Meta implements Detector.
func (logTampering) Meta() *Meta { return &logTamperingCard }

// Observe implements Detector.
func (logTampering) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.Can.Set.Has(capability.DisablesLogging) || provider(call.Event) {
		return
	}
	ev := call.Event
	severity := call.Can.Severity(capability.DisablesLogging)
	history := ""
	if severity < schemas.SeverityCritical {
		if call.Sight(Operation).State == Known {
			return
		}
		// What infrastructure code changes every week: retention, alarms, rules.
		if severity < schemas.SeverityHigh && (!mature(p, call) || undoesItsOwn(p, call) && !call.NewCapabilities.Any(capability.DisablesLogging)) {
			return
		}
		have, of := others(c, p, call, Operation)
		if severity < schemas.SeverityHigh && have >= 3 {
			return
		}
		history = " It never did this in " + historyOf(p, call.Time) + inPeers(p, have, of, "do") + "."
	}
	deed, after := watchOf(ev.Operation), ""
	if !call.Denied && !call.Failed {
		after = " " + deed.after
	}
	out.Add(Finding{
		Severity: severity, Refused: call.Denied || call.Failed, Value: ev.Operation + touchedValue(ev), Capability: capability.DisablesLogging,
		Did: tried(call, deed.did, deed.tries) + ": " + shortOperation(ev.Operation),
		Sentence: who(ev) + " " + tried(call, "called", "call") + " " + ev.Operation + touched(ev) + origin(ev) + ended(call) +
			"." + after + history,
		Observed: ev.Operation + touched(ev), Expected: "logging that stays as it is",
	})
}

// watch is what a call of this class takes away: words for what it did, what it tried
// to, and what follows.
type watch struct{ did, tries, after string }

// watchOf words a call by what it takes away. A detector of threats keeps no log, and
// an organisation is more than its trail.
func watchOf(operation string) watch {
	op := strings.ToLower(operation)
	switch {
	case strings.Contains(op, "leaveorganization") || strings.Contains(op, "removeaccountfromorganization"):
		return watch{"left its organisation", "leave its organisation", "The organisation's trail and limits do not reach it there."}
	case mentions(op, threatWords):
		return watch{"weakened threat detection", "weaken threat detection", "What it does next may raise no finding there."}
	case mentions(op, recordWords):
	case mentions(op, protectionWords):
		return watch{"weakened a protection", "weaken a protection", "What it kept out may come in."}
	case mentions(op, alarmWords):
		return watch{"silenced alarms", "silence alarms", "What it does next may alarm nobody."}
	}
	return watch{"tampered with logging", "tamper with logging", "What it does next may be in no log."}
}

func mentions(operation string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(operation, name) })
}

// Parts of operations, in small letters: of services that look for threats, or for
// secrets, and keep no log; of records; of what keeps something out; of alarms.
var (
	threatWords = []string{
		"guardduty", "securityhub", "macie", "inspector", "detective:", "access-analyzer", "secret_scanning", "code_scanning", "dependabot", "vulnerability_alert",
		"securitycenter", "microsoft.security/", "securityinsights", "threat", "risky", "dismiss user",
	}
	recordWords     = []string{"log", "trail", "audit", "sink", "record", "diagnostic"}
	protectionWords = []string{"waf", "firewall", "shield:", "fms:", "phish", "safelink", "safeattachment", "malware", "guardrail", "raipolicies", "webhookconfigurations", "ruleset"}
	alarmWords      = []string{"alarm", "alert", "budget", "anomal", "uptimecheck", "notification", "essentialcontacts"}
)
