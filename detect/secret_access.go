package detect

import (
	"math"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var secretAccessCard = Meta{
	Name: "secret-access", Title: "Unusual access to secrets", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability,
	MinSample: matureSample + "; volume: 3 active days, in 15 minutes 3 days with the first; another owner's secret: stated by the inventory, or read by that owner alone on 3 days or more, for a week",
	Floor:     "one first use; volume: more than 10 different secrets in a day, or in 15 minutes, and 3 times the own maximum (weak evidence where it reads all of them anyway); one secret of another owner, by an identity that reads none of others",
	Kept:      "the secrets as slots (8 bytes each, 16 at most) and two counts by day; of those that read secrets 140 bytes: two sketches, of 15 minutes and of all; in the cell, of each of 20,000 secrets the first days of up to four owners",
	Model:     "first use of a class; a count against its own maximum, in 15 minutes exact up to 16, then by HyperLogLog; who reads a secret, by the owner that the inventory states (the team, else the person)",
	Attacks:   []schemas.Technique{{UID: "T1555.006", Name: "Cloud Secrets Management Stores"}},
	NHI:       []string{"NHI2:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: []string{"7.2.5", "8.6.2", "10.4.1.1"},
	FirstChecks: consequenceChecks(
		"List the secrets that were read, and who owns them.",
		"Ask that owner whether he gave the secret away: access may have come with a role that is too wide.",
		"Rotate each of them unless the owner of this identity can explain the reading."),
}

// secretAccess finds the first use of a secret store, and far more different
// secrets in a day, or in a quarter of an hour, than the identity ever read.
type secretAccess struct{ arrivalOnly }

const (
	secretsFloor  = 10
	secretsFactor = 3
	// burstDays is for how long its most in 15 minutes has been known.
	burstDays = 3
	// burstKnown is the surprise of a burst of nothing but secrets that it reads: a
	// controller starts anew every few weeks.
	burstKnown = 2
	// fewReaders is how many identities, itself among them, may read in a folder of
	// secrets for it to be one's own: a service, its next version, and what copies
	// secrets for all.
	fewReaders = 3
)

// Meta implements Detector.
func (secretAccess) Meta() *Meta { return &secretAccessCard }

// Observe implements Detector.
func (secretAccess) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.Can.Set.Has(capability.ReadsSecret) {
		return
	}
	ev := call.Event
	sight := call.Sight(Secret)
	today := 0
	if sight.State == Unseen || sight.State != Absent && sight.Day != call.Day {
		call.Tally(TallySecrets, 1)
		today = p.TallyToday(TallySecrets, call.Day) + 1
	}
	if u, ok := judgeClass(c, p, call, capability.ReadsSecret); ok {
		if all, of := others(c, p, call, Operation); u.way == WayFused && u.mature && listsBeyondItsOwn(ev) && fewControllers*all < of {
			u.way = WayConsequence // a few controllers list everybody's, and it is none of them
		}
		out.Add(u.finding(p, call, ev.Operation, tried(call, "read a secret", "read a secret")+first(u)+": "+or(titledTarget(ev), shortOperation(ev.Operation)),
			tried(call, "read", "read")+" "+target(ev, "secrets")+" with "+ev.Operation))
		if u.way == WayConsequence {
			return
		}
	}
	most := p.TallyMax(TallySecrets, call.Day)
	if bound := max(secretsFloor, secretsFactor*most); today > bound && p.ActiveDays() >= 3 && !call.Backfill {
		out.Add(Finding{
			Way: WayConsequence, Severity: call.Can.Severity(capability.ReadsSecret), Refused: call.Denied,
			Value: "volume", Capability: capability.ReadsSecret, Did: "read far more secrets than ever",
			Sentence: who(ev) + " asked for " + plural(today, "different secret") + " today, the last of them " + target(ev, "one of "+ev.Service) + " with " + ev.Operation +
				origin(ev) + ended(call) + ". Its most in a day was " + thousands(most) + " until now, in " + historyOf(p, call.Time) + ".",
			Observed: plural(today, "different secret") + " in a day", Expected: "at most " + thousands(bound),
			Rarity: "its most in " + historyOf(p, call.Time) + " was " + thousands(most),
		})
		return
	}
	if c.burstOfSecrets(p, call, out) || c.othersSecret(p, call, out) {
		return
	}
	// One more secret, by an identity that reads secrets: evidence only.
	if call.Sight(Container).State == Known && c.fleetUses(call, Container) <= fewReaders {
		return // where its own secrets lie, the next one is put too
	}
	if s, rarity := c.Novelty(p, call, Secret); s > 0 && !call.NewCapabilities.Any(capability.ReadsSecret) && !call.Failed {
		out.Add(Finding{
			Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: targetValue(ev), Capability: capability.ReadsSecret,
			Did:      tried(call, "read a secret that it never read", "read a secret that it never read"),
			Sentence: who(ev) + " " + tried(call, "read", "read") + " " + target(ev, "a secret") + " with " + ev.Operation + origin(ev) + ended(call) + "; it reads secrets, but this one was " + rarity + ".",
			Observed: target(ev, "a secret"), Expected: "the secrets that it reads", Rarity: rarity,
		})
	}
}

// fewControllers: one in five peers or fewer.
const fewControllers = 5

// listsBeyondItsOwn says that a workload lists the secrets, values and all, of a
// whole cluster or of another namespace than its own.
func listsBeyondItsOwn(ev *schemas.Event) bool {
	if ev.Operation != "k8s:list secrets" {
		return false
	}
	// k8s:CLUSTER/NAMESPACE/NAME, or without the cluster. Others live in no namespace,
	// and Google's log names none.
	rest, k8s := strings.CutPrefix(ev.IdentityId, "k8s:")
	i := strings.LastIndexByte(rest, '/')
	if !k8s || i < 0 || ev.Format == "gcp-audit" {
		return false
	}
	own := rest[:i]
	return ev.Attributes["namespace"] != own[strings.LastIndexByte(own, '/')+1:]
}

// burstOfSecrets finds far more different secrets in a quarter of an hour than the
// identity ever asked for. Where all are secrets that it reads anyway, as when a
// controller starts anew, it is evidence only. It reports whether it was more.
func (c *Cell) burstOfSecrets(p *Profile, call *Call, out *Findings) bool {
	after, ok := c.e.burstOf(p, call)
	if !ok || p.ActiveDays() < 3 || int(call.Day)-int(after.since) < burstDays {
		return false
	}
	ev, most := call.Event, int(after.most)
	n, bound := after.now.Count(), max(secretsFloor, secretsFactor*most)
	if n <= float64(bound) {
		return false
	}
	count := approx(n, math.MaxUint32, "different secret")
	f := Finding{
		Way: WayConsequence, Severity: call.Can.Severity(capability.ReadsSecret), Refused: call.Denied,
		Value: "burst", Capability: capability.ReadsSecret, Did: "read far more secrets at once than ever",
		Sentence: who(ev) + " asked for " + count + " within 15 minutes (" + clockTime(int64(after.pane)*PaneLength) + "), the last of them " + target(ev, "one of "+ev.Service) + " with " + ev.Operation +
			origin(ev) + ended(call) + ". Its most in 15 minutes was " + thousands(most) + " until now, in " + historyOf(p, call.Time) + ".",
		Observed: count + " in 15 minutes", Expected: "at most " + thousands(bound),
		Rarity: "its most in " + historyOf(p, call.Time) + " was " + thousands(most),
	}
	if after.fresh == 0 {
		f.Way, f.Refused, f.Severity, f.Surprise = WayFused, false, schemas.SeverityLow, burstKnown
		f.Did, f.Sentence = "read its secrets at once", f.Sentence+" All are secrets that it reads."
	}
	out.Add(f)
	return f.Way == WayConsequence
}

// targetOwner is the attribute in which the enricher names the owner that the
// inventory states for what is touched.
const targetOwner = "target_owner"

// othersSecret finds the first read of a secret that is another owner's, by the
// inventory's word, or because only his identities read it until now. It reports
// whether there was one.
func (c *Cell) othersSecret(p *Profile, call *Call, out *Findings) bool {
	e, ev := c.e, call.Event
	sight := call.Sight(Secret)
	reader := ownerOf(e.store.facts[p.self])
	if sight.State != Unseen || reader == "" || call.Failed || call.Backfill || p.Human() || provider(ev) || !mature(p, call) {
		return false
	}
	// What the inventory says of the secret stands before what its readers tell.
	owner := ev.Attributes[targetOwner]
	declared := owner != ""
	switch {
	case declared && (owner == reader || owner == e.store.facts[p.self].owner):
		return false
	case !declared:
		owner = e.secrets.ownedBy(sight.hash, reader, call.hour)
	}
	if owner == "" {
		return false
	}
	for _, s := range e.slots.table(&p.slots) {
		// One that came to others' secrets before brings secrets to those who need them.
		if s.dim == uint8(Secret)+1 && e.secrets.borrows(s.hash, reader, call.hour) {
			return false
		}
	}
	owner = clip(owner, 80)
	why, rarity := ". For a week or longer only identities of "+owner+" have read it, and", "no other owner read it in a week or longer"
	if declared {
		why, rarity = ". The inventory says that it is "+owner+"'s, and", "not seen in "+historyOf(p, call.Time)
	}
	out.Add(Finding{
		Way: WayConsequence, Severity: call.Can.Severity(capability.ReadsSecret), Refused: call.Denied,
		Value: targetValue(ev), Capability: capability.ReadsSecret,
		Did: tried(call, "read", "read") + " a secret of " + owner,
		Sentence: who(ev) + ", of " + reader + ", " + tried(call, "read", "read") + " " + target(ev, "a secret") + " with " + ev.Operation + origin(ev) + ended(call) +
			why + " it never did in " + historyOf(p, call.Time) + ".",
		Observed: target(ev, "a secret") + ", read by one of " + reader, Expected: "identities of " + owner + " only",
		Rarity: rarity,
	})
	return true
}

// first ends a title.
func first(u firstUse) string {
	switch {
	case u.held:
		return "" // the sentence says when it began
	case u.newClass:
		return " for the first time"
	}
	return " in a new way"
}
