package detect

import "github.com/lapwing-sec/lapwing/schemas"

var newClientCard = Meta{
	Name: "new-client", Title: "Call by a new kind of client", Basis: Learned, Family: FamilyClient, Way: WayFused,
	Severity: schemas.SeverityLow, Wake: OnNew(Client, Fingerprint),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one call",
	Kept:    "one slot of 8 bytes a family, and 10 fingerprints at most",
	Model:   "Good-Turing novelty rate of the identity, drawn towards its peers",
	Attacks: []schemas.Technique{{UID: "T1550.001", Name: "Application Access Token"}},
	NHI:     []string{"NHI2:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciAccounts,
	FirstChecks: []string{
		"Ask whether the client was rewritten or its library replaced.",
		"See whether the new client also comes from a new network: a stolen credential does.",
	},
}

// newClient finds a family of client software that the identity never used.
// A new version is not a new family. A TLS fingerprint alone is weaker: an
// upgrade changes it.
type newClient struct{ arrivalOnly }

// Meta implements Detector.
func (newClient) Meta() *Meta { return &newClientCard }

// Observe implements Detector.
func (newClient) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	d, value := Client, ev.Client
	var s float64
	var rarity string
	if call.New(Client) {
		s, rarity = c.Novelty(p, call, Client)
	} else if call.New(Fingerprint) {
		d, value = Fingerprint, ev.TlsFingerprint
		s, rarity = c.Novelty(p, call, Fingerprint)
		s = float64(s * 0.5)
	}
	if s == 0 || d == Client && p.Kind() != "human" && humanClient(value) {
		return // human-use says it better
	}
	have, of := others(c, p, call, d)
	with := clip(value, 40)
	if ev.UserAgent != "" && ev.UserAgent != value {
		with += " (" + clip(ev.UserAgent, 48) + ")"
	}
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: value,
		Did:      "called with a new client, " + clip(value, 40),
		Sentence: who(ev) + " called " + ev.Operation + " with " + with + origin(ev) + ended(call) + "; that " + d.String() + " was " + rarity + inPeers(p, have, of, "use it") + ".",
		Observed: value, Expected: "the clients seen before", Rarity: rarity,
	})
}
