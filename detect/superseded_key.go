package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var supersededKeyCard = Meta{
	Name: "superseded-key", Title: "An old key is used after its successor took over", Basis: Learned, Family: FamilyClient, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnOldCredential,
	MinSample: "a key seen on four days; another that made more of its calls since",
	Floor:     "48 hours after the old key's share of the last days' calls fell below 1%, or 8 days without it while another key, seen on four days, went on; alone: from a network or by a client that is new to it",
	Kept:      "28 bytes: the two newest keys with their calls of the last days; the slots of others",
	Model:     "a key's share of the identity's calls, halved each day",
	Attacks:   []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:       []string{"NHI1:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: []string{"8.2.5", "8.6.3", "10.4.1.1"},
	FirstChecks: []string{
		"Find who still holds the old key: a deployment that rotation forgot, or a stranger.",
		"Revoke it: its successor has done the work since.",
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
	pause := time.Duration(int64(max(call.Day, old.Day)-old.Day) * day)
	did := "which nobody had used for "
	switch {
	case p.keys.superseded(old.hash, call.pane):
		held := int64(p.keys.mark[1].held)
		pause = time.Duration((call.pane - held) * PaneLength)
		if old.Day > dayOf(held*PaneLength) {
			did = "which had made fewer than one in a hundred of its calls for "
		}
	case pause < oldCredentialDays*time.Duration(day) || !c.e.succeeded(p, old.hash, call.Day):
		return
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: supersededSurprise, Value: clip(ev.CredentialId, 60),
		Did: "used an old key again",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + " with key " + clip(ev.CredentialId, 40) +
			", " + did + span(pause) + " while another key did its work.",
		Observed: "a key " + span(pause) + " after its successor took over", Expected: "its successor", Rarity: "hardly used for " + span(pause),
	}
	if (call.New(Prefix) || call.New(ASN) || call.New(Client)) && !ownNetwork(ev.NetworkClass) && mature(p, call) {
		f.Way, f.Refused = WayConsequence, call.Denied || call.Failed
		f.Sentence += " It comes from a network or a client that was never seen here."
	}
	out.Add(f)
}

// succeeded reports whether another key than the one of a hash went on.
func (e *Engine) succeeded(p *Profile, old uint32, today uint16) bool {
	for _, s := range e.slots.table(&p.slots) {
		if s.dim == uint8(Credential)+1 && s.hash != old && s.day+1 >= today && s.weight() >= supersededWeight {
			return true
		}
	}
	return false
}

// keyMarks are an identity's two newest long-lived keys: the one that carries it,
// and the one before or after it. It is pointer-free.
type keyMarks struct {
	mark [2]keyMark
	day  uint16
	// rest is the longest pause, in panes, after which a replaced key came back:
	// keys that take turns by the week are not replaced.
	rest uint16
}

// keyMark is what is known of a key.
type keyMark struct {
	hash  uint32
	held  int32  // the newest pane in which it had a hundredth of the calls
	calls uint16 // of the last days, halved each day, and both together when one is full
	main  bool   // it has carried the identity
}

// supersededPanes are 48 hours.
const supersededPanes = int64(48 * time.Hour / time.Duration(PaneLength))

// superseded reports whether the key was replaced by the one that carries the
// identity now, more than 48 hours ago.
func (k *keyMarks) superseded(hash uint32, pane int64) bool {
	old, now := &k.mark[1], &k.mark[0]
	return hash != 0 && old.hash == hash && old.main && now.main && pane-int64(old.held) > max(supersededPanes, int64(k.rest)*3/2) && pane-int64(now.held) <= supersededPanes
}

// saw counts a call with a key.
func (k *keyMarks) saw(hash uint32, day uint16, pane int64) {
	if day > k.day {
		by := min(uint(day-k.day), 31)
		k.mark[0].calls >>= by
		k.mark[1].calls >>= by
		k.day = day
	}
	i := 0
	switch hash {
	case k.mark[0].hash:
	case k.mark[1].hash:
		i = 1
	default: // one that was not among the two takes the place of the lesser
		if k.mark[0].hash != 0 {
			i = 1
		}
		k.mark[i] = keyMark{hash: hash}
	}
	m, other := &k.mark[i], &k.mark[1-i]
	if m.main && m.held != 0 && other.held > m.held {
		k.rest = max(k.rest, uint16(min(max(pane-int64(m.held), 0), 1<<16-1))) //nolint:gosec // clamped
	}
	if m.calls == 1<<16-1 {
		m.calls, other.calls = m.calls/2, other.calls/2
	}
	m.calls++
	if uint32(m.calls)*100 >= uint32(m.calls)+uint32(other.calls) || m.held == 0 {
		m.held = max(m.held, int32(pane)) //nolint:gosec // until the year 60,000
	}
	if m.calls >= other.calls {
		m.main = true
	}
	if i == 1 && m.calls > other.calls {
		k.mark[0], k.mark[1] = k.mark[1], k.mark[0]
	}
}

func (k *keyMarks) visit(c *codec) {
	for i := range k.mark {
		m := &k.mark[i]
		c.u32(&m.hash)
		c.i32(&m.held)
		c.u16(&m.calls)
		c.bool(&m.main)
	}
	c.u16(&k.day)
	c.u16(&k.rest)
}
