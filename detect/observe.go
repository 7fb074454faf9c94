package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// observe judges one event on arrival, learns it, and adds it to its pane. The
// order matters: score first, then learn.
func (e *Engine) observe(topic int, p *Profile, ev *schemas.Event) {
	call := &e.call
	e.prepare(p, call, ev)
	call.topic = uint8(topic) //nolint:gosec // below maxTopics
	call.hour = hourOf(paneOf(call.Time))
	if t := &e.clock.topics[topic]; t.started {
		// A time far ahead must not freeze the tables of the hours between.
		call.hour = min(call.hour, hourOf(t.boundary)+3)
	}
	f := &e.findings
	f.reset()
	if call.fired&e.wake != 0 {
		for i := range e.arriving {
			d := &e.arriving[i]
			if d.wake&call.fired != 0 {
				f.meta = d.meta
				d.Observe(&e.cell, p, call, f)
			}
		}
	}
	number := paneOf(call.Time)
	late := number < p.below || number < e.clock.topics[topic].boundary && e.clock.topics[topic].started
	counts := p.saw(topic, call.Time)
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
	call.fresh = 0
	call.fired = OnEvery

	s := &call.sights
	e.sight(p, call, Operation, ev.Operation)
	e.sight(p, call, Service, ev.Service)
	e.sight(p, call, Address, ev.SrcIp)
	e.sight(p, call, Prefix, ev.SrcPrefix)
	e.sight(p, call, NetworkClass, ev.NetworkClass)
	e.sight(p, call, Country, ev.Country)
	e.sight(p, call, Client, ev.Client)
	e.sight(p, call, Fingerprint, ev.TlsFingerprint)
	e.sight(p, call, Credential, ev.CredentialId)
	e.sight(p, call, CredentialType, ev.CredentialType)
	account := ev.TargetAccount
	if account == "" {
		account = ev.Account
	}
	e.sight(p, call, Account, account)
	e.sight(p, call, Region, ev.Region)
	e.sight(p, call, Host, ev.Host)
	e.sight(p, call, Environment, ev.GetDeclared().GetTargetEnvironment())
	if ev.Asn != 0 {
		e.lookInto(p, call, ASN, hashNumber(ASN, uint64(ev.Asn)))
	} else {
		s[ASN] = Sight{}
	}
	s[Resource], s[Secret] = Sight{}, Sight{}
	if len(ev.Resources) > 0 {
		if !p.churning(Resource) {
			e.sight(p, call, Resource, ev.Resources[0])
		}
		if call.Can.Set.Has(capability.ReadsSecret) {
			e.sight(p, call, Secret, ev.Resources[0])
		}
	}
	s[CredentialPlace] = Sight{}
	if c, n := s[Credential].hash, s[Prefix].hash; c != 0 && n != 0 {
		e.lookInto(p, call, CredentialPlace, hashNumber(CredentialPlace, uint64(c)<<32|uint64(n)))
	}
	e.sight(p, call, ActingAs, ev.ActingAs)
	s[ScopeSet] = Sight{}
	if len(ev.Scopes) > 0 {
		all := uint64(0)
		for _, x := range ev.Scopes {
			all += uint64(hashValue(ScopeSet, x)) * 0x9e3779b97f4a7c15 // in any order
		}
		e.lookInto(p, call, ScopeSet, hashNumber(ScopeSet, all))
	}
	s[Attested] = Sight{}
	switch {
	case ev.Workload != "":
		e.sight(p, call, Attested, attested)
	case p.observed[Attested] > 0:
		e.sight(p, call, Attested, bare)
	}
	s[OperationDenied] = Sight{}
	if call.Denied && ev.Operation != "" {
		e.lookInto(p, call, OperationDenied, hashNumber(OperationDenied, uint64(s[Operation].hash)))
	}
	s[Delegation] = Sight{}
	if n := len(ev.Delegation); n > 0 {
		pair := uint64(hashValue(Delegation, ev.Delegation[0]))<<32 | uint64(hashValue(Delegation, ev.Delegation[n-1]))
		e.lookInto(p, call, Delegation, hashNumber(Delegation, pair))
	}
	e.pipeline(p, call)
	e.capabilities(p, call)
	e.conditions(p, call, ev)
}

// The two values of Attested.
const (
	attested = "attested"
	bare     = "bare"
)

// sight looks a text value up; an empty one is absent.
func (e *Engine) sight(p *Profile, call *Call, d Dimension, value string) {
	if value == "" {
		call.sights[d] = Sight{}
		return
	}
	e.lookInto(p, call, d, hashValue(d, value))
}

func (e *Engine) lookInto(p *Profile, call *Call, d Dimension, h uint32) {
	s := e.look(p, d, h, call.Day)
	call.sights[d] = s
	if s.State < Known {
		call.fired |= 1 << d
	}
}

// capabilities compares what the call can do with what the identity has done.
func (e *Engine) capabilities(p *Profile, call *Call) {
	call.NewCapabilities, call.HeldCapabilities = 0, 0
	call.sights[CapabilityBit] = Sight{}
	for rest := call.Can.Set; rest != 0; rest &= rest - 1 {
		bit := rest.First()
		s := e.look(p, CapabilityBit, capabilityHash(bit), call.Day)
		switch s.State {
		case Unseen:
			call.NewCapabilities |= bit
		case Quarantined:
			call.HeldCapabilities |= bit
		default:
		}
		// The dimension's own sight is that of the newest of the call's classes.
		if c := &call.sights[CapabilityBit]; c.State == Absent || s.State < c.State {
			*c = s
		}
	}
	if call.NewCapabilities|call.HeldCapabilities != 0 {
		call.fired |= 1 << CapabilityBit
	}
}

func capabilityHash(bit capability.Set) uint32 {
	return hashNumber(CapabilityBit, uint64(bit.Index())) //nolint:gosec // below 16
}

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
	if call.Can.Set.Has(capability.SpawnsCompute) {
		call.fired |= OnSpawns
	}
	if c := call.sights[Credential]; c.State > Unseen &&
		(int(call.Day)-int(c.Day) >= oldCredentialDays && p.lastDay+1 >= call.Day || p.keys.superseded(c.hash, paneOf(call.Time))) {
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
