package detect

import (
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var policyChangeCard = Meta{
	Name: "policy-change", Title: "Widens its own rights, then uses them", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability | OnNew(Operation),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "an accepted change of its own rights, in a way that is new to it, and within a day an accepted call that it never made",
	Kept:    "8 bytes: when it last changed its own rights",
	Model:   "a change of permissions followed by its use",
	Attacks: []schemas.Technique{{UID: "T1098", Name: "Account Manipulation"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Take the new rights back, then list what was done with them.",
		"Find out why the identity may change its own rights at all: nothing but the deployer of the platform should.",
		"Look for other identities that it gave rights to in the same hour.",
	},
}

// policyChange finds an identity that changes its own policy, role or grants and
// then makes a call that it never made. The change itself is grants-privilege's;
// the two together are an escalation that worked.
type policyChange struct{ arrivalOnly }

const changeWindow = 24 * time.Hour

// Meta implements Detector.
func (policyChange) Meta() *Meta { return &policyChangeCard }

// Observe implements Detector.
func (policyChange) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.Success || provider(ev) || p.Human() {
		return
	}
	if class := call.Can.Set & (capability.GrantsPrivilege | capability.ChangesTrust); class != 0 {
		// One that edits its own policy every week is its own deployer.
		unusual := (call.NewCapabilities | call.HeldCapabilities).Any(class) || call.Sight(Operation).State != Known
		if unusual && toItself(ev) {
			p.widened = max(p.widened, call.Time)
		}
		return
	}
	since := time.Duration(call.Time - p.widened)
	if p.widened == 0 || since < 0 || since > changeWindow || !call.New(Operation) || call.Backfill {
		return
	}
	if s, _ := c.Novelty(p, call, Operation); s == 0 {
		return
	}
	out.Add(Finding{
		Value: ev.Operation, Did: "widened its own rights and used them",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ", which it had never called, " + span(since) +
			" after it changed its own rights.",
		Observed: ev.Operation + " " + span(since) + " after the change", Expected: "no use of rights that it gave itself",
		Rarity: "not seen in " + historyOf(p, call.Time),
	})
}

// toItself says that the caller stands among what a call touches or gives
// something to: the user or role by its name, whatever session it is.
func toItself(ev *schemas.Event) bool {
	own := lastName(ev.IdentityId)
	if own == "" {
		return false
	}
	for i, r := range ev.Resources {
		if i == maxEdges {
			break
		}
		if lastName(r) == own {
			return true
		}
	}
	for i, g := range ev.Grantees {
		if i == maxEdges {
			break
		}
		if lastName(g) == own {
			return true
		}
	}
	return false
}

// lastName is what follows the last slash or colon of an id.
func lastName(id string) string { return id[strings.LastIndexAny(id, "/:")+1:] }
