package capability

import (
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/lapwing-sec/lapwing/schemas"
)

// MaxCached bounds the operations that a Classifier remembers. When it is full
// it forgets all of them: the answer is a pure function, so only time is lost.
const MaxCached = 16384

// maxOperation bounds what is read of an operation's name, in bytes.
const maxOperation = 2048

// Classifier looks operations up and remembers the answers. It is not safe for
// concurrent use; each engine has its own.
type Classifier struct {
	data  *data
	cache map[cacheKey]*entry
	// recent holds the answers given last, by a hash of the operation: one look
	// and one comparison where the map takes three hashes.
	recent [recentOperations]recent

	// Own says of an account beside the caller's that it is the same
	// organisation's: what is given to it stays inside. nil stands for no such account.
	Own func(account string) bool
}

// recentOperations is a power of two.
const recentOperations = 1024

type recent struct {
	key   cacheKey
	entry *entry
}

type cacheKey struct {
	operation string
	readOnly  schemas.ReadOnly
	family    family
}

// entry is what the operation alone says; the conditions are still open.
type entry struct {
	operation                         string
	set                               Set
	sev                               uint64
	outside, public, admin, secretive Set
	named                             Set // of outside, what gives to nobody where the log names nobody
	when                              []refinement
	known                             Knowledge
	family                            family
}

// refinement adds classes where an attribute of the event has one of some values.
type refinement struct {
	classes    Set
	sev        int
	attributes []string
	values     []string // globs, lower case
}

// shared is the parsed data, which never changes: all engines read one copy.
var shared = sync.OnceValues(load)

// New makes a classifier over the embedded data. The error names file and line
// of a row that cannot be read, which a test rules out for a release.
func New() (*Classifier, error) {
	d, err := shared()
	if err != nil {
		return nil, err
	}
	return &Classifier{data: d, cache: make(map[cacheKey]*entry)}, nil
}

// Event classifies an event's call. It reads the operation ("service:Action",
// "METHOD route", "server/tool"), the format and cloud that it is from,
// read_only, the caller, grantees, the first resource, the account, what was used
// of a model and attributes. It never fails: every operation gets a verb class. Asked again for
// the same operation it allocates nothing. It keeps none of the event's strings.
func (c *Classifier) Event(ev *schemas.Event) Capability {
	operation := ev.Operation
	if len(operation) > maxOperation {
		operation = operation[:maxOperation]
	}
	// What family an operation is of is asked by the format first; the rest of
	// the answer is a function of the operation.
	key := cacheKey{operation, ev.ReadOnly, c.data.hint(ev.Format, ev.CloudProvider)}
	last := &c.recent[xxhash.Sum64String(operation)%recentOperations]
	if last.entry != nil && last.key == key {
		return last.entry.resolve(c, ev)
	}
	e, ok := c.cache[key]
	if ok {
		key.operation = e.operation
	} else {
		e = c.data.classify(operation, ev.ReadOnly, key.family)
		if len(c.cache) >= MaxCached {
			clear(c.cache)
		}
		e.operation = strings.Clone(operation)
		key.operation = e.operation
		c.cache[key] = e
	}
	last.key, last.entry = key, e
	return e.resolve(c, ev)
}

// resolve settles the conditions with the parameters of one call.
func (e *entry) resolve(c *Classifier, ev *schemas.Event) Capability {
	out := Capability{Set: e.set, Known: e.known, sev: e.sev}
	if ev.TokensIn|ev.TokensOut|ev.CostMicros != 0 && !e.set.Has(InvokesModel) {
		out.add(InvokesModel, schemas.SeverityMedium) // whatever its name is
	}
	who := false // the event says to whom
	if len(ev.Grantees) > 0 {
		out.Grantee, out.Admin, who = c.granteesOf(ev, e.family)
	}
	if e.outside|e.public|e.admin|e.secretive == 0 && len(e.when) == 0 {
		out.settle()
		return out
	}
	switch {
	case out.Grantee < GranteeOutside && !who:
		if len(ev.Grantees) == 0 {
			out.drop(e.named)
		}
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
	if e.secretive != 0 && !secretive(target(ev)) {
		out.weaken(e.secretive)
	}
	if out.Grantee == GranteePublic {
		out.raise(e.outside)
	}
	for i := range e.when {
		w := &e.when[i]
		if name, _ := w.holds(ev.Attributes); name != "" {
			out.tell(w, e.sev)
			out.add(w.classes, w.sev)
			out.Admin = out.Admin || w.classes.Has(GrantsPrivilege) && w.sev == schemas.SeverityCritical
		}
	}
	out.settle()
	return out
}

func target(ev *schemas.Event) string {
	if len(ev.Resources) == 0 {
		return ""
	}
	return ev.Resources[0]
}

// holds finds one of the attributes that has one of the values; "" where none has.
func (r *refinement) holds(attributes map[string]string) (name, value string) {
	for _, name = range r.attributes {
		v, ok := attributes[name]
		if !ok {
			continue
		}
		for _, glob := range r.values {
			if literal, ok := strings.CutPrefix(glob, "="); ok && strings.EqualFold(literal, v) || !ok && matchFold(glob, v) {
				return name, v
			}
		}
	}
	return "", ""
}

// tell notes which classes are grave for a parameter's sake, beyond what the
// name alone makes them.
func (c *Capability) tell(r *refinement, sev uint64) {
	if r.sev < schemas.SeverityHigh {
		return
	}
	for rest := r.classes & Grave; rest != 0; rest &= rest - 1 {
		if severity(sev, rest.Index()) < r.sev {
			c.Told |= rest.First()
			c.told = r
		}
	}
}

// add gives classes that are certain, at a severity or the higher one they have.
func (c *Capability) add(s Set, sev int) {
	c.Set |= s
	c.Weak &^= s
	for rest := s; rest != 0; rest &= rest - 1 {
		i := rest.Index()
		c.sev = withSeverity(c.sev, i, max(sev, severity(c.sev, i)))
	}
}

// matchFold matches a name with a glob in lower case, without regard to ASCII
// case; "*" stands for any text.
func matchFold(glob, name string) bool {
	star, mark := -1, 0
	g, n := 0, 0
	for n < len(name) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, n
			g++
		case g < len(glob) && glob[g] == lower(name[n]):
			g++
			n++
		case star >= 0:
			mark++
			g, n = star+1, mark
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}
