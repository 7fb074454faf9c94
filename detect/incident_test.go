package detect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Sightings of a cause give the same incidents with the same members, in
// whatever order they come.
func TestTheOrderOfSightingsChangesNoIncident(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		at := fleetStart.AddDate(0, 0, 9).UnixNano()
		var all []sighted
		for range rapid.IntRange(1, 25).Draw(rt, "sightings") {
			at += rapid.Int64Range(0, int64(40*time.Minute)).Draw(rt, "gap")
			id := "aws:1:role/" + formatInt(rapid.Int64Range(0, 6).Draw(rt, "identity"))
			all = append(all, sighted{at: at, identity: id, alert: "a" + id, severity: schemas.SeverityMedium, x: found{meta: &newClientCard, Finding: Finding{Way: WayStrong, Value: "axios"}}})
		}
		order := rapid.Permutation(all).Draw(rt, "order")
		play := func(list []sighted) map[string]string {
			e := newEngine(t)
			e.out = &Output{}
			for _, s := range list {
				e.shows(cause{causeFinding, "new-client\x00axios"}, s)
			}
			out := map[string]string{}
			for _, inc := range e.incidents.list {
				members := slices.Clone(inc.members)
				slices.Sort(members)
				out[inc.id] = strings.Join(members, " ")
			}
			return out
		}
		assert.Equal(rt, play(all), play(order))
	})
}

func TestCellsNeverShareAnIncidentsID(t *testing.T) {
	at := fleetStart.AddDate(0, 0, 9).UnixNano()
	c := cause{causeFinding, "new-client\x00axios"}
	ids := map[string]string{}
	for _, of := range []struct{ cell, cells int }{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}} {
		e, err := New(Config{Cell: of.cell, Cells: of.cells})
		require.NoError(t, err)
		inc, name := e.incident(c, at), formatInt(int64(of.cell))+" of "+formatInt(int64(of.cells))
		if was, ok := ids[inc.id]; ok {
			t.Errorf("cells %s and %s call an incident alike", was, name)
		}
		ids[inc.id] = name
		assert.Same(t, inc, e.incident(c, at+int64(time.Hour)), "one cause, one day, one incident")
		assert.NotSame(t, inc, e.incident(c, at+day))
	}
}

// strangers is a fleet of which several identities break a policy within an
// hour, all from one strange address.
func strangers(t *testing.T, n int, gap time.Duration, routes ...string) (*Engine, Output) {
	t.Helper()
	members, all := fleet(5, 12, 4)
	at := fleetStart.AddDate(0, 0, 4)
	var odd []*schemas.Event
	for i := range n {
		ev := members[i].event(at.Add(time.Duration(i)*gap).UnixNano(), members[i].ops[0])
		ev.SrcIp, ev.SrcPrefix, ev.Country = "203.0.113.9", "203.0.113.0/24", "BR"
		ev.Declared = &schemas.Declared{Managed: true, Violations: []*schemas.Violation{{Detector: "region-policy", Observed: "BR", Expected: "DE"}}}
		odd = append(odd, ev)
	}
	for i, route := range routes {
		for _, ev := range slices.Concat(all, odd) {
			if ev.IdentityId == members[i].id {
				ev.Route = route
			}
		}
	}
	events := merge(all, odd)
	e := newEngine(t)
	var out Output
	drive(e, events, ends(events), &out)
	return e, out
}

func TestSeveralIdentitiesWithOneCauseAreOneIncident(t *testing.T) {
	for _, c := range []struct {
		name    string
		n       int
		gap     time.Duration
		pages   int // of members
		members int // of the incident; 0 for none
	}{
		{"two are two alerts", 2, 5 * time.Minute, 2, 0},
		{"five within an hour: the first two had paged, the rest are held", 5, 5 * time.Minute, 2, 5},
		{"three in three hours are three alerts", 3, time.Hour + time.Minute, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, out := strangers(t, c.n, c.gap)
			pages, incidents := 0, map[string]*schemas.Alert{}
			woke := 0
			for i := range out.Alerts {
				a := &out.Alerts[i]
				l := &a.Unmapped.Lapwing
				if len(l.Identities) > 0 {
					incidents[a.Actor.User.UID] = a
					woke += btoi(l.Page)
					continue
				}
				pages += btoi(l.Page && a.FindingInfo.Analytic.UID == "region-policy")
			}
			assert.Equal(t, c.pages, pages)
			if c.members == 0 {
				assert.Empty(t, incidents)
				return
			}
			a := incidents["source:203.0.113.9"]
			require.NotNil(t, a)
			assert.Len(t, a.Unmapped.Lapwing.Identities, c.members)
			assert.Len(t, a.Unmapped.Lapwing.Links, c.members, "each member's alert is linked")
			assert.NotEmpty(t, a.FindingInfo.RelatedEvents)
			assert.Contains(t, a.FindingInfo.Title, "5 identities raised alerts from 203.0.113.9")
			assert.NotContains(t, a.FindingInfo.Desc, a.FindingInfo.Title, "the title is not said again")
			assert.Equal(t, []string{"host"}, a.Metadata.Profiles)
		})
	}
}

func TestAnIncidentSaysWhomToCall(t *testing.T) {
	e := newEngine(t)
	for i, owner := range []string{"b@example.com", "a@example.com", "b@example.com", ""} {
		e.profile(&schemas.Event{IdentityId: string(rune('a' + i)), Owner: owner, Time: fleetStart.UnixNano()})
	}
	assert.Equal(t, " Owners: b@example.com (2), a@example.com; 1 without a declared one.", e.ownersOf([]string{"a", "b", "c", "d", "unknown"}))
	assert.Empty(t, e.ownersOf([]string{"d"}))
}

func TestAHeldMemberLinksToItsIncidentAndNeverSaysThatItPaged(t *testing.T) {
	_, out := strangers(t, 5, 5*time.Minute)
	last := map[string]*schemas.Alert{}
	for i := range out.Alerts {
		if a := &out.Alerts[i]; a.FindingInfo.Analytic.UID == "region-policy" && len(a.Unmapped.Lapwing.Identities) == 0 {
			last[a.Actor.User.UID] = a
		}
	}
	linked := 0
	for _, a := range last {
		if !a.Unmapped.Lapwing.Paged {
			linked++
			assert.NotEmpty(t, a.Unmapped.Lapwing.Links)
		}
	}
	assert.Equal(t, 3, linked)
}

// Whoever is on call sees one thing: the members that had paged before their
// incident was there say that they are part of it, after it and not before, and
// never page again for it. Those of another route keep their own.
func TestMembersThatHadPagedFoldIntoTheirIncident(t *testing.T) {
	for _, c := range []struct {
		name   string
		routes []string
		folded int
	}{
		{"all of one route", []string{"a", "a", "a", "a", "a"}, 5},
		{"each of its own", []string{"a", "b", "c", "a", "b"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, out := strangers(t, len(c.routes), 5*time.Minute, c.routes...)
			pages, last := map[string]int{}, map[string]*schemas.Alert{}
			incident := ""
			for i := range out.Alerts {
				a := &out.Alerts[i]
				l := &a.Unmapped.Lapwing
				if len(l.Identities) > 0 {
					if l.Page {
						assert.Empty(t, incident, "two causes of the same identities are one page")
						incident = a.ID()
					}
					continue
				}
				if l.Page {
					assert.Empty(t, incident, "no member pages once the incident has")
					assert.Empty(t, l.PartOf)
					pages[a.ID()]++
				}
				if l.PartOf != "" {
					assert.Equal(t, incident, l.PartOf)
					assert.NotEqual(t, schemas.ActivityCreate, btoi(l.Paged)*a.ActivityID, "it had opened before")
					assert.Equal(t, l.Paged, a.EndsPage())
				}
				if was := last[a.ID()]; was != nil {
					assert.Equal(t, was.Version()+1, a.Version())
				}
				last[a.ID()] = a
			}
			assert.Len(t, pages, 2)
			folded := 0
			for id, a := range last {
				if a.FindingInfo.Analytic.UID == "region-policy" && a.Unmapped.Lapwing.PartOf != "" {
					folded++
					assert.Contains(t, a.FindingInfo.Desc, "It is part of an incident of ")
				}
				assert.LessOrEqual(t, pages[id], 1)
			}
			assert.Equal(t, c.folded, folded)
		})
	}
}

// What several show in one quarter of an hour is known of all when it is judged:
// none of them pages beside the incident, not even the first.
func TestMembersOfOneQuarterOfAnHourPageOnce(t *testing.T) {
	members, all := fleet(5, 30, 13)
	at := fleetStart.AddDate(0, 0, 12).Add(10 * time.Hour)
	var odd []*schemas.Event
	// Of one log: what comes in others is judged when their own time passes.
	members = slices.DeleteFunc(members, func(m member) bool { return m.topic != members[0].topic || m.part != members[0].part })
	for i := range 5 {
		for k := range 10 {
			ev := members[i].event(at.Add(time.Duration(i*60+k*5)*time.Second).UnixNano(), members[i].ops[0])
			ev.BytesOut = 3e9
			odd = append(odd, ev)
		}
	}
	e := newEngine(t)
	var out Output
	events := merge(all, odd)
	drive(e, events, ends(events), &out)
	incident, pages := "", 0
	last := map[string]*schemas.Alert{}
	for i := range out.Alerts {
		a := &out.Alerts[i]
		l := &a.Unmapped.Lapwing
		if a.FindingInfo.Analytic.UID != "egress-volume" {
			continue
		}
		pages += btoi(l.Page)
		if len(l.Identities) > 0 {
			incident = a.ID()
			continue
		}
		if was := last[a.ID()]; was != nil {
			assert.Equal(t, was.Version()+1, a.Version())
		} else {
			assert.Equal(t, 1, a.Version())
		}
		last[a.ID()] = a
	}
	require.NotEmpty(t, incident)
	assert.Equal(t, 1, pages, "the incident's")
	assert.Len(t, last, 5)
	for _, a := range last {
		assert.False(t, a.Unmapped.Lapwing.Paged)
		assert.Equal(t, incident, a.Unmapped.Lapwing.PartOf)
	}
}

func TestAVerdictOnAnIncidentHoldsForItsMembers(t *testing.T) {
	members, all := fleet(5, 12, 4)
	at := fleetStart.AddDate(0, 0, 4)
	e := newEngine(t)
	var out Output
	drive(e, all, nil, &out)
	for i := range 4 {
		ev := members[i].event(at.Add(time.Duration(i)*time.Minute).UnixNano(), members[i].ops[0])
		ev.SrcIp, ev.SrcPrefix = "203.0.113.9", "203.0.113.0/24"
		ev.Declared = &schemas.Declared{Managed: true, Violations: []*schemas.Violation{{Detector: "network-policy", Observed: ev.SrcIp, Expected: "10.0.0.0/8"}}}
		drive(e, merge([]*schemas.Event{ev}), nil, &out)
	}
	require.NotEmpty(t, e.incidents.list)
	inc := e.incidents.list[0]
	e.Control(&schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_FEEDBACK, Time: at.Add(time.Hour).UnixNano(), AlertId: inc.id, IdentityId: inc.cause.actor(), Verdict: "expected", By: "ana", Reason: "a test",
	}, &out)
	assert.True(t, inc.closed)
	closed := map[string]bool{}
	for i := range out.Alerts {
		if a := &out.Alerts[i]; a.Unmapped.Lapwing.CloseReason == "expected by ana" {
			closed[a.Actor.User.UID] = true
		}
	}
	assert.Len(t, closed, 5, "four members and the incident")
	assert.Len(t, e.Verdicts(), 4)
}

func TestAnIncidentsTitleNamesThingsNotMeasures(t *testing.T) {
	e := newEngine(t)
	for _, c := range []struct {
		name  string
		meta  *Meta
		value string
		want  string
	}{
		{"a policy's value is a thing", &regionPolicyCard, "BR", "3 identities within an hour: call from or in a region that is not allowed (BR)"},
		{"a statistic's is a measure", &callRateCard, "scale 1", "3 identities within an hour: far more calls than this hour allows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inc := &incident{cause: cause{kind: causeFinding, value: c.meta.Name + "\x00" + c.value}, openAlert: openAlert{meta: c.meta}, members: []string{"a", "b", "c"}}
			title, _ := e.incidentWords(inc, []part{{found: found{meta: c.meta, Finding: Finding{Value: c.value}}}})
			assert.Equal(t, c.want, title)
		})
	}
}
