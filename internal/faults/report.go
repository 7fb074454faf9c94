package faults

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is what a run of the suite came to.
type Report struct {
	Scenarios []Row `json:"scenarios"`

	mutations []Mutation
}

// Collect reads what the test processes have recorded in a folder. Rows of the
// same scenario and engine are added up.
func Collect(dir string) (*Report, error) {
	r := &Report{Scenarios: []Row{}}
	if err := eachLine(dir, "rows-*.ndjson", func(row Row) {
		i := slices.IndexFunc(r.Scenarios, func(o Row) bool { return o.Scenario == row.Scenario && o.Engine == row.Engine })
		if i < 0 {
			r.Scenarios = append(r.Scenarios, row)
			return
		}
		r.Scenarios[i].merge(row)
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(r.Scenarios, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Scenario, b.Scenario), cmp.Compare(b.Engine, a.Engine))
	})
	if err := eachLine(dir, "mutations-*.ndjson", func(m Mutation) { r.mutations = append(r.mutations, m) }); err != nil {
		return nil, err
	}
	return r, nil
}

func eachLine[T any](dir, pattern string, f func(T)) error {
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	slices.Sort(files)
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("collect: %w", err)
		}
		lines := bufio.NewScanner(strings.NewReader(string(b)))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var v T
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				return fmt.Errorf("collect: %s: %w", name, err)
			}
			f(v)
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("collect: %s: %w", name, err)
		}
	}
	return nil
}

// Table prints the rows and what became of the mutations, for people.
func (r *Report) Table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "scenario\tengine\tseeds\tevents\tfaults\tlost\tduplicated\trecovery\tthroughput")
	for _, row := range r.Scenarios {
		if row.Seeds == 0 {
			fmt.Fprintf(tw, "%s\t%s\t0\tnot run\n", row.Scenario, row.Engine)
			continue
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%.1f s\t%s\n",
			row.Scenario, row.Engine, row.Seeds, row.Events, row.Faults, row.Lost, row.DuplicatedEffects, row.RecoverySeconds, percent(row.Throughput))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	if err := r.killPoints(w); err != nil {
		return err
	}
	if len(r.mutations) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nbroken on purpose:")
	for _, m := range r.mutations {
		if m.Caught == "" {
			fmt.Fprintf(w, "  %s: NOTICED BY NO SCENARIO\n", m.Mutation)
			continue
		}
		fmt.Fprintf(w, "  %s: noticed by %s (%s)\n", m.Mutation, m.Caught, m.Why)
	}
	return nil
}

// died counts, by place, how often a process died there in any scenario.
func (r *Report) died() map[string]int {
	all := make(map[string]int)
	for _, row := range r.Scenarios {
		for at, n := range row.KillPoints {
			all[at] += n
		}
	}
	return all
}

// killPoints prints the rows of docs/delivery.md and how often each came to pass.
func (r *Report) killPoints(w io.Writer) error {
	died := r.died()
	if len(died) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "\nstage\tthe process dies\ttimes\tby place")
	for _, k := range KillPoints() {
		sum, by := 0, make([]string, len(k.At))
		for i, at := range k.At {
			sum += died[at]
			by[i] = fmt.Sprintf("%s %d", at, died[at])
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\n", k.Stage, k.Dies, sum, strings.Join(by, "; "))
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	return nil
}

// notDied lists the places of KillPoints at which no process died, if there were
// seeds enough to come to all.
func (r *Report) notDied() (out []string) {
	first, died := Find(1).String(), r.died()
	if !slices.ContainsFunc(r.Scenarios, func(row Row) bool { return row.Scenario == first && row.Engine == KFake && allPlaces(row.Seeds) }) {
		return nil
	}
	for _, k := range KillPoints() {
		for _, at := range k.At {
			if died[at] == 0 {
				out = append(out, fmt.Sprintf("no process died at %q (%s: %s)", at, k.Stage, k.Dies))
			}
		}
	}
	return out
}

func percent(share float64) string {
	if share == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f%%", 100*share)
}

// Missing says what the report lacks to be whole: scenarios on an engine,
// mutations, and anything lost or duplicated.
func (r *Report) Missing(engines []string) []string {
	var out []string
	for _, s := range Scenarios() {
		for _, engine := range engines {
			if engine == ApacheKafka && !s.Broker {
				continue
			}
			if !slices.ContainsFunc(r.Scenarios, func(row Row) bool {
				name, _, _ := strings.Cut(row.Scenario, "/")
				return name == s.String() && row.Engine == engine && row.Seeds > 0
			}) {
				out = append(out, fmt.Sprintf("scenario %s did not run on %s", s, engine))
			}
		}
	}
	for _, row := range r.Scenarios {
		if row.Lost > 0 || row.DuplicatedEffects > 0 {
			out = append(out, fmt.Sprintf("scenario %s on %s: %d lost, %d duplicated", row.Scenario, row.Engine, row.Lost, row.DuplicatedEffects))
		}
	}
	out = append(out, r.notDied()...)
	for _, name := range Mutations() {
		i := slices.IndexFunc(r.mutations, func(m Mutation) bool { return m.Mutation == name })
		switch {
		case i < 0:
			out = append(out, fmt.Sprintf("mutation %q was not tried", name))
		case r.mutations[i].Caught == "":
			out = append(out, fmt.Sprintf("mutation %q was noticed by no scenario", name))
		}
	}
	return out
}
