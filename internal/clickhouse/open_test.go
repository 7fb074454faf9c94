package clickhouse

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func contextWithTimeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

func TestOpenSaysWhatIsWrongInOneLine(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no address", Config{}, "no address"},
		{"a protocol that nobody speaks", Config{Addr: []string{"127.0.0.1:1"}, Protocol: "grpc"}, "want native or http"},
		{"a database's name that would need quoting", Config{Addr: []string{"127.0.0.1:1"}, Database: "a; DROP"}, "letters, digits and _"},
		{"nobody listening, native", Config{Addr: []string{"127.0.0.1:1"}, Password: "secret"}, "127.0.0.1:1"},
		{"nobody listening, http", Config{Addr: []string{"127.0.0.1:1"}, Protocol: HTTP, Password: "secret"}, "127.0.0.1:1"},
	} {
		_, err := Open(t.Context(), tc.cfg, testLog(t))
		require.ErrorContains(t, err, tc.want, tc.name)
		require.NotContains(t, err.Error(), "\n", tc.name)
		require.NotContains(t, err.Error(), "secret", tc.name)
	}
	engine := startEngine(t)
	_, err := Open(t.Context(), Config{Addr: []string{engine.Addr()}, Protocol: HTTP, Token: "guess"}, testLog(t))
	require.ErrorContains(t, err, "wrong token")
	_, err = Open(t.Context(), Config{Addr: []string{engine.Addr()}, Protocol: HTTP, User: "hunter", Password: "guess"}, testLog(t))
	require.EqualError(t, err, "clickhouse at "+engine.Addr()+`: wrong user or password for user "hunter": mind clickhouse.user and password`)
}

func TestMigrateAndCheckSchema(t *testing.T) {
	db := openEngine(t, startEngine(t))
	ctx := t.Context()
	err := db.CheckSchema(ctx)
	require.ErrorIs(t, err, ErrSchema)
	require.ErrorContains(t, err, "lapwing migrate")
	for range 2 {
		require.NoError(t, db.Migrate(ctx), "and again")
		require.NoError(t, db.CheckSchema(ctx))
	}
	// Interrupted after the statements of the last migration, before it was noted.
	require.NoError(t, db.conn.Exec(ctx, "ALTER TABLE migrations DELETE WHERE version = 4 SETTINGS mutations_sync = 1"))
	require.ErrorContains(t, db.CheckSchema(ctx), "0004 identities is missing")
	require.NoError(t, db.Migrate(ctx))
	require.NoError(t, db.CheckSchema(ctx))

	require.NoError(t, db.conn.Exec(ctx, "INSERT INTO migrations (version, name, sha256) VALUES (3, 'alerts', 'x'), (99, 'later', 'y')"))
	require.NoError(t, db.conn.Exec(ctx, "ALTER TABLE events DROP COLUMN vendor"))
	err = db.CheckSchema(ctx)
	require.ErrorContains(t, err, "0003 alerts was applied in another version")
	require.ErrorContains(t, err, "0099 is newer than this program")
	require.ErrorContains(t, err, "column events.vendor is missing")

	v, err := db.Version(ctx)
	require.NoError(t, err)
	require.Regexp(t, `^\d+\.\d+`, v)
	require.NoError(t, db.Ping(ctx))
}
