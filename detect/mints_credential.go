package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var mintsCredentialCard = Meta{
	Name: "mints-credential", Title: "Creates keys, tokens or users for the first time", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability,
	MinSample: matureSample, Floor: "one call",
	Kept:    "one slot for the class and one for each operation",
	Model:   "first use of a class; creator edges by operation",
	Attacks: []schemas.Technique{{UID: "T1098.001", Name: "Additional Cloud Credentials"}},
	NHI:     []string{"NHI7:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: pciAccounts,
	FirstChecks: consequenceChecks(
		"Find the credential that was made, and disable it until it is explained: disabling its maker is not enough.",
		"Look for its first use, above all from another network."),
}

// mintsCredential finds the first time that an identity creates a key, token,
// password or user, and a new way of doing so. A rotation that falls due by the
// inventory is evidence only.
type mintsCredential struct{ arrivalOnly }

// Meta implements Detector.
func (mintsCredential) Meta() *Meta { return &mintsCredentialCard }

// Observe implements Detector.
func (mintsCredential) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	u, ok := judgeClass(c, p, call, capability.MintsCredential)
	if !ok {
		return
	}
	ev := call.Event
	if rotates(ev) {
		u.way = WayFused
	}
	out.Add(u.finding(p, call, ev.Operation, tried(call, "minted a credential", "mint a credential")+first(u),
		tried(call, "created", "create")+" a credential with "+ev.Operation+touched(ev)))
}

// rotates says that an identity changes its own keys while its declared
// rotation is due (three quarters of the interval are over) or was just done (a
// week ago at most).
func rotates(ev *schemas.Event) bool {
	cred := ev.GetDeclared().GetCredential()
	if cred.GetRotateEvery() <= 0 || cred.GetIssued() <= 0 {
		return false
	}
	if age := ev.Time - cred.GetIssued(); age < cred.GetRotateEvery()/4*3 && age > 7*day {
		return false
	}
	own := ev.Principal[strings.LastIndexByte(ev.Principal, '/')+1:]
	if own == "" {
		return false
	}
	for _, r := range ev.Resources {
		if r[strings.LastIndexByte(r, '/')+1:] == own {
			return true
		}
	}
	return false
}
