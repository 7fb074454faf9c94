// Package capability says what an operation can do: read secrets, mint
// credentials, grant, expose, run code, disable logging, destroy, export; or
// only read, list, write, delete, administer.
//
// The knowledge is data, embedded, each file naming its sources; this code only
// looks it up. An operation belongs to a family (aws, gcp, kubernetes, okta, …:
// families.go), whose file is FAMILY.tsv; routes of APIs are read by
// gateway.tsv. What no file names has the class of its verb (verbs.tsv,
// words.tsv). What the event says beside the name then refines it: who gets
// something (grantees.tsv), what is touched, and single attributes.
//
// It imports schemas and nothing else of ours, does no I/O and reads no clock,
// so that the same event always gets the same answer.
package capability

import (
	"math/bits"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Set is a set of capability classes, one bit each. Its bits are written into
// profiles and snapshots: a class never changes its bit.
type Set uint32

// The classes. Every operation has exactly one of the first five, its verb
// class; the others say that one event of it can matter.
const (
	Reads Set = 1 << iota
	Lists
	Writes
	Deletes
	Administers
	ReadsSecret
	MintsCredential
	GrantsPrivilege
	ChangesTrust
	ExposesResource
	RunsCode
	DisablesLogging
	DestroysData
	ExportsData
	SpawnsCompute
	ReadsIdentities
	InvokesModel
	LooksInside

	// Verbs are the classes of which an operation has exactly one.
	Verbs = Reads | Lists | Writes | Deletes | Administers
	// Grave are the classes whose first use matters by itself.
	Grave = ReadsSecret | MintsCredential | GrantsPrivilege | ChangesTrust | ExposesResource |
		RunsCode | DisablesLogging | DestroysData | ExportsData
)

// Count is the number of classes.
const Count = 18

// names follow the order of the bits; phrases are how a sentence says them.
var names = [Count]string{
	"reads", "lists", "writes", "deletes", "administers",
	"reads-secret", "mints-credential", "grants-privilege", "changes-trust", "exposes-resource",
	"runs-code", "disables-logging", "destroys-data", "exports-data",
	"spawns-compute", "reads-identities", "invokes-model", "looks-inside",
}

var phrases = [Count]string{
	"read", "list", "write", "delete", "administer",
	"read a secret", "mint a credential", "grant privileges", "change whom it trusts", "expose a resource",
	"run code elsewhere", "disable logging", "destroy data", "export data",
	"start machines", "ask who it is and what it may do", "call AI models",
	"look behind the API",
}

// Has says that every class of c is in s.
func (s Set) Has(c Set) bool { return s&c == c }

// Any says that s and c have a class in common.
func (s Set) Any(c Set) bool { return s&c != 0 }

// Len is the number of classes in s.
func (s Set) Len() int { return bits.OnesCount32(uint32(s)) }

// Index is the bit number of the lowest class in s; Count for an empty set.
func (s Set) Index() int {
	if s == 0 {
		return Count
	}
	return bits.TrailingZeros32(uint32(s))
}

// First is the lowest class in s alone; 0 for an empty set.
func (s Set) First() Set { return s & -s }

// Verb is the verb class in s.
func (s Set) Verb() Set { return s & Verbs }

// String lists the classes by name, "+" between them.
func (s Set) String() string {
	var b strings.Builder
	for rest := s; rest != 0; rest &= rest - 1 {
		if b.Len() > 0 {
			b.WriteByte('+')
		}
		b.WriteString(names[rest.Index()])
	}
	return b.String()
}

// Phrase says the lowest class in s as a verb phrase: "read a secret".
func (s Set) Phrase() string {
	if i := s.Index(); i < Count {
		return phrases[i]
	}
	return "call"
}

// Parse finds a class by name.
func Parse(name string) (Set, bool) {
	for i, n := range names {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// Grantee says to whom a call gives something, by the log's own account of it.
// Higher values reach further.
type Grantee uint8

// The kinds of grantee, nearest first.
const (
	// GranteeUnknown: the log does not say.
	GranteeUnknown Grantee = iota
	// GranteeService: a service of the cloud itself.
	GranteeService
	// GranteeInside: the caller's own account.
	GranteeInside
	// GranteeOutside: another account, an outside principal.
	GranteeOutside
	// GranteePublic: everybody.
	GranteePublic
)

// Capability is what one call can do.
type Capability struct {
	// Set holds the verb class, every class of Grave whose first use
	// deserves at least medium severity, and the others that apply.
	Set Set
	// Minor are the classes of Grave that apply below medium severity:
	// worth a word in a sentence, never an alert.
	Minor Set
	// Weak are the classes of Set that hang on parameters which the log does
	// not show; their severity is already one lower.
	Weak Set
	// Grantee is the furthest grantee.
	Grantee Grantee
	// Admin: an administrator or wildcard policy is given, or a role with which
	// its holder can give itself the rest.
	Admin bool
	// Told are the classes of Grave that a parameter of this call makes of high
	// severity or above, more than its operation's name says.
	Told Set
	// Known says what the classes rest on.
	Known Knowledge
	sev   uint64
	told  *refinement
}

// Parameter is the parameter for which Told has a class, with its value, as
// "deletionProtection false"; "" where there is none. It is at most 120 bytes.
func (c Capability) Parameter(ev *schemas.Event) string {
	if c.told == nil {
		return ""
	}
	name, value := c.told.holds(ev.Attributes)
	if name == "" {
		return ""
	}
	return short(name[strings.LastIndexByte(name, '.')+1:]) + " " + short(value)
}

// short cuts a text to 60 bytes.
func short(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}

// Knowledge says how well an operation is known.
type Knowledge uint8

// The kinds of knowledge, least first.
const (
	// Guessed: neither the name nor a verb in it says anything.
	Guessed Knowledge = iota
	// ByVerb: by its verb, or by its HTTP method.
	ByVerb
	// ByName: by a row of the data.
	ByName
)

func (k Knowledge) String() string {
	switch k {
	case ByName:
		return "name"
	case ByVerb:
		return "verb"
	default:
		return "guess"
	}
}

// Severity is the OCSF severity_id that a first use of one class deserves:
// SeverityInfo where nothing was said of it. For a set of several classes it is
// the highest.
func (c Capability) Severity(class Set) int {
	most := schemas.SeverityInfo
	for rest := (c.Set | c.Minor) & class; rest != 0; rest &= rest - 1 {
		most = max(most, severity(c.sev, rest.Index()))
	}
	return most
}

// settle moves the consequence classes below medium severity out of the set:
// ordinary traffic has them every day.
func (c *Capability) settle() {
	for rest := c.Set & Grave; rest != 0; rest &= rest - 1 {
		if severity(c.sev, rest.Index()) < schemas.SeverityMedium {
			c.Set &^= rest.First()
			c.Minor |= rest.First()
		}
	}
}

// severityBits is what a severity (1 to 5) takes, packed: 21 classes fit.
const severityBits = 3

func severity(packed uint64, index int) int {
	return int(packed >> (severityBits * uint(index)) & 7) //nolint:gosec // three bits
}

func withSeverity(packed uint64, index, sev int) uint64 {
	shift := severityBits * uint(index)            //nolint:gosec // index < Count
	return packed&^(7<<shift) | uint64(sev)<<shift //nolint:gosec // OCSF severities, 1 to 5
}

func (c *Capability) weaken(s Set) {
	c.Weak |= c.Set & s
	c.lower(s)
}

func (c *Capability) lower(s Set) {
	for rest := c.Set & s; rest != 0; rest &= rest - 1 {
		i := rest.Index()
		c.sev = withSeverity(c.sev, i, max(schemas.SeverityInfo, severity(c.sev, i)-1))
	}
}

func (c *Capability) raise(s Set) {
	for rest := c.Set & s; rest != 0; rest &= rest - 1 {
		i := rest.Index()
		c.sev = withSeverity(c.sev, i, min(schemas.SeverityCritical, severity(c.sev, i)+1))
	}
}

// drop takes classes away and leaves the call an administrative one.
func (c *Capability) drop(s Set) {
	if c.Set&s == 0 {
		return
	}
	c.Set &^= s
	for rest := s; rest != 0; rest &= rest - 1 {
		c.sev = withSeverity(c.sev, rest.Index(), 0) // a parameter may yet give the class another
	}
	if c.Set&Verbs == 0 {
		c.Set |= Administers
	}
}
