package detect

import (
	"math"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var newTargetCard = Meta{
	Name: "new-target", Title: "Reaches into an account, bucket, table or namespace it never touched", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(Account, Container),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample,
	Floor:     "alone: no more than 2 accounts known, a call that changes something or takes a role there, and fewer than 2 peers that go there; a bucket, table or namespace: evidence only, by a call from a new place or client, after 50 calls that name one",
	Kept:      "one slot of 8 bytes an account, and for each bucket, table or namespace, 16 at most",
	Model:     "Good-Turing novelty rate of the identity, drawn towards its peers",
	Attacks:   []schemas.Technique{{UID: "T1530", Name: "Data from Cloud Storage"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API1:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Find out whose account it is: the organisation's, a partner's, or a stranger's.",
		"If it is a stranger's: read what was written there, data may have left with it.",
		"Ask the owner whether this identity was given work there, and by whom.",
	},
}

// newTarget finds a call into an account, tenant or project that the identity
// never touched. Reading there is evidence: software brings in what others
// publish. Writing there, or taking a role, is a consequence. A bucket, table or
// namespace that it never touched is evidence.
type newTarget struct{ arrivalOnly }

const (
	homeAccounts    = 2
	targetPeers     = 2
	weightContainer = 0.6
)

// Meta implements Detector.
func (newTarget) Meta() *Meta { return &newTargetCard }

// Observe implements Detector.
func (newTarget) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if provider(ev) || call.Failed {
		return
	}
	if !call.New(Account) {
		newContainer(c, p, call, out)
		return
	}
	s, rarity := c.Novelty(p, call, Account)
	if s == 0 {
		return
	}
	account := or(ev.TargetAccount, ev.Account)
	have, of := others(c, p, call, Account)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: account, Capability: call.Can.Set.Verb(),
		Did: tried(call, "reached", "reach") + " into account " + account + " for the first time",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " in account " + account + ", which was " + rarity +
			inPeers(p, have, of, "go there") + ".",
		Observed: "account " + account, Expected: "the accounts seen before", Rarity: rarity,
	}
	changes := changesSomething(call) || strings.Contains(ev.Operation, ":AssumeRole")
	own := -math.Log10(p.NoveltyRate(Account, noveltyPrior(Account)))
	if changes && own >= strongSurprise && have < targetPeers && mature(p, call) && !call.Backfill && !p.Human() &&
		int(p.observed[Account]) >= matureCalls/2 && valuesOf(c, p, Account) <= homeAccounts {
		f.Way, f.Severity, f.Refused = WayConsequence, schemas.SeverityMedium, call.Denied
		if call.Can.Set.Any(capability.Grave|capability.Deletes) || c.fleetUses(call, Account) == 0 {
			f.Severity = schemas.SeverityHigh
		}
	}
	out.Add(f)
}

// newContainer finds a bucket, table or namespace that the identity never touched
// and that is none of its peers' either, by a call from a new place or client: a
// release brings new ones every week.
func newContainer(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	s, rarity := c.Novelty(p, call, Container)
	if s == 0 || !strange(call) || p.Observations(Container) < matureCalls/2 {
		return
	}
	have, of := others(c, p, call, Container)
	if have >= usedByPeers {
		return
	}
	name := containerOf(ev)
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: float64(s * weightContainer), Value: name,
		Did: tried(call, "touched ", "touch ") + clip(lastName(name), 80) + " for the first time",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + "; " + clip(name, 120) + " was " + rarity +
			inPeers(p, have, of, "use it") + ".",
		Observed: clip(name, 120), Expected: "those seen before", Rarity: rarity,
	})
}

// containerOf is the bucket, table or namespace that holds what a call touches
// first, as the log names it; "" for anything else.
func containerOf(ev *schemas.Event) string {
	if len(ev.Resources) == 0 {
		return ""
	}
	r := ev.Resources[0]
	switch ev.Service {
	case "k8s":
		return ev.Attributes["namespace"]
	case "s3":
		const prefix = "arn:aws:s3:::"
		if rest, ok := strings.CutPrefix(r, prefix); ok {
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				return r[:len(prefix)+i]
			}
			return r
		}
	case "storage":
		if i := strings.Index(r, "/objects/"); i >= 0 {
			return r[:i]
		}
		if strings.Contains(r, "/buckets/") {
			return r
		}
	case "secretsmanager", "ssm", "vault":
		// A secret's folder: "secret/prod/ledger" of "secret/prod/ledger/db".
		if i := strings.LastIndexByte(r, '/'); i > 0 && strings.Count(r[:i], "/") > 0 {
			return r[:i]
		}
	case "dynamodb", "bigquery":
		for _, mark := range [...]string{"table/", "tables/"} {
			if i := strings.Index(r, mark); i >= 0 {
				end := i + len(mark)
				if j := strings.IndexByte(r[end:], '/'); j >= 0 {
					return r[:end+j]
				}
				return r
			}
		}
	}
	return ""
}

// fleetUses counts the identities of every kind that have the call's value in d,
// by the frozen tables.
func (c *Cell) fleetUses(call *Call, d Dimension) int {
	n, k := 0, c.e.tables.view(call.hour, c.e).hour
	for g := range groups {
		n += c.e.tables.have(k, uint8(g), d, call.sights[d].hash) //nolint:gosec // nine kinds
	}
	return n
}
