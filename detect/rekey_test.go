package detect

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

// cells are the engines of a fleet, fed as the enricher does: each event to its
// cell, each time to all.
type cells []*Engine

func newCells(t testing.TB, n int) cells {
	t.Helper()
	c := make(cells, n)
	for i := range c {
		e, err := New(Config{Cell: i, Cells: n})
		if err != nil {
			t.Fatal(err)
		}
		c[i] = e
	}
	return c
}

func (c cells) of(id string) int { return int(xxhash.Sum64String(id) % uint64(len(c))) }

func (c cells) drive(events []*schemas.Event, out *Output) {
	for _, ev := range events {
		to := c.of(ev.IdentityId)
		c[to].Event(ev, out)
		for i, e := range c {
			if i != to {
				e.Control(&schemas.Control{
					Kind: schemas.ControlKind_CONTROL_KIND_WATERMARK, RawTopic: ev.RawTopic, RawPartition: ev.RawPartition, Watermark: ev.Watermark,
				}, out)
			}
		}
	}
}

func (c cells) end(all []*schemas.Event, out *Output) {
	for _, e := range c {
		drive(e, nil, ends(all), out)
	}
}

// rekeyed deals the cells out to n others.
func (c cells) rekeyed(t testing.TB, n int) cells {
	t.Helper()
	fresh := newCells(t, n)
	if err := Rekey(c, fresh, fresh.of); err != nil {
		t.Fatal(err)
	}
	return fresh
}

func TestCellsThereAndBackChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := restless(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(50, 2500).Draw(rt, "events"))
		n := rapid.IntRange(1, 5).Draw(rt, "cells")
		one := newCells(t, 1)
		var out Output
		one.drive(all, &out)
		want := snapshotOf(t, one[0])
		many := one.rekeyed(t, n)
		if again := snapshotOf(t, one[0]); !bytes.Equal(want, again) {
			rt.Fatal("the old cell was written to")
		}
		for i, e := range many {
			restored := newCells(t, n)[i]
			if err := restored.Restore(bytes.NewReader(snapshotOf(t, e))); err != nil {
				rt.Fatalf("cell %d of %d: %v", i, n, err)
			}
		}
		if back := snapshotOf(t, many.rekeyed(t, 1)[0]); !bytes.Equal(want, back) {
			rt.Fatalf("1 to %d cells and back gives another state", n)
		}
	})
}

// Where the new cell has no room for all that the old ones knew, what is left out
// is the same each time.
func TestRekeyedCellsThatAreFullLeaveOutTheSame(t *testing.T) {
	old := newCells(t, 2)
	for n, e := range old {
		e.clock.topic("log")
		for i := range maxSprays/2 + 500 {
			source := fmt.Sprintf("192.0.2.%d/%d", n, i)
			e.sprays.seen[sprayKey{0, source}] = []sprayPane{{pane: 1, ids: []string{"a"}}}
		}
		for i := range maxCauses/2 + 500 {
			e.incidents.seen[cause{causeSource, fmt.Sprintf("192.0.2.%d/%d", n, i)}] = []sighted{{at: 1, identity: "a"}}
		}
	}
	fresh := old.rekeyed(t, 1)[0]
	if len(fresh.sprays.seen) != maxSprays || len(fresh.incidents.seen) != maxCauses {
		t.Fatalf("%d sources and %d causes: want both full", len(fresh.sprays.seen), len(fresh.incidents.seen))
	}
	want := snapshotOf(t, fresh)
	for range 3 {
		if !bytes.Equal(want, snapshotOf(t, old.rekeyed(t, 1)[0])) {
			t.Fatal("the same cells give another state")
		}
	}
}

// What rests on an identity's own past is the same in a fleet that had the number
// from the start. What rests on the cell's tables may differ, since a cell that
// was dealt out of another knows a sample of the fleet by the sums of the whole.
func TestRekeyedCellsFindWhatTheyWouldHaveFoundFromTheStart(t *testing.T) {
	for _, tc := range []struct{ from, to int }{{1, 2}, {2, 4}, {4, 1}, {3, 2}} {
		t.Run(fmt.Sprintf("%d to %d", tc.from, tc.to), func(t *testing.T) {
			exact, statistical, differ := 0, 0, 0
			for seed := range uint64(2) {
				all := restless(seed+20, 5000)
				cut := len(all) / 2
				old := newCells(t, tc.from)
				var before Output
				old.drive(all[:cut], &before)
				fresh, always := old.rekeyed(t, tc.to), newCells(t, tc.to)
				var got, want, discard Output
				always.drive(all[:cut], &discard)
				for _, c := range []struct {
					cells
					out *Output
				}{{fresh, &got}, {always, &want}} {
					c.drive(all[cut:], c.out)
					c.end(all, c.out)
				}
				have := certain(got.Alerts)
				for id, n := range certain(want.Alerts) {
					if have[id] == n {
						exact++
					} else {
						t.Errorf("seed %d: %s has %d certain findings, from the start %d", seed, id, have[id], n)
					}
					delete(have, id)
				}
				for id, n := range have {
					t.Errorf("seed %d: %s has %d certain findings, from the start none", seed, id, n)
				}
				odds := uncertain(got.Alerts)
				for id := range uncertain(want.Alerts) {
					statistical++
					if !odds[id] {
						differ++
					}
				}
			}
			t.Logf("%d alerts that state facts are the same; of %d that state odds %d differ", exact, statistical, differ)
			if exact < 10 {
				t.Errorf("only %d alerts were compared", exact)
			}
		})
	}
}

// certain counts the findings of alerts that state facts, by alert.
func certain(alerts []schemas.Alert) map[string]int {
	out := map[string]int{}
	for i := range alerts {
		n := 0
		for _, f := range alerts[i].Unmapped.Lapwing.Findings {
			if f.Way == "declared" || f.Way == "consequence" {
				n++
			}
		}
		if n > 0 {
			id := alerts[i].FindingInfo.UID
			out[id] = max(out[id], n)
		}
	}
	return out
}

func uncertain(alerts []schemas.Alert) map[string]bool {
	facts := certain(alerts)
	out := map[string]bool{}
	for i := range alerts {
		if id := alerts[i].FindingInfo.UID; facts[id] == 0 {
			out[id] = true
		}
	}
	return out
}

func TestRekeySumsWhatCellsCounted(t *testing.T) {
	all := restless(7, 6000)
	three := newCells(t, 3)
	three.drive(all, &Output{})
	tests, live := uint64(0), 0
	sum := func(c cells) (tests uint64, live int) {
		for _, e := range c {
			e.tables.each(1<<60, func(l *layer) {
				for w := range ways {
					tests += l.tests[w]
				}
				for _, h := range l.ledger {
					for w := range ways {
						tests += h.tests[w]
					}
				}
			})
			live += e.store.live
		}
		return tests, live
	}
	tests, live = sum(three)
	if tests == 0 || live == 0 {
		t.Fatal("nothing was counted")
	}
	for n := 1; n <= 4; n++ {
		if got, alive := sum(three.rekeyed(t, n)); got != tests || alive != live {
			t.Errorf("%d cells made %d tests for %d identities, three %d for %d", n, got, alive, tests, live)
		}
	}
}
