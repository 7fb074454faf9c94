package detect

import (
	"slices"

	"github.com/lapwing-sec/lapwing/schemas"
)

var humanUseCard = Meta{
	Name: "human-use", Title: "A person uses a machine's credential", Basis: Learned, Family: FamilyClient, Way: WayStrong,
	Severity: schemas.SeverityMedium, Wake: OnNew(Client, Operation),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: 8 days and 100 calls with 7 active days, or from a new network 14 days and 100 calls", Floor: "one accepted call; alone: a machine whose peers hardly ever do this; of an undeclared kind, from a new network as well",
	Kept:    "the client slots of new-client, the operation slots of new-operation",
	Model:   "first use of an interactive client, or first interactive sign-in by whatever client, of an identity that had none",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI10:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: []string{"8.6.1", "10.4.1.1"},
	FirstChecks: []string{
		"Ask the owner who used the credential by hand, and why; an incident may explain it.",
		"Look at the source address: an office, or a place that nobody works from?",
		"Rotate the credential: it has left its machine.",
	},
}

// humanUse finds a browser, console or interactive tool under the credential
// of a machine, and a sign-in that only people make: a machine that opens a
// console's session is used by hand, whatever its user agent says.
type humanUse struct{ arrivalOnly }

// Meta implements Detector.
func (humanUse) Meta() *Meta { return &humanUseCard }

// Observe implements Detector.
func (humanUse) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if p.Human() {
		return
	}
	if call.New(Operation) && signIn(ev) {
		signedIn(c, p, call, out)
		return
	}
	if !call.New(Client) || !humanClient(ev.Client) {
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
	known := mature(p, call) || interactive(ev.Client) && awayFromHome(p, call)
	if byHand && machine && call.Success && rareAmongPeers*have <= of && known && !call.Backfill {
		f.Way = WayStrong
	}
	out.Add(f)
}

// signedIn words an interactive sign-in.
func signedIn(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	s, rarity := c.Novelty(p, call, Operation)
	if s == 0 {
		return
	}
	have, of := others(c, p, call, Operation)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: "sign-in",
		Did: tried(call, "signed in by hand", "sign in by hand") + " (" + clip(ev.Operation, 60) + ")",
		Sentence: who(ev) + " " + tried(call, "called", "call") + " " + ev.Operation + origin(ev) + ended(call) +
			": a sign-in of the kind that people make, and machines have no use for. It was " + rarity + inPeers(p, have, of, "do so") + ".",
		Observed: ev.Operation, Expected: "no interactive sign-in", Rarity: rarity,
	}
	if p.Kind() != "" && call.Success && rareAmongPeers*have <= of && (mature(p, call) || awayFromHome(p, call)) && !call.Backfill {
		f.Way = WayStrong
	}
	out.Add(f)
}

// awayFromHome says that one that has called for two weeks calls from a network where
// it never was. A weekly job takes months to be known well, but that a machine in a new
// place is used by hand needs no more.
func awayFromHome(p *Profile, call *Call) bool {
	return call.New(Prefix) && p.Calls() >= matureCalls && p.Age(call.Time) >= rareAge
}

// usedByHand reports whether a client of people is part of the baseline.
func (e *Engine) usedByHand(p *Profile, today uint16) bool {
	for _, h := range handHashes {
		if e.look(p, Client, h, today).State == Known {
			return true
		}
	}
	return false
}

// signIn says that a call opens an interactive session, which only people need:
// of AWS's console (also by a session that was turned into a console's), Entra ID,
// Okta, Auth0, Keycloak, Google Workspace, GitHub, Slack, Cloudflare and OpenAI.
func signIn(ev *schemas.Event) bool {
	switch ev.Operation {
	case "signin:ConsoleLogin", "signin:SwitchRole", "signin:GetSigninToken", "signin:UserAuthentication", "sso:Authenticate", "sso:Federate",
		"signin:interactiveUser", "okta:user.session.start", "auth0:s", "keycloak:LOGIN", "login:login_success", "github:user.login",
		"slack:user_login", "cloudflare:login", "access:login", "openai:login.succeeded":
		return true
	}
	return false
}

// handTools are client families that people, and seldom machines, use;
// interactiveTools those that only people do.
var (
	handTools        = slices.Concat([]string{"curl", "wget", "httpie", "aws-cli", "kubectl", "gcloud", "azure-cli", "aws-powershell", "powershell"}, interactiveTools)
	interactiveTools = []string{"browser", "aws-console", "postman", "insomnia", "bruno", "s3-browser", "cyberduck"}

	handHashes = func() (out []uint32) {
		for _, family := range handTools {
			out = append(out, hashValue(Client, family))
		}
		return out
	}()
)

// humanClient says that people, and seldom machines, use a client family.
func humanClient(family string) bool { return slices.Contains(handTools, family) }

// interactive says that only people use a client family.
func interactive(family string) bool { return slices.Contains(interactiveTools, family) }
