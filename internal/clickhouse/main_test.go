package clickhouse

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// TestMain lets this test binary be the embedded engine's process as well.
func TestMain(m *testing.M) {
	if asked, err := embedded.ServeIfAsked(os.Args); asked {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func testLog(t testing.TB) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
}

// startEngine starts an embedded engine; it skips where there is none, and fails in CI.
func startEngine(t testing.TB) *embedded.ClickHouse {
	t.Helper()
	if _, err := embedded.FindLibrary(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	engine, err := embedded.StartClickHouse(t.Context(), embedded.ClickHouseConfig{Dir: t.TempDir(), Log: testLog(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	return engine
}

func openEngine(t testing.TB, engine *embedded.ClickHouse) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{Addr: []string{engine.Addr()}, Protocol: HTTP, Token: engine.Token()}, testLog(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// openMigrated gives a freshly migrated database on an engine of its own.
func openMigrated(t testing.TB) *DB {
	t.Helper()
	db := openEngine(t, startEngine(t))
	require.NoError(t, db.Migrate(t.Context()))
	return db
}

// noon is a fixed day that tests count from.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// event makes an event of an identity at a time; edit changes what matters.
func event(id, identity string, at time.Time, edit ...func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Id: id, IdentityId: identity, Time: at.UnixNano(), ReceivedTime: at.UnixNano(), Tenant: "default", Format: "cloudtrail", Operation: "s3:GetObject", Service: "s3",
		Outcome: schemas.Outcome_OUTCOME_SUCCESS, SrcIp: "198.51.100.7", SrcPrefix: "198.51.100.0/24", Country: "US", Asn: 64500, CredentialId: "AKIAIOSFODNN7EXAMPLE", Declared: &schemas.Declared{Managed: true},
	}
	for _, f := range edit {
		f(ev)
	}
	return ev
}

// records encodes events as lapwing.events holds them.
func records(t testing.TB, events ...*schemas.Event) []stream.Record {
	t.Helper()
	recs := make([]stream.Record, len(events))
	for i, ev := range events {
		value, err := ev.MarshalVT()
		require.NoError(t, err)
		recs[i] = stream.Record{Topic: "lapwing.events", Offset: int64(i), Key: []byte(ev.IdentityId), Value: value}
	}
	return recs
}

// one asks for a single value.
func one[T any](t testing.TB, db *DB, sql string) T {
	t.Helper()
	res, err := db.Query(t.Context(), sql, nil)
	require.NoError(t, err, sql)
	require.Len(t, res.Rows, 1, sql)
	require.Len(t, res.Rows[0], 1, sql)
	v, ok := res.Rows[0][0].(T)
	require.True(t, ok, "%s gave a %T", sql, res.Rows[0][0])
	return v
}
