package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var supersededKeyCard = Meta{
	Name: "superseded-key", Title: "An old key is used after its successor took over", Basis: Learned, Family: FamilyClient, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnOldCredential,
	MinSample: "a key seen on four days, and another one on four days since", Floor: "8 days without it while the identity went on; alone: from a network or by a client that is new to it",
	Kept:    "the key's slot: the day it was last seen, and on how many days",
	Model:   "a key's own pause, while another key carries the identity",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI1:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: []string{"8.2.5", "8.6.3", "10.4.1.1"},
	FirstChecks: []string{
		"Find who still holds the old key: a deployment that rotation forgot, or a stranger.",
		"Revoke it: its successor has done the work for a week.",
	},
}

// supersededKey finds a long-lived key that comes back after another one had
// taken its place. From the identity's own network it is mostly a forgotten
// deployment, and evidence; from elsewhere it is a copy that somebody kept.
type supersededKey struct{ arrivalOnly }

const (
	oldCredentialDays  = 8
	supersededSurprise = 2.5
	supersededWeight   = 2 // log2 of days
)

// Meta implements Detector.
func (supersededKey) Meta() *Meta { return &supersededKeyCard }

// Observe implements Detector.
func (supersededKey) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev, old := call.Event, call.Sight(Credential)
	if !static(ev) || old.Weight < supersededWeight || provider(ev) || call.Backfill {
		return
	}
	successor := false
	for _, s := range c.e.slots.table(&p.slots) {
		if s.dim == uint8(Credential)+1 && s.hash != old.hash && s.day+1 >= call.Day && s.weight() >= supersededWeight {
			successor = true
		}
	}
	if !successor {
		return
	}
	pause := span(time.Duration(int64(call.Day-old.Day) * day))
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: supersededSurprise, Value: clip(ev.CredentialId, 60),
		Did: "used an old key again",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " with key " + clip(ev.CredentialId, 40) +
			", which nobody had used for " + pause + " while another key did its work.",
		Observed: "a key after " + pause, Expected: "its successor", Rarity: "not used for " + pause,
	}
	if (call.New(Prefix) || call.New(ASN) || call.New(Client)) && !ownNetwork(ev.NetworkClass) && mature(p, call) {
		f.Way, f.Refused = WayConsequence, call.Denied || call.Failed
		f.Sentence += " It comes from a network or a client that was never seen here."
	}
	out.Add(f)
}
