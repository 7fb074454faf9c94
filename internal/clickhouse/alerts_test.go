package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func TestNewestVersionOfAnAlertWins(t *testing.T) {
	db := openMigrated(t)
	w := db.Alerts()
	for _, versions := range [][]int{{1, 2}, {4}, {3}, {1, 2}, {4}} {
		var batch []schemas.Alert
		for _, v := range versions {
			a := sampleAlert("a", v)
			a.FindingInfo.Title = fmt.Sprint("version ", v)
			batch = append(batch, a)
		}
		for _, err := range w.Write(t.Context(), batch) {
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	res, err := db.Query(t.Context(), "SELECT * FROM alerts_current", nil)
	require.NoError(t, err)
	require.Len(t, res.Rows, 1)
	row := map[string]string{}
	for i, c := range res.Columns {
		row[c.Name] = Format(res.Rows[0][i])
	}
	for column, want := range map[string]string{
		"tenant": "default", "alert_id": "a", "version": "4", "title": "version 4", "identity_id": ciDeploy, "detector": "secret-access", "detectors": "secret-access, new-country", "severity": "High", "page": "false", "paged": "true", "owner": "alice@example.com",
		"first_ts": "2026-03-02T10:00:00Z", "activity": "update", "techniques": "T1555.006", "operations": "secretsmanager:GetSecretValue", "first_checks": "Ask the owner.", "credential_id": akia, "risk_score": "80",
	} {
		require.Equal(t, want, row[column], column)
	}
	var back schemas.Alert
	require.NoError(t, json.Unmarshal([]byte(row["alert"]), &back), "the whole alert is there")
	require.Equal(t, "version 4", back.FindingInfo.Title)
}

func TestAlertsAreWrittenInTheirHundreds(t *testing.T) {
	db := openMigrated(t)
	batch := make([]schemas.Alert, 450)
	for i := range batch {
		batch[i] = sampleAlert(fmt.Sprint("a", i), 1)
		batch[i].FindingInfo.FirstSeenTime = noon.AddDate(0, i%150, 0).UnixMilli()
	}
	for _, err := range db.Alerts().Write(t.Context(), batch) {
		require.NoError(t, err)
	}
	require.Equal(t, uint64(450), one[uint64](t, db, "SELECT count() FROM alerts_current"))
}

func TestRefusedAlertIsPermanentAndAlone(t *testing.T) {
	db := openMigrated(t)
	require.NoError(t, db.conn.Exec(t.Context(), "ALTER TABLE alerts ADD CONSTRAINT titled CHECK title != ''"))
	batch := []schemas.Alert{sampleAlert("a", 1), sampleAlert("b", 1), sampleAlert("c", 1)}
	batch[1].FindingInfo.Title = ""
	errs := db.Alerts().Write(t.Context(), batch)
	require.NoError(t, errs[0])
	require.True(t, stream.IsPermanent(errs[1]), errs[1])
	require.NoError(t, errs[2])
	require.Equal(t, uint64(2), one[uint64](t, db, "SELECT count() FROM alerts_current"))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range db.Alerts().Write(ctx, batch) {
		require.Error(t, err)
		require.False(t, stream.IsPermanent(err), "a stop is no refusal")
	}
}

func TestDeclaredIdentitiesWinOverDiscoveredOnes(t *testing.T) {
	db := openMigrated(t)
	w := db.Identities()
	handle := func(recs ...stream.Record) { require.NoError(t, w.Handle(t.Context(), recs)) }
	owner := func() string {
		res, err := db.Query(t.Context(), "SELECT owner, managed FROM identities_current WHERE identity_id = 'x'", nil)
		require.NoError(t, err)
		if len(res.Rows) == 0 {
			return "nobody"
		}
		require.Len(t, res.Rows, 1)
		return fmt.Sprint(res.Rows[0]...)
	}
	handle(identityRecord(t, "discovered/x", &schemas.Identity{ID: "x", Discovered: true}, noon))
	require.Equal(t, "false", owner())
	handle(identityRecord(t, "x", &schemas.Identity{ID: "x", Owner: "alice"}, noon), stream.Record{Key: []byte("bad"), Value: []byte("{"), Time: noon}, stream.Record{Value: []byte("{}")})
	require.Equal(t, "alicetrue", owner())
	handle(identityRecord(t, "discovered/x", &schemas.Identity{ID: "x", Discovered: true, LastSeen: noon}, noon.Add(time.Hour)))
	require.Equal(t, "alicetrue", owner(), "a later discovery changes nothing")
	handle(identityRecord(t, "x", &schemas.Identity{ID: "x", Owner: "bob"}, noon.Add(time.Minute)))
	require.Equal(t, "bobtrue", owner())
	handle(identityRecord(t, "x", &schemas.Identity{ID: "x", Owner: "alice"}, noon))
	require.Equal(t, "bobtrue", owner(), "a replayed older record loses")
	handle(identityRecord(t, "api/x", &schemas.Identity{ID: "x", Owner: "carol"}, noon))
	require.Equal(t, "caroltrue", owner(), "what PUT stated stands beside an import, whichever is older")
	handle(identityRecord(t, "api/x", nil, noon.Add(time.Minute)))
	require.Equal(t, "bobtrue", owner(), "and uncovers it when it is taken back")
	handle(identityRecord(t, "x", nil, noon.Add(2*time.Minute)))
	require.Equal(t, "false", owner(), "a tombstone ends the declaration")
	handle(identityRecord(t, "discovered/x", nil, noon.Add(2*time.Hour)))
	require.Equal(t, "nobody", owner())
	handle(identityRecord(t, "x", &schemas.Identity{ID: "x", Owner: "mallory"}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.Equal(t, "mallorytrue", owner())
	handle(identityRecord(t, "x", &schemas.Identity{ID: "x", Owner: "alice"}, time.Now()))
	require.Equal(t, "alicetrue", owner(), "a record from the future does not have the last word")
}
