package detect

import (
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Detector is one row of the catalogue. It is a stateless value: whatever it
// must remember lives in the Profile (slots, tallies) or the Cell. It reads no
// clock and does no I/O. One engine calls it from one goroutine.
//
// What Observe finds may depend on the profile as arrivals left it, and on the
// cell's frozen tables; never on what a Close wrote (levels, spreads, maxima).
// That is what makes verdicts independent of how topics interleave.
type Detector interface {
	// Meta is the detector's card. It returns the same pointer every time.
	Meta() *Meta
	// Observe judges one event on arrival. It is called when one of the card's
	// triggers holds, before the event is learned. Late and back-filled events
	// come too.
	Observe(c *Cell, p *Profile, call *Call, out *Findings)
	// Close judges one finished pane of the identity. It is called only when
	// the card says Closes, in id order, before the pane is learned.
	Close(c *Cell, p *Profile, pane *Pane, out *Findings)
}

// arrivalOnly is embedded by detectors that judge events and no panes.
type arrivalOnly struct{}

// Close does nothing.
func (arrivalOnly) Close(*Cell, *Profile, *Pane, *Findings) {}

// paneOnly is embedded by detectors that judge panes and no events.
type paneOnly struct{}

// Observe does nothing.
func (paneOnly) Observe(*Cell, *Profile, *Call, *Findings) {}

// Basis says what a detector rests on.
type Basis uint8

// The two bases are never mixed.
const (
	Declared Basis = iota + 1 // the event breaks what the inventory or a policy states
	Learned                   // the event is unlike the identity's past, or unlike its peers
)

// String is the basis as alerts carry it.
func (b Basis) String() string {
	if b == Declared {
		return "declared"
	}
	return "learned"
}

// Family groups detectors whose evidence is dependent: within a family the
// fused way takes the maximum, across families the sum.
type Family uint8

// The families.
const (
	FamilyDeclared Family = iota
	FamilyConsequence
	FamilyVolume
	FamilyOperation
	FamilyPlace
	FamilyDenial
	FamilyTime
	FamilyClient
	families
)

var familyNames = [families]string{"declared", "consequence", "volume", "operation", "place", "denial", "time", "client"}

// evidence is the family that arrival evidence of f counts for: a consequence
// too weak to page is the same event's evidence as its operation.
func (f Family) evidence() Family {
	if f == FamilyConsequence {
		return FamilyOperation
	}
	return f
}

// String is the family's name.
func (f Family) String() string {
	if f < families {
		return familyNames[f]
	}
	return "unknown"
}

// Way is how a finding may reach a person.
type Way uint8

// The ways, and how each is gated.
const (
	// WayDefault in a Finding stands for the card's way.
	WayDefault Way = iota
	// WayReport is housekeeping: reported, never paged.
	WayReport
	// WayFused is weak evidence: judged together with other families when the
	// pane closes.
	WayFused
	// WayStrong is one statistical family beyond its own strict bound.
	WayStrong
	// WayConsequence pages by itself, on arrival.
	WayConsequence
	// WayDeclared pages by itself, on arrival, once for (identity, rule, value).
	WayDeclared
)

// String is the way as alerts carry it.
func (w Way) String() string {
	switch w {
	case WayReport:
		return "report"
	case WayFused:
		return "fused"
	case WayStrong:
		return "strong"
	case WayConsequence:
		return "consequence"
	case WayDeclared:
		return "declared"
	default:
		return "unknown"
	}
}

// Meta is a detector's card: what the catalogue, the documentation, the alerts
// and the build test read.
type Meta struct {
	// Name is the detector's name in code, configuration, alerts and metrics.
	Name string
	// Rule is the id of one rule, on the card that a detector of rules makes for
	// it.
	Rule string
	// Title says in a few words what it watches: "First use of a secret store".
	Title  string
	Basis  Basis
	Family Family
	// Way is the strongest way this detector pages by.
	Way Way
	// Severity is what a finding starts from (schemas.Severity…); criticality
	// raises it, refusal lowers it.
	Severity int
	// Wake are the triggers of Observe; zero when there is none.
	Wake Trigger
	// Closes asks for Close.
	Closes bool
	// MinSample and Floor say, for learned detectors, from how much history it
	// speaks and below which absolute size it stays silent.
	MinSample, Floor string
	// Kept and Model say what is kept of each identity, in bytes, and by which
	// model it is judged, with its source.
	Kept, Model string
	// Attacks are techniques of MITRE ATT&CK v18; NHI, API, NIST and PCI name
	// the rows of OWASP NHI:2025 ("NHI2:2025"), OWASP API:2023 ("API4:2023"),
	// NIST CSF ("DE.CM-01") and PCI DSS ("10.4.1").
	Attacks             []schemas.Technique
	NHI, API, NIST, PCI []string
	// FirstChecks are what a responder looks at first, in order.
	FirstChecks []string
}

// Finding is what a detector says of one event or pane. The engine clones its
// strings.
type Finding struct {
	// Way defaults to the card's way; a detector may go lower (report, fused),
	// never higher.
	Way Way
	// Severity defaults to the card's. The engine lowers it by one when Refused
	// and adjusts it to the identity's criticality.
	Severity int
	// Least is the severity that no low criticality goes below; 0 for none.
	Least int
	// Refused says that the call was denied.
	Refused bool
	// Surprise is -log10 p, or 0 where nothing is learned.
	Surprise float64
	// rank orders the first uses of a fleet that has more of them than it may page
	// for, as -log10 p: by the identity's own novelty and by its peers. 0 is for
	// what pages whatever else there is.
	rank float64
	// Value is what the finding is about ("FR", a secret's name, a rule). An
	// open or recent finding of the same detector and value is counted, not
	// raised again; feedback binds to it.
	Value string
	// Capability is the consequence: a finding of another capability opens an
	// alert of its own.
	Capability capability.Set
	// Did completes the title after the identity's name: "read secrets for the
	// first time".
	Did string
	// Sentence is what a person would say at 3 a.m., complete in itself.
	Sentence string
	// Trigger names the call to look at first, where the newest is not the one:
	// "Largest call: …".
	Trigger string
	// Observed and Expected are its two sides in a few words.
	Observed, Expected string
	// Rarity says how rare it is, never beyond what was observed.
	Rarity string
	// Calibration names the table that gave p, for statistical findings.
	Calibration string
	// dim and hash are the value that peers may have taken up, where no trigger of
	// the card names its dimension.
	dim  Dimension
	hash uint32
}

// defaults fills in what a card says.
func (x Finding) defaults(m *Meta) Finding {
	if x.Way == WayDefault {
		x.Way = m.Way
	}
	if x.Severity == 0 {
		x.Severity = m.Severity
	}
	return x
}

// Findings collects what detectors say. The zero value is ready.
type Findings struct {
	list   []found
	scores []Score
	meta   *Meta
}

type found struct {
	meta *Meta
	Finding
}

// Add records a finding of the detector being called. Declared and consequence
// findings open or grow an alert at once. A fused one (on arrival) is evidence:
// it is kept with the pane and judged with the other families when the pane
// closes.
func (f *Findings) Add(x Finding) {
	f.list = append(f.list, found{f.meta, x})
}

// add records a finding with a card of its own.
func (f *Findings) add(m *Meta, x Finding) {
	f.list = append(f.list, found{m, x})
}

// Key tells cards apart: the name, and the rule where there is one.
func (m *Meta) Key() string {
	if m.Rule == "" {
		return m.Name
	}
	return m.Name + "/" + m.Rule
}

// Score is one statistical verdict on a pane, before calibration.
type Score struct {
	meta *Meta
	// Signal is the pooled tail that calibrates it.
	Signal Signal
	// Surprise is -log10 p by the detector's predictive distribution.
	Surprise float64
	// Strong says that the absolute floors hold and that the value is well
	// above the identity's own maximum: without it, it only feeds the fused way.
	Strong bool
	// Faint says that the effect is too small to speak of, however surprising:
	// it teaches the tails and feeds no alert.
	Faint bool
	// Family is the family that it counts for, when not the card's.
	Family Family
	// Explain words the finding; called only when it is shown.
	Explain func(c *Cell, p *Profile, pane *Pane, s *Score) Finding
	// Observed and Expected are the numbers behind it.
	Observed, Expected float64
	// Scale is which of the signal's time scales this is.
	Scale int
	// tail is the calibrated surprise, and where it came from.
	tail float64
	from string
}

// Score records one statistical verdict of the detector being called (Close
// only). Idle panes and panes without enough history record none.
func (f *Findings) Score(s Score) {
	s.meta = f.meta
	f.scores = append(f.scores, s)
}

func (f *Findings) reset() {
	f.list = f.list[:0]
	f.scores = f.scores[:0]
	f.meta = nil
}
