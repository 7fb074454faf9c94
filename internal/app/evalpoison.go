package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// poisonRow is how one attempt to widen the baseline went.
type poisonRow struct {
	name     string
	caught   bool
	day      float64 // after it began
	level    float64 // times the usual load when it was caught
	final    float64 // at the end, if nobody looked
	detector string
	strike   *simulate.Row
}

// poisonDays is for how long a baseline is poisoned.
const poisonDays = 35

// poison tries to teach that something is normal: ramps, a sawtooth, bursts
// before the burst, novelty sent late.
func (e *evaluation) poison(ctx context.Context) error {
	seeds := e.o.Seeds[:min(3, len(e.o.Seeds))]
	runs, err := each(ctx, e.steps("poisoned fleets", len(seeds)), len(seeds), func(ctx context.Context, i int) ([]poisonRow, error) {
		return poisonOf(ctx, e.cfg, uint64(seeds[i]))
	})
	if err != nil {
		return err
	}
	t := evalTable{Name: "poison", Title: "Slow poisoning of the load", Header: []string{"attempt", "fleets", "caught", "after days", "at times the usual", "times the usual at the end", "by"}}
	s := evalTable{Name: "strike", Title: "What the poisoning prepared", Header: []string{"attempt", "fleets", "caught"}}
	for i := range runs[0] {
		name := runs[0][i].name
		var days, levels, by []string
		caught, strikes, struck := 0, 0, 0
		for _, rows := range runs {
			r := rows[i]
			if r.strike != nil {
				strikes++
				if r.strike.Found {
					struck++
				}
			}
			if r.caught {
				caught++
				days, levels, by = append(days, fmt.Sprintf("%.0f", r.day)), append(levels, fmt.Sprintf("%.2f", r.level)), append(by, r.detector)
			}
		}
		slices.Sort(by)
		t.add(name, len(runs), caught, strings.Join(days, " "), strings.Join(levels, " "), fmt.Sprintf("%.1f", runs[0][i].final), strings.Join(slices.Compact(by), " "))
		if strikes > 0 {
			s.add(name, strikes, struck)
		}
	}
	e.section.Tables = append(e.section.Tables, &t, &s)
	return e.late(ctx)
}

// poisonOf plays every attempt on one fleet.
func poisonOf(ctx context.Context, cfg Config, seed uint64) ([]poisonRow, error) {
	fleet, poisons, err := simulate.Poisoned(simulate.Config{
		Seed: seed, Identities: evalIdentities, Days: evalLearnDays + poisonDays, LearnDays: evalLearnDays,
		Start: time.Date(2026, 7, 6, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		return nil, err
	}
	t, err := recordTape(ctx, cfg, fleet)
	if err != nil {
		return nil, err
	}
	alerts, err := t.judge(ctx, judging{})
	if err != nil {
		return nil, err
	}
	var out []poisonRow
	for _, p := range poisons {
		r := poisonRow{name: p.Name, final: p.Level(poisonDays - 1)}
		for i := range alerts {
			a := &alerts[i]
			if a.Actor.User.UID != p.Identity || !a.Unmapped.Lapwing.Page || a.Time < p.Start.UnixMilli() || !aboutVolume(a) {
				continue
			}
			r.caught, r.day = true, time.UnixMilli(a.Time).Sub(p.Start).Hours()/24
			r.level, r.detector = p.Level(int(r.day)), a.FindingInfo.Analytic.UID
			break
		}
		if len(p.Strike.Times) > 0 {
			s := simulate.Score([]simulate.Label{p.Strike}, alerts, fleet.Judged(), fleet.End())
			r.strike = &s.Rows[0]
		}
		out = append(out, r)
	}
	return out, nil
}

// aboutVolume says that an alert has a finding about how much an identity did.
func aboutVolume(a *schemas.Alert) bool {
	return slices.ContainsFunc(detectorsOf(a), func(d string) bool {
		return d == "call-rate" || d == "slow-drift" || d == "egress-volume" || d == "enumeration"
	})
}

// late sends novelty when its panes are closed already.
func (e *evaluation) late(ctx context.Context) error {
	t := evalTable{Name: "late", Title: "Novelty sent late on purpose: the same calls in time and six hours late", Header: []string{"calls", "network", "client", "in time", "late"}}
	fleet, err := quietFleet(uint64(e.o.Seeds[0]))
	if err != nil {
		return err
	}
	tp, err := recordTape(ctx, e.cfg, fleet)
	if err != nil {
		return err
	}
	mark, err := tp.mark(ctx, fleet.Judged().Add(probesAfter))
	if err != nil {
		return err
	}
	const tries = 8
	for _, p := range []simulate.Probe{
		{Class: "reads a secret", Events: 1, Network: "usual", Client: "own"},
		{Class: "a new read", Events: 20, Network: "foreign", Client: "other"},
		{Class: "a new read", Events: 20, Network: "foreign", Client: "other", Gateway: true},
		{Class: "its own calls", Events: 20, Network: "foreign", Client: "other"},
	} {
		var found [2]int
		of := 0
		for nth := range tries {
			records, label, ok := fleet.Probe(p, nth)
			if !ok {
				continue
			}
			of++
			for i, by := range []time.Duration{0, 6 * time.Hour} {
				row, err := tp.overlayLate(ctx, mark, records, label, by)
				if err != nil {
					return err
				}
				if row.Found {
					found[i]++
				}
			}
		}
		name := p.Class
		if p.Gateway {
			name += " at a gateway"
		}
		t.add(fmt.Sprintf("%s, %d", name, p.Events), p.Network, p.Client, share(found[0], of), share(found[1], of))
	}
	e.section.Tables = append(e.section.Tables, &t)
	return nil
}

// overlayLate mixes records in that arrive some time after they happened.
func (t *tape) overlayLate(ctx context.Context, mark *tapeMark, records []simulate.Record, label simulate.Label, by time.Duration) (simulate.Row, error) {
	if by == 0 {
		return t.overlay(ctx, mark, records, label)
	}
	more, err := t.encode(records)
	if err != nil {
		return simulate.Row{}, err
	}
	for i := range more.events {
		more.events[i].time += int64(by)
		more.events[i].by = int64(by)
	}
	until := label.End.Add(by + gridAfter)
	alerts, err := t.judge(ctx, judging{from: mark, extra: more, until: until.UnixNano()})
	if err != nil {
		return simulate.Row{}, err
	}
	s := simulate.Score([]simulate.Label{label}, alerts, label.Start.Add(-time.Hour), until)
	return s.Rows[0], nil
}
