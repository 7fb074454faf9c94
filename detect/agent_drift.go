package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var agentDriftCard = Meta{
	Name: "agent-drift", Title: "An agent turns to a tool or host it never used", Basis: Learned, Family: FamilyOperation, Way: WayFused,
	Severity: schemas.SeverityLow, Wake: OnNew(Host, Operation, Service),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one call of an AI agent; alone where the new host is a catcher of requests, a tunnel or an anonymous store of files",
	Kept:    "one slot of 8 bytes a host (16 at most), a server and a tool",
	Model:   "Good-Turing novelty rate of the agent's hosts, servers and tools, drawn towards other agents",
	Attacks: []schemas.Technique{{UID: "T1567", Name: "Exfiltration Over Web Service"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API10:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Read the prompt or task that led there: was it the user's, or a page's that the agent read?",
		"See what was sent: an agent that was talked into something sends what it knows.",
		"Close the list of hosts and tools that the agent may use.",
	},
}

// agentDrift finds an AI agent that turns to a domain, a tool server or a tool
// that it never used. What a tool can do of consequence has detectors of its own.
type agentDrift struct{ arrivalOnly }

// weightAgentChanges is what a call weighs more that gives something away.
const weightAgentChanges = 0.7

// Meta implements Detector.
func (agentDrift) Meta() *Meta { return &agentDriftCard }

// toolOfAgent says that an agent calls a tool by name.
func toolOfAgent(p *Profile, ev *schemas.Event) bool {
	return (p.Kind() == "ai_agent" || ev.PrincipalType == "agent") && ev.Attributes["tool"] != ""
}

// Observe implements Detector.
func (agentDrift) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	tool := toolOfAgent(p, ev)
	if !tool && p.Kind() != "ai_agent" {
		return
	}
	f := Finding{Way: WayFused, Severity: schemas.SeverityLow}
	var dim Dimension
	if s, rarity := c.Novelty(p, call, Host); call.New(Host) && s > 0 {
		dim, f.Value, f.Expected, f.Surprise, f.Rarity = Host, ev.Host, "the hosts seen before", s, rarity
	} else if s, rarity := c.Novelty(p, call, Service); tool && call.New(Service) && s > 0 {
		dim, f.Value, f.Expected, f.Surprise, f.Rarity = Service, ev.Service, "the tool servers seen before", s, rarity
	}
	changes := f.Surprise > 0 && changesSomething(call)
	if tool {
		if s, rarity := operationSurprise(c, p, call); s > f.Surprise {
			f.Surprise, f.Rarity = s, rarity
			if f.Value == "" {
				dim, f.Value, f.Expected = Operation, ev.Operation, "the tools seen before"
			}
		}
	}
	if f.Surprise == 0 {
		return
	}
	if changes {
		f.Surprise += weightAgentChanges
	}
	have, of := others(c, p, call, dim)
	name := clip(f.Value, 80)
	switch dim {
	case Host:
		f.Did = "called " + name + " for the first time"
		f.Sentence = who(ev) + " called " + ev.Operation + touched(ev) + " at " + name
	case Service:
		f.Did = "turned to the tool server " + name + " for the first time"
		f.Sentence = who(ev) + " used " + ev.Operation + touched(ev) + " of the tool server " + name
	default:
		f.Did = "used the tool " + name + " for the first time"
		f.Sentence = who(ev) + " used the tool " + name + touched(ev)
	}
	if dim == Host && takesAnything(ev.Host) && call.Success && !call.Backfill {
		f.Way, f.Severity = WayStrong, schemas.SeverityHigh
		if m := call.Event.HttpMethod; m != "GET" && m != "HEAD" {
			f.Did = "sent something to " + name
		}
	}
	f.Sentence += origin(ev) + ended(call) + "; " + name + " was " + f.Rarity + inPeers(p, have, of, "use it") + "."
	if f.Way == WayStrong {
		f.Sentence += " That host takes in what anybody sends."
	}
	f.Observed = f.Value
	out.Add(f)
}

// dropHosts are domains whose business is to take in what anybody sends, or to lead
// to a machine behind them: catchers of requests, tunnels, anonymous stores of files.
// Nobody reads there. The providers' own documentation names them.
var dropHosts = [...]string{
	"webhook.site", "requestbin.com", "requestbin.net", "pipedream.net", "requestcatcher.com", "beeceptor.com", "mockbin.org", "postb.in", "hookb.in",
	"oastify.com", "burpcollaborator.net", "interact.sh", "oast.pro", "oast.live", "oast.site", "oast.online", "oast.fun", "oast.me", "dnslog.cn", "canarytokens.com",
	"ngrok.io", "ngrok.app", "ngrok.dev", "ngrok-free.app", "trycloudflare.com", "loca.lt", "localhost.run", "serveo.net", "pinggy.link", "devtunnels.ms",
	"transfer.sh", "file.io", "0x0.st", "temp.sh", "gofile.io", "bashupload.com", "catbox.moe",
}

// takesAnything says that a host is of one of these domains.
func takesAnything(host string) bool {
	for _, d := range dropHosts {
		if rest, ok := strings.CutSuffix(host, d); ok && (rest == "" || rest[len(rest)-1] == '.') {
			return true
		}
	}
	return false
}
