package simulate

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// said is one version of an alert. after are minutes past noon.
func said(id, who string, version int, page bool, after int, events ...int) schemas.Alert {
	var a schemas.Alert
	a.FindingInfo.UID = id
	a.FindingInfo.Analytic.UID = "some-detector"
	a.Actor.User.UID = who
	a.Time = noon.Add(time.Duration(after) * time.Minute).UnixMilli()
	a.ActivityID = schemas.ActivityCreate
	if version > 1 {
		a.ActivityID = schemas.ActivityUpdate
	}
	a.Unmapped.Lapwing.Version, a.Unmapped.Lapwing.Page = version, page
	for _, e := range events {
		a.FindingInfo.RelatedEvents = append(a.FindingInfo.RelatedEvents, schemas.RelatedEvent{UID: "e", Time: noon.Add(time.Duration(e) * time.Minute).UnixMilli()})
	}
	return a
}

func opened(a schemas.Alert, minutes int) schemas.Alert {
	a.FindingInfo.FirstSeenTime = noon.Add(time.Duration(minutes) * time.Minute).UnixMilli()
	return a
}

func by(a schemas.Alert, detector string) schemas.Alert {
	a.FindingInfo.Analytic.UID = detector
	return a
}

// done is a label of svc from minute 10 to 20, with an event each of them.
func done(kind string, change ...func(*Label)) Label {
	l := Label{ID: kind + "/x", Kind: kind, Case: 13, Name: "x", Identity: "svc", Network: "usual", Client: "own", Start: noon.Add(10 * time.Minute), End: noon.Add(20 * time.Minute)}
	l.Times = []int64{l.Start.UnixMilli(), l.End.UnixMilli()}
	for _, c := range change {
		c(&l)
	}
	return l
}

func silent(l *Label) { l.Silence, l.Times = true, nil }

func TestScore(t *testing.T) {
	for _, c := range []struct {
		name                                         string
		labels                                       []Label
		alerts                                       []schemas.Alert
		found, byTime, reported, fired, pages, noise int
		delay                                        time.Duration
	}{
		{name: "an attack that nothing is said of is missed", labels: []Label{done(KindAttack)}},
		{name: "a page that names an event finds it", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{said("a", "svc", 1, true, 11, 10)}, found: 1, byTime: 1, delay: time.Minute},
		{name: "a page of the time that names another event does not, and is not false", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{said("a", "svc", 1, true, 11, 11)}, byTime: 1},
		{name: "a page about another identity is false", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{said("a", "other", 1, true, 11, 10)}, pages: 1},
		{name: "a page of the day before is false", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{said("a", "svc", 1, true, -600, -600)}, pages: 1},
		{name: "a page three hours after its end is false unless it names an event", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{said("a", "svc", 1, true, 201, 201), said("b", "svc", 1, true, 201, 20)}, found: 1, byTime: 1, pages: 1, delay: 191 * time.Minute},
		{name: "a pane may be dated by its start", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{opened(said("a", "svc", 1, true, 15, 10), 0)}, found: 1, byTime: 1, delay: 5 * time.Minute},
		{name: "an alert that pages nobody is a report", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{said("a", "svc", 1, false, 11, 10)}, reported: 1},
		{name: "a page that names an event by its id finds it", labels: []Label{done(KindAttack, func(l *Label) { l.Times, l.Events = nil, []string{"x", "e"} })}, alerts: []schemas.Alert{said("a", "svc", 1, true, 300, 290)}, found: 1, byTime: 1, delay: 290 * time.Minute},
		{name: "versions of one alert count once, and it is found when it first pages", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{said("a", "svc", 1, false, 11, 10), said("a", "svc", 2, true, 14, 10), said("a", "svc", 3, true, 20, 20)}, found: 1, byTime: 1, delay: 4 * time.Minute},
		{name: "an older alert that grows is found when it names the event", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{said("a", "svc", 1, true, -600, -600), said("a", "svc", 2, true, 12, -600, 10)}, found: 1, byTime: 1, delay: 2 * time.Minute},
		{name: "an older alert that pages again in time is found where no event is named", labels: []Label{done(KindAttack, func(l *Label) { l.Times = nil })}, alerts: []schemas.Alert{said("a", "svc", 1, true, -600, -600), said("a", "svc", 2, true, 12, 12)}, found: 1, byTime: 1, delay: 2 * time.Minute},
		{name: "an older alert that grows in time and pages nobody again is not", labels: []Label{done(KindAttack, func(l *Label) { l.Times = nil })}, alerts: []schemas.Alert{said("a", "svc", 1, true, -600, -600), said("a", "svc", 2, false, 12, 12)}, pages: 1},
		{name: "the last version alone is enough", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{opened(said("a", "svc", 4, true, 60, 10, 20), 10)}, found: 1, byTime: 1, delay: 50 * time.Minute},
		{name: "an incident that lists the identity counts", labels: []Label{done(KindAttack)}, alerts: []schemas.Alert{func() schemas.Alert {
			a := said("a", "other", 1, true, 12, 10)
			a.Unmapped.Lapwing.Identities = []string{"other", "svc"}
			return a
		}()}, found: 1, byTime: 1, delay: 2 * time.Minute},
		{name: "a silence is found by identity and time", labels: []Label{done(KindAttack, silent)}, alerts: []schemas.Alert{said("a", "svc", 1, true, 400)}, found: 1, byTime: 1, delay: 390 * time.Minute},
		{name: "a silence is not found a day later", labels: []Label{done(KindAttack, silent)}, alerts: []schemas.Alert{said("a", "svc", 1, true, 1500)}, pages: 1},
		{name: "a hard case that pages is named, and false", labels: []Label{done(KindHard)}, alerts: []schemas.Alert{said("a", "svc", 1, true, 11, 10)}, fired: 1, pages: 1},
		{name: "a hard case in the report is noise", labels: []Label{done(KindHard)}, alerts: []schemas.Alert{said("a", "svc", 1, false, 11, 10)}, noise: 1},
		{name: "a stale credential is true", labels: []Label{done(KindHousekeeping)}, alerts: []schemas.Alert{by(said("a", "svc", 1, true, 900), "stale-credential")}},
		{name: "housekeeping excuses nothing else", labels: []Label{done(KindHousekeeping)}, alerts: []schemas.Alert{said("a", "svc", 1, true, 900)}, pages: 1},
		{name: "alerts of the learning days are not judged", alerts: []schemas.Alert{said("a", "svc", 1, true, -60*24*4)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Score(c.labels, c.alerts, noon.Add(-24*time.Hour), noon.Add(48*time.Hour))
			require.Equal(t, c.found, s.Found, "found")
			require.Equal(t, c.byTime, s.ByTime, "by time")
			require.Equal(t, c.reported, s.Reported, "reported")
			require.Equal(t, c.fired, s.HardFired, "hard cases fired")
			require.Equal(t, c.pages, s.False, "false pages")
			require.Len(t, s.FalsePages, c.pages)
			require.Equal(t, c.noise, s.FalseReports, "false reports")
			require.InDelta(t, float64(c.pages)/3, s.FalsePerDay, 1e-9)
			require.Equal(t, c.delay, s.MedianDelay, "time to detect")
		})
	}
}

// Labels that somebody else wrote have no use case and no place: the table says when.
func TestScorecardOfOtherLabelsSaysWhen(t *testing.T) {
	label := done(KindAttack, func(l *Label) { l.Network, l.Client, l.Case = "", "", 0 })
	s := Score([]Label{label}, []schemas.Alert{said("p", "svc", 1, true, 12, 10)}, noon, noon.Add(24*time.Hour))
	var table bytes.Buffer
	require.NoError(t, s.WriteTable(&table))
	require.Contains(t, table.String(), "AT (UTC)")
	require.Contains(t, table.String(), label.Start.UTC().Format("2006-01-02 15:04"))
	require.NotContains(t, table.String(), "FROM")
	require.NotContains(t, table.String(), "number of the use case")
}

// What the logs lack is listed by itself and counts for nothing.
func TestScorecardListsWhatWasNotJudged(t *testing.T) {
	labels := []Label{done(KindAttack, func(l *Label) { l.Name = "elsewhere" }), done(KindHard, func(l *Label) { l.Name, l.Identities = "calm", []string{"a", "b"} })}
	s := ScoreJudged(labels, nil, noon, noon.Add(24*time.Hour), func(l *Label, r *Row) (string, bool) { return "no call of it", false })
	require.Empty(t, s.Rows)
	require.Zero(t, s.Attacks+s.HardCases)
	var table bytes.Buffer
	require.NoError(t, s.WriteTable(&table))
	require.Contains(t, table.String(), "│ 2026-07-01 12:10 │ elsewhere     │ svc      │ no call of it │")
	require.Contains(t, table.String(), "│ 2026-07-01 12:10 │ calm (benign) │ a b      │ no call of it │")
	require.Contains(t, table.String(), "no attack to find; not judged 2\n")
	require.NotContains(t, table.String(), "RESULT")
}

func TestScorecardIsWritten(t *testing.T) {
	hard := done(KindHard, func(l *Label) { l.Identities = []string{"a", "b"} })
	s := Score([]Label{done(KindAttack), hard}, []schemas.Alert{said("p", "svc", 1, true, 12, 10), said("q", "b", 1, true, 15, 15)}, noon, noon.Add(24*time.Hour))
	var table, object bytes.Buffer
	require.NoError(t, s.WriteTable(&table))
	require.Contains(t, table.String(), "attacks found by event 1 of 1 (100%)")
	require.Contains(t, table.String(), "2 identities")
	require.Contains(t, table.String(), "false page  2026-07-01 12:15  some-detector  b")
	require.NoError(t, json.NewEncoder(&object).Encode(&s))
	var back Scorecard
	require.NoError(t, json.Unmarshal(object.Bytes(), &back))
	require.Equal(t, s.Rows[0].Alert, back.Rows[0].Alert)
	require.Equal(t, "x", back.FalsePages[0].HardCase)
	require.Equal(t, []DetectorRow{{Detector: "some-detector", Alerts: 2, Paged: 2, True: 1, False: 1, FalsePerDay: 1}}, back.Detectors)
	table.Reset()
	require.NoError(t, s.WriteDetectors(&table))
	require.Contains(t, table.String(), "│ some-detector │      2 │     2 │    1 │     1 │ 1.00        │")
	require.Equal(t, []Stratum{{Network: "usual", Client: "own", Attacks: 1, Found: 1}}, back.Strata)
}
