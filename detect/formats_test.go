package detect

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// burglary is a small fleet of which one looks around, then reads a secret, and
// the third step, which is still to come.
func burglary() (all []*schemas.Event, third *schemas.Event) {
	members, all := fleet(7, 2, 9)
	at := fleetStart.AddDate(0, 0, 8).Add(20 * time.Hour)
	m := &members[0]
	look, read := m.event(at.UnixNano(), "iam:ListUsers"), m.event(at.Add(40*time.Minute).UnixNano(), "secretsmanager:GetSecretValue")
	look.Service, read.Service, read.Resources = "iam", "secretsmanager", []string{"prod/db"}
	third = m.event(at.Add(7*time.Hour).UnixNano(), "iam:CreateAccessKey")
	third.Service, third.ReadOnly = "iam", schemas.ReadOnly_READ_ONLY_FALSE
	return merge(all, []*schemas.Event{look, read}), third
}

// testdata/formats holds what earlier versions wrote of the same traffic: a
// profile of known, and from oldestVersion on a cell after the first two steps of
// burglary.
func TestOlderFormatsAreRead(t *testing.T) {
	for version := oldestProfile; version < snapshotVersion; version++ {
		name := filepath.Join("testdata", "formats", "profile-"+strconv.Itoa(version)+".bin")
		state, err := os.ReadFile(name) //nolint:gosec // a test's own folder
		require.NoError(t, err)
		require.NoError(t, CheckProfileState(state), name)
		e, members := known(t)
		id := members[0].id
		want, _ := e.Profile(id)
		e.Control(profileControl(ProfileReset, id, fleetStart.AddDate(0, 0, 10), nil), &Output{})
		e.Control(profileControl(ProfileImport, id, fleetStart.AddDate(0, 0, 10), state), &Output{})
		got, _ := e.Profile(id)
		assert.Equal(t, want.Levels, got.Levels, name)
		assert.Equal(t, want.Sets, got.Sets, name)

		if version < oldestVersion {
			continue
		}
		name = filepath.Join("testdata", "formats", "cell-"+strconv.Itoa(version)+".bin")
		state, err = os.ReadFile(name) //nolint:gosec // a test's own folder
		require.NoError(t, err)
		cell := newEngine(t)
		require.NoError(t, cell.Restore(bytes.NewReader(state)), name)
		all, third := burglary()
		now := newEngine(t)
		drive(now, all, nil, &Output{})
		var was, is Output
		for _, id := range now.store.ids {
			want, _ := now.Profile(id)
			got, ok := cell.Profile(id)
			require.True(t, ok)
			assert.Equal(t, want.Levels, got.Levels)
			assert.Equal(t, want.Sets, got.Sets)
		}
		again := newEngine(t)
		require.NoError(t, again.Restore(bytes.NewReader(snapshotOf(t, cell))), "what was read is written in the format of today")
		last := stamp([]*schemas.Event{third})
		drive(now, last, ends(last), &was)
		drive(again, last, ends(last), &is)
		assert.Equal(t, told(was.Alerts), told(is.Alerts), "and goes on as if it had been written today")
		assert.Contains(t, told(is.Alerts), "sequence")
	}
}

// told are the detectors whose findings are in alerts.
func told(alerts []schemas.Alert) (names []string) {
	for i := range alerts {
		for _, f := range alerts[i].Unmapped.Lapwing.Findings {
			names = append(names, f.Detector)
		}
	}
	return names
}

// A profile of a version to come has more at the end of its sections.
func TestWhatANewerVersionAddsToAProfileIsSkipped(t *testing.T) {
	e, members := known(t)
	p, _ := e.store.find(members[0].id)
	var b bytes.Buffer
	c := &codec{w: &b}
	mark, version, format, more := profileMagic, uint64(profileVersion), uint64(snapshotVersion+1), "more"
	c.text(&mark)
	c.u64(&version)
	c.u64(&format)
	c.begin()
	e.visitFirst(c, p)
	c.text(&more)
	c.end()
	c.begin()
	p.stats.visit(c)
	c.text(&more)
	c.end()
	e.visitSlots(c, p)
	end := snapshotEnd
	c.text(&end)
	c.flush()
	require.NoError(t, c.err)
	require.NoError(t, CheckProfileState(b.Bytes()))

	want, _ := e.Profile(members[0].id)
	e.Control(profileControl(ProfileImport, "newcomer", fleetStart.AddDate(0, 0, 10), b.Bytes()), &Output{})
	got, ok := e.Profile("newcomer")
	require.True(t, ok)
	assert.Equal(t, want.Levels, got.Levels)

	var cell bytes.Buffer
	c = &codec{w: &cell}
	mark = snapshotMagic
	c.text(&mark)
	c.u64(&format)
	c.flush()
	require.ErrorContains(t, newEngine(t).Restore(&cell), "format "+strconv.Itoa(snapshotVersion+1), "a cell's snapshot of a newer version is refused")
}
