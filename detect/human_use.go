package detect

import "github.com/lapwing-sec/lapwing/schemas"

var humanUseCard = Meta{
	Name: "human-use", Title: "A person uses a machine's credential", Basis: Learned, Family: FamilyClient, Way: WayStrong,
	Severity: schemas.SeverityMedium, Wake: OnNew(Client),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: 8 days and 100 calls", Floor: "one accepted call; alone: a machine whose peers hardly ever do this; of an undeclared kind, from a new network as well",
	Kept:    "the client slots of new-client",
	Model:   "first use of an interactive client by an identity that had none",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI10:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: []string{"8.6.1", "10.4.1.1"},
	FirstChecks: []string{
		"Ask the owner who used the credential by hand, and why; an incident may explain it.",
		"Look at the source address: an office, or a place that nobody works from?",
		"Rotate the credential: it has left its machine.",
	},
}

// humanUse finds a browser, console or interactive tool under the credential
// of a machine.
type humanUse struct{ arrivalOnly }

// Meta implements Detector.
func (humanUse) Meta() *Meta { return &humanUseCard }

// Observe implements Detector.
func (humanUse) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.New(Client) || p.Human() || !humanClient(ev.Client) {
		return
	}
	s, rarity := c.Novelty(p, call, Client)
	if s == 0 {
		return
	}
	have, of := others(c, p, call, Client)
	agent := ""
	if ev.UserAgent != "" && ev.UserAgent != ev.Client {
		agent = " (" + clip(ev.UserAgent, 48) + ")"
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: ev.Client,
		Did: "was used by hand (" + ev.Client + ")",
		Sentence: who(ev) + " called " + ev.Operation + " with " + ev.Client + agent + origin(ev) + ended(call) +
			": people call like that, machines seldom do. It was " + rarity + inPeers(p, have, of, "are used so") + ".",
		Observed: ev.Client, Expected: "a machine's client", Rarity: rarity,
	}
	// Browsers and consoles speak for themselves; curl and the like are also
	// what a script uses, unless it sits in an office.
	machine := p.Kind() != "" || call.New(Prefix) || call.New(Country)
	byHand := interactive(ev.Client) || ev.NetworkClass == "office" && call.New(Prefix)
	if byHand && machine && call.Success && rareAmongPeers*have <= of && mature(p, call) && !call.Backfill {
		f.Way = WayStrong
	}
	out.Add(f)
}

// humanClient says that people, and seldom machines, use a client family.
func humanClient(family string) bool {
	switch family {
	case "curl", "wget", "httpie", "aws-cli", "kubectl", "gcloud", "azure-cli", "aws-powershell", "powershell":
		return true
	}
	return interactive(family)
}

// interactive says that only people use a client family.
func interactive(family string) bool {
	switch family {
	case "browser", "aws-console", "postman", "insomnia", "bruno", "s3-browser", "cyberduck":
		return true
	}
	return false
}
