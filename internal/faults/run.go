package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Where a scenario runs decides how many seeds it gets; Seeds reads the number
// from the environment.
type Where struct {
	Engine string
	// Variant tells rows of one scenario apart, such as "processes".
	Variant string
	// Env holds the number of seeds; Quick is the number when it is not set.
	Env   string
	Quick int
	// Parallel seeds run side by side, as many as there are cores.
	Parallel bool
}

// The places that there are: in process on the embedded broker; with real
// processes on it; with real processes on Apache Kafka.
var (
	InProcess = Where{Engine: KFake, Env: "LAPWING_FAULTS_SEEDS_KFAKE", Quick: 1, Parallel: true}
	Processes = Where{Engine: KFake, Variant: "processes", Env: "LAPWING_FAULTS_SEEDS_PROCESSES", Quick: 0}
	OnApache  = Where{Engine: ApacheKafka, Env: "LAPWING_FAULTS_SEEDS_APACHE", Quick: 0}
)

// SeedEnv names the environment variable with one seed to run, and no other;
// ScenarioEnv the one with the numbers of the scenarios to run, "1 5 11".
const (
	SeedEnv     = "LAPWING_FAULTS_SEED"
	ScenarioEnv = "LAPWING_FAULTS_SCENARIOS"
)

// QuickBudget bounds the quick subset, which runs where nobody asked for a number
// of seeds: what it has not come to by then is skipped, and said.
const QuickBudget = 60 * time.Second

var processStart = time.Now()

// quick tells whether this is the quick subset.
func (w Where) quick() bool { return os.Getenv(SeedEnv) == "" && os.Getenv(w.Env) == "" }

// Seeds are 1 to the number wanted, or the one seed that is to be reproduced.
func (w Where) Seeds(t testing.TB) []uint64 {
	t.Helper()
	if text := os.Getenv(SeedEnv); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", SeedEnv, err)
		}
		return []uint64{seed}
	}
	n := w.Quick
	if text := os.Getenv(w.Env); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 0 {
			t.Fatalf("%s: %q is no number of seeds", w.Env, text)
		}
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = uint64(i) + 1
	}
	return seeds
}

// Result is what one seed came to. The scenario fills it as it goes, so that
// what was found counts even if the test fails then.
type Result struct {
	Seed uint64
	// Rand is drawn from for every choice, in an order that the seed decides where one
	// goroutine draws. Any may.
	Rand *rand.Rand

	mu      sync.Mutex
	row     Row
	skipped bool
}

func (r *Result) skip() { r.skipped = true }

// Events adds events that were acknowledged.
func (r *Result) Events(n int) { r.add(func(row *Row) { row.Events += n }) }

// Faults adds faults that were injected.
func (r *Result) Faults(n int) { r.add(func(row *Row) { row.Faults += n }) }

// Died notes that a process died at a place of KillPoints, or that what stands there
// befell it.
func (r *Result) Died(place string) {
	r.add(func(row *Row) {
		if row.KillPoints == nil {
			row.KillPoints = make(map[string]int)
		}
		row.KillPoints[place]++
	})
}

// Lost adds what is missing or differs.
func (r *Result) Lost(n int) { r.add(func(row *Row) { row.Lost += n }) }

// Duplicated adds effects beyond one each.
func (r *Result) Duplicated(n int) { r.add(func(row *Row) { row.DuplicatedEffects += n }) }

// Recovered notes how long it took from the end of the faults to the effect of
// a new event.
func (r *Result) Recovered(d time.Duration) {
	r.add(func(row *Row) { row.RecoverySeconds = max(row.RecoverySeconds, d.Seconds()) })
}

// Throughput notes which share of the undisturbed throughput was kept; the worst
// seed counts.
func (r *Result) Throughput(share float64) {
	r.add(func(row *Row) { row.Throughput = least(row.Throughput, share) })
}

// least is the smaller of two shares, of which 0 is none.
func least(a, b float64) float64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func (r *Result) add(f func(*Row)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.row)
}

// Row is what the seed came to so far.
func (r *Result) Row() Row {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.row
}

// New makes the result of one seed.
func New(seed uint64) *Result {
	return &Result{Seed: seed, Rand: rand.New(&sharedSource{from: rand.NewPCG(seed, 0x6c6170)})} //nolint:gosec // reproducible on purpose
}

// sharedSource is a source that goroutines may share: a scenario draws what comes
// next while its wires draw what they lose.
type sharedSource struct {
	mu   sync.Mutex
	from *rand.PCG
}

// Uint64 implements rand.Source.
func (s *sharedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from.Uint64()
}

// Run runs a scenario with every seed, as subtests NN-name/seed-N of t (the variant behind
// the name), and records one row. Without seeds it is skipped. f may end the subtest as any
// test function may.
func (s Scenario) Run(t *testing.T, w Where, f func(t *testing.T, r *Result)) {
	t.Helper()
	name := s.String()
	if w.Variant != "" {
		name += "-" + w.Variant
	}
	t.Run(name, func(t *testing.T) {
		if !wanted(s.Number) {
			t.Skipf("not among %s", ScenarioEnv)
		}
		seeds := w.Seeds(t)
		if len(seeds) == 0 {
			t.Skipf("no seeds: set %s", w.Env)
		}
		total := Row{Scenario: s.String(), Engine: w.Engine}
		if w.Variant != "" {
			total.Scenario += "/" + w.Variant
		}
		began := time.Now()
		results := make([]*Result, len(seeds))
		failed := make([]bool, len(seeds))
		// After the seeds, the parallel ones too.
		t.Cleanup(func() {
			for i, r := range results {
				row := r.Row()
				if failed[i] && row.Lost == 0 && row.DuplicatedEffects == 0 {
					row.Lost = 1 // it failed before it could count
				}
				if r.skipped {
					continue
				}
				row.Seeds = 1
				total.merge(row)
			}
			if err := total.record(); err != nil {
				t.Error(err)
			}
			t.Logf("%s on %s: %d seeds in %s, %d events, %d faults, %d lost, %d duplicated, recovery %.1f s",
				total.Scenario, w.Engine, total.Seeds, time.Since(began).Round(time.Millisecond),
				total.Events, total.Faults, total.Lost, total.DuplicatedEffects, total.RecoverySeconds)
		})
		for i, seed := range seeds {
			r := New(seed)
			results[i] = r
			t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
				if w.Parallel {
					t.Parallel()
				}
				if used := time.Since(processStart); w.quick() && used > QuickBudget {
					r.skip()
					t.Skipf("the quick subset's %s are used up: `make faults` runs all", QuickBudget)
				}
				t.Cleanup(func() { failed[i] = t.Failed() })
				t.Logf("seed %d: `make faults SCENARIO=%d SEED=%d` runs it again", seed, s.Number, seed)
				f(t, r)
			})
		}
	})
}

var numbers = regexp.MustCompile(`\d+`)

func wanted(number int) bool {
	text := os.Getenv(ScenarioEnv)
	if text == "" {
		return true
	}
	for _, f := range numbers.FindAllString(text, -1) {
		if n, err := strconv.Atoi(f); err == nil && n == number {
			return true
		}
	}
	return false
}

// merge adds other seeds of the same row.
func (r *Row) merge(o Row) {
	r.Seeds += o.Seeds
	r.Events += o.Events
	r.Faults += o.Faults
	r.Lost += o.Lost
	r.DuplicatedEffects += o.DuplicatedEffects
	r.RecoverySeconds = max(r.RecoverySeconds, o.RecoverySeconds)
	r.Throughput = least(r.Throughput, o.Throughput)
	for at, n := range o.KillPoints {
		if r.KillPoints == nil {
			r.KillPoints = make(map[string]int)
		}
		r.KillPoints[at] += n
	}
}

func (r *Row) record() error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return record("rows", line)
}

// Record notes what became of a mutation.
func (m Mutation) Record() error {
	m.Why, _, _ = strings.Cut(strings.TrimSpace(m.Why), "\n")
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return record("mutations", line)
}
