package detect

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// What an operator can have done with a profile. All of it is in the log, so that
// a replay comes to the same state.
const (
	ProfilePin    = "pin"    // stop learning: what is new stays new
	ProfileUnpin  = "unpin"  // learn again
	ProfileReset  = "reset"  // forget, and learn anew
	ProfileImport = "import" // begin with another profile's baseline
	ProfileUndo   = "undo"   // take the newest of these back
)

// Bounds of what is remembered of operators' words.
const (
	maxProfileWords = 256
	profileWordDays = 30
	maxProfileState = 64 << 10
)

// profileMagic and profileVersion begin the encoding of one profile.
const (
	profileMagic   = "lapwing profile\n"
	profileVersion = 1
)

// profileWord is an operator's word about a profile, with what was before.
type profileWord struct {
	identity, action, by, reason string
	at                           int64
	undone                       bool
	before                       []byte // of reset and import
	pinned                       bool   // before
}

func (p *Profile) pinned() bool { return p.flags&flagPinned != 0 }

// passes takes in an event of a pinned profile: time goes on, nothing is
// learned.
func (e *Engine) passes(p *Profile, call *Call, grave bool) {
	if grave {
		p.consequence = max(p.consequence, call.Day)
	}
	if p.calls < 1<<32-1 {
		p.calls++
	}
	if call.Day > p.lastDay {
		p.lastDay = call.Day
	}
	p.last = max(p.last, call.Time)
	e.learnPlace(p, call)
	e.learnBurst(p, call)
}

// passPane notes that a pane of a pinned profile is over.
func (s *statistics) passPane(p *Pane) {
	s.lastSeen = max(s.lastSeen, p.Last)
	s.lastPane = p.Number
}

// profileWord does what an operator asks for. What cannot be done is counted as
// unusable and changes nothing.
func (e *Engine) profileWord(c *schemas.Control) {
	p, key := e.store.find(c.IdentityId)
	if c.IdentityId == "" || p == nil && c.Action != ProfileImport || len(c.Profile) > maxProfileState || c.Time < 0 || c.Time > maxTime {
		e.stats.Unusable++
		return
	}
	w := &profileWord{identity: clone(c.IdentityId), action: clone(c.Action), at: c.Time, by: clone(clip(c.By, maxShownText)), reason: clone(clip(c.Reason, maxShownText))}
	if p != nil {
		w.at = max(c.Time, p.last)
		w.pinned = p.pinned()
	}
	switch c.Action {
	case ProfilePin:
		p.flags |= flagPinned
	case ProfileUnpin:
		p.flags &^= flagPinned
	case ProfileReset:
		w.before = e.encodeProfile(p)
		e.resetProfile(p, w.at)
	case ProfileImport:
		if p == nil {
			if e.store.live >= e.cfg.MaxIdentities {
				e.stats.Unusable++
				return
			}
			p = e.store.add(c.IdentityId, key)
			p.first, p.last, p.below = c.Time, 0, never
			e.tables.identity(hourOf(paneOf(c.Time)), p.group)
		} else {
			w.before = e.encodeProfile(p)
		}
		if err := e.decodeProfile(p, c.Profile); err != nil {
			// It was checked before it was sent; what is damaged all the same leaves the
			// profile as it was.
			if w.before == nil || e.decodeProfile(p, w.before) != nil {
				e.resetProfile(p, w.at)
			}
			e.stats.Unusable++
			return
		}
	case ProfileUndo:
		if !e.undoProfile(p) {
			e.stats.Unusable++
		}
		return
	default:
		e.stats.Unusable++
		return
	}
	e.words = slices.DeleteFunc(e.words, func(o *profileWord) bool { return w.at-o.at > profileWordDays*day })
	if len(e.words) >= maxProfileWords {
		e.words = slices.Delete(e.words, 0, len(e.words)-maxProfileWords+1)
	}
	e.words = append(e.words, w)
}

// undoProfile takes the newest word about an identity back. It reports whether
// there was one.
func (e *Engine) undoProfile(p *Profile) bool {
	id := e.store.ids[p.self]
	for i := len(e.words) - 1; i >= 0; i-- {
		w := e.words[i]
		if w.identity != id || w.undone {
			continue
		}
		switch w.action {
		case ProfileReset, ProfileImport:
			if w.before == nil { // there was nothing
				e.resetProfile(p, w.at)
			} else if e.decodeProfile(p, w.before) != nil {
				return false
			}
		}
		p.flags &^= flagPinned
		if w.pinned {
			p.flags |= flagPinned
		}
		w.undone, w.before = true, nil
		return true
	}
	return false
}

// resetProfile forgets what was learned. What analysts said and what was raised
// stays, as do open panes, alerts, and the topics that it is in.
func (e *Engine) resetProfile(p *Profile, at int64) {
	kept := *p
	var rules []slot
	for _, s := range e.slots.table(&p.slots) {
		if d := Dimension(s.dim - 1); s.dim != 0 && (d == Rule || d == Verdict) {
			rules = append(rules, s)
		}
	}
	slices.SortFunc(rules, compareSlots)
	e.slots.release(&p.slots)
	delete(e.asides, p.self)
	*p = Profile{
		self: kept.self, group: kept.group, flags: kept.flags, first: at, last: kept.last, calls: min(kept.calls, 1),
		topics: kept.topics, budget: kept.budget, spent: kept.spent, open: kept.open, below: kept.below, founded: kept.founded,
	}
	for _, s := range rules {
		if n, _ := e.slots.insert(&p.slots, Dimension(s.dim-1), s.hash, s.day); n != nil {
			n.day, n.wq = s.day, s.wq
		}
	}
}

func compareSlots(a, b slot) int {
	if a.dim != b.dim {
		return int(a.dim) - int(b.dim)
	}
	return compare(int64(a.hash), int64(b.hash))
}

// encodeProfile writes what was learned of an identity, with a version.
func (e *Engine) encodeProfile(p *Profile) []byte {
	var b bytes.Buffer
	c := &codec{w: &b}
	mark, version := profileMagic, uint64(profileVersion)
	format := uint64(snapshotVersion)
	c.text(&mark)
	c.u64(&version)
	c.u64(&format)
	e.visitProfile(c, p)
	e.visitSlots(c, p)
	end := snapshotEnd
	c.text(&end)
	if c.flush(); c.err != nil {
		return nil
	}
	return b.Bytes()
}

// decodeProfile replaces what was learned of an identity by an encoded profile.
// The identity stays what it is: its kind, its topics and open panes, and what
// analysts said of it. On an error p must be reset.
func (e *Engine) decodeProfile(p *Profile, state []byte) error {
	kept := *p
	e.resetProfile(p, p.first)
	rules := slices.Clone(e.slots.table(&p.slots))
	c := &codec{r: bufio.NewReader(bytes.NewReader(state)), foreign: true}
	var mark, end string
	var version, format uint64
	c.text(&mark)
	c.u64(&version)
	c.u64(&format)
	if c.err == nil && (mark != profileMagic || version != profileVersion || format < oldestProfile) {
		return fmt.Errorf("not a profile of format %d.%d or later", profileVersion, oldestProfile)
	}
	c.version = format
	e.slots.release(&p.slots)
	x := Profile{self: p.self}
	delete(e.asides, p.self)
	e.visitProfile(c, &x)
	e.visitSlots(c, &x)
	c.text(&end)
	if c.err == nil && end != snapshotEnd {
		c.fail(errDamaged)
	}
	if c.err != nil {
		e.slots.release(&x.slots)
		*p = kept
		p.slots = slotTable{}
		return c.err
	}
	x.group, x.open, x.below, x.topics, x.founded = kept.group, kept.open, kept.below, kept.topics, kept.founded
	x.budget, x.spent = kept.budget, kept.spent // of the day, not learned
	if kept.calls == 0 && kept.last == 0 {      // nothing was known: the kind comes along
		x.group = max(x.group, kept.group)
	}
	x.flags = kept.flags
	x.last = max(kept.last, min(x.last, kept.first))
	x.stats.lastCall = 0 // its timer was another's
	*p = x
	e.armSilence(p)
	// What was raised and said of another identity is not said of this one.
	for _, s := range slices.Clone(e.slots.table(&p.slots)) {
		if d := Dimension(s.dim - 1); s.dim != 0 && (d == Rule || d == Verdict) {
			e.erase(p, d, s.hash)
		}
	}
	slices.SortFunc(rules, compareSlots)
	for _, s := range rules {
		if s.dim == 0 {
			continue
		}
		if n, _ := e.slots.insert(&p.slots, Dimension(s.dim-1), s.hash, s.day); n != nil {
			n.day, n.wq = s.day, s.wq
		}
	}
	return nil
}

// ProfileState is what was learned of an identity, as an import takes it; ok is
// false when nothing is known of it.
func (e *Engine) ProfileState(id string) (state []byte, ok bool) {
	p, _ := e.store.find(id)
	if p == nil {
		return nil, false
	}
	state = e.encodeProfile(p)
	return state, state != nil
}

// CheckProfileState says what is wrong with an encoded profile; nil when an
// engine of this version can import it.
func CheckProfileState(state []byte) error {
	if len(state) > maxProfileState {
		return fmt.Errorf("a profile of %d bytes: at most %d", len(state), maxProfileState)
	}
	e, err := New(Config{})
	if err != nil {
		return err
	}
	p := e.store.add("check", 1)
	return e.decodeProfile(p, state)
}

// ProfileWord is an operator's word about a profile, for lists.
type ProfileWord struct {
	Identity string    `json:"identity"`
	Action   string    `json:"action"`
	By       string    `json:"by,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Time     time.Time `json:"time"`
	// Undone says that it was taken back.
	Undone bool `json:"undone,omitempty"`
}

// ProfileWords lists what operators said within 30 days, in the order in which it
// came.
func (e *Engine) ProfileWords() []ProfileWord {
	out := make([]ProfileWord, 0, len(e.words))
	for _, w := range e.words {
		out = append(out, ProfileWord{w.identity, w.action, w.by, w.reason, time.Unix(0, w.at).UTC(), w.undone})
	}
	return out
}

func (e *Engine) visitProfileWords(c *codec) {
	list(c, &e.words, func(p **profileWord) {
		if *p == nil {
			*p = &profileWord{}
		}
		w := *p
		for _, s := range [...]*string{&w.identity, &w.action, &w.by, &w.reason} {
			c.text(s)
		}
		c.i64(&w.at)
		c.bool(&w.undone)
		c.bool(&w.pinned)
		before := string(w.before)
		c.text(&before)
		if !c.writing() {
			w.before = nil
			if before != "" {
				w.before = []byte(before)
			}
		}
	})
}
