package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// benchSeries is one series of the Numenta Anomaly Benchmark with a detector's
// scores: windows are first and last index of what is labelled, probation is
// how many values are not judged.
type benchSeries struct {
	name      string
	times     []time.Time
	values    []float64
	scores    []float64
	judged    []benchPoint // what probation leaves, highest score first
	windows   [][2]int
	probation int
}

// benchPoint is a value of a series: what a detection there is worth, in a
// window or, -1, in none.
type benchPoint struct {
	score, worth float64
	window       int
}

// rank weighs and orders what is judged, once the scores are there (Lavin and
// Ahmad 2015): the earliest detection in a window counts by how early it is, on
// a sigmoid that is 1 at the window's start and 0 at its end; one behind a
// window counts against by how far behind.
func (s *benchSeries) rank() {
	sigmoid := func(x float64) float64 {
		if x > 3 {
			return -1
		}
		return 2/(1+math.Exp(5*x)) - 1
	}
	s.judged = make([]benchPoint, 0, len(s.scores))
	for i := s.probation; i < len(s.scores); i++ {
		p := benchPoint{s.scores[i], -1, -1}
		for j, w := range s.windows {
			length := float64(w[1] - w[0])
			if i >= w[0] && i <= w[1] {
				p.worth, p.window = sigmoid(-float64(w[1]-i+1)/(length+1))/sigmoid(-1), j
			} else if w[1] < i && p.window < 0 {
				p.worth = sigmoid(float64(i-w[1]) / length)
			}
		}
		s.judged = append(s.judged, p)
	}
	slices.SortFunc(s.judged, func(a, b benchPoint) int { return cmp.Compare(b.score, a.score) })
}

// benchProfile weighs what a benchmark's user cares about.
type benchProfile struct {
	name   string
	fp, fn float64
}

// The three profiles of the benchmark; a true positive weighs 1.
var benchProfiles = []benchProfile{{"standard", 0.11, 1}, {"low FP", 0.22, 1}, {"low FN", 0.11, 2}}

// probation is the part of a series that is not judged: 15%, at most 750.
func probation(n int) int { return int(math.Min(math.Floor(0.15*float64(n)), 750)) }

// benchRaw is the benchmark's raw score of one series at a threshold: what its
// detections are worth, and what missed windows cost.
func benchRaw(s *benchSeries, threshold float64, p benchProfile) float64 {
	total := 0.0
	hits := make([]float64, len(s.windows))
	seen := make([]bool, len(s.windows))
	for i := range s.judged {
		d := &s.judged[i]
		if d.score < threshold {
			break
		}
		if j := d.window; j < 0 {
			total += p.fp * d.worth
		} else if !seen[j] || d.worth > hits[j] {
			hits[j], seen[j] = d.worth, true
		}
	}
	for j := range hits {
		if seen[j] {
			total += hits[j]
		} else {
			total -= p.fn
		}
	}
	return total
}

// benchScore is the benchmark's normalised score, 0 for a detector that says
// nothing and 100 for a perfect one.
func benchScore(all []benchSeries, threshold float64, p benchProfile) float64 {
	var raw float64
	for i := range all {
		raw += benchRaw(&all[i], threshold, p)
	}
	return benchNormal(raw, windowsOf(all), p)
}

// benchNormal normalises the raw score of series that have so many windows.
func benchNormal(raw float64, windows int, p benchProfile) float64 {
	perfect := float64(windows)
	null := -p.fn * perfect
	if perfect == 0 {
		return 0
	}
	return 100 * (raw - null) / (perfect - null)
}

func windowsOf(all []benchSeries) (n int) {
	for i := range all {
		n += len(all[i].windows)
	}
	return n
}

// benchBest finds the threshold that serves a profile best, as the benchmark
// does for every detector.
func benchBest(all []benchSeries, p benchProfile) (score, threshold float64) {
	score = math.Inf(-1)
	for t := 0.0; t <= 1; t += 0.005 {
		if s := benchScore(all, t, p); s > score {
			score, threshold = s, t
		}
	}
	return score, threshold
}

// benchCross is the score with the threshold of each fifth of the series chosen
// on the other four.
func benchCross(all []benchSeries, p benchProfile) float64 {
	const folds = 5
	var raw float64
	for fold := range folds {
		var train []benchSeries
		for i := range all {
			if i%folds != fold {
				train = append(train, all[i])
			}
		}
		_, threshold := benchBest(train, p)
		for i := range all {
			if i%folds == fold {
				raw += benchRaw(&all[i], threshold, p)
			}
		}
	}
	return benchNormal(raw, windowsOf(all), p)
}

// readBench scores every series below a folder that holds windows.json, by
// `score series` itself.
func readBench(ctx context.Context, dir string) ([]benchSeries, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "windows.json"))
	if err != nil {
		return nil, err
	}
	var windows map[string][][2]string
	if err := json.Unmarshal(raw, &windows); err != nil {
		return nil, fmt.Errorf("windows.json: %w", err)
	}
	var out []benchSeries
	for _, name := range slices.Sorted(maps.Keys(windows)) {
		s, err := scoreBench(ctx, filepath.Join(dir, filepath.FromSlash(name)), windows[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.name = name
		out = append(out, *s)
	}
	return out, nil
}

func scoreBench(ctx context.Context, file string, windows [][2]string) (*benchSeries, error) {
	var text, said bytes.Buffer
	if err := ScoreSeries(ctx, SeriesOptions{File: file}, IO{Out: &text, Err: &said}); err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		return nil, err
	}
	s := &benchSeries{}
	for _, row := range rows[min(1, len(rows)):] {
		at, value, err := seriesColumns{0, 1}.point(row)
		if err != nil {
			return nil, err
		}
		score, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			return nil, err
		}
		s.times, s.values, s.scores = append(s.times, at), append(s.values, value), append(s.scores, score)
	}
	s.probation = probation(len(s.times))
	for _, span := range windows {
		from, err1 := time.Parse("2006-01-02 15:04:05.999999999", span[0])
		to, err2 := time.Parse("2006-01-02 15:04:05.999999999", span[1])
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		w := [2]int{-1, -1}
		for i, at := range s.times {
			if !at.Before(from) && !at.After(to) {
				if w[0] < 0 {
					w[0] = i
				}
				w[1] = i
			}
		}
		if w[0] >= 0 {
			s.windows = append(s.windows, w)
		}
	}
	s.rank()
	return s, nil
}

// series runs the published benchmark for time series, where it is at hand.
func (e *evaluation) series(ctx context.Context) error {
	dir := filepath.Join(e.o.Data, "nab")
	all, err := readBench(ctx, dir)
	if errors.Is(err, os.ErrNotExist) {
		e.section.note("Skipped: no series in %s.", dir)
		return nil
	}
	if err != nil {
		return err
	}
	values := 0
	for i := range all {
		values += len(all[i].scores)
	}
	t := evalTable{Name: "series", Header: []string{"profile", "score", "threshold", "cross-validated"}}
	for _, p := range benchProfiles {
		score, threshold := benchBest(all, p)
		cross := benchCross(all, p)
		t.add(p.name, fmt.Sprintf("%.1f", score), fmt.Sprintf("%.3f", threshold), fmt.Sprintf("%.1f", cross))
		e.section.figure(p.name, score)
		e.section.figure(p.name+" cross-validated", cross)
	}
	e.section.note("Numenta Anomaly Benchmark, its own scoring re-implemented, on the %d series in %s (%d values), each by `lapwing score series` without look-ahead; the threshold is the best for each profile, as the benchmark does it.", len(all), dir, values)
	f := evalTable{Name: "series by folder", Title: "Standard profile by folder, at the threshold of all", Header: []string{"folder", "series", "windows", "found", "score"}}
	_, threshold := benchBest(all, benchProfiles[0])
	by := map[string][]benchSeries{}
	for i := range all {
		by[filepath.ToSlash(filepath.Dir(all[i].name))] = append(by[filepath.ToSlash(filepath.Dir(all[i].name))], all[i])
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		windows, found := 0, 0
		for _, s := range by[name] {
			windows += len(s.windows)
			for _, w := range s.windows {
				if slices.ContainsFunc(s.scores[w[0]:w[1]+1], func(x float64) bool { return x >= threshold }) {
					found++
				}
			}
		}
		score := "–"
		if windows > 0 {
			score = fmt.Sprintf("%.1f", benchScore(by[name], threshold, benchProfiles[0]))
		}
		f.add(name, len(by[name]), windows, found, score)
	}
	e.section.Tables = append(e.section.Tables, &t, &f)
	e.publishedSeries(all)
	return e.seriesParts(ctx, all)
}
