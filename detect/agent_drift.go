package detect

import "github.com/lapwing-sec/lapwing/schemas"

var agentDriftCard = Meta{
	Name: "agent-drift", Title: "An agent turns to a host it never used", Basis: Learned, Family: FamilyOperation, Way: WayFused,
	Severity: schemas.SeverityLow, Wake: OnNew(Host),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one call of an AI agent",
	Kept:    "one slot of 8 bytes a host, 16 at most",
	Model:   "Good-Turing novelty rate of the agent's hosts, drawn towards other agents",
	Attacks: []schemas.Technique{{UID: "T1567", Name: "Exfiltration Over Web Service"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API10:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Read the prompt or task that led there: was it the user's, or a page's that the agent read?",
		"See what was sent: an agent that was talked into something sends what it knows.",
		"Close the list of hosts and tools that the agent may use.",
	},
}

// agentDrift finds an AI agent that calls a tool server or domain that it never
// called. A tool within one is new-operation's.
type agentDrift struct{ arrivalOnly }

// weightAgentChanges is what a call weighs more that gives something away.
const weightAgentChanges = 0.7

// Meta implements Detector.
func (agentDrift) Meta() *Meta { return &agentDriftCard }

// Observe implements Detector.
func (agentDrift) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if p.Kind() != "ai_agent" || !call.New(Host) {
		return
	}
	s, rarity := c.Novelty(p, call, Host)
	if s == 0 {
		return
	}
	if changesSomething(call) {
		s += weightAgentChanges
	}
	have, of := others(c, p, call, Host)
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: ev.Host,
		Did:      "called " + clip(ev.Host, 80) + " for the first time",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + " at " + clip(ev.Host, 80) + ended(call) + ", which was " + rarity + inPeers(p, have, of, "call it") + ".",
		Observed: ev.Host, Expected: "the hosts seen before", Rarity: rarity,
	})
}
