package detect

import (
	"slices"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestARealmIsTheAccountOfAnIdentity(t *testing.T) {
	for id, want := range map[string]string{
		"aws:111122223333:role/ci-deploy": "aws:111122223333",
		"k8s:prod-eu/payments/ledger-sa":  "k8s:prod-eu",
		"github:app/42":                   "github:app",
		"gcp:prod-1:sa/report":            "gcp:prod-1",
		"apikey:0123":                     "apikey",
		"nothing":                         "",
	} {
		assert.Equal(t, want, realm(id), id)
	}
}

// affair is a fleet of which one makes a key for another, widens its rights, and
// the other calls with the key, from elsewhere, what it never called.
func affair() (members []member, all, odd []*schemas.Event) {
	members, all = fleet(9, 14, 10)
	at := fleetStart.AddDate(0, 0, 9).Add(10 * time.Hour)
	doer, user := &members[0], &members[1]
	for _, ev := range all {
		ev.CredentialId, ev.CredentialType = "AKIA"+lastName(ev.IdentityId), "access_key"
	}
	mint, grant := doer.event(at.UnixNano(), "iam:CreateAccessKey"), doer.event(at.Add(10*time.Minute).UnixNano(), "iam:PutRolePolicy")
	mint.Grantees, mint.Attributes = []string{"role:" + lastName(user.id)}, map[string]string{madeIn[0]: "AKIANEW"}
	grant.Resources = []string{"arn:aws:iam::123456789012:role/" + lastName(user.id)}
	call := user.event(at.Add(30*time.Minute).UnixNano(), "rds:DescribeDBClusters")
	call.CredentialId, call.CredentialType, call.SrcIp, call.SrcPrefix, call.Country, call.Asn = "AKIANEW", "access_key", "192.0.2.7", "192.0.2.0/24", "BR", 64999
	for _, ev := range []*schemas.Event{mint, grant} {
		ev.Service, ev.ReadOnly = "iam", schemas.ReadOnly_READ_ONLY_FALSE
		ev.CredentialId, ev.CredentialType = "AKIA"+lastName(doer.id), "access_key"
	}
	return members, all, []*schemas.Event{mint, grant, call}
}

// Whichever partition of a log is read first, a deed and its use find each other:
// the same alerts have the same findings, and the doer the same evidence.
func TestADeedAndItsUseFindEachOtherInAnyOrder(t *testing.T) {
	members, all, odd := affair()
	play := func(order ...int) (ids, notes []string) {
		log := slices.Clone(all)
		log = merge(log)
		cut := slices.IndexFunc(log, func(ev *schemas.Event) bool { return ev.Time > odd[0].Time })
		e := newEngine(t)
		var out Output
		drive(e, log[:cut], nil, &out)
		for _, i := range order {
			ev := odd[i]
			ev.Watermark, ev.RawTopic, ev.RawPartition = log[cut-1].Watermark, log[cut-1].RawTopic, log[cut-1].RawPartition
			e.Event(ev, &out)
		}
		for i := range out.Alerts {
			a := &out.Alerts[i]
			for _, f := range a.Unmapped.Lapwing.Findings {
				if f.Detector == "policy-change" || f.Detector == "minted-use" {
					ids = append(ids, a.Actor.User.UID+" "+f.Detector+" "+f.Value)
				}
			}
		}
		p, _ := e.store.find(members[0].id)
		if d := e.dossiers[p.self]; d != nil {
			for i := range d.notes {
				if n := &d.notes[i]; n.Way == WayConsequence {
					notes = append(notes, n.meta.Name+" "+n.Value+" "+formatInt(n.pane)+" "+n.Sentence)
				}
			}
		}
		slices.Sort(ids)
		slices.Sort(notes)
		return slices.Compact(ids), notes
	}
	want, notes := play(0, 1, 2)
	require.Len(t, want, 2, "%v", want)
	require.Len(t, notes, 2, "%v", notes)
	for _, order := range [][]int{{2, 0, 1}, {2, 1, 0}, {0, 2, 1}, {1, 2, 0}} {
		got, evidence := play(order...)
		assert.Equal(t, want, got, "%v", order)
		assert.Equal(t, notes, evidence, "%v", order)
	}
}

// What came of a deed raises the risk of who did it, though it is another's alert.
func TestTheDoerSharesTheRisk(t *testing.T) {
	members, all, odd := affair()
	e := newEngine(t)
	log := merge(all, odd)
	drive(e, log, nil, &Output{})
	p, _ := e.store.find(members[0].id)
	d := e.dossiers[p.self]
	require.NotNil(t, d)
	pane := &Pane{Number: paneOf(odd[2].Time) + 2*drift}
	with := d.risk(pane)
	d.notes = slices.DeleteFunc(d.notes, func(n note) bool { return n.Way == WayConsequence })
	without := d.risk(pane)
	assert.Greater(t, with.points, without.points+riskPoints[schemas.SeverityMedium])
	assert.Equal(t, without.detectors+2, with.detectors)
}

// Deeds told in any order, or twice, are the same deeds; so a change of cells can
// tell every cell of them.
func TestDeedsDependOnNoOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var all []deed
		for range rapid.IntRange(1, 20).Draw(rt, "deeds") {
			all = append(all, deed{at: rapid.Int64Range(1, 9).Draw(rt, "at"), by: string(rune('a' + rapid.IntRange(0, 3).Draw(rt, "by")))})
		}
		know := func(lists ...[]deed) []deed {
			var d deeds
			d.init()
			for _, list := range lists {
				for _, x := range list {
					d.add(1, x)
				}
			}
			return d.done[1]
		}
		want := know(all)
		assert.LessOrEqual(rt, len(want), deedsOfOne)
		assert.Equal(rt, want, know(rapid.Permutation(all).Draw(rt, "order")))
		assert.Equal(rt, want, know(want, all, want))
	})
}

func TestDeedsAreBounded(t *testing.T) {
	var d deeds
	d.init()
	for k := range deedKey(maxDeeds + 5) {
		require.Equal(t, k >= maxDeeds, d.add(k, deed{at: 1000, by: "a"}))
		d.waits(k, use{moment: moment{at: 1000}, identity: "a"})
	}
	for i := range int64(50) {
		d.waits(0, use{moment: moment{at: 1000 + i}, identity: "a"})
	}
	require.Len(t, d.uses, maxDeeds)
	require.Len(t, d.uses[0], usesOfOne)
	d.sweep(1000 + mintedWindow + useKept + 1)
	require.Empty(t, d.done)
	require.Empty(t, d.uses)
}
