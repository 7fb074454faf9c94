package detect

import (
	"math"
	"math/bits"
	"strings"
	"unsafe"

	"github.com/lapwing-sec/lapwing/schemas"
)

// PaneLength is the length of a pane of event time, in nanoseconds: every
// statistic is judged once for each pane, when the identity's time passes it.
const PaneLength = int64(15 * 60 * 1e9)

// Pane is what one identity did in 15 minutes of event time. It is
// pointer-free: counts and sketches. Late events are not in it.
type Pane struct {
	// Number is the pane's start divided by PaneLength.
	Number int64
	// First and Last are the event times of its first and last call.
	First, Last int64

	Calls, Successes, Denied, Errors uint32
	// Unauthenticated counts those of the failed whose credential was refused.
	Unauthenticated uint32
	// Backfill counts the calls among Calls that a back-fill brought; a pane
	// with any is never judged by rate.
	Backfill uint32
	// BytesOut and BytesIn are sums of what the log states.
	BytesOut, BytesIn uint64
	// Tokens and CostMicros are what the calls used of a model and what they cost,
	// in millionths, as logged.
	Tokens, CostMicros uint64
	// Records is how many records the calls gave out, where the source counts them.
	Records uint64
	// Peak is the largest number of calls in one minute.
	Peak uint32
	// Fresh counts values never seen before, once their dimension was learned.
	Fresh uint16
	// FreshDenied counts operations refused for the first time.
	FreshDenied uint16

	// Issued counts accepted calls that hand out a token.
	Issued uint32
	// Failures counts calls that failed by kind of failure.
	Failures [failureKinds]uint32
	// Stages are the stages of an intrusion that unusual calls belong to, one bit
	// each.
	Stages uint8
	// Sources are the machines that used the credential with the least fingerprint,
	// Sessions the temporary credentials used.
	Sources, Sessions Sketch
	// oneKey is the credential that Sources are of; numbers the object numbers
	// touched; outsized the response furthest beyond its endpoint's largest.
	oneKey    uint32
	numbered  uint32
	low, high uint64
	outsized  uint8
	budget    uint8 // of budgetDeclared, budgetExceeded

	// Distinct values of the pane.
	Resources, Operations, DeniedOperations Sketch

	minute      int64
	minuteCalls uint32

	topics   uint64 // topics that contributed, one bit each
	next     uint32 // the identity's next open pane, or the next free one; index + 1
	ratio    float32
	windows  [windows]float32 // ratios of the long windows
	shared   float32          // how much more others of its topic take out, as a logarithm
	growth   float32          // by how much a week others of its topic call more, as one
	largest  uint64           // bytes of the largest call
	most     uint64           // records of the call that gave out most
	issued   issuance         // of the credential of the first sample
	repeats  repeats
	machines uint32 // from how many a credential may be used, as declared; 0 where it is not
	// samples are the first event, two in between, the newest, then what a
	// detector points at: the largest call, the newest refused one, the newest
	// that touched something never touched before, the one of most records. They come
	// last: see reset.
	outsizedBy sample
	samples    [paneSamples]sample
}

// What a pane's calls say of a declared rate budget.
const (
	budgetDeclared = 1 << iota
	budgetExceeded
)

// withinBudget reports whether a rate budget is declared for the pane's calls and
// none of them was beyond it.
func (p *Pane) withinBudget() bool { return p.budget == budgetDeclared }

const (
	paneSamples   = 8
	sampleLargest = 4
	sampleRefused = 5
	sampleNew     = 6
	sampleRecords = 7 // since format 10
)

// Start is the pane's first moment, Unix nanoseconds.
func (p *Pane) Start() int64 { return p.Number * PaneLength }

// End is the first moment after the pane.
func (p *Pane) End() int64 { return (p.Number + 1) * PaneLength }

// paneOf is the number of the pane that t falls into.
func paneOf(t int64) int64 {
	if t < 0 {
		return (t+1)/PaneLength - 1
	}
	return t / PaneLength
}

// hourOf is the event hour of a pane: version k of a frozen table serves the
// events and panes of hour k.
func hourOf(pane int64) int64 {
	if pane < 0 {
		return (pane+1)/4 - 1
	}
	return pane / 4
}

// add counts one event that came in time.
func (p *Pane) add(ev *schemas.Event, call *Call, topic int) {
	p.topics |= 1 << uint(topic) //nolint:gosec // below maxTopics
	p.Calls++
	p.First = min(p.First, call.Time)
	p.Last = max(p.Last, call.Time)
	switch {
	case call.Success:
		p.Successes++
	case call.Denied:
		p.Denied++
		p.DeniedOperations.Add(call.sights[Operation].hash)
		if call.sights[OperationDenied].State == Unseen {
			p.FreshDenied++
		}
	case call.Failed:
		p.Errors++
	}
	if call.Backfill {
		p.Backfill++
	}
	if !call.Success && unauthenticated(ev) {
		p.Unauthenticated++
	}
	p.budget |= call.budget
	p.BytesOut += ev.BytesOut
	p.BytesIn += ev.BytesIn
	p.Tokens += ev.TokensIn + ev.TokensOut
	p.CostMicros += ev.CostMicros
	p.Records += ev.RecordsOut
	if m := call.Time / int64(60*1e9); m != p.minute {
		p.minute, p.minuteCalls = m, 0
	}
	p.minuteCalls++
	p.Peak = max(p.Peak, p.minuteCalls)
	p.addKinds(ev, call)
	p.repeats.add(ev, call)
	p.machines = max(p.machines, ev.GetDeclared().GetWorkloads())
	p.Operations.Add(call.sights[Operation].hash)
	for i := range ev.Resources {
		if i == maxResources {
			break
		}
		h := call.sights[Resource].hash
		if i > 0 || h == 0 {
			h = hashValue(Resource, ev.Resources[i])
		}
		p.Resources.Add(h)
	}
	// Ties go by time and id, not by the order of arrival.
	if n, s := ev.BytesOut, &p.samples[sampleLargest]; n > p.largest || n > 0 && n == p.largest && s.after(ev) {
		p.largest = n
		s.take(ev)
	}
	if n, s := ev.RecordsOut, &p.samples[sampleRecords]; n > p.most || n > 0 && n == p.most && s.after(ev) {
		p.most = n
		s.take(ev)
	}
	if s := &p.samples[sampleRefused]; call.Denied && !s.after(ev) {
		s.take(ev)
	}
	if s := &p.samples[sampleNew]; (call.sights[Resource].State == Unseen || call.sights[Operation].State == Unseen) && !s.after(ev) {
		s.take(ev)
	}
	// The first event, the newest, and between them those whose ordinal is a
	// power of two: a burst is sampled wherever in the pane it lies.
	switch {
	case p.Calls == 1:
		p.samples[0].take(ev)
		p.issued = issuanceOf(ev)
	case p.Calls&(p.Calls-1) == 0:
		p.samples[1+bits.TrailingZeros32(p.Calls)%2].take(ev)
	default:
		p.samples[3].take(ev)
	}
}

// maxResources bounds the resources of one event that are counted.
const maxResources = 16

// sample is what an alert shows of an event, in fixed memory.
type sample struct {
	time      int64
	outcome   uint8
	credLen   uint8
	idLen     uint8
	opLen     uint8
	ipLen     uint8
	clientLen uint8
	country   [2]byte
	id        [64]byte
	operation [72]byte
	ip        [40]byte
	client    [20]byte
	cred      [44]byte
}

func (s *sample) take(ev *schemas.Event) {
	s.time = ev.Time
	s.outcome = uint8(ev.Outcome) //nolint:gosec // an enum of four
	s.idLen = 0                   // an id that does not fit is no id
	if len(ev.Id) <= len(s.id) {
		s.idLen = fill(s.id[:], ev.Id)
	}
	s.opLen = fill(s.operation[:], ev.Operation)
	s.ipLen = fill(s.ip[:], ev.SrcIp)
	s.clientLen = fill(s.client[:], ev.Client)
	s.credLen = fill(s.cred[:], ev.CredentialId)
	s.country = [2]byte{}
	copy(s.country[:], ev.Country)
}

// after reports whether the sample comes after an event, by time and id.
func (s *sample) after(ev *schemas.Event) bool {
	return s.time > ev.Time || s.time == ev.Time && string(s.id[:s.idLen]) > ev.Id
}

// call words one of the pane's samples: "Largest call: s3:GetObject from
// 203.0.113.9"; empty when there is none.
func (p *Pane) call(label string, i int) string {
	if p.samples[i].time == 0 {
		return ""
	}
	r := p.samples[i].related()
	return label + ": " + strings.TrimSpace(r.Type+" "+r.Desc)
}

// shown is the sample that a finding points at.
func (p *Pane) shown(x *found) *sample {
	m := x.meta
	switch {
	case m == &egressVolumeCard && x.Value == valueRecords:
		return &p.samples[sampleRecords]
	case m == &egressVolumeCard:
		return &p.samples[sampleLargest]
	case m == &responseShapeCard:
		return &p.outsizedBy
	case m == &enumerationCard, m == &objectEnumerationCard:
		return &p.samples[sampleNew]
	case m.Family == FamilyDenial:
		return &p.samples[sampleRefused]
	default:
		return &p.samples[0]
	}
}

// fill copies what fits of a text, and tells how much that was.
func fill(to []byte, text string) uint8 { return uint8(copy(to, text)) } //nolint:gosec // the fields are below 256 bytes

// related is the sample as alerts carry it.
func (s *sample) related() schemas.RelatedEvent {
	var b strings.Builder
	if s.ipLen > 0 {
		b.WriteString("from ")
		b.Write(s.ip[:s.ipLen])
		if s.country[0] != 0 {
			b.WriteString(" (")
			b.Write(s.country[:])
			b.WriteByte(')')
		}
	}
	if s.clientLen > 0 {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("by ")
		b.Write(s.client[:s.clientLen])
	}
	if word := outcomeWord(s.outcome); word != "" {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(word)
	}
	return schemas.RelatedEvent{UID: valid(s.id[:s.idLen]), Type: valid(s.operation[:s.opLen]), Time: s.time / 1e6, Desc: valid([]byte(b.String()))}
}

// valid cuts what a truncation left of a rune.
func valid(b []byte) string { return strings.ToValidUTF8(string(b), "") }

func outcomeWord(o uint8) string {
	switch schemas.Outcome(o) {
	case schemas.Outcome_OUTCOME_SUCCESS:
		return "success"
	case schemas.Outcome_OUTCOME_DENIED:
		return "refused"
	case schemas.Outcome_OUTCOME_ERROR:
		return "failed"
	default:
		return ""
	}
}

// paneStore holds the open panes of a cell in pointer-free slabs.
type paneStore struct {
	slabs [][]Pane
	next  uint32
	free  []uint32
	open  int
	// due lists the identities that opened a pane, by pane number.
	due map[int64][]uint32
	// spare are lists that were due, emptied, at most maxOpen of them.
	spare [][]uint32
	// waiting are panes whose identity is held back by another topic.
	waiting []closing
}

const panesPerSlab = 64

func (s *paneStore) at(i uint32) *Pane { return &s.slabs[i/panesPerSlab][i%panesPerSlab] }

func (s *paneStore) take(number int64) (uint32, *Pane) {
	var i uint32
	if n := len(s.free); n > 0 {
		i = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		i = s.next
		s.next++
		if int(i/panesPerSlab) == len(s.slabs) {
			s.slabs = append(s.slabs, make([]Pane, panesPerSlab))
		}
	}
	s.open++
	p := s.at(i)
	p.reset()
	p.Number, p.First, p.ratio, p.windows = number, math.MaxInt64, 1, [windows]float32{1, 1}
	return i, p
}

// reset empties a pane. Four fifths of it are the texts of samples, which nobody
// reads beyond their lengths: they stay as they are.
func (p *Pane) reset() {
	clear(unsafe.Slice((*byte)(unsafe.Pointer(p)), unsafe.Offsetof(p.outsizedBy))) //nolint:gosec // pointer-free, up to the samples
	p.outsizedBy.forget()
	for i := range p.samples {
		p.samples[i].forget()
	}
}

// forget empties a sample but for its texts.
func (s *sample) forget() {
	s.time, s.outcome, s.country = 0, 0, [2]byte{}
	s.idLen, s.opLen, s.ipLen, s.clientLen, s.credLen = 0, 0, 0, 0, 0
}

// maxOpen bounds one identity's open panes; events of further panes are
// counted aside. Eight cover the two hours that a clock may lie behind.
const maxOpen = 16

// pane is the identity's open pane of a number, opened when need be; nil when
// it has too many.
func (e *Engine) pane(p *Profile, number int64) *Pane {
	n := 0
	for i := p.open; i != 0; n++ {
		pane := e.panes.at(i - 1)
		if pane.Number == number {
			return pane
		}
		i = pane.next
	}
	if n >= maxOpen {
		return nil
	}
	i, pane := e.panes.take(number)
	pane.next = p.open
	p.open = i + 1
	if e.panes.due == nil {
		e.panes.due = map[int64][]uint32{}
	}
	due, begun := e.panes.due[number]
	if n := len(e.panes.spare); !begun && n > 0 {
		due, e.panes.spare = e.panes.spare[n-1], e.panes.spare[:n-1]
	}
	e.panes.due[number] = append(due, p.self)
	return pane
}

// drop gives an identity's pane back.
func (e *Engine) drop(p *Profile, number int64) {
	at := &p.open
	for *at != 0 {
		i := *at - 1
		pane := e.panes.at(i)
		if pane.Number == number {
			*at = pane.next
			e.panes.free = append(e.panes.free, i)
			e.panes.open--
			return
		}
		at = &pane.next
	}
}

// openPane is the identity's open pane of a number, or nil.
func (e *Engine) openPane(p *Profile, number int64) *Pane {
	for i := p.open; i != 0; {
		pane := e.panes.at(i - 1)
		if pane.Number == number {
			return pane
		}
		i = pane.next
	}
	return nil
}
