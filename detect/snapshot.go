package detect

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/lapwing-sec/lapwing/detect/capability"
)

// snapshotVersion is the version of the format, oldestVersion the oldest that is
// still read of cells, oldestProfile of profiles, snapshotMagic its first bytes.
const (
	snapshotVersion = 15
	oldestVersion   = 9
	oldestProfile   = 7
	snapshotMagic   = "lapwing detect state\n"
	snapshotEnd     = "end\n"
)

// Digest is a hash of all that a snapshot depends on beside the log: the format,
// the configuration, the catalogue and the shipped priors. A snapshot of
// another digest is restored all the same unless its format differs; the caller
// decides.
func (e *Engine) Digest() string {
	h := xxhash.New()
	c := e.cfg
	_, _ = fmt.Fprintf(h, "%s%d\n%s %d/%d %v %d %q\n%v\n", snapshotMagic, snapshotVersion, // a hash never fails
		c.Tenant, c.Cell, c.Cells, c.FalseAlertsPerDay, c.MaxIdentities, c.Disabled, priorCorners)
	_, _ = fmt.Fprintln(h, e.without)
	_, _ = fmt.Fprintln(h, capability.Digest(), c.Sigma.Digest())
	for _, d := range e.detectors {
		_, _ = fmt.Fprintf(h, "%s %d %d\n", d.meta.Name, d.meta.Way, d.meta.Severity)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Snapshot writes the whole state. Equal states give equal bytes. It streams:
// memory stays small beside the state's own.
func (e *Engine) Snapshot(w io.Writer) error {
	c := &codec{w: w, out: make([]byte, 0, flushAt+1<<12)}
	e.visit(c)
	if c.flush(); c.err != nil {
		return fmt.Errorf("snapshot of cell %d: %w", e.cfg.Cell, c.err)
	}
	return nil
}

// Restore reads a state into a new engine. On an error the engine is unusable.
func (e *Engine) Restore(r io.Reader) error {
	if e.stats.Events > 0 || e.store.live > 0 {
		return errors.New("restore: the engine is not new")
	}
	c := &codec{r: bufio.NewReaderSize(r, 1<<16), rules: e.sigma}
	e.visit(c)
	if c.err != nil {
		return fmt.Errorf("restore of cell %d: %w", e.cfg.Cell, c.err)
	}
	return nil
}

func (e *Engine) visit(c *codec) {
	mark := snapshotMagic
	c.text(&mark)
	version := uint64(snapshotVersion)
	c.u64(&version)
	if c.err == nil && (mark != snapshotMagic || version < oldestVersion || version > snapshotVersion) {
		c.fail(fmt.Errorf("not a snapshot of format %d to %d (%q, format %d)", oldestVersion, snapshotVersion, clip(mark, 32), version))
		return
	}
	c.version = version
	e.clock.visit(c)
	e.tables.visit(c)
	e.visitIdentities(c)
	e.visitWaiting(c)
	e.visitTimers(c)
	e.adopt.visit(c)
	e.egress.visit(c)
	e.incidents.visit(c)
	e.sprays.visit(c)
	e.visitVerdicts(c)
	e.visitProfileWords(c)
	e.sigma.visit(c)
	if c.has(10) {
		e.secrets.visit(c)
		e.deeds.visit(c)
	}
	end := snapshotEnd
	c.text(&end)
	if c.err == nil && end != snapshotEnd {
		c.fail(errDamaged)
	}
}

func (k *clock) visit(c *codec) {
	list(c, &k.topics, func(t *topicClock) {
		c.text(&t.name)
		list(c, &t.parts, func(p *partitionClock) {
			c.i32(&p.id)
			c.i64(&p.watermark)
			c.bool(&p.idle)
			c.bool(&p.ended)
		})
		c.i64(&t.time)
		c.i64(&t.newest)
		c.i64(&t.boundary)
		c.bool(&t.started)
		c.bool(&t.out)
		for i := range t.counts {
			c.u32(&t.counts[i])
			c.f32(&t.ratios[i])
		}
		list(c, &t.windows, func(w *windowLoad) {
			c.i64(&w.pane)
			c.u32(&w.identity)
			for i := range w.value {
				c.f32(&w.value[i])
				c.bool(&w.solid[i])
			}
			if c.has(12) {
				c.f32(&w.risen)
				c.bool(&w.risenKnown)
			}
			if c.has(13) {
				c.f32(&w.growth)
				c.bool(&w.growthKnown)
			}
		})
	})
}

func (t *tables) visit(c *codec) {
	c.i64(&t.first)
	c.i64(&t.newest)
	t.base.visit(c)
	list(c, &t.recent, func(l **layer) {
		if *l == nil {
			*l = &layer{}
		}
		(*l).visit(c)
	})
}

func (l *layer) visit(c *codec) {
	c.i64(&l.hour)
	c.bool(&l.used)
	for g := range groups {
		for s := range l.tails[g] {
			l.tails[g][s] = visitHistogram(c, l.tails[g][s])
		}
		for i := range l.levels[g] {
			c.u64(&l.levels[g][i])
		}
		c.u64(&l.spread[g].sum)
		c.u64(&l.spread[g].panes)
		c.u64(&l.season[g].calls)
		c.u64(&l.season[g].expected)
		c.u64(&l.count[g])
		if !c.has(10) { // sums of levels, which herds replace
			var n uint64
			var sum int64
			c.u64(&n)
			for range 2 * features {
				c.i64(&sum)
			}
		}
		for i := range l.week[g] {
			c.u64(&l.week[g][i].calls)
			c.u64(&l.week[g][i].expected)
		}
	}
	for w := range ways {
		c.u64(&l.tests[w])
		c.u64(&l.pages[w])
	}
	l.rare.visit(c)
	list(c, &l.ledger, func(h *ledgerHour) {
		c.i64(&h.hour)
		for w := range ways {
			c.u64(&h.tests[w])
			c.u64(&h.pages[w])
		}
		h.rare.visit(c)
		if c.has(10) {
			h.herds.visit(c)
		}
	})
	if c.has(10) {
		l.herds.visit(c)
	}
	keys := make([]valueKey, 0, len(l.values))
	for k := range l.values {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	n := c.length(len(keys))
	if !c.writing() {
		l.values = map[valueKey]int32{}
	}
	for i := 0; i < n && c.err == nil; i++ {
		var k valueKey
		var v int32
		if c.writing() {
			k, v = keys[i], l.values[keys[i]]
		}
		dim := uint8(k.dim)
		c.u8(&k.group)
		c.u8(&dim)
		c.u32(&k.hash)
		c.i32(&v)
		if !c.writing() {
			k.dim = Dimension(dim)
			l.values[k] = v
		}
	}
}

func visitHistogram(c *codec, h *histogram) *histogram {
	has := h != nil
	c.bool(&has)
	if !has {
		return nil
	}
	if h == nil {
		h = new(histogram)
	}
	for i := range h {
		c.u64(&h[i])
	}
	return h
}
