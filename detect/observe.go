package detect

import (
	"math/bits"
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// observe judges one event on arrival, learns it, and adds it to its pane. The
// order matters: score first, then learn.
func (e *Engine) observe(topic int, p *Profile, ev *schemas.Event) {
	call := &e.call
	call.topic = uint8(topic) //nolint:gosec // below maxTopics
	call.hour = hourOf(paneOf(ev.Time))
	if t := &e.clock.topics[topic]; t.started {
		// A time far ahead must not freeze the tables of the hours between.
		call.hour = min(call.hour, hourOf(t.boundary)+3)
	}
	e.prepare(p, call, ev)
	f := &e.findings
	f.reset()
	for woken := e.rouses.by(call.fired); woken != 0; woken &= woken - 1 {
		d := &e.arriving[bits.TrailingZeros64(woken)]
		f.meta = d.meta
		d.Observe(&e.cell, p, call, f)
	}
	number := call.pane
	late := number < p.below || number < e.clock.topics[topic].boundary && e.clock.topics[topic].started
	counts := p.saw(topic, call.Time, number)
	grave := false
	if len(f.list) > 0 {
		grave = e.arrived(p, call, f.list, late)
	}
	e.discover(p, call)
	if call.Success && call.Can.Set.Has(capability.MintsCredential) && !provider(ev) && !p.Anonymous() {
		e.noteMinted(p, call)
	}
	call.stage = p.stageBit(call)
	p.learnShape(call)
	if p.pinned() {
		e.passes(p, call, grave)
	} else {
		e.learn(p, call, grave)
	}
	if late || !counts {
		e.stats.Late++
		return
	}
	pane := e.pane(p, number)
	if pane == nil {
		e.stats.Late++
		return
	}
	pane.add(ev, call, topic)
	if call.fresh > 0 {
		pane.Fresh += uint16(min(call.fresh, 100)) //nolint:gosec // small
	}
}

// prepare fills the call: what the event can do, and what the profile knew of
// each of its values.
func (e *Engine) prepare(p *Profile, call *Call, ev *schemas.Event) {
	call.Event = ev
	call.Time = ev.Time
	call.Day = dayOf(ev.Time)
	call.pane = paneOf(ev.Time)
	call.Can = e.classify.Event(ev)
	call.Late, call.Backfill = ev.Late, ev.Backfill
	call.Success = ev.Outcome == schemas.Outcome_OUTCOME_SUCCESS
	call.Denied = ev.Outcome == schemas.Outcome_OUTCOME_DENIED
	call.Failed = ev.Outcome == schemas.Outcome_OUTCOME_ERROR
	call.First = p.calls == 0
	call.Gap = 0
	if !call.First && ev.Time > p.last {
		call.Gap = time.Duration(ev.Time - p.last)
	}
	call.extra = call.extra[:0]
	call.tally = [tallies]uint16{}
	call.fresh, call.budget = 0, 0
	call.fired = OnEvery

	call.sights = [dimensions]Sight{}
	call.present, call.settled = 0, 0
	call.table = e.slots.table(&p.slots)

	s := &call.sights
	call.operation(p)
	call.sight(p, Service, ev.Service)
	call.sight(p, Address, ev.SrcIp)
	call.sight(p, Prefix, ev.SrcPrefix)
	call.sight(p, NetworkClass, ev.NetworkClass)
	call.sight(p, Country, ev.Country)
	call.sight(p, Client, ev.Client)
	call.sight(p, Fingerprint, ev.TlsFingerprint)
	call.sight(p, Credential, ev.CredentialId)
	call.sight(p, CredentialType, ev.CredentialType)
	account := ev.TargetAccount
	if account == "" {
		account = ev.Account
	}
	call.sight(p, Account, account)
	call.sight(p, Region, ev.Region)
	call.sight(p, Host, ev.Host)
	call.sight(p, Environment, ev.GetDeclared().GetTargetEnvironment())
	if ev.Asn != 0 {
		call.look(p, ASN, hashNumber(ASN, uint64(ev.Asn)))
	}
	if len(ev.Resources) > 0 {
		if !p.churning(Container) {
			call.sight(p, Container, containerOf(ev))
		}
		if !p.churning(Resource) {
			call.sight(p, Resource, ev.Resources[0])
		}
		if call.Can.Set.Has(capability.ReadsSecret) {
			call.sight(p, Secret, ev.Resources[0])
		}
	}
	if c, n := s[Credential].hash, s[Prefix].hash; c != 0 && n != 0 {
		call.look(p, CredentialPlace, hashNumber(CredentialPlace, uint64(c)<<32|uint64(n)))
	}
	call.sight(p, ActingAs, ev.ActingAs)
	if len(ev.Scopes) > 0 {
		all := uint64(0)
		for _, x := range ev.Scopes {
			all += uint64(hashValue(ScopeSet, x)) * 0x9e3779b97f4a7c15 // in any order
		}
		call.look(p, ScopeSet, hashNumber(ScopeSet, all))
	}
	switch {
	case ev.Workload != "":
		call.sight(p, Attested, attested)
	case p.observed[Attested] > 0:
		call.sight(p, Attested, bare)
	}
	if call.Denied && ev.Operation != "" {
		call.look(p, OperationDenied, hashNumber(OperationDenied, uint64(s[Operation].hash)))
	}
	if n := len(ev.Delegation); n > 0 {
		pair := uint64(hashValue(Delegation, ev.Delegation[0]))<<32 | uint64(hashValue(Delegation, ev.Delegation[n-1]))
		call.look(p, Delegation, hashNumber(Delegation, pair))
	}
	if call.Can.Set.Has(capability.InvokesModel) {
		call.sight(p, Model, modelOf(ev))
	}
	call.pipeline(p)
	call.issuedFor.credential = 0
	call.context(p)
	call.capabilities(p)
	call.table = nil // a finding may move it
	e.conditions(p, call, ev)
}

// The two values of Attested.
const (
	attested = "attested"
	bare     = "bare"
)

// operation looks the operation up. One that a parameter makes grave is another than
// the same without it: who enables versions every week may never have suspended them.
func (c *Call) operation(p *Profile) {
	c.sight(p, Operation, c.Event.Operation)
	if c.Can.Told != 0 && c.Event.Operation != "" {
		plain := c.sights[Operation].hash
		c.present, c.settled = 0, 0 // it is the first that is looked up
		c.fired &^= 1 << Operation
		c.look(p, Operation, toldHash(plain, c.Can.Told))
	}
}

// toldHash stands for an operation with a parameter that gives it the first of some
// classes.
func toldHash(plain uint32, classes capability.Set) uint32 {
	return hashNumber(Operation, uint64(plain)<<8|uint64(classes.Index()+1)) //nolint:gosec // below Count
}

// sight looks a text value up; an empty one is absent.
func (c *Call) sight(p *Profile, d Dimension, value string) {
	if value != "" {
		c.look(p, d, hashValue(d, value))
	}
}

// look notes what the profile knows of the event's value in d.
func (c *Call) look(p *Profile, d Dimension, h uint32) {
	s, settled := p.knows(c.table, d, h, c.Day)
	c.sights[d] = s
	c.present |= 1 << d
	if settled {
		c.settled |= 1 << d
	}
	if s.State < Known {
		c.fired |= 1 << d
	}
}

// capabilities compares what the call can do with what the identity has done.
func (c *Call) capabilities(p *Profile) {
	c.NewCapabilities, c.HeldCapabilities, c.settledBits = 0, 0, 0
	of := &c.sights[CapabilityBit]
	for rest := c.Can.Set; rest != 0; rest &= rest - 1 {
		bit := rest.First()
		s, settled := p.knows(c.table, CapabilityBit, capabilityHash(bit), c.Day)
		if settled {
			c.settledBits |= bit
		}
		switch s.State {
		case Unseen:
			c.NewCapabilities |= bit
		case Quarantined:
			c.HeldCapabilities |= bit
		default:
		}
		// The dimension's own sight is that of the newest of the call's classes.
		if of.State == Absent || s.State < of.State {
			*of = s
		}
	}
	if c.NewCapabilities|c.HeldCapabilities != 0 {
		c.fired |= 1 << CapabilityBit
	}
}

// capabilityHashes are the fingerprints of single classes, by their bits.
var capabilityHashes = func() (out [capability.Count + 1]uint32) {
	for i := range out {
		out[i] = hashNumber(CapabilityBit, uint64(i)) //nolint:gosec // below Count
	}
	return out
}()

// capabilityHash is the fingerprint of the lowest class of a set.
func capabilityHash(bit capability.Set) uint32 { return capabilityHashes[bit.Index()] }

// conditions sets the triggers that don't depend on a dimension.
func (e *Engine) conditions(p *Profile, call *Call, ev *schemas.Event) {
	if d := ev.Declared; d != nil {
		if len(d.Violations) > 0 {
			call.fired |= OnViolation
		}
		if d.RatePerMinute > 0 {
			call.fired |= OnRateBudget
		}
		if d.SpendMicrosPerDay > 0 || d.TokensPerDay > 0 {
			call.fired |= OnSpendLimit
		}
		if d.Workloads > 0 {
			call.fired |= OnWorkloads
		}
	}
	if !ev.GetDeclared().GetManaged() {
		call.fired |= OnUnmanaged
	}
	if call.Can.Set.Any(capability.Grave) {
		call.fired |= OnCapability
	}
	if call.Can.Set.Any(capability.Deletes | capability.DestroysData) {
		call.fired |= OnDeletes
	}
	if call.Can.Set.Any(capability.SpawnsCompute | capability.InvokesModel) {
		call.fired |= OnSpawns
	}
	if c := call.sights[Credential]; c.State > Unseen &&
		(int(call.Day)-int(c.Day) >= oldCredentialDays && p.lastDay+1 >= call.Day || p.keys.superseded(c.hash, call.pane)) {
		call.fired |= OnOldCredential
	}
	if n := len(ev.Delegation); n > int(p.depth) && p.depth > 0 {
		call.fired |= OnDeeper
	}
	if call.Denied {
		call.fired |= OnDenied
	}
	if len(ev.Grantees) > 0 {
		call.fired |= OnGrantee
	}
	if call.First || call.Gap > 24*time.Hour && call.Gap > p.GapQuantile(0.99) {
		call.fired |= OnGap
	}
}

// dayOf is the Unix day of an event time.
func dayOf(t int64) uint16 { return uint16(min(t/day, 1<<16-1)) } //nolint:gosec // clamped; events before 1970 are refused

// discover reports an identity that the inventory lacks, once it has called
// with success, and again at most once a day.
func (e *Engine) discover(p *Profile, call *Call) {
	if p.Managed() || !call.Success || p.flags&flagDiscovered != 0 && p.lastDay >= call.Day {
		return
	}
	p.flags |= flagDiscovered
	e.out.Discovered = append(e.out.Discovered, schemas.Identity{
		ID: e.store.ids[p.self], Kind: kindNames[p.group], Discovered: true,
		FirstSeen: time.Unix(0, p.first).UTC(), LastSeen: time.Unix(0, max(p.last, call.Time)).UTC(),
		Source: clone(call.Event.Format),
	})
}
