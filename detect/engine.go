package detect

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Config is what an operator decides. It is part of a snapshot's digest.
type Config struct {
	// Tenant is carried by every alert; it is part of no key.
	Tenant string
	// Cell is this engine's partition of lapwing.events, of Cells in all
	// (default 1).
	Cell, Cells int
	// FalseAlertsPerDay is how many false alerts a day the team can take, for
	// the whole fleet (default 3). A cell has its share.
	FalseAlertsPerDay float64
	// Disabled names detectors that stay silent.
	Disabled []string
	// MaxIdentities bounds the profiles of this cell (default 250,000).
	MaxIdentities int
	// Sigma are the rules of the detector "sigma"; nil for none.
	Sigma *sigma.Set
	// Without turns parts of judging off, by the names that Mechanisms lists: for
	// evaluations that show what each part carries.
	Without []string
	// ProductVersion is written into alerts.
	ProductVersion string
}

// Output is what an engine says. The engine appends; the caller empties.
type Output struct {
	// Alerts are versions of alerts, in order; they share no memory with the engine.
	Alerts []schemas.Alert
	// Discovered are inventory records of identities that the inventory lacks.
	Discovered []schemas.Identity
}

// Engine judges the events of one cell. It is not safe for concurrent use, and
// two engines fed the same log give the same bytes.
type Engine struct {
	cfg       Config
	detectors []active
	arriving  []active // those that judge events, by the catalogue's order
	leaving   []active // those that judge panes
	rouses    rouses
	without   mechanism
	classify  *capability.Classifier
	cell      Cell

	store     store
	slots     slotSlabs
	panes     paneStore
	clock     clock
	tables    tables
	adopt     adoption
	egress    egress
	secrets   secretOwners
	deeds     deeds
	incidents incidents
	sprays    sprays
	off       map[string]bool // detectors that are switched off
	timers    timers
	sigma     *sigmaEngine

	dossiers map[uint32]*dossier
	asides   map[uint32]*aside
	words    []*profileWord // of operators about profiles, in the order in which they came
	verdicts []*verdict     // of analysts, in the order in which they came

	call     Call
	findings Findings
	closing  []closing
	out      *Output
	watch    func(*PaneView) // nil unless somebody looks on
	ratios   []ratio
	shown    []float64
	quiet    []quiet
	stats    Stats

	// While panes are closed: how many alerts had been told before.
	finishing  bool
	toldBefore int
}

// active is a detector in use, with its card at hand.
type active struct {
	Detector
	meta *Meta
}

// rouses are the detectors that each trigger wakes, a bit for each of arriving:
// what does not wake for a call costs nothing.
type rouses [triggers]uint64

// note adds a detector by its place, which is below 64.
func (r *rouses) note(wake Trigger, at int) {
	for ; wake != 0; wake &= wake - 1 {
		r[bits.TrailingZeros64(uint64(wake))] |= 1 << uint(at) //nolint:gosec // not negative
	}
}

// by are the detectors that a call's triggers wake.
func (r *rouses) by(fired Trigger) (woken uint64) {
	for ; fired != 0; fired &= fired - 1 {
		woken |= r[bits.TrailingZeros64(uint64(fired))]
	}
	return woken
}

// New makes an empty engine. It fails on a configuration that cannot be meant:
// an unknown detector, a cell outside its range, a negative budget.
func New(cfg Config) (*Engine, error) {
	if cfg.Cells == 0 {
		cfg.Cells = 1
	}
	if cfg.FalseAlertsPerDay == 0 {
		cfg.FalseAlertsPerDay = 3
	}
	if cfg.MaxIdentities == 0 {
		cfg.MaxIdentities = 250_000
	}
	if cfg.Tenant == "" {
		cfg.Tenant = "default"
	}
	var errs []error
	if cfg.Cells < 1 || cfg.Cell < 0 || cfg.Cell >= cfg.Cells {
		errs = append(errs, fmt.Errorf("cell %d is not one of %d", cfg.Cell, cfg.Cells))
	}
	if !(cfg.FalseAlertsPerDay > 0) {
		errs = append(errs, fmt.Errorf("false alerts a day: %v is not above 0", cfg.FalseAlertsPerDay))
	}
	if cfg.MaxIdentities < 1 {
		errs = append(errs, fmt.Errorf("identities: %d is not above 0", cfg.MaxIdentities))
	}
	off := map[string]bool{}
	for _, name := range cfg.Disabled {
		if metaOf(name) == nil {
			errs = append(errs, fmt.Errorf("unknown detector %q; known are %s", name, strings.Join(detectorNames(), ", ")))
		}
		off[name] = true
	}
	without, err := mechanismsOf(cfg.Without)
	if err != nil {
		errs = append(errs, err)
	}
	classify, err := capability.New()
	if err != nil {
		errs = append(errs, fmt.Errorf("capability data: %w", err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	e := &Engine{cfg: cfg, without: without, classify: classify, off: off, dossiers: map[uint32]*dossier{}, asides: map[uint32]*aside{}}
	e.cell.e = e
	e.call.e = e
	classify.Own = e.ownAccount
	for _, d := range catalogue {
		m := d.Meta()
		if m.Basis == Declared && without&offDeclared != 0 {
			continue
		}
		// Without rules nothing wakes for every event.
		if !off[m.Name] && (m != &sigmaCard || cfg.Sigma.Len() > 0) {
			a := active{d, m}
			e.detectors = append(e.detectors, a)
			if m.Wake != 0 {
				e.rouses.note(m.Wake, len(e.arriving))
				e.arriving = append(e.arriving, a)
			}
			if m.Closes {
				e.leaving = append(e.leaving, a)
			}
		}
	}
	if !off[sigmaCard.Name] {
		e.sigma = newSigmaEngine(cfg.Sigma)
	}
	e.store.init()
	e.tables.init()
	e.adopt.init()
	e.egress.init()
	e.secrets.init()
	e.deeds.init()
	e.incidents.init()
	e.sprays.init()
	return e, nil
}

func detectorNames() []string {
	names := make([]string, 0, len(catalogue))
	for _, d := range catalogue {
		names = append(names, d.Meta().Name)
	}
	return names
}

// metaOf finds a detector's card by name, or nil.
func metaOf(name string) *Meta {
	for _, d := range catalogue {
		if d.Meta().Name == name {
			return d.Meta()
		}
	}
	if name == shadowAPIUnseen.Key() {
		return &shadowAPIUnseen
	}
	if name == agentSpendLimit.Key() {
		return &agentSpendLimit
	}
	if name == sharedCredentialPlaces.Key() {
		return &sharedCredentialPlaces
	}
	if name == sharedCredentialLimit.Key() {
		return &sharedCredentialLimit
	}
	return nil
}

// Event judges one event and appends what it means to out. The event is the
// caller's again afterwards; its strings may alias a buffer. An event without
// identity or time is counted and otherwise ignored.
func (e *Engine) Event(ev *schemas.Event, out *Output) {
	e.out = out
	e.stats.Events++
	if ev.IdentityId == "" || ev.Time <= 0 {
		e.stats.Unusable++
		return
	}
	topic := e.clock.topic(ev.RawTopic)
	p := e.profile(ev)
	if p != nil {
		e.observe(topic, p, ev)
	}
	if e.clock.event(topic, ev.RawPartition, ev.Watermark) {
		e.advance(topic)
	}
	e.out = nil
}

// Control takes in what the log says about itself: ownership and time of raw
// partitions, and analysts' verdicts.
func (e *Engine) Control(c *schemas.Control, out *Output) {
	e.out = out
	defer func() { e.out = nil }()
	switch c.Kind {
	case schemas.ControlKind_CONTROL_KIND_FENCE:
		e.clock.announce(e.clock.topic(c.RawTopic), c.RawPartition)
	case schemas.ControlKind_CONTROL_KIND_WATERMARK:
		topic := e.clock.topic(c.RawTopic)
		if e.clock.mark(topic, c.RawPartition, c.Watermark, c.Idle, false) {
			e.advance(topic)
		}
	case schemas.ControlKind_CONTROL_KIND_END:
		topic := e.clock.topic(c.RawTopic)
		if e.clock.mark(topic, c.RawPartition, c.Watermark, true, true) {
			e.advance(topic)
		}
	case schemas.ControlKind_CONTROL_KIND_FEEDBACK:
		e.feedback(c)
	case schemas.ControlKind_CONTROL_KIND_PROFILE:
		e.profileWord(c)
	default:
		e.stats.Unusable++
	}
}
