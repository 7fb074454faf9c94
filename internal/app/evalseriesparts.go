package app

import (
	"context"
	"fmt"

	"github.com/lapwing-sec/lapwing/detect"
)

// publishedBench are results published with the benchmark (its files
// results/*/*_standard_scores.csv): a detector's raw scores summed over the
// series of publishedFolders, and its normalised score over all 58 series. Each is at the
// threshold that is best for all 58.
var publishedBench = []struct {
	name     string
	raw, all float64
}{
	{"ARTime", 40.70, 74.9},
	{"CAD OSE", 34.63, 69.9},
	{"HTM, as first published", 18.93, 65.3},
	{"KNN-CAD", 13.94, 58.0},
	{"Twitter ADVec", 8.95, 47.1},
	{"random cut forest", 2.08, 51.7},
}

// The five folders of the benchmark that publishedBench is about hold so many
// series and windows.
const publishedSeries, publishedWindows = 34, 67

// publishedSeries sets other detectors beside the scorer, on the same series.
func (e *evaluation) publishedSeries(all []benchSeries) {
	if len(all) != publishedSeries || windowsOf(all) != publishedWindows {
		return
	}
	t := evalTable{Name: "series published", Title: "Published detectors on the same series, standard profile", Header: []string{"detector", "score", "on all 58 series"}}
	score, _ := benchBest(all, benchProfiles[0])
	t.add("lapwing score series", fmt.Sprintf("%.1f", score), "–")
	for _, d := range publishedBench {
		t.add(d.name, fmt.Sprintf("%.1f", benchNormal(d.raw, publishedWindows, benchProfiles[0])), fmt.Sprintf("%.1f", d.all))
	}
	e.section.note("Most of these detectors score higher on these series than on all 58: compare within one column only.")
	e.section.Tables = append(e.section.Tables, &t)
}

// seriesParts shows what each part of the scorer carries.
func (e *evaluation) seriesParts(ctx context.Context, all []benchSeries) error {
	parts := detect.SeriesParts()
	without, err := each(ctx, e.steps("time series", len(parts)), len(parts), func(_ context.Context, i int) ([]benchSeries, error) {
		return scoreWithout(all, parts[i])
	})
	if err != nil {
		return err
	}
	t := evalTable{Name: "series ablations", Title: "Each part of the series scorer left out", Header: []string{"without"}}
	for _, p := range benchProfiles {
		t.Header = append(t.Header, p.name)
	}
	t.Header = append(t.Header, "standard, cross-validated")
	line := func(name string, scored []benchSeries) {
		row := []any{name}
		for _, p := range benchProfiles {
			score, _ := benchBest(scored, p)
			row = append(row, fmt.Sprintf("%.1f", score))
		}
		t.add(append(row, fmt.Sprintf("%.1f", benchCross(scored, benchProfiles[0])))...)
	}
	line("(nothing)", all)
	for i, name := range parts {
		line(name, without[i])
	}
	e.section.Tables = append(e.section.Tables, &t)
	return nil
}

// scoreWithout scores the series by a scorer that lacks a part.
func scoreWithout(all []benchSeries, part string) ([]benchSeries, error) {
	out := make([]benchSeries, len(all))
	for i := range all {
		scorer, err := detect.NewSeriesWithout(part)
		if err != nil {
			return nil, err
		}
		out[i] = all[i]
		out[i].scores = make([]float64, len(all[i].values))
		for j, v := range all[i].values {
			out[i].scores[j] = scorer.Score(all[i].times[j], v)
		}
		out[i].rank()
	}
	return out, nil
}
