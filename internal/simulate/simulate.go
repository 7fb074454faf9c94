package simulate

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config says how large a fleet is and how long it is watched. The zero value
// of every field has a default.
type Config struct {
	// Seed decides everything that is drawn. Default 1.
	Seed uint64
	// Days of traffic, 3 to 400. Default 28.
	Days int
	// LearnDays are the first days, without attacks and hard cases. Default half of Days.
	LearnDays int
	// Identities, 20 to 200,000. Default 300.
	Identities int
	// Events is about how many records are wanted. Default 66 or so for each
	// identity and day: 560,000 for 300 identities over 28 days. Timers keep
	// their periods where they can; demand is scaled.
	Events int
	// Start is the first day, taken at midnight UTC. Default Monday 2026-06-15,
	// so that a first of the month falls into the judged weeks.
	Start time.Time
	// Attacks and HardCases choose what happens besides; the zero value is all
	// that the fleet has identities for.
	Attacks, HardCases Selection
	// Turn, from 1 on, goes through the attacks: each turn of a seed takes the
	// next ones in an order of the seed's, and puts each that is not about place
	// or client into the next of the six strata. 0 takes the first ones, each in
	// a stratum of its own choice.
	Turn int
	// Coverage is the share of identities that the inventory names, besides those
	// that a scenario declares; 0 takes 0.85, below 0 is none, scenarios included.
	Coverage float64
}

// Selection chooses scenarios by name. The zero value takes all of them.
type Selection struct {
	// None takes none; Only, if not empty, takes those named.
	None bool
	Only []string
}

func (s Selection) has(name string) bool {
	return !s.None && (len(s.Only) == 0 || slices.Contains(s.Only, name))
}

// Record is one log record.
type Record struct {
	// Format is CloudTrail, Kong or NGINX.
	Format string
	// Time is the event time, at the log's resolution.
	Time time.Time
	// Key is the acting identity, so that its records stay in one partition.
	Key string
	// Value is what the source would write, without a newline. It is valid
	// until the callback returns.
	Value []byte
}

const (
	dayMS  = int64(24 * time.Hour / time.Millisecond)
	hourMS = int64(time.Hour / time.Millisecond)
	minMS  = int64(time.Minute / time.Millisecond)
	secMS  = int64(1000)

	eventsPerIdentityDay = 66.7
)

// Fleet is a population of identities with all that will happen to it. It does
// not change after New and is safe for concurrent use.
type Fleet struct {
	cfg     Config
	start   int64 // Unix ms
	end     int64
	judged  int64 // when attacks may begin
	lib     *library
	kinds   []compiled
	ids     []identity
	labels  []Label
	scale   float64 // of demand
	thin    float64 // of what else is no timer; 1 unless few events are wanted
	stretch int     // of timers' periods; 1 unless few events are wanted

	declared map[int]*declaration // by identity
}

// compiled is an archetype with its flows looked up.
type compiled struct {
	*archetype
	flows [][]flow // by duty
	total []float64
	tails []*op
}

// New builds the fleet. It fails on impossible configurations only.
func New(cfg Config) (*Fleet, error) {
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	if cfg.Days == 0 {
		cfg.Days = 28
	}
	if cfg.LearnDays == 0 {
		cfg.LearnDays = cfg.Days / 2
	}
	if cfg.Identities == 0 {
		cfg.Identities = 300
	}
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	}
	cfg.Start = cfg.Start.UTC().Truncate(24 * time.Hour)
	var errs []error
	if cfg.Days < 3 || cfg.Days > 400 {
		errs = append(errs, fmt.Errorf("days %d: want 3 to 400", cfg.Days))
	}
	if days := cfg.Days; days >= 3 && (cfg.LearnDays < 1 || cfg.LearnDays >= days) {
		errs = append(errs, fmt.Errorf("learning days %d: want 1 to %d", cfg.LearnDays, cfg.Days-1))
	}
	if cfg.Identities < 20 || cfg.Identities > 200_000 {
		errs = append(errs, fmt.Errorf("identities %d: want 20 to 200000", cfg.Identities))
	}
	if cfg.Events < 0 {
		errs = append(errs, fmt.Errorf("events %d: want 0 (about %.0f for each identity and day) or more", cfg.Events, eventsPerIdentityDay))
	}
	errs = append(errs, unknownNames("attack", cfg.Attacks, attackNames()), unknownNames("hard case", cfg.HardCases, hardNames()))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if cfg.Events == 0 {
		cfg.Events = int(float64(cfg.Identities*cfg.Days) * eventsPerIdentityDay)
	}

	lib, err := newLibrary()
	if err != nil {
		return nil, err
	}
	f := &Fleet{cfg: cfg, start: cfg.Start.UnixMilli(), lib: lib, stretch: 1, scale: 1, thin: 1}
	f.end = f.start + int64(cfg.Days)*dayMS
	f.judged = f.start + int64(cfg.LearnDays)*dayMS
	if err := f.compile(); err != nil {
		return nil, err
	}
	f.populate()
	f.calibrate()
	if err := f.stage(); err != nil {
		return nil, err
	}
	return f, nil
}

func unknownNames(what string, s Selection, known []string) error {
	for _, n := range s.Only {
		if !slices.Contains(known, n) {
			return fmt.Errorf("no %s %q; known: %v", what, n, known)
		}
	}
	return nil
}

func (f *Fleet) compile() error {
	for i := range archetypes {
		a := &archetypes[i]
		c := compiled{archetype: a}
		for j := range a.duties {
			var flows []flow
			total := 0.0
			for _, text := range a.duties[j].flows {
				fl, err := parseFlow(f.lib, text)
				if err != nil {
					return fmt.Errorf("archetype %s: %w", a.name, err)
				}
				flows = append(flows, fl)
				total += fl.weight
			}
			c.flows = append(c.flows, flows)
			c.total = append(c.total, total)
		}
		var err error
		if c.tails, err = tailOps(f.lib, a.tail); err != nil {
			return fmt.Errorf("archetype %s: %w", a.name, err)
		}
		f.kinds = append(f.kinds, c)
	}
	return nil
}

// calibrate scales demand so that the fleet makes about Config.Events. Timers
// are stretched only when they alone would be too many.
func (f *Fleet) calibrate() {
	timers, fixed, elastic := 0.0, 0.0, 0.0
	for i := range f.ids {
		a, b, c := f.expected(&f.ids[i])
		timers += a
		fixed += b
		elastic += c
	}
	days := float64(f.cfg.Days)
	want := float64(f.cfg.Events) / days
	for timers/float64(f.stretch) > 0.6*want && f.stretch < 100 {
		f.stretch++
	}
	rest := want - timers/float64(f.stretch)
	f.thin, f.scale = 1, (rest-fixed)/max(1, elastic)
	if f.scale < 0.3 {
		f.thin = max(0.001, rest/(fixed+0.3*elastic))
		f.scale = 0.3 * f.thin
	}
}

// Days is how long the traffic lasts.
func (f *Fleet) Days() int { return f.cfg.Days }

// Start is the first moment of the traffic.
func (f *Fleet) Start() time.Time { return time.UnixMilli(f.start).UTC() }

// End is the first moment after the traffic.
func (f *Fleet) End() time.Time { return time.UnixMilli(f.end).UTC() }

// Judged is when the clean days end and attacks may begin.
func (f *Fleet) Judged() time.Time { return time.UnixMilli(f.judged).UTC() }

// Identities is how many identities the fleet has.
func (f *Fleet) Identities() int { return len(f.ids) }

// Labels says what happens besides ordinary days, in order of start. The slice
// is the caller's.
func (f *Fleet) Labels() []Label { return slices.Clone(f.labels) }

// Records hands every record to yield in order of event time, so that each
// format and each key is in order too. It stops at the first error of yield
// and returns it. Memory is bounded by the number of identities.
func (f *Fleet) Records(yield func(Record) error) error {
	h := make(queue, 0, len(f.ids))
	d := newDice()
	for i := range f.ids {
		c := &cursor{id: &f.ids[i], hour: -1, lastSec: -1, lastOwn: -1}
		if f.advance(c, d) {
			h = append(h, c)
		}
	}
	heap.Init(&h)
	enc := newEncoder(f)
	for len(h) > 0 {
		c := h[0]
		rec := enc.encode(c.id, &c.next)
		if err := yield(rec); err != nil {
			return err
		}
		if f.advance(c, d) {
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
	}
	return nil
}

// queue orders cursors by the time of their next call.
type queue []*cursor

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].next.t, q[j].next.t), cmp.Compare(q[i].id.index, q[j].id.index)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*cursor)) } // only cursors are queued
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return last
}
