package app

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lapwing-sec/lapwing/detect"
)

// observeEvery is how often a cell's statistics are taken: counting the memory
// of its profiles visits each of them.
const observeEvery = 5 * time.Second

// detectMetrics show what the engines say of themselves, by cell. An engine's
// counts are part of its state and survive a restart, so they are gauges here.
type detectMetrics struct {
	counts     *prometheus.GaugeVec
	identities *prometheus.GaugeVec
	bytes      *prometheus.GaugeVec
	panes      *prometheus.GaugeVec
	open       *prometheus.GaugeVec
	opened     *prometheus.GaugeVec
	paged      *prometheus.GaugeVec
	tests      *prometheus.GaugeVec
	nominal    *prometheus.GaugeVec
	realised   *prometheus.GaugeVec
}

func newDetectMetrics(reg prometheus.Registerer) *detectMetrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append([]string{"cell"}, labels...))
		reg.MustRegister(g)
		return g
	}
	return &detectMetrics{
		counts:     gauge("lapwing_detect_count", "What the cell has counted since it began: events, late, unusable, panes of identities and of topics, evicted identities, evicted and refused slots, adopted values, dropped notes and alerts, shared causes, refused sources, secrets and deeds for others beyond what is remembered, windows of Sigma correlations remembered and forgotten.", "what"),
		identities: gauge("lapwing_detect_identities", "Identities with a profile."),
		bytes:      gauge("lapwing_detect_profile_bytes", "Memory of all profiles."),
		panes:      gauge("lapwing_detect_open_panes", "Panes of event time that are still open."),
		open:       gauge("lapwing_detect_open_alerts", "Alerts that are open."),
		opened:     gauge("lapwing_detect_alerts_opened", "Alerts opened since the cell began, by the way they came about.", "way"),
		paged:      gauge("lapwing_detect_alerts_paged", "Alerts that paged since the cell began, by way.", "way"),
		tests:      gauge("lapwing_detect_tests_per_day", "Statistical tests performed a day, by way.", "way"),
		nominal:    gauge("lapwing_detect_budget_nominal", "Alerts a day that the budget allows, by way.", "way"),
		realised:   gauge("lapwing_detect_budget_realised", "Alerts a day that paged over the last week, by way.", "way"),
	}
}

// observer takes the statistics of one cell when they are due.
func (m *detectMetrics) observer(cell int) func(stats func() detect.Stats) {
	name := strconv.Itoa(cell)
	var last time.Time
	return func(stats func() detect.Stats) {
		if time.Since(last) < observeEvery {
			return
		}
		last = time.Now()
		m.set(name, stats())
	}
}

func (m *detectMetrics) set(cell string, s detect.Stats) {
	for what, n := range map[string]uint64{
		"events": s.Events, "late": s.Late, "unusable": s.Unusable, "overflow": s.Overflow, "panes": s.Panes, "panes_finished": s.Finished, "evicted": s.Evicted,
		"slots_evicted": s.SlotsEvicted, "slots_refused": s.SlotsRefused, "egress_refused": s.EgressRefused, "secrets_refused": s.SecretsRefused, "deeds_refused": s.DeedsRefused, "notes_dropped": s.NotesDropped,
		"incidents_refused": s.IncidentsRefused, "sprays_refused": s.SpraysRefused,
		"alerts_dropped": s.AlertsDropped, "adopted": s.Adopted, "excepted": s.Excepted,
		"sigma_windows": s.SigmaWindows, "sigma_windows_forgotten": s.SigmaForgotten,
		"silences_shared": s.SilencesShared, "alert_versions": s.Versions,
	} {
		m.counts.WithLabelValues(cell, what).Set(float64(n))
	}
	m.identities.WithLabelValues(cell).Set(float64(s.Identities))
	m.bytes.WithLabelValues(cell).Set(float64(s.ProfileBytes))
	m.panes.WithLabelValues(cell).Set(float64(s.OpenPanes))
	m.open.WithLabelValues(cell).Set(float64(s.OpenAlerts))
	for w := range s.Opened {
		way := detect.Way(w).String()
		m.opened.WithLabelValues(cell, way).Set(float64(s.Opened[w]))
		m.paged.WithLabelValues(cell, way).Set(float64(s.Paged[w]))
		m.tests.WithLabelValues(cell, way).Set(s.TestsPerDay[w])
		m.nominal.WithLabelValues(cell, way).Set(s.Nominal[w])
		m.realised.WithLabelValues(cell, way).Set(s.Realised[w])
	}
}
