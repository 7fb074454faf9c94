package detect

import (
	"math"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Minimum sample of a first use: an identity is known well enough to say what
// it never does after 100 calls over 8 days (a whole week and a day, so that a
// weekly job has shown itself), and 14 days when it calls rarely. What calls a few
// times a day never comes to 100: 10 active days in two weeks say as much of it, since
// it is by days, not by calls, that what a job does varies.
const (
	matureCalls    = 100
	matureDays     = 7
	matureAge      = 8 * 24 * time.Hour
	rareAge        = 14 * 24 * time.Hour
	rareCallsADay  = 20
	rareDays       = 10
	matureSample   = "100 calls over 8 days with 7 of them active, over 14 days below 20 calls a day; or 10 active days over 14 days, however few the calls; before that, against the peers, or against the whole fleet where the kind has fewer than ten others"
	peersToJudgeBy = 10
	rareAmongPeers = 20 // one in twenty or fewer
)

// mature says that the identity's own history is enough to call something its
// first.
func mature(p *Profile, call *Call) bool {
	age := p.Age(call.Time)
	if age >= rareAge && p.ActiveDays() >= rareDays {
		return true
	}
	return p.Calls() >= matureCalls && p.ActiveDays() >= matureDays && age >= matureAge &&
		(age >= rareAge || p.CallsPerDay() >= rareCallsADay)
}

// firstUse is what decides about one grave class of one call.
type firstUse struct {
	class capability.Set
	// have of peers have the class in their baseline.
	have, of int
	// fleet: of every kind, because its own has too few.
	fleet bool
	// mature: its own history is enough.
	mature bool
	// newClass: the class itself is outside the baseline. Else only the
	// operation is.
	newClass bool
	// held: it did so before, but only lately, and nobody said that it may.
	held     bool
	severity int
	way      Way
	surprise float64
	// alike are the peers that do this.
	alike int
}

// judgeClass decides whether a call's use of a class is a finding.
//
// A class outside the baseline of a mature identity is one, whoever it is. If
// most peers use the class, and several use this very operation, it is evidence
// only: that is how a release, or a job that joins its like, looks. While the
// identity is young, its peers stand in: of ten or more, one in twenty or fewer
// have the class. Where they tell nothing, the gravest calls are reported and page
// nobody.
// Within a class that it knows, only an operation never used, of high severity
// and unknown to most peers, is one.
func judgeClass(c *Cell, p *Profile, call *Call, class capability.Set) (u firstUse, ok bool) {
	if !call.Can.Set.Has(class) || provider(call.Event) {
		return u, false
	}
	u = firstUse{class: class, way: WayConsequence, severity: call.Can.Severity(class)}
	u.newClass = call.NewCapabilities.Any(class) || call.HeldCapabilities.Any(class)
	u.held = call.HeldCapabilities.Any(class) && !call.NewCapabilities.Any(class)
	newOperation := call.Sight(Operation).State != Known
	if !u.newClass && (!newOperation || u.severity < schemas.SeverityHigh) {
		return u, false
	}
	u.mature = mature(p, call)
	u.have, u.of = peersCan(c, p, class)
	sameCall, _ := others(c, p, call, Operation)
	u.have = max(u.have, min(sameCall, u.of)) // a class may be younger than what is known of its calls
	switch {
	case p.Human() && u.severity < schemas.SeverityHigh:
		return u, false // people do many things once
	case !u.mature:
		if !u.newClass && u.severity < schemas.SeverityCritical {
			return u, false
		}
		if !u.newClass {
			// What is gravest is not hidden by lesser calls of its class.
			u.have, u.of = others(c, p, call, Operation)
		}
		if u.of < peersToJudgeBy {
			// A small fleet has few of a kind: all of its identities stand in.
			u.have, u.of, u.fleet = fleetCan(c, class)
			if !u.newClass {
				u.have, u.of = c.e.prevalenceOfAll(Operation, call.Sight(Operation).hash)
				u.of = max(0, u.of-1)
			}
		}
		if u.of < peersToJudgeBy || !fleetKnown(c, call) || rareAmongPeers*u.have > u.of {
			if u.severity < schemas.SeverityHigh || !class.Any(telling) && !call.Denied {
				return u, false
			}
			u.way = WayReport
		}
	case !newOperation && u.held && u.severity < schemas.SeverityHigh && c.e.refusal(p, call).State == Unseen:
		// A week of it has passed since it began, and nobody said a word: the same
		// call again is told, and wakes nobody. Not what is grave, nor what was refused
		// at first.
		u.way = WayReport
	case u.of >= peersToJudgeBy && 2*u.have > u.of && sameCall >= 3:
		u.way = WayFused
	case !u.newClass && sameCall >= 3:
		u.way = WayFused
	}
	u.surprise, _ = c.Novelty(p, call, Operation)
	u.alike = u.have
	if !u.newClass {
		u.alike = min(sameCall, u.of)
	}
	return u, true
}

// manyAlike is how many peers must do the same for a first use to be an ordinary one:
// more than any intruder takes over, and their habit, not what they did lately.
const manyAlike = 10

// rank is 0 for what nothing holds back: a call that is critical whoever makes it, and
// one that hardly any peer makes.
func (u firstUse) rank() float64 {
	if u.way != WayConsequence || u.severity >= schemas.SeverityCritical {
		return 0
	}
	return rankOf(u.surprise, u.alike, u.of)
}

// rankOf is that of a call which alike of an identity's peers make: how new it is to
// the identity and how rare among them (2 at most), both as -log10 p; 0 where too few
// make it to call it a habit.
func rankOf(surprise float64, alike, peers int) float64 {
	if alike < manyAlike {
		return 0
	}
	rare := math.Min(-math.Log10(float64(alike+1)/float64(peers+2)), 2)
	return math.Max(surprise+rare, leastRank)
}

// leastRank is that of a first use which nothing makes unusual.
const leastRank = 0.01

// telling are the classes that few identities have at all: while there is
// nothing to compare with, their calls are reported.
const telling = capability.MintsCredential | capability.GrantsPrivilege | capability.ChangesTrust | capability.RunsCode

// fleetKnown says that the cell has watched its fleet for a week, so that what
// no peer did is what peers don't do. In a cell's first days nobody has done
// anything yet.
func fleetKnown(c *Cell, call *Call) bool {
	ledger := c.e.tables.base.ledger
	return len(ledger) > 0 && ledger[0].hour <= hourOf(call.pane)-fleetHours
}

// fleetHours is a week less the hours for which tables lag behind.
const fleetHours = 7*24 - 8

// provider says that the cloud itself acts here, on its customer's behalf: what
// it does follows from settings whose change was judged when it was made.
func provider(ev *schemas.Event) bool {
	if ev.PrincipalType == "AWSService" {
		return true
	}
	cloud, _, ok := strings.Cut(ev.IdentityId, ":service/")
	return ok && (cloud == "aws" || cloud == "gcp" || cloud == "azure") || strings.HasPrefix(ev.IdentityId, "okta:system/")
}

// finding words a first use. did is the title's end ("read a secret for the
// first time"), what the sentence's core ("read secret prod/db with
// secretsmanager:GetSecretValue").
func (u firstUse) finding(p *Profile, call *Call, value, did, what string) Finding {
	ev := call.Event
	past, known := "", " in "+historyOf(p, call.Time)
	switch {
	case call.HeldCapabilities.Any(u.class):
		past = "It began to " + u.class.Phrase() + " only lately, and nobody has confirmed that it may"
		known = "; it is known for " + historyOf(p, call.Time)
	case u.newClass:
		past = "It never " + phrasePast(u.class) + " before"
	default:
		past = "It " + phrasePast(u.class) + " before, but never by " + ev.Operation
		if parameter := call.Can.Parameter(ev); parameter != "" {
			past += " with " + parameter
		}
	}
	f := Finding{
		Way: u.way, Severity: u.severity, Refused: call.Denied || call.Failed, Surprise: u.surprise, rank: u.rank(),
		Value: value, Capability: u.class, Did: did,
		Sentence: who(ev) + " " + what + origin(ev) + ended(call) + ". " +
			past + known + u.peersSay(p) + ".",
		Observed: ev.Operation + touched(ev),
		Rarity:   "not seen in " + historyOf(p, call.Time),
	}
	if call.HeldCapabilities.Any(u.class) {
		f.Rarity = "seen only lately in " + historyOf(p, call.Time)
	}
	f.Expected = "no call that can " + u.class.Phrase()
	if !u.newClass {
		f.Expected = "the calls by which it did so before"
	}
	switch {
	case u.way == WayReport && !u.mature:
		f.Rarity = "its history is short, and its peers tell nothing"
		f.Sentence = who(ev) + " " + what + origin(ev) + ended(call) + ". It is known for " + historyOf(p, call.Time) +
			" only: too short to say whether this is usual."
		if p.Calls() == 0 {
			f.Rarity = "nothing is known of it yet"
			f.Sentence = who(ev) + " " + what + origin(ev) + ended(call) + ". This is the first call seen of it: nothing says yet whether it is usual."
		}
	case !u.mature:
		f.Rarity = thousands(u.have) + " of " + plural(u.of, "peer") + " do this; its own history is short"
		if u.fleet {
			f.Rarity = thousands(u.have) + " of " + thousands(u.of) + " other identities of this fleet do this; its own history is short"
		}
	}
	if u.way == WayFused {
		f.Refused = false
	}
	return f
}

// tried turns a past-tense verb phrase into an attempt when the call did not
// succeed.
func tried(call *Call, past, infinitive string) string {
	if call.Denied || call.Failed {
		return "tried to " + infinitive
	}
	return past
}

// consequenceChecks are the first things to look at, common to the family.
func consequenceChecks(first ...string) []string {
	return append(first,
		"Ask the owner whether a change or release explains this call.",
		"Read everything else that this credential did within an hour of it.",
		"If nobody can explain it: disable the credential, after reading what would break.")
}

var (
	nistActivity = []string{"DE.CM-03", "DE.CM-09"}
	nistNetwork  = []string{"DE.CM-01", "DE.CM-03"}
	pciAccess    = []string{"7.2.5", "10.2.1.2", "10.4.1.1"}
	pciAccounts  = []string{"8.6.1", "8.6.3", "10.4.1.1"}
	pciNetwork   = []string{"10.4.1.1", "11.5.1"}
	pciLogs      = []string{"10.2.1.6", "10.3.2", "10.7.2"}
)

// peersCan counts the other identities of its kind that have a class in their
// baseline, and how many there are.
func peersCan(c *Cell, p *Profile, class capability.Set) (have, of int) {
	have, of = c.peers(p, Sight{State: Unseen, hash: capabilityHash(class.First())}, CapabilityBit)
	return have, max(0, of-1)
}

// fleetCan counts the other identities of every kind that have a class in their
// baseline, and how many there are.
func fleetCan(c *Cell, class capability.Set) (have, of int, fleet bool) {
	have, of = c.e.prevalenceOfAll(CapabilityBit, capabilityHash(class.First()))
	return have, max(0, of-1), true
}

// peersSay words how many of its kind, or of the fleet, use the class.
func (u firstUse) peersSay(p *Profile) string {
	if u.fleet && u.of >= minPeersSaid {
		do := "do this"
		if u.have == 1 {
			do = ofOne(do)
		}
		return "; " + thousands(u.have) + " of " + thousands(u.of) + " other identities of this fleet " + do
	}
	return peersSay(p, u.have, u.of)
}

// others counts the other identities of its kind that have the call's value in
// d, one that this identity does not have, and how many there are.
func others(c *Cell, p *Profile, call *Call, d Dimension) (have, of int) {
	have, of = c.Peers(p, call, d)
	return have, max(0, of-1)
}

// changesSomething says that a call does more than read.
func changesSomething(call *Call) bool {
	return call.Can.Set.Any(capability.Writes | capability.Deletes | capability.Administers | capability.Grave)
}
