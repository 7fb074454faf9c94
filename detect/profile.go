package detect

import (
	"math"
	"time"
	"unsafe"
)

// day is one day in nanoseconds.
const day = int64(24 * time.Hour)

// Tally is a count that a detector keeps by day, beside the slots. The engine
// keeps today's count and the identity's own largest earlier day.
type Tally uint8

// The tallies. Their numbers are part of the snapshot format.
const (
	TallySecrets  Tally = iota // distinct secrets read or asked for
	TallyDestroys              // things destroyed
	TallyRefused               // operations never called before, refused
	TallyOther
	TallySpawned // machines started
	TallyRegions // calls in regions that nobody in the cell uses
	TallyLooked  // operations never called before by which one looks around
	tallies
)

// talliesOfFormat14 is how many there were before format 15.
const talliesOfFormat14 = 6

// Place is where an identity was seen.
type Place struct {
	Time                int64 // Unix nanoseconds; 0 when unknown
	Latitude, Longitude float32
	// Country is the fingerprint of the country, Prefix that of the network.
	Country, Prefix uint32
	// Radius in kilometres around a city; 0 for a country's middle, from which
	// no journey can be measured.
	Radius uint16
	// Shared says that the network is shared egress, by its class or because
	// many identities call from it.
	Shared bool
}

// Profile is what is kept of one identity between events. It is pointer-free.
// Detectors read it through its methods. Those marked (close) are written when
// panes close: Observe must not read them.
type Profile struct {
	// Ordered by size, so that no byte is lost between fields.
	first, last int64
	place       Place
	topics      [topicsPerIdentity]topicSeen
	budget      int64 // of rate-budget: when its bucket is full again
	below       int64 // number of the first pane not yet closed
	spent       spent

	stats statistics // written by closes only

	self    uint32
	calls   uint32
	open    uint32 // newest open pane, index + 1
	founded int32  // number of the pane in which it was first seen, or seen again after leaving every topic
	slots   slotTable
	keys    keyMarks

	activeDays  uint16
	lastDay     uint16
	consequence uint16             // day of the last consequence finding
	observed    [dimensions]uint16 // observations of each dimension, halved together with the rest
	fresh       [dimensions]uint16 // of those, first sightings
	singles     [dimensions]uint16 // of those, values still seen on one day only
	tallyDay    uint16
	tallyNow    [tallies]uint16
	tallyBest   [tallies]uint16
	shapes      [shapesKept]shape
	shapeDay    uint16

	gaps  [gapBuckets]uint8
	group uint8 // kind
	flags uint8
	depth uint8 // the longest chain of delegation
}

// topicSeen says since when an identity has been in a topic, and when it was
// last seen there.
type topicSeen struct {
	topic uint8 // index + 1; 0 is empty
	since int32 // number of a pane
	time  int64
}

const (
	gapBuckets        = 24
	topicsPerIdentity = 3
)

// Flags of a profile.
const (
	flagManaged uint8 = 1 << iota
	flagAnonymous
	flagDiscovered
	flagPinned
)

// Calls is how many calls were seen, late and back-filled ones included.
func (p *Profile) Calls() int { return int(p.calls) }

// ActiveDays is on how many different days of event time it called.
func (p *Profile) ActiveDays() int { return int(p.activeDays) }

// FirstSeen is the event time of its first call, Unix nanoseconds.
func (p *Profile) FirstSeen() int64 { return p.first }

// LastSeen is its newest event time before the event being judged.
func (p *Profile) LastSeen() int64 { return p.last }

// Age is how long it had been known at time t.
func (p *Profile) Age(t int64) time.Duration {
	if p.first == 0 || t < p.first {
		return 0
	}
	return time.Duration(t - p.first)
}

// CallsPerDay is its mean over the days on which it called.
func (p *Profile) CallsPerDay() float64 {
	if p.activeDays == 0 {
		return 0
	}
	return float64(p.calls) / float64(p.activeDays)
}

// Managed reports whether the inventory lists it.
func (p *Profile) Managed() bool { return p.flags&flagManaged != 0 }

// Anonymous reports whether it stands for calls without any identity; such an
// identity never pages.
func (p *Profile) Anonymous() bool { return p.flags&flagAnonymous != 0 }

// Human reports whether it is declared to be a person: learned findings other
// than consequence don't page.
func (p *Profile) Human() bool { return p.group == kindHuman }

// Kind is its declared kind, or "" for a discovered identity.
func (p *Profile) Kind() string { return kindNames[p.group] }

// Learned reports whether the learning of d has ended: 7 active days, or 200
// observations over at least 2 days of which fewer than 1% brought a new value.
func (p *Profile) Learned(d Dimension) bool {
	if p.activeDays > learnDays {
		return true
	}
	return p.activeDays > 2 && p.observed[d] >= learnObservations && uint32(p.fresh[d])*100 < uint32(p.observed[d])
}

const (
	learnDays         = 7
	learnObservations = 200
)

// Observations is how many values of d were seen, halved now and then.
func (p *Profile) Observations(d Dimension) int { return int(p.observed[d]) }

// NoveltyRate is the probability that the next value of d is one never seen:
// values seen on one day only over observations (Good and Turing), shrunk
// towards prior with the weight of 20 observations.
func (p *Profile) NoveltyRate(d Dimension, prior float64) float64 {
	const weight = 20
	return (float64(p.singles[d]) + float64(weight*prior)) / (float64(p.observed[d]) + weight)
}

// LongestGap is where the last of the ranges of gaps begins, which has no end.
const LongestGap = time.Second << (gapBuckets - 2)

// GapQuantile is the gap between calls below which a share q of its gaps lie,
// to a factor of two; 0 when fewer than 8 gaps are known.
func (p *Profile) GapQuantile(q float64) time.Duration {
	var total int
	for _, n := range p.gaps {
		total += int(n)
	}
	if total < 8 {
		return 0
	}
	need := int(math.Ceil(q * float64(total)))
	for i, n := range p.gaps {
		if need -= int(n); need <= 0 {
			return time.Duration(1<<uint(i)) * time.Second //nolint:gosec // below 24
		}
	}
	return time.Duration(1<<gapBuckets) * time.Second
}

// LastPlace is where it was last seen by an event that told a place.
func (p *Profile) LastPlace() Place { return p.place }

// TallyToday is the count of t on the day of the last event, before the event
// being judged.
func (p *Profile) TallyToday(t Tally, day uint16) int {
	if p.tallyDay != day {
		return 0
	}
	return int(p.tallyNow[t])
}

// TallyMax is the largest count of t on an earlier day.
func (p *Profile) TallyMax(t Tally, day uint16) int {
	if p.tallyDay != day {
		return int(max(p.tallyBest[t], p.tallyNow[t]))
	}
	return int(p.tallyBest[t])
}

// profileBytes is the fixed part of a profile.
const profileBytes = int(unsafe.Sizeof(Profile{}))
