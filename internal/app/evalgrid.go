package app

import (
	"context"
	"fmt"
	"time"

	"github.com/lapwing-sec/lapwing/internal/simulate"
)

// cell is one place of the grid of single signals.
type gridCell struct {
	simulate.Probe
	paged, reported, played int
}

// probesAfter is how long after judging begins the first probe may be played.
const probesAfter = 30 * time.Hour

// gridAfter is how long a probe's pages are waited for.
const gridAfter = 90 * time.Minute

// gridCells are all cells: each class, from each network, by each client, so
// many times, accepted or refused.
func gridCells() []gridCell {
	var out []gridCell
	names, _ := simulate.ProbeClasses()
	for _, class := range names {
		for _, gateway := range []bool{false, true} {
			for _, n := range []int{1, 3, 20} {
				for _, s := range strataNames {
					for _, refused := range []bool{false, true} {
						out = append(out, gridCell{Probe: simulate.Probe{Class: class, Gateway: gateway, Events: n, Network: s.network, Client: s.client, Refused: refused}})
					}
				}
			}
		}
	}
	return out
}

// grid plays one signal at a time on fleets in which nothing else happens.
func (e *evaluation) grid(ctx context.Context) error {
	const repeats = 1 // identities for each cell and seed
	seeds := e.o.Seeds[:min(2, len(e.o.Seeds))]
	runs, err := each(ctx, e.steps("grid", len(seeds)), len(seeds), func(ctx context.Context, i int) ([]gridCell, error) {
		return e.gridOf(ctx, uint64(seeds[i]), repeats)
	})
	if err != nil {
		return err
	}
	cells := runs[0]
	for _, more := range runs[1:] {
		for i := range cells {
			cells[i].paged += more[i].paged
			cells[i].reported += more[i].reported
			cells[i].played += more[i].played
		}
	}
	sum := func(take func(*gridCell) bool) string {
		n, of := 0, 0
		for i := range cells {
			if c := &cells[i]; take(c) {
				n += c.paged
				of += c.played
			}
		}
		return share(n, of)
	}
	names, harmful := simulate.ProbeClasses()
	byClass := evalTable{Name: "grid by class", Title: "Pages, by class and count, from all networks and clients", Header: []string{"class", "log", "1 call", "3 calls", "20 calls", "1 refused", "3 refused", "20 refused"}}
	byPlace := evalTable{Name: "grid by place", Title: "Pages, one accepted call", Header: []string{"class", "usual own", "usual other", "known own", "known other", "foreign own", "foreign other"}}
	for _, class := range names {
		for _, gateway := range []bool{false, true} {
			row := []any{class, map[bool]string{false: "cloud", true: "gateway"}[gateway]}
			for _, refused := range []bool{false, true} {
				for _, n := range []int{1, 3, 20} {
					row = append(row, sum(func(c *gridCell) bool {
						return c.Class == class && c.Gateway == gateway && c.Events == n && c.Refused == refused
					}))
				}
			}
			byClass.add(row...)
		}
		row := []any{class}
		for _, s := range strataNames {
			row = append(row, sum(func(c *gridCell) bool {
				return c.Class == class && c.Events == 1 && !c.Refused && c.Network == s.network && c.Client == s.client
			}))
		}
		byPlace.add(row...)
	}
	every := evalTable{Name: "grid", Title: "Every cell", Header: []string{"class", "log", "calls", "network", "client", "outcome", "paged", "reported", "played"}}
	for i := range cells {
		c := &cells[i]
		if c.played > 0 {
			every.add(c.Class, map[bool]string{false: "cloud", true: "gateway"}[c.Gateway], c.Events, c.Network, c.Client, map[bool]string{false: "accepted", true: "refused"}[c.Refused], c.paged, c.reported, c.played)
		}
	}
	e.section.note("A single call that does harm pages in %s of all cells, from the usual network by the own client in %s, refused in %s. A harmless new read from the usual network by the own client pages in %s; the identity's own calls from there in %s.",
		sum(func(c *gridCell) bool { return harmful[c.Class] && c.Events == 1 && !c.Refused }),
		sum(func(c *gridCell) bool {
			return harmful[c.Class] && c.Events == 1 && !c.Refused && c.Network == "usual" && c.Client == "own"
		}),
		sum(func(c *gridCell) bool { return harmful[c.Class] && c.Events == 1 && c.Refused }),
		sum(func(c *gridCell) bool { return c.Class == "a new read" && c.Network == "usual" && c.Client == "own" }),
		sum(func(c *gridCell) bool { return c.Class == "its own calls" && c.Network == "usual" && c.Client == "own" }))
	e.section.Tables = append(e.section.Tables, &byClass, &byPlace)
	e.section.Detail = append(e.section.Detail, &every)
	return nil
}

func quietFleet(seed uint64) (*simulate.Fleet, error) {
	return evalFleet(simulate.Config{Seed: seed, Identities: evalIdentities, Attacks: simulate.Selection{None: true}, HardCases: simulate.Selection{None: true}})
}

func (e *evaluation) gridOf(ctx context.Context, seed uint64, repeats int) ([]gridCell, error) {
	fleet, err := quietFleet(seed)
	if err != nil {
		return nil, err
	}
	t, err := recordTape(ctx, e.cfg, fleet)
	if err != nil {
		return nil, err
	}
	mark, err := t.mark(ctx, fleet.Judged().Add(probesAfter))
	if err != nil {
		return nil, err
	}
	cells := gridCells()
	for i := range cells {
		c := &cells[i]
		for nth := range repeats {
			records, label, ok := fleet.Probe(c.Probe, i*7+nth)
			if !ok {
				continue
			}
			row, err := t.overlay(ctx, mark, records, label)
			if err != nil {
				return nil, fmt.Errorf("%+v: %w", c.Probe, err)
			}
			c.played++
			if row.Found {
				c.paged++
			} else if row.Report {
				c.reported++
			}
		}
	}
	return cells, nil
}

// overlay mixes records into a tape and says whether they were found.
func (t *tape) overlay(ctx context.Context, mark *tapeMark, records []simulate.Record, label simulate.Label) (simulate.Row, error) {
	more, err := t.encode(records)
	if err != nil {
		return simulate.Row{}, err
	}
	until := label.End.Add(gridAfter)
	alerts, err := t.judge(ctx, judging{from: mark, extra: more, until: until.UnixNano()})
	if err != nil {
		return simulate.Row{}, err
	}
	s := simulate.Score([]simulate.Label{label}, alerts, label.Start.Add(-time.Hour), until)
	return s.Rows[0], nil
}
