package kafka

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of all stages of one client.
type metrics struct {
	in, out, bad, late, duplicate, skipped *prometheus.CounterVec
	lag, position, oldest                  *prometheus.GaugeVec
	watermark                              *prometheus.GaugeVec
	commit, produce, insert                *prometheus.HistogramVec
	restored                               *prometheus.GaugeVec
	fenced, lost, retries, generations     *prometheus.CounterVec
	stopped                                *prometheus.CounterVec
	snapshotSeconds                        *prometheus.HistogramVec
	snapshotBytes                          *prometheus.GaugeVec
}

// newMetrics registers with reg; a second client on the same registry shares
// what the first one registered.
func newMetrics(reg prometheus.Registerer) *metrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	seconds := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	stage := []string{"stage"}
	part := []string{"stage", "topic", "partition"}
	return &metrics{
		in:              counter(reg, "lapwing_stage_records_in_total", "Records read.", stage),
		out:             counter(reg, "lapwing_stage_records_out_total", "Records written and acknowledged.", stage),
		bad:             counter(reg, "lapwing_stage_bad_total", "Records sent to the dead letter.", stage),
		late:            counter(reg, "lapwing_enrich_late_total", "Events below their partition's watermark.", []string{"topic"}),
		duplicate:       counter(reg, "lapwing_enrich_duplicates_total", "Events dropped because their source had sent their id before.", []string{"topic"}),
		skipped:         counter(reg, "lapwing_enrich_readback_skipped_total", "Events found already written when a partition was taken over.", []string{"topic"}),
		lag:             gauge(reg, "lapwing_stage_lag_records", "Records between the position and the end of the partition.", part),
		position:        gauge(reg, "lapwing_stage_position", "Offset of the next record.", part),
		oldest:          gauge(reg, "lapwing_stage_oldest_unacknowledged_seconds", "Age of the oldest record that is not acknowledged, 0 when there is none.", part),
		watermark:       gauge(reg, "lapwing_enrich_watermark_seconds", "Watermark of a raw partition, Unix time.", []string{"topic", "partition"}),
		commit:          histogram(reg, "lapwing_stage_commit_seconds", "Time to commit a position.", stage, seconds),
		produce:         histogram(reg, "lapwing_stage_produce_seconds", "Time from sending a batch to its acknowledgement.", stage, seconds),
		insert:          histogram(reg, "lapwing_store_insert_seconds", "Time to insert a batch.", stage, seconds),
		restored:        gauge(reg, "lapwing_detect_restore_ratio", "Share of the replay after a restore that is done.", []string{"cell"}),
		fenced:          counter(reg, "lapwing_stage_fenced_total", "Times that a newer owner refused our writes.", stage),
		lost:            counter(reg, "lapwing_stage_lost_total", "Records that retention took before they were read.", stage),
		stopped:         counter(reg, "lapwing_stage_stopped_total", "Times that a stage stopped because its log does not reach its position.", stage),
		retries:         counter(reg, "lapwing_stage_retries_total", "Writes repeated after an error.", stage),
		generations:     counter(reg, "lapwing_stage_generations_total", "Generations of the consumer group that were joined.", stage),
		snapshotSeconds: histogram(reg, "lapwing_detect_snapshot_pause_seconds", "Time that a snapshot stops the cell.", nil, seconds),
		snapshotBytes:   gauge(reg, "lapwing_detect_snapshot_bytes", "Size of the last snapshot, compressed.", []string{"cell"}),
	}
}

func counter(reg prometheus.Registerer, name, help string, labels []string) *prometheus.CounterVec {
	return register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
}

func gauge(reg prometheus.Registerer, name, help string, labels []string) *prometheus.GaugeVec {
	return register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels))
}

func histogram(reg prometheus.Registerer, name, help string, labels []string, buckets []float64) *prometheus.HistogramVec {
	return register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels))
}

func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if err := reg.Register(c); err != nil {
		var twice prometheus.AlreadyRegisteredError
		if errors.As(err, &twice) {
			if old, ok := twice.ExistingCollector.(C); ok {
				return old
			}
		}
		// An unregistered metric still counts; it is only not shown.
	}
	return c
}
