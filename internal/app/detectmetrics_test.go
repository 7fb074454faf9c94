package app

import (
	"reflect"
	"testing"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestEveryCountOfADetectorIsAMetric(t *testing.T) {
	var s detect.Stats
	v := reflect.ValueOf(&s).Elem()
	counts := 0
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Uint64 {
			counts++
			f.SetUint(uint64(1000 + i))
		}
	}
	m := newDetectMetrics(prometheus.NewRegistry())
	m.set("0", s)
	require.Equal(t, counts, testutil.CollectAndCount(m.counts), "each of detect.Stats has a label of lapwing_detect_count")
	require.InDelta(t, float64(s.IncidentsRefused), testutil.ToFloat64(m.counts.WithLabelValues("0", "incidents_refused")), 0)
	require.InDelta(t, float64(s.SpraysRefused), testutil.ToFloat64(m.counts.WithLabelValues("0", "sprays_refused")), 0)
}
