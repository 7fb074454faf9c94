package detect

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// deeds remembers what identities of the cell did for others or themselves (made a
// credential, changed rights), and, for as long as topics may be apart, the unusual
// calls that such a deed would explain: whichever of the two arrives first, the
// other finds it, so that no order of arrival changes what is found.
type deeds struct {
	done  map[deedKey][]deed // by time, then who
	uses  map[deedKey][]use  // by time, then id
	swept int64
}

// deedKey is what a deed is about: the kind, and a name within a realm.
type deedKey uint64

type deedKind uint8

const (
	deedKeyMade deedKind = iota + 1 // a credential, by its id
	deedMadeFor                     // a credential, by whom it is for
	deedRights                      // rights, by whose they are
)

// deed is one such act.
type deed struct {
	at            int64
	by, operation string
	// first says that it never did such a thing before.
	first bool
}

// use is a call that a deed would explain, told to the deed that comes after it.
type use struct {
	moment
	identity, operation string
	grave, learned      bool // a grave call; one of an identity whose calls are known
	said                string
	rank                float64 // of the finding that it becomes
}

const (
	mintedWindow = 7 * day
	// useKept is for how long a use waits for its deed: topics lie an hour apart,
	// partitions of one two.
	useKept = 4 * int64(3600*1e9)
	// Bounds: what deeds are about, deeds and uses of one.
	maxDeeds   = 20_000
	deedsOfOne = 4
	usesOfOne  = 8
)

func (d *deeds) init() { d.done, d.uses = map[deedKey][]deed{}, map[deedKey][]use{} }

// keyOf names what a deed is about. A credential's id stands for itself.
func keyOf(kind deedKind, realm, name string) deedKey {
	h := xxhash.New()
	_, _ = h.Write([]byte{byte(kind)}) // a hash never fails
	_, _ = h.WriteString(realm)
	_, _ = h.Write([]byte{0})
	_, _ = h.WriteString(name)
	return deedKey(h.Sum64())
}

// realm is the provider and account, cluster or organisation of an identity, in
// which names are one's own: "aws:111122223333".
func realm(id string) string {
	i := strings.IndexAny(id, ":/")
	if i < 0 {
		return ""
	}
	if j := strings.IndexAny(id[i+1:], ":/"); j >= 0 {
		return id[:i+1+j]
	}
	return id[:i]
}

// add notes a deed, of which the newest are kept. It reports whether there was no
// room for what it is about.
func (d *deeds) add(key deedKey, x deed) (refused bool) {
	list, known := d.done[key]
	if !known && len(d.done) >= maxDeeds {
		return true
	}
	i, found := slices.BinarySearchFunc(list, x, func(a, b deed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.by, b.by), strings.Compare(a.operation, b.operation))
	})
	if found {
		list[i].first = list[i].first || x.first
		return false
	}
	list = slices.Insert(list, i, x)
	d.done[key] = slices.Delete(list, 0, max(0, len(list)-deedsOfOne))
	return false
}

// before is the newest deed about a key within a window that ends at a time, of
// those that match; nil where there is none.
func (d *deeds) before(key deedKey, at, window int64, match func(*deed) bool) *deed {
	list := d.done[key]
	for i := len(list) - 1; i >= 0; i-- {
		if x := &list[i]; x.at <= at && x.at >= at-window && match(x) {
			return x
		}
	}
	return nil
}

// waits notes a use for deeds that come after it. It reports whether there was no
// room for what it is about.
func (d *deeds) waits(key deedKey, u use) (refused bool) {
	list, known := d.uses[key]
	if !known && len(d.uses) >= maxDeeds {
		return true
	}
	i, found := slices.BinarySearchFunc(list, u, use.compare)
	if found || i == usesOfOne {
		return false
	}
	list = slices.Insert(list, i, u)
	d.uses[key] = list[:min(len(list), usesOfOne)]
	return false
}

// awaits lets a use wait for its deed.
func (e *Engine) awaits(kind deedKind, realm, name string, u use) {
	if e.deeds.waits(keyOf(kind, realm, name), u) {
		e.stats.DeedsRefused++
	}
}

func (u use) compare(o use) int {
	return cmp.Or(cmp.Compare(u.at, o.at), strings.Compare(u.identity, o.identity), strings.Compare(u.sample.UID, o.sample.UID))
}

// since are the uses of a key from a time on, within a window.
func (d *deeds) since(key deedKey, at, window int64) (out []use) {
	for _, u := range d.uses[key] {
		if u.at >= at && u.at <= at+window {
			out = append(out, u)
		}
	}
	return out
}

// sweep forgets what is over, once an hour.
func (d *deeds) sweep(now int64) {
	if now < d.swept+int64(3600*1e9) {
		return
	}
	d.swept = now
	for key, list := range d.done {
		if list = slices.DeleteFunc(list, func(x deed) bool { return x.at < now-mintedWindow-useKept }); len(list) == 0 {
			delete(d.done, key)
		} else {
			d.done[key] = list
		}
	}
	for key, list := range d.uses {
		if list = slices.DeleteFunc(list, func(u use) bool { return u.at < now-useKept }); len(list) == 0 {
			delete(d.uses, key)
		} else {
			d.uses[key] = list
		}
	}
}

// madeIn are the attributes in which logs name a credential that was made.
var madeIn = [...]string{"responseElements.accessKey.accessKeyId", "responseElements.serviceSpecificCredential.serviceSpecificCredentialId", "response.name"}

// noteMinted remembers a credential that was made, and tells its maker of a use by
// a stranger that arrived before.
func (e *Engine) noteMinted(p *Profile, call *Call) {
	ev := call.Event
	id := e.store.ids[p.self]
	x := deed{at: call.Time, by: id, operation: clone(ev.Operation), first: (call.NewCapabilities | call.HeldCapabilities).Any(capability.MintsCredential)}
	note := func(key deedKey) {
		if e.deeds.add(key, x) {
			e.stats.DeedsRefused++
		}
		for _, u := range e.deeds.since(key, call.Time, mintedWindow) {
			e.charge(&mintedUseCard, &x, u.identity, u.at, u.sample)
		}
	}
	for _, name := range madeIn {
		if v := ev.Attributes[name]; v != "" {
			note(keyOf(deedKeyMade, "", lastName(v)))
		}
	}
	for _, name := range namesIn(ev) {
		note(keyOf(deedMadeFor, realm(id), name))
	}
}

// minterOf is who made a credential that an identity uses: by the credential's id,
// else for that identity.
func (e *Engine) minterOf(identity, credential string, at int64) *deed {
	whoever := func(*deed) bool { return true }
	if x := e.deeds.before(keyOf(deedKeyMade, "", lastName(credential)), at, mintedWindow, whoever); x != nil {
		return x
	}
	return e.deeds.before(keyOf(deedMadeFor, realm(identity), lastName(identity)), at, mintedWindow, whoever)
}

// namesIn are the last parts of what a call touches and of whom it gives something
// to, each once.
func namesIn(ev *schemas.Event) (names []string) {
	for _, list := range [...][]string{ev.Resources, ev.Grantees} {
		for i, r := range list {
			if i == maxEdges {
				break
			}
			if n := lastName(r); n != "" && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

// charge adds what an identity's deed led to to its own risk: a piece of evidence
// in its dossier, weighed at the first pane that no topic has closed by then. It
// opens no alert by itself.
func (e *Engine) charge(m *Meta, x *deed, user string, at int64, sample schemas.RelatedEvent) {
	p, _ := e.store.find(x.by)
	if p == nil || x.by == user || p.Anonymous() || p.Human() {
		return
	}
	f := found{meta: m, Finding: Finding{
		Way: WayConsequence, Severity: schemas.SeverityMedium, Surprise: linkedSurprise, Value: user,
		Did:      "made what " + shortID(user) + " then used",
		Sentence: shortID(x.by) + " called " + x.operation + " (" + clockTime(x.at) + "); what came of it was then used by " + shortID(user) + " (" + clockTime(at) + "), which has an alert of its own.",
		Observed: "used by " + shortID(user), Expected: "no use that raises an alert",
	}}
	if e.suspended(p, &f, at) {
		return
	}
	d := e.dossier(p)
	pane := paneOf(at) + 2*drift
	for i := range d.notes {
		if n := &d.notes[i]; n.meta == m && n.Value == user && n.Way == WayConsequence {
			if n.tail == 0 {
				n.pane = min(n.pane, pane)
			}
			return
		}
	}
	if len(d.notes) >= 2*maxNotes {
		e.stats.NotesDropped++
		return
	}
	d.notes = append(d.notes, note{found: f, pane: pane, time: at, sample: sample})
}

// linkedSurprise is how surprising the use of a deed's fruit is for its doer.
const linkedSurprise = 3

func (d *deeds) visit(c *codec) {
	c.i64(&d.swept)
	visitDeeds(c, d.done, func(x *deed) {
		c.i64(&x.at)
		c.text(&x.by)
		c.text(&x.operation)
		c.bool(&x.first)
	})
	visitDeeds(c, d.uses, func(u *use) {
		u.visit(c)
		c.text(&u.identity)
		c.text(&u.operation)
		c.text(&u.said)
		c.bool(&u.grave)
		c.bool(&u.learned)
		if c.has(14) {
			c.f64(&u.rank)
		}
	})
}

func visitDeeds[T any](c *codec, m map[deedKey][]T, visit func(*T)) {
	keys := slices.Sorted(maps.Keys(m))
	list(c, &keys, func(k *deedKey) {
		x := uint64(*k)
		c.u64(&x)
		*k = deedKey(x)
		of := m[*k]
		list(c, &of, visit)
		if !c.writing() && c.err == nil {
			m[*k] = of
		}
	})
}

// moment is what is kept of a call for a finding on it.
type moment struct {
	at     int64
	by     sharedBy
	sample schemas.RelatedEvent
	// Of the alert that it may open.
	principal, credential, session, format string
	issued                                 issuance
}

func (m *moment) visit(c *codec) {
	c.i64(&m.at)
	for _, s := range [...]*string{&m.by.source, &m.by.credential, &m.principal, &m.credential, &m.session, &m.format} {
		c.text(s)
	}
	visitRelated(c, &m.sample)
	if c.has(12) {
		m.issued.visit(c)
	}
	m.by.sample = m.sample
}

// momentOf is that of a call.
func (e *Engine) momentOf(call *Call) moment {
	ev := call.Event
	by := e.sharedBy(call)
	return moment{
		at: call.Time, by: sharedBy{clone(by.source), clone(by.credential), by.sample}, sample: by.sample,
		principal: clone(ev.Principal), credential: clone(ev.CredentialId), session: clone(ev.SessionId), format: clone(ev.Format),
		issued: issuanceOf(ev),
	}
}
