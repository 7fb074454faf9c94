// Package capability says what an operation can do: read secrets, mint
// credentials, grant, expose, run code, disable logging, destroy, export; or
// only read, list, write, delete, administer.
//
// The knowledge is data (aws.tsv, gateway.tsv, verbs.tsv, embedded, each naming
// its sources); this code only looks it up. It imports schemas and nothing else
// of ours, does no I/O and reads no clock, so that the same event always gets
// the same answer.
package capability

import (
	"math/bits"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Set is a set of capability classes, one bit each. Its bits are written into
// profiles and snapshots: a class never changes its bit.
type Set uint16

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

	// Verbs are the classes of which an operation has exactly one.
	Verbs = Reads | Lists | Writes | Deletes | Administers
	// Grave are the classes whose first use matters by itself.
	Grave = ReadsSecret | MintsCredential | GrantsPrivilege | ChangesTrust | ExposesResource |
		RunsCode | DisablesLogging | DestroysData | ExportsData
)

// Count is the number of classes.
const Count = 16

// names follow the order of the bits; phrases are how a sentence says them.
var names = [Count]string{
	"reads", "lists", "writes", "deletes", "administers",
	"reads-secret", "mints-credential", "grants-privilege", "changes-trust", "exposes-resource",
	"runs-code", "disables-logging", "destroys-data", "exports-data",
	"spawns-compute", "reads-identities",
}

var phrases = [Count]string{
	"read", "list", "write", "delete", "administer",
	"read a secret", "mint a credential", "grant privileges", "change whom it trusts", "expose a resource",
	"run code elsewhere", "disable logging", "destroy data", "export data",
	"start machines", "ask who it is and what it may do",
}

// Has says that every class of c is in s.
func (s Set) Has(c Set) bool { return s&c == c }

// Any says that s and c have a class in common.
func (s Set) Any(c Set) bool { return s&c != 0 }

// Len is the number of classes in s.
func (s Set) Len() int { return bits.OnesCount16(uint16(s)) }

// Index is the bit number of the lowest class in s; Count for an empty set.
func (s Set) Index() int {
	if s == 0 {
		return Count
	}
	return bits.TrailingZeros16(uint16(s))
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
	// Admin: an administrator or wildcard policy is given.
	Admin bool
	sev   uint64
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

func severity(packed uint64, index int) int {
	return int(packed >> (4 * uint(index)) & 15) //nolint:gosec // four bits
}

func withSeverity(packed uint64, index, sev int) uint64 {
	shift := 4 * uint(index)                        //nolint:gosec // index < Count
	return packed&^(15<<shift) | uint64(sev)<<shift //nolint:gosec // OCSF severities, 1 to 5
}

// MaxCached bounds the operations that a Classifier remembers. When it is full
// it forgets all of them: the answer is a pure function, so only time is lost.
const MaxCached = 16384

// maxOperation bounds what is read of an operation's name, in bytes.
const maxOperation = 2048

// Classifier looks operations up and remembers the answers. It is not safe for
// concurrent use; each engine has its own.
type Classifier struct {
	data  *data
	cache map[cacheKey]entry
}

type cacheKey struct {
	operation string
	readOnly  schemas.ReadOnly
}

// entry is what the operation alone says; the conditions are still open.
type entry struct {
	set                               Set
	sev                               uint64
	outside, public, admin, secretive Set
}

// New makes a classifier over the embedded data. The error names file and line
// of a row that cannot be read, which a test rules out for a release.
func New() (*Classifier, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	return &Classifier{data: d, cache: make(map[cacheKey]entry)}, nil
}

// Event classifies an event's call. It keeps none of the event's strings.
func (c *Classifier) Event(ev *schemas.Event) Capability {
	target := ""
	if len(ev.Resources) > 0 {
		target = ev.Resources[0]
	}
	return c.Classify(ev.Operation, ev.ReadOnly, ev.Grantees, target, ev.Account)
}

// Classify says what a call can do. operation is "service:Action" or "METHOD
// route"; readOnly is what the source says of it; grantees are who gets
// something, account is the caller's own, target the name of what is touched.
// It never fails: every operation gets a verb class. Asked again for the same
// operation it allocates nothing. It keeps none of the strings.
func (c *Classifier) Classify(operation string, readOnly schemas.ReadOnly, grantees []string, target, account string) Capability {
	if len(operation) > maxOperation {
		operation = operation[:maxOperation]
	}
	e, ok := c.cache[cacheKey{operation, readOnly}]
	if !ok {
		e = c.data.classify(operation, readOnly)
		if len(c.cache) >= MaxCached {
			clear(c.cache)
		}
		c.cache[cacheKey{strings.Clone(operation), readOnly}] = e
	}
	return e.resolve(grantees, target, account)
}

// resolve settles the conditions with the parameters of one call.
func (e entry) resolve(grantees []string, target, account string) Capability {
	out := Capability{Set: e.set, sev: e.sev}
	if len(grantees) > 0 {
		out.Grantee, out.Admin = granteesOf(grantees, account)
	}
	if e.outside|e.public|e.admin|e.secretive == 0 {
		out.settle()
		return out
	}
	switch {
	case out.Grantee == GranteeUnknown && !hasWho(grantees):
		out.weaken(e.outside)
	case out.Grantee < GranteeOutside:
		out.drop(e.outside)
	}
	if out.Grantee < GranteePublic {
		out.drop(e.public)
	}
	if e.admin != 0 && !out.Admin && out.Grantee < GranteeOutside {
		out.lower(e.admin)
	}
	if out.Admin {
		out.raise(e.admin)
	}
	if e.secretive != 0 && !secretive(target) {
		out.weaken(e.secretive)
	}
	if out.Grantee == GranteePublic {
		out.raise(e.outside)
	}
	out.settle()
	return out
}

func hasWho(grantees []string) bool {
	for _, g := range grantees {
		if !strings.HasPrefix(g, policyPrefix) {
			return true
		}
	}
	return false
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
	if c.Set&Verbs == 0 {
		c.Set |= Administers
	}
}

const policyPrefix = "policy:"

// granteesOf finds the furthest grantee, and whether an administrator policy
// is among what is given.
func granteesOf(grantees []string, account string) (far Grantee, admin bool) {
	for _, g := range grantees {
		if policy, ok := strings.CutPrefix(g, policyPrefix); ok {
			admin = admin || adminPolicy(policy)
			continue
		}
		far = max(far, granteeOf(g, account))
	}
	return far, admin
}

func adminPolicy(name string) bool {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	return name == "*" || name == "*:*" || name == "iam:*" || strings.Contains(name, "Administrator") ||
		name == "PowerUserAccess" || name == "IAMFullAccess"
}

// granteeOf judges one grantee: an account number, an ARN, a service, a CIDR,
// a group URI, an organisation, or a bare name.
func granteeOf(g, account string) Grantee {
	switch {
	case g == "":
		return GranteeUnknown
	case g == "*" || g == "public" || g == "all" || g == "everyone" || g == "0.0.0.0/0" || g == "::/0" ||
		strings.Contains(g, "AllUsers") || strings.Contains(g, "AuthenticatedUsers"):
		return GranteePublic
	case strings.HasSuffix(g, ".amazonaws.com") || strings.HasSuffix(g, ".amazonaws.com.cn"):
		return GranteeService
	case isAccount(g):
		return otherAccount(g, account)
	case strings.HasPrefix(g, "arn:"):
		if a := arnAccount(g); isAccount(a) {
			return otherAccount(a, account)
		}
		return GranteeInside
	case strings.HasPrefix(g, "aws:"): // a canonical identity, aws:ACCOUNT:…
		a, _, _ := strings.Cut(g[len("aws:"):], ":")
		if isAccount(a) {
			return otherAccount(a, account)
		}
		return GranteeInside
	case strings.HasPrefix(g, "account:"):
		return otherAccount(g[len("account:"):], account)
	case strings.IndexByte(g, '@') > 0:
		return GranteeOutside
	}
	return GranteeInside
}

func otherAccount(a, own string) Grantee {
	if own != "" && a == own {
		return GranteeInside
	}
	return GranteeOutside
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// arnAccount cuts the fifth field out of an ARN.
func arnAccount(arn string) string {
	for range 4 {
		_, rest, ok := strings.Cut(arn, ":")
		if !ok {
			return ""
		}
		arn = rest
	}
	a, _, _ := strings.Cut(arn, ":")
	return a
}

// secretWords make a parameter's or file's name speak of a secret.
var secretWords = [...]string{"secret", "passw", "token", "credential", "apikey", "api-key", "api_key", "private", "/key", "-key", "_key"}

// secretive says that a name speaks of a secret, without regard to case.
func secretive(name string) bool {
	for _, w := range secretWords {
		if containsFold(name, w) {
			return true
		}
	}
	return false
}

// containsFold is strings.Contains without regard to ASCII case; word is lower case.
func containsFold(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		j := 0
		for j < len(word) && lower(s[i+j]) == word[j] {
			j++
		}
		if j == len(word) {
			return true
		}
	}
	return false
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
