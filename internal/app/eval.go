package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapwing-sec/lapwing/internal/simulate"
)

// EvalOptions configures Eval.
type EvalOptions struct {
	// Seeds are the fleets' seeds; each is judged in evalTurns turns, so that
	// every attack is played in every seed.
	Seeds []uint
	// Report is the JSON file of all results, Markdown the report for people;
	// empty writes none.
	Report, Markdown string
	// Sections are the parts to run; empty is all but the large fleets.
	Sections []string
	// Sealed allows the seeds that are kept for releases.
	Sealed bool
	// Data is a folder of other people's logs; parts that need it are skipped with
	// a line where it is absent.
	Data string
}

// Seeds from sealedFrom to sealedTo are kept for releases: nobody looks at them
// while a detector is being changed.
const (
	sealedFrom = 9000
	sealedTo   = 9099
	// evalTurns turns of a fleet of 60 play every attack once or more.
	evalTurns      = 6
	evalIdentities = 60
)

// evalSections are the parts of the report, in its order.
var evalSections = []struct {
	name, title string
	large       bool // takes longer than the others together
	run         func(e *evaluation, ctx context.Context) error
}{
	{"primary", "Fleets of 60: 21 days learned, 14 judged", false, (*evaluation).primary},
	{"fleets", "Other fleets", false, (*evaluation).fleets},
	{"grid", "Single signals", false, (*evaluation).grid},
	{"coverage", "Inventory coverage", false, (*evaluation).coverage},
	{"poison", "Poisoning", false, (*evaluation).poison},
	{"graft", "Recorded attacks", false, (*evaluation).graft},
	{"series", "Time series", false, (*evaluation).series},
	{"speed", "Speed", false, (*evaluation).speed},
	{"large", "Large fleets", true, (*evaluation).large},
}

// EvalSections lists the parts that can be asked for.
func EvalSections() []string {
	out := make([]string, 0, len(evalSections))
	for _, s := range evalSections {
		out = append(out, s.name)
	}
	return out
}

// evaluation is one run of Eval.
type evaluation struct {
	cfg     Config
	o       EvalOptions
	std     IO
	report  evalReport
	section *evalSection
	cohorts []*cohort
}

// Eval judges simulated fleets and given data without services and writes one
// report: what is found, what is falsely said, and what the numbers rest on.
func Eval(ctx context.Context, cfg Config, o EvalOptions, std IO) error {
	for _, s := range o.Seeds {
		if s == 0 {
			return Usagef("seed 0: seeds count from 1")
		}
		if s >= sealedFrom && s <= sealedTo && !o.Sealed {
			return Usagef("seed %d: seeds %d to %d are sealed for releases; --sealed opens them", s, sealedFrom, sealedTo)
		}
	}
	for _, name := range o.Sections {
		if !slices.Contains(EvalSections(), name) {
			return Usagef("no section %q: there are %s", name, strings.Join(EvalSections(), ", "))
		}
	}
	e := &evaluation{cfg: cfg, o: o, std: std}
	e.report.Seeds, e.report.Budget = o.Seeds, cfg.Budget.FalseAlertsPerDay
	begun := time.Now()
	for _, s := range evalSections {
		if len(o.Sections) > 0 && !slices.Contains(o.Sections, s.name) || len(o.Sections) == 0 && s.large {
			continue
		}
		e.section = &evalSection{Name: s.name, Title: s.title}
		start := time.Now()
		if err := s.run(e, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		e.section.Seconds = round1(time.Since(start).Seconds())
		e.report.Sections = append(e.report.Sections, e.section)
		if err := e.section.writeText(std.Out); err != nil {
			return err
		}
	}
	e.report.Seconds = round1(time.Since(begun).Seconds())
	fmt.Fprintf(std.Err, "evaluated in %s\n", time.Since(begun).Round(time.Second))
	return e.write()
}

func (e *evaluation) write() error {
	var errs []error
	if e.o.Report != "" {
		b, err := json.MarshalIndent(&e.report, "", "  ")
		errs = append(errs, err, writeOut(e.o.Report, append(b, '\n')))
	}
	if e.o.Markdown != "" {
		errs = append(errs, writeOut(e.o.Markdown, []byte(e.report.markdown())))
	}
	return errors.Join(errs...)
}

func writeOut(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a report is for others to read
		return err
	}
	return os.WriteFile(path, b, 0o644) //nolint:gosec // as above
}

// each runs n jobs, as many at once as there are cores, and returns their
// results in order. It tells s of every job that is done.
func each[T any](ctx context.Context, s *steps, n int, job func(ctx context.Context, i int) (T, error)) ([]T, error) {
	defer s.finish()
	out := make([]T, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, runtime.GOMAXPROCS(0)))
	for i := range n {
		g.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			out[i], err = job(ctx, i)
			s.add(1)
			return err
		})
	}
	return out, g.Wait()
}

// primary judges the fleets that the product is measured by.
func (e *evaluation) primary(ctx context.Context) error {
	var jobs []simulate.Config
	for _, seed := range e.o.Seeds {
		for turn := 1; turn <= evalTurns; turn++ {
			jobs = append(jobs, simulate.Config{Seed: uint64(seed), Identities: evalIdentities, Turn: turn})
		}
	}
	var err error
	e.cohorts, err = each(ctx, e.steps("fleets of 60", len(jobs)), len(jobs), func(ctx context.Context, i int) (*cohort, error) {
		return runCohort(ctx, e.cfg, jobs[i], jobs[i].Turn <= 2)
	})
	if err != nil {
		return err
	}
	e.headline()
	e.byStratum()
	cards := cardsOf(e.cohorts)
	e.byAttack(cards)
	e.byDetector(cards)
	e.byHardCase(cards)
	e.honesty()
	e.mechanisms()
	return nil
}

// fleets judges smaller and larger fleets.
func (e *evaluation) fleets(ctx context.Context) error {
	return e.sizes(ctx, []fleetSize{
		{20, 14, 7, 3, 2}, {20, evalLearnDays, evalJudgedDays, 5, 2}, {60, 7, 14, 3, 2}, {300, evalLearnDays, evalJudgedDays, 2, 1},
	})
}

// large judges fleets that take long, at the same time.
func (e *evaluation) large(ctx context.Context) error {
	sizes := []fleetSize{{5_000, evalLearnDays, evalJudgedDays, 1, 1}, {100_000, evalLearnDays, evalJudgedDays, 1, 1}}
	days := e.steps("large fleets, days", len(sizes)*(evalLearnDays+evalJudgedDays))
	defer days.finish()
	cards, err := each(ctx, nil, len(sizes), func(ctx context.Context, i int) (simulate.Scorecard, error) {
		card, err := e.judgeLarge(ctx, e.fleetsOf(sizes[i])[0], days)
		if err != nil {
			err = fmt.Errorf("%d identities: %w", sizes[i].identities, err)
		}
		return card, err
	})
	if err != nil {
		return err
	}
	t := newSizeTable()
	for i, s := range sizes {
		e.addSize(t, s, cards[i:i+1])
	}
	e.section.Tables = append(e.section.Tables, t)
	all := make([]*simulate.Scorecard, 0, len(cards))
	for i := range cards {
		all = append(all, &cards[i])
	}
	e.byAttack(all)
	e.byDetector(all)
	e.byHardCase(all)
	return nil
}

// fleetSize is a kind of fleet, with how many seeds and turns of it are judged.
type fleetSize struct {
	identities, learn, judged, seeds, turns int
}

// fleetsOf are the fleets of a size.
func (e *evaluation) fleetsOf(s fleetSize) []simulate.Config {
	var out []simulate.Config
	for i := range s.seeds {
		for turn := range s.turns {
			seed := uint64(e.o.Seeds[i%len(e.o.Seeds)]) + 100*uint64(i/len(e.o.Seeds)) //nolint:gosec // small
			out = append(out, simulate.Config{Seed: seed, Identities: s.identities, Days: s.learn + s.judged, LearnDays: s.learn, Turn: turn + 1})
		}
	}
	return out
}

func newSizeTable() *evalTable {
	return &evalTable{Name: "sizes", Header: []string{"identities", "days learned", "fleets", "attacks", "recall", "worst fleet", "false a day", "worst fleet", "learned", "declared", "budget a day"}}
}

func (e *evaluation) addSize(t *evalTable, s fleetSize, cards []simulate.Scorecard) {
	sum := addUp(cards)
	worst, most := 1.0, 0.0
	for i := range cards {
		worst, most = min(worst, cards[i].Recall), max(most, cards[i].FalsePerDay)
	}
	t.add(s.identities, s.learn, len(cards), sum.attacks, percent(sum.recall()), percent(worst), perDay(sum.falseAlerts, sum.days), fmt.Sprintf("%.2f", most), perDay(sum.learned, sum.days), perDay(sum.declared, sum.days), e.cfg.Budget.FalseAlertsPerDay)
}

func (e *evaluation) sizes(ctx context.Context, sizes []fleetSize) error {
	t := newSizeTable()
	for _, s := range sizes {
		jobs := e.fleetsOf(s)
		cards, err := each(ctx, e.steps(fmt.Sprintf("fleets of %d", s.identities), len(jobs)), len(jobs), func(ctx context.Context, i int) (simulate.Scorecard, error) {
			c, err := runCohort(ctx, e.cfg, jobs[i], false)
			if err != nil {
				return simulate.Scorecard{}, err
			}
			return c.main, nil
		})
		if err != nil {
			return fmt.Errorf("%d identities: %w", s.identities, err)
		}
		e.addSize(t, s, cards)
	}
	e.section.Tables = append(e.section.Tables, t)
	return nil
}

// judgeLarge judges a fleet of which each identity calls seldom, so that it can
// be judged at all: 3 million events.
func (e *evaluation) judgeLarge(ctx context.Context, fc simulate.Config, days *steps) (simulate.Scorecard, error) {
	fc.Events = 3_000_000 * max(1, fc.Identities/20_000)
	fleet, err := evalFleet(fc)
	if err != nil {
		return simulate.Scorecard{}, err
	}
	alerts, _, err := judgeStream(ctx, e.cfg, fleet, days)
	return simulate.Score(fleet.Labels(), alerts, fleet.Judged(), fleet.End()), err
}
