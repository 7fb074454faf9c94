package clickhouse

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
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

// relation is a table or view that the migrations make.
type relation struct {
	kind   string // TABLE, VIEW or MATERIALIZED VIEW
	body   string
	tenant bool
}

// relations reads the migrations; a later statement about a name replaces the one before.
func relations(t *testing.T) map[string]relation {
	t.Helper()
	all, err := readMigrations(schemas.Migrations)
	require.NoError(t, err)
	create := regexp.MustCompile(`(?s)^CREATE (?:OR REPLACE )?(TABLE|VIEW|MATERIALIZED VIEW) (?:IF NOT EXISTS )?(\w+)(.*)$`)
	out := map[string]relation{}
	for _, m := range all {
		for _, sql := range m.statements {
			sql = strings.TrimSpace(regexp.MustCompile(`(?m)^\s*--.*$`).ReplaceAllString(sql, ""))
			if c := create.FindStringSubmatch(sql); c != nil {
				out[c[2]] = relation{c[1], c[3], strings.Contains(c[3], "tenant")}
			}
		}
	}
	require.Contains(t, out, "events_hourly_mv")
	require.True(t, out["alerts"].tenant)
	return out
}

// sources names the tables and views that a statement reads.
func sources(sql string, known map[string]relation) []string {
	var out []string
	for _, m := range regexp.MustCompile(`\b(?:FROM|JOIN)\s+(\w+)`).FindAllStringSubmatch(sql, -1) {
		if _, ok := known[m[1]]; ok {
			out = append(out, m[1])
		}
	}
	return out
}

func TestHuntersAreGrantedWhatHuntsReadAndNothingBesideIt(t *testing.T) {
	known := relations(t)
	granted, policies := map[string]bool{}, map[string]int{}
	for _, sql := range splitStatements(schemas.HuntersSQL) {
		sql = strings.TrimSpace(regexp.MustCompile(`(?m)^\s*--.*$`).ReplaceAllString(sql, ""))
		tables := regexp.MustCompile(`lapwing\.([\w*]+)`).FindAllStringSubmatch(sql, -1)
		for _, m := range tables {
			switch {
			case strings.HasPrefix(sql, "GRANT SELECT ON"):
				granted[m[1]] = true
			case strings.HasPrefix(sql, "CREATE ROW POLICY"):
				policies[m[1]]++
			}
		}
	}
	hunts, err := ListHunts()
	require.NoError(t, err)
	for _, h := range hunts {
		for _, name := range sources(h.SQL, known) {
			require.True(t, granted[name], "the hunt %s reads %s, which hunters are not granted", h.Name, name)
		}
	}
	for name := range granted {
		r, ok := known[name]
		require.True(t, ok, "%s is granted, and no migration makes it", name)
		switch r.kind {
		case "TABLE":
			require.True(t, !r.tenant || policies[name] == 2, "%s has tenants, and lacks a policy for hunters or for everybody else", name)
		case "VIEW":
			// It reads as who asks, unless it says otherwise, and so under its tables' policies.
			require.NotContains(t, r.body, "DEFINER", name)
			require.NotEmpty(t, sources(r.body, known), name)
			for _, from := range sources(r.body, known) {
				require.True(t, granted[from] && policies[from] == 2, "the view %s reads %s, which lacks a grant or a policy", name, from)
			}
		default:
			require.Fail(t, "a materialized view gives rows of every tenant", name)
		}
	}
}

// With readonly = 2 a hunter may change settings: what is a limit must say
// CONST, or between what it may be; 0 would be no limit.
func TestHuntersCannotLiftTheirLimits(t *testing.T) {
	limits := 0
	for line := range strings.Lines(schemas.HuntersSQL) {
		if line = strings.TrimSpace(line); regexp.MustCompile(`^\w+ = .*[,;]$`).MatchString(line) {
			limits++
			require.Regexp(t, `^\w+ = (\S+ CONST|(\d+) MIN 1 MAX \d+)[,;]$`, line)
		}
	}
	require.Equal(t, 7, limits)
}

// A server whose profile holds limits refuses a request that would lift one, also
// by what the driver makes of a deadline.
func TestHuntsRunUnderLimitsThatHold(t *testing.T) {
	engine := startEngine(t)
	require.NoError(t, openEngine(t, engine).Migrate(t.Context()))
	most := map[string]int{"max_execution_time": 60, "max_result_rows": 100000}
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: engine.Addr()})
	var refused []string
	capped := false
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fail := func(code int, text, name string) {
			refused = append(refused, name)
			w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(code))
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = fmt.Fprintf(w, "Code: %d. DB::Exception: "+text, code, name)
		}
		q := r.URL.Query()
		if q.Get("readonly") == "1" {
			fail(164, "Cannot modify '%s' setting in readonly mode. (READONLY)", "readonly")
			return
		}
		for name, limit := range most {
			if n, err := strconv.Atoi(q.Get(name)); q.Has(name) && (err != nil || n < 1 || n > limit) {
				fail(452, "Setting %s shouldn't be greater. (SETTING_CONSTRAINT_VIOLATION)", name)
				return
			}
		}
		if q.Has("max_result_rows") {
			capped = true
		}
		to.ServeHTTP(w, r)
	}))
	defer front.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db, err := Open(t.Context(), Config{Addr: []string{strings.TrimPrefix(front.URL, "http://")}, Protocol: HTTP, Token: engine.HunterToken()}, testLog(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.RunHunt(ctx, "busiest-hours", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"readonly"}, refused, "its own lock is for servers whose profile has none")
	require.True(t, capped, "its own caps stay")
}
