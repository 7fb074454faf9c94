package clickhouse

import "github.com/prometheus/client_golang/prometheus"

// metrics count what goes in. All are labelled by table.
type metrics struct {
	rows     *prometheus.CounterVec
	rejected *prometheus.CounterVec
	failures *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	running  prometheus.Gauge
}

// newMetrics registers the metrics; on nil they count for nobody.
func newMetrics(reg prometheus.Registerer) *metrics {
	labels := []string{"table"}
	m := &metrics{
		rows:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_clickhouse_rows_total", Help: "Rows sent to ClickHouse and acknowledged, counting a repeated batch again."}, labels),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_clickhouse_rejected_rows_total", Help: "Rows that cannot be stored: undecodable, or refused by ClickHouse for good."}, labels),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_clickhouse_insert_failures_total", Help: "Inserts that failed and are to be tried again."}, labels),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "lapwing_clickhouse_insert_seconds", Help: "Duration of one insert.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}}, labels),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lapwing_clickhouse_inserts_running", Help: "Inserts being built or sent now."}),
	}
	if reg != nil {
		reg.MustRegister(m.rows, m.rejected, m.failures, m.seconds, m.running)
	}
	return m
}
