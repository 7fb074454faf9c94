package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// A small fleet for the tests: identities with a level, a daily wave and a few
// operations, and nothing else. It knows nothing of the detectors.

var fleetStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

type member struct {
	id, kind string
	perPane  float64
	wave     float64 // amplitude of the daily wave, 0..1
	ops      []string
	ip       string
	country  string
	lat, lon float64
	topic    string
	part     int32
	bytes    uint64
	spread   float64 // sigma of the pane's log-normal noise
}

func newMember(i int, r *rand.Rand) member {
	kinds := []string{"service_account", "workload", "ci_pipeline", "integration", "api_key"}
	m := member{
		id: fmt.Sprintf("aws:123456789012:role/svc-%03d", i), kind: kinds[i%len(kinds)], perPane: 1 + 16*r.Float64()*r.Float64(),
		wave: 0.7 * r.Float64(), ip: fmt.Sprintf("198.51.100.%d", i%250), country: "DE", lat: 51, lon: 9,
		topic: []string{"raw.cloudtrail", "raw.kong"}[i%2], part: int32(i % 4), bytes: 2000, spread: 0.3,
	}
	for o := range 4 + i%6 {
		m.ops = append(m.ops, fmt.Sprintf("s3:GetThing%d", (i*3+o)%40))
	}
	return m
}

// events writes a member's calls from a time to another, in order.
func (m *member) events(r *rand.Rand, from, to time.Time) []*schemas.Event {
	var out []*schemas.Event
	for t := from; t.Before(to); t = t.Add(15 * time.Minute) {
		hour := float64(t.Hour()) + float64(t.Minute())/60
		mean := m.perPane * (1 + m.wave*math.Sin(2*math.Pi*(hour-9)/24)) * math.Exp(m.spread*r.NormFloat64())
		n := poisson(r, mean)
		at := make([]int64, n)
		for i := range at {
			at[i] = t.UnixNano() + r.Int64N(PaneLength)
		}
		slices.Sort(at)
		for _, x := range at {
			out = append(out, m.event(x, m.ops[int(float64(len(m.ops))*r.Float64()*r.Float64())]))
		}
	}
	return out
}

func (m *member) event(at int64, op string) *schemas.Event {
	return &schemas.Event{
		Id: fmt.Sprintf("%s-%d", m.id[len(m.id)-3:], at), Time: at, Format: "cloudtrail", RawTopic: m.topic, RawPartition: m.part,
		IdentityId: m.id, IdentityKind: m.kind, IdentityName: m.id[len(m.id)-7:], Owner: "alice@example.com", Team: "platform",
		Declared: &schemas.Declared{Managed: true}, Operation: op, Service: "s3", Outcome: schemas.Outcome_OUTCOME_SUCCESS,
		SrcIp: m.ip, SrcPrefix: m.ip[:len("198.51.100")] + ".0/24", Country: m.country, Latitude: m.lat, Longitude: m.lon,
		Client: "boto3", CredentialId: "AKIA" + m.id[len(m.id)-3:], CredentialType: "access_key", Account: "123456789012", Region: "eu-central-1",
		BytesOut: m.bytes, ReadOnly: schemas.ReadOnly_READ_ONLY_TRUE,
	}
}

func poisson(r *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	l, k, p := math.Exp(-mean), 0, 1.0
	for p > l {
		k++
		p *= r.Float64()
	}
	return k - 1
}

// merge sorts events by time and states watermarks as an enricher would.
func merge(lists ...[]*schemas.Event) []*schemas.Event {
	var all []*schemas.Event
	for _, l := range lists {
		all = append(all, l...)
	}
	slices.SortStableFunc(all, func(a, b *schemas.Event) int {
		if a.Time != b.Time {
			return compare(a.Time, b.Time)
		}
		return compareText(a.Id, b.Id)
	})
	return stamp(all)
}

func compareText(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// stamp sets each event's watermark: the newest time of its partition less a
// minute.
func stamp(all []*schemas.Event) []*schemas.Event {
	type part struct {
		topic string
		id    int32
	}
	newest := map[part]int64{}
	for _, ev := range all {
		k := part{ev.RawTopic, ev.RawPartition}
		newest[k] = max(newest[k], ev.Time)
		ev.Watermark = newest[k] - int64(time.Minute)
	}
	return all
}

// ends are the END controls of every partition among the events.
func ends(all []*schemas.Event) []*schemas.Control {
	var out []*schemas.Control
	for _, ev := range all {
		if !slices.ContainsFunc(out, func(c *schemas.Control) bool {
			return c.RawTopic == ev.RawTopic && c.RawPartition == ev.RawPartition
		}) {
			out = append(out, &schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_END, RawTopic: ev.RawTopic, RawPartition: ev.RawPartition})
		}
	}
	slices.SortFunc(out, func(a, b *schemas.Control) int {
		if a.RawTopic != b.RawTopic {
			return compareText(a.RawTopic, b.RawTopic)
		}
		return int(a.RawPartition - b.RawPartition)
	})
	for _, c := range out {
		for _, ev := range all {
			if ev.RawTopic == c.RawTopic && ev.RawPartition == c.RawPartition {
				c.Watermark = max(c.Watermark, ev.Time+int64(time.Hour))
			}
		}
	}
	return out
}

func run(t testing.TB, e *Engine, all []*schemas.Event) []schemas.Alert {
	t.Helper()
	var out Output
	for _, ev := range all {
		e.Event(ev, &out)
	}
	for _, c := range ends(all) {
		e.Control(c, &out)
	}
	return out.Alerts
}

func newEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) } //nolint:gosec // a test's fixed traffic

// pages counts alerts that paged, by the way of the version that did.
func pages(alerts []schemas.Alert) map[string]int {
	out := map[string]int{}
	for i := range alerts {
		if a := &alerts[i]; a.Unmapped.Lapwing.Page {
			out[a.Unmapped.Lapwing.Way]++
		}
	}
	return out
}

func fleet(seed uint64, n, days int) ([]member, []*schemas.Event) {
	r := random(seed)
	members := make([]member, n)
	lists := make([][]*schemas.Event, n)
	for i := range members {
		members[i] = newMember(i, r)
		lists[i] = members[i].events(random(seed*1000+uint64(i)), fleetStart, fleetStart.AddDate(0, 0, days)) //nolint:gosec // small
	}
	return members, merge(lists...)
}

func TestACleanFleetStaysWithinItsBudget(t *testing.T) {
	for _, seed := range []uint64{2} {
		_, all := fleet(seed, 60, 21)
		e := newEngine(t)
		alerts := run(t, e, all)
		got := pages(alerts)
		total := 0
		for _, n := range got {
			total += n
		}
		t.Logf("seed %d: %d events, pages %v: %.2f a day; stats %+v", seed, len(all), got, float64(total)/21, e.Stats())
		for i := range alerts {
			if a := &alerts[i]; a.Unmapped.Lapwing.Page {
				t.Logf("%s %s %s %.2f", time.UnixMilli(a.Time).UTC().Format(time.RFC3339), a.Unmapped.Lapwing.Way, a.FindingInfo.Title, a.Unmapped.Lapwing.Surprise)
			}
		}
		if float64(total)/21 > 3 {
			t.Errorf("seed %d: %.2f pages a day, the budget is 3", seed, float64(total)/21)
		}
	}
}

func TestASteadyIdentityThatBurstsPagesStrong(t *testing.T) {
	members, all := fleet(3, 30, 13)
	m := members[7]
	at := fleetStart.AddDate(0, 0, 12).Add(10 * time.Hour)
	steady := m
	steady.id, steady.perPane, steady.wave, steady.spread = "aws:123456789012:role/steady", 20, 0, 0.1
	burst := steady
	burst.perPane = 600
	all = merge(all, steady.events(random(9), fleetStart, at), burst.events(random(10), at, at.Add(30*time.Minute)),
		steady.events(random(11), at.Add(30*time.Minute), fleetStart.AddDate(0, 0, 13)))
	alerts := run(t, newEngine(t), all)
	for i := range alerts {
		a := &alerts[i]
		if a.Actor.User.UID == steady.id && a.Unmapped.Lapwing.Page {
			if a.Unmapped.Lapwing.Way != "strong" || a.FindingInfo.Analytic.UID != "call-rate" {
				t.Errorf("paged as %s by %s", a.Unmapped.Lapwing.Way, a.FindingInfo.Analytic.UID)
			}
			t.Log(a.FindingInfo.Title, "|", a.FindingInfo.Desc, a.Unmapped.Lapwing.Surprise)
			return
		}
	}
	t.Error("the burst did not page")
}

func TestAnIncidentOfTheWholeFleetDoesNotPage(t *testing.T) {
	members, all := fleet(4, 60, 12)
	at := fleetStart.AddDate(0, 0, 11).Add(14 * time.Hour)
	// For 45 minutes everybody retries: five times the calls, most of them failing.
	for i := range members {
		m := members[i]
		m.perPane, m.wave = m.perPane*5, 0
		retries := m.events(random(uint64(500+i)), at, at.Add(45*time.Minute)) //nolint:gosec // small
		for _, ev := range retries {
			ev.Outcome, ev.StatusCode = schemas.Outcome_OUTCOME_ERROR, 503
		}
		all = append(all, retries...)
	}
	for _, a := range run(t, newEngine(t), merge(all)) {
		if when := time.UnixMilli(a.Time); a.Unmapped.Lapwing.Page && when.After(at) && when.Before(at.Add(3*time.Hour)) {
			t.Errorf("paged: %s", a.FindingInfo.Desc)
		}
	}
}

func TestAColdStartDoesNotFlood(t *testing.T) {
	_, all := fleet(5, 60, 3)
	got := pages(run(t, newEngine(t), all))
	total := 0
	for _, n := range got {
		total += n
	}
	if total > 2 {
		t.Errorf("%d pages in the first three days: %v", total, got)
	}
}
