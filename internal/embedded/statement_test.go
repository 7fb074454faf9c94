package embedded

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseInsert(t *testing.T) {
	for _, tc := range []struct {
		name, sql    string
		body         bool
		head, format string
		data         string
	}{
		{"inline data after FORMAT starts on the next line", "INSERT INTO t FORMAT CSV\n1,2", false, "INSERT INTO t ", "CSV", "1,2"},
		{"or after a semicolon", "insert into t format TSV ;\n1\t2", false, "insert into t ", "TSV", "1\t2"},
		{"data with an open quote is data", "INSERT INTO t FORMAT CSV\n1,it's", false, "INSERT INTO t ", "CSV", "1,it's"},
		{"a body is data, FORMAT ends the statement", "INSERT INTO t (a, b) FORMAT Native", true, "INSERT INTO t (a, b) ", "Native", ""},
		{"VALUES without rows takes them from the body", "INSERT INTO t VALUES", true, "INSERT INTO t ", "Values", ""},
		{"VALUES with rows is a statement of its own", "INSERT INTO t VALUES (1)", false, "", "", ""},
		{"a column called format is no clause", "INSERT INTO t (format, values) VALUES (1, 2)", false, "", "", ""},
		{"an insert that selects has no data", "INSERT INTO t SELECT 1 FORMAT CSV", false, "", "", ""},
		{"a select is no insert", "SELECT 1 FORMAT CSV", false, "", "", ""},
	} {
		got := parseInsert(tc.sql, tc.body)
		require.Equal(t, tc.head, got.head, tc.name)
		require.Equal(t, tc.format, got.format, tc.name)
		if !tc.body && got.format != "" {
			require.Equal(t, tc.data, tc.sql[got.dataAt:], tc.name)
		}
	}
}

func TestOutputFormat(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1": "", "SELECT 1 FORMAT JSON": "JSON", "SELECT 1 format CSV SETTINGS max_threads = 1": "CSV", "SELECT 'FORMAT CSV'": "", "SELECT format('{}', 1)": "", "SELECT (SELECT 1 FORMAT CSV)": "", "SELECT 1 -- FORMAT CSV": "", "SELECT a AS format FROM t": "",
	} {
		toks, err := lex(sql)
		require.NoError(t, err)
		require.Equal(t, want, outputFormat(toks), sql)
	}
}

func TestGuardOfSystemTablesAndPaths(t *testing.T) {
	for _, sql := range []string{
		"SELECT name FROM system.columns WHERE database = currentDatabase()", "SELECT * FROM `system`.`tables`", "SELECT name FROM system.functions", "SELECT name FROM system . data_type_families", "SELECT * FROM INFORMATION_SCHEMA.TABLES",
		"SELECT value FROM system.settings", "SELECT 1 IN system.one", "SHOW TABLES", "SHOW FULL COLUMNS FROM t", "SHOW CREATE TABLE t", "SHOW SETTINGS LIKE 'max%'", "EXISTS t", "EXISTS TABLE lapwing.`events`", "EXISTS DATABASE lapwing", "SELECT EXISTS(SELECT 1)",
		"SELECT bytes AS `KB/day` FROM t ORDER BY `KB/day`", "SELECT a, '/v1/orders' FROM t WHERE url_path IN ('/a', '/b')", "SELECT trim(BOTH ' ' FROM 'x')", "SELECT * FROM t, u WHERE startsWith(p, '/etc')", "SELECT {x:String}", "SELECT 'system.processes'", "SELECT f(t.a, '/x') FROM t",
	} {
		require.NoError(t, guard(sql), sql)
	}
	for _, sql := range []string{
		"SELECT query FROM system.processes", "SELECT * FROM system.query_log", "SELECT * FROM `system`.`server_settings`", "SELECT * FROM system./**/disks", "SELECT * FROM \"system\" . \"disks\"", "SELECT 1 WHERE 'x' IN system.processes", "EXPLAIN SELECT * FROM system.processes",
		"SELECT * FROM `\\x73ystem`.processes", "SELECT * FROM system.`p\\x72ocesses`", "SELECT * FROM {d:Identifier}.{x:Identifier}", "SELECT * FROM system.{x:Identifier}", "SELECT * FROM {x : identifier}", "SHOW PROCESSLIST", "SHOW FULL PROCESSLIST", "SHOW CLUSTERS", "SHOW GRANTS", "DESCRIBE TABLE system.processes",
		"SELECT getServerSetting('path')", "SELECT GETSERVERSETTING('path')", "SELECT hasColumnInTable('10.0.0.1', 'system', 'one', 'dummy')", "SELECT getMacro('x')",
		"EXISTS TABLE `/etc/passwd`", "EXISTS `/etc/passwd`", "EXISTS TABLE `passwd.csv`", "EXISTS TABLE default.`../x`", "EXISTS DATABASE `/etc`", "EXISTS TABLE `a``b`", "SELECT * FROM `/etc/passwd`", "SELECT * FROM '/etc/passwd'", "SELECT * FROM t, '/etc/passwd'", "SELECT * FROM t AS x JOIN u USING a, `/etc/passwd`", "SELECT * FROM default.`/etc/passwd`",
		"DESCRIBE TABLE `/etc/passwd`", "DESCRIBE '/etc/hosts'", "SHOW CREATE `/etc/passwd`", "SELECT 1 IN `/etc/passwd`", "SELECT (SELECT count() FROM (SELECT 1), '/etc/passwd')",
	} {
		require.Error(t, guard(sql), sql)
	}
}

// What the guard lets through is one statement that starts with a reading word
// and calls nothing that reaches outside, however it is written.
// The engine takes these for blanks; with one of them INTO OUTFILE wrote a file.
func TestGuardKnowsEveryBlankOfTheEngine(t *testing.T) {
	for _, blank := range []string{"\u00a0", "\u2002", "\u3000", "\ufeff", "\u180e"} {
		for _, sql := range []string{"SELECT 1 INTO" + blank + "OUTFILE '/tmp/x'", "SELECT * FROM mysql" + blank + "('h', 'd', 't', 'u', 'p')", "SELECT * FROM merge" + blank + "('system', 'one')"} {
			require.Error(t, guard(sql), "%+q", sql)
		}
	}
	require.NoError(t, guard("SELECT 'naïve', `größe` FROM t"))
}

func FuzzGuard(f *testing.F) {
	for _, sql := range []string{
		"SELECT 1", "SELECT * FROM file('/etc/passwd')", "SELECT/**/1;", "WITH x AS (SELECT 1) SELECT * FROM x", "(SELECT 1)", "((((", "EXPLAIN INSERT INTO t SELECT 1", "SELECT $a$;$a$", "'", "`", "/*/**/", "SELECT `\\x66ile`(1)", "#!x\nSELECT 1", "SELECT 1 -- ;\n; DROP TABLE t",
		"INSERT INTO t FORMAT CSV\n1", "INSERT INTO t VALUES", "\x00", "SELECT \"a\"\"b\"(1)",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		toks, err := lex(sql)
		end := 0
		for _, tok := range toks {
			if tok.start < end || tok.end <= tok.start || tok.end > len(sql) || sql[tok.start:tok.end] != tok.text {
				t.Fatalf("token %+v of %q is out of place", tok, sql)
			}
			end = tok.end
		}
		if in := parseInsert(sql, false); in.dataAt > len(sql) || !strings.HasPrefix(sql, in.head) {
			t.Fatalf("insert %+v of %q is out of place", in, sql)
		}
		if guard(sql) != nil {
			return
		}
		if err != nil {
			t.Fatalf("the guard passed %q, which can't be read: %v", sql, err)
		}
		toks, err = trimEnd(toks)
		if err != nil {
			t.Fatalf("the guard passed %q: %v", sql, err)
		}
		for i, tok := range toks {
			next := ""
			if i+1 < len(toks) {
				next = toks[i+1].text
			}
			if next == "(" && isOutside(strings.ToLower(strings.Trim(tok.text, "`\""))) && tok.text[0] != '\'' {
				t.Fatalf("the guard passed a call of %s in %q", tok.text, sql)
			}
		}
	})
}
