package app

import (
	"context"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
)

// coverage judges fleets of which the inventory names nobody, half, or all.
func (e *evaluation) coverage(ctx context.Context) error {
	t := evalTable{Name: "coverage", Header: []string{"in the inventory", "fleets", "attacks", "recall", "of learned detection alone", "false a day", "learned", "declared"}}
	const turns = 3
	shares := []struct {
		name  string
		share float64
	}{{"0%", -1}, {"50%", 0.5}, {"100%", 1}}
	seeds := e.o.Seeds[:min(2, len(e.o.Seeds))]
	for _, s := range shares {
		cards, err := each(ctx, e.steps("inventory of "+s.name, turns*len(seeds)), turns*len(seeds), func(ctx context.Context, i int) (simulate.Scorecard, error) {
			c, err := runCohort(ctx, e.cfg, simulate.Config{Seed: uint64(seeds[i/turns]), Identities: evalIdentities, Turn: i%turns + 1, Coverage: s.share}, false)
			if err != nil {
				return simulate.Scorecard{}, err
			}
			return c.main, nil
		})
		if err != nil {
			return err
		}
		sum := addUp(cards)
		var rows []simulate.Row
		for i := range cards {
			rows = append(rows, cards[i].Rows...)
		}
		// Cases that break a stated policy only cannot be found where nothing is stated.
		found, of := recallOf(rows, func(r *simulate.Row) bool {
			return r.Label.Kind == simulate.KindAttack && (r.Label.Case < 4 || r.Label.Case > 9)
		})
		t.add(s.name, len(cards), sum.attacks, percent(sum.recall()), share(found, of), perDay(sum.falseAlerts, sum.days), perDay(sum.learned, sum.days), perDay(sum.declared, sum.days))
	}
	e.section.Tables = append(e.section.Tables, &t)
	return nil
}

// speed is what judging a warm fleet costs.
func (e *evaluation) speed(ctx context.Context) error {
	fleet, err := quietFleet(uint64(e.o.Seeds[0]))
	if err != nil {
		return err
	}
	t, err := recordTape(ctx, e.cfg, fleet)
	if err != nil {
		return err
	}
	// Decoding is the tape's own cost, not the engine's.
	none := time.Now()
	if _, err := t.judge(ctx, judging{blind: true}); err != nil {
		return err
	}
	decode := time.Since(none)
	start := time.Now()
	var stats detect.Stats
	if _, err := t.judge(ctx, judging{onEnd: func(e *detect.Engine) error { stats = e.Stats(); return nil }}); err != nil {
		return err
	}
	ns := float64((time.Since(start) - decode).Nanoseconds()) / float64(len(t.events))
	e.section.figure("ns_per_event", ns)
	e.section.figure("profile_bytes_mean", float64(stats.ProfileBytes)/float64(max(1, stats.Identities)))
	e.section.note("By the wall clock, so on a busy machine more than it costs, one engine took %.2f µs an event of a fleet of %d over %d days, with the closing of %s in it (%.1f events a pane); a profile takes %d bytes. BenchmarkEvent in detect measures the warm path alone.",
		ns/1000, fleet.Identities(), fleet.Days(), count(int(stats.Panes), "pane"), float64(len(t.events))/float64(max(1, stats.Panes)), stats.ProfileBytes/max(1, stats.Identities)) //nolint:gosec // far below
	return nil
}
