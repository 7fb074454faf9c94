package clickhouse

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The embedded engine knows no users, but it is current, and parses what a server
// would be told. Whether a server grants it so is for scripts/clickhouse-grants.sh.
func TestAccessStatementsParse(t *testing.T) {
	db := openMigrated(t)
	parsed := 0
	for _, file := range []string{"../../deploy/clickhouse/users.sql", "../../schemas/hunters.sql"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, sql := range splitStatements(string(text)) {
			quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(sql)
			require.NotEmpty(t, one[string](t, db, "SELECT formatQuery('"+quoted+"')"), sql)
			parsed++
		}
	}
	require.Greater(t, parsed, 12)
	_, err := db.Query(t.Context(), "SELECT formatQuery('GRANT NOTHING SUCH lapwing')", nil)
	require.Error(t, err, "what is wrong does not parse")
}

// The embedded engine has one user, who may do everything, and answers CHECK GRANT
// as a current server does.
func TestTheServerIsAskedWhatIsGranted(t *testing.T) {
	db := openMigrated(t)
	has, known, err := db.Granted(t.Context(), Grant{Right: "INSERT", Table: "events"})
	require.NoError(t, err)
	require.True(t, known && has)
}
