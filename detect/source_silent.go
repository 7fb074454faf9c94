package detect

import (
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var sourceSilentCard = Meta{
	Name: "source-silent", Title: "A log falls silent", Basis: Learned, Family: FamilyTime, Way: WayStrong,
	Severity:  schemas.SeverityMedium,
	MinSample: "three identities of the log that have shown their own longest gap (silence)", Floor: "three of them overdue within 12 hours, while less than a quarter of the other callers that were to be expected call (of a log with few callers, over some hours), or many stop together; not for a log that has ended",
	Kept:    "nothing of each identity; how many were active in each quarter of an hour of the last day, 1 kB a log",
	Model:   "active identities against the mean of the day before; it stands for the silence of each of them",
	Attacks: []schemas.Technique{{UID: "T1562.008", Name: "Impair Defenses: Disable or Modify Cloud Logs"}},
	NHI:     []string{"NHI6:2025"}, API: []string{"API9:2023"}, NIST: []string{"DE.CM-09", "DE.AE-02"}, PCI: []string{"10.7.2"},
	FirstChecks: []string{
		"Look whether the log's shipper, trail or export still runs, and who touched it last (log-tampering).",
		"Check what else it fed: until it is back, nothing that happens there is seen.",
		"When it is back, see whether the gap was filled: a back-fill is judged, but for rates.",
	},
}

// sourceSilent finds a log that stops: one incident in place of the silence of
// everybody in it. The engine asks when identities miss their deadlines.
type sourceSilent struct{ paneOnly }

const (
	silentFloor  = 3
	silentWindow = int64(12 * time.Hour)
)

// Meta implements Detector.
func (sourceSilent) Meta() *Meta { return &sourceSilentCard }

// Close does nothing: a log that is silent closes no pane.
func (sourceSilent) Close(*Cell, *Profile, *Pane, *Findings) {}

// silentWith notes that an identity is overdue because its log is silent.
func (e *Engine) silentWith(p *Profile, q *quiet) {
	if e.off[sourceSilentCard.Name] {
		return
	}
	var names []string
	for i := range e.clock.topics {
		if q.topics&(1<<uint(i)) != 0 { //nolint:gosec // below maxTopics
			names = append(names, e.clock.topics[i].name)
		}
	}
	name := strings.Join(names, ", ")
	if name == "" {
		return
	}
	x := found{meta: &sourceSilentCard, Finding: Finding{
		Way: WayStrong, Severity: sourceSilentCard.Severity, Value: name, Did: "fell silent",
		Sentence: "The log " + name + " fell silent for several of its regular callers together.",
		Observed: "overdue identities", Expected: "the calls of its regular callers",
	}}
	e.shows(cause{causeLog, name}, sighted{at: q.at, identity: e.store.ids[p.self], x: x, severity: sourceSilentCard.Severity})
}
