package app

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// benchDir is the folder of the Numenta Anomaly Benchmark's series, where it is
// at hand.
func benchDir(t *testing.T) string {
	t.Helper()
	root := os.Getenv("LAPWING_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, "nab")
	if _, err := os.Stat(filepath.Join(dir, "windows.json")); err != nil {
		t.Skip("the benchmark's files are not here")
	}
	return dir
}

// published are the benchmark's own raw scores of the detector that it calls
// windowed Gaussian, at its threshold of 1 (results/windowedGaussian of NAB). Those
// of its series are listed that windowedGaussian below reproduces: in the others
// the detector's window fills up, and its details differ.
var published = map[string]float64{
	"artificialWithAnomaly/art_increase_spike_density.csv": -1, "realTraffic/speed_t4013.csv": -2, "realTraffic/TravelTime_387.csv": -1.7959813307852819, "realTraffic/TravelTime_451.csv": -1,
	"artificialWithAnomaly/art_daily_jumpsdown.csv": -1,
	"realAdExchange/exchange-4_cpm_results.csv":     1.274710362684976, "artificialWithAnomaly/art_daily_jumpsup.csv": -1,
	"realTraffic/speed_6005.csv": -1, "artificialWithAnomaly/art_daily_flatmiddle.csv": -1, "realAdExchange/exchange-2_cpm_results.csv": -2,
	"realTraffic/occupancy_6005.csv":            -1,
	"realAdExchange/exchange-3_cpc_results.csv": 2.5026632611866138, "realAdExchange/exchange-4_cpc_results.csv": 0.2922884634276035,
	"artificialWithAnomaly/art_daily_nojump.csv": -1, "realAdExchange/exchange-3_cpm_results.csv": 0.862098587352162, "realTraffic/speed_7578.csv": -4, "realAdExchange/exchange-2_cpc_results.csv": -1, "artificialNoAnomaly/art_noisy.csv": 0, "artificialNoAnomaly/art_flatline.csv": 0,
}

// windowedGaussian scores by the upper normal tail of the last 6,400 values,
// renewed by hundreds once there are so many.
func windowedGaussian(values []float64) []float64 {
	const window, step = 6400, 100
	var held, fresh, scores []float64
	mean, std := 0.0, 1.0
	renew := func() {
		mean, std = 0, 0
		for _, v := range held {
			mean += v / float64(len(held))
		}
		for _, v := range held {
			std += (v - mean) * (v - mean) / float64(len(held))
		}
		if std = math.Sqrt(std); std == 0 {
			std = 0.000001
		}
	}
	for _, v := range values {
		score := 0.0
		if len(held) > 0 {
			score = 1 - 0.5*math.Erfc((v-mean)/std/1.4142)
		}
		scores = append(scores, score)
		if len(held) < window {
			held = append(held, v)
			renew()
		} else if fresh = append(fresh, v); len(fresh) == step {
			held, fresh = append(held[step:], fresh...), nil
			renew()
		}
	}
	return scores
}

func TestTheBenchmarkScoresAsItsAuthorsDo(t *testing.T) {
	dir := benchDir(t)
	raw, err := os.ReadFile(filepath.Join(dir, "windows.json"))
	require.NoError(t, err)
	var windows map[string][][2]string
	require.NoError(t, json.Unmarshal(raw, &windows))
	for name, want := range published {
		file := filepath.Join(dir, filepath.FromSlash(name))
		s, err := scoreBench(t.Context(), file, windows[name])
		require.NoError(t, err)
		text, err := os.ReadFile(file) //nolint:gosec // a file of the benchmark
		require.NoError(t, err)
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		require.NoError(t, err)
		var values []float64
		for _, row := range rows[1:] {
			_, v, err := seriesColumns{0, 1}.point(row)
			require.NoError(t, err)
			values = append(values, v)
		}
		s.scores = windowedGaussian(values)
		s.rank()
		assert.InDelta(t, want, benchRaw(s, 1, benchProfiles[0]), 0.02, name)
	}
}

func TestTheSeriesScorerHoldsOnThePublishedBenchmark(t *testing.T) {
	all, err := readBench(t.Context(), benchDir(t))
	require.NoError(t, err)
	for i, least := range []float64{76, 68, 81} {
		score, _ := benchBest(all, benchProfiles[i])
		require.Greater(t, score, least, benchProfiles[i].name)
	}
}

func TestTheBenchmarkScoreHasItsEnds(t *testing.T) {
	s := benchSeries{scores: make([]float64, 100), windows: [][2]int{{50, 59}}, probation: 15}
	for _, c := range []struct {
		why  string
		at   int
		want float64
	}{
		{"a detector that says nothing", 0, 0},
		{"one that says it at once", 50, 100},
		{"probation is not judged", 5, 100},
		{"a false alarm costs 0.11 of two", 30, 94},
	} {
		if c.at > 0 {
			s.scores[c.at] = 1
		}
		s.rank()
		require.InDelta(t, c.want, benchScore([]benchSeries{s}, 0.5, benchProfiles[0]), 1.5, c.why)
	}
}
