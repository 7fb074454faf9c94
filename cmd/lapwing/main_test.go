package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/app"
	"github.com/lapwing-sec/lapwing/internal/embedded"
)

// asLapwing makes a run of this test binary behave as the lapwing command, so
// that tests can start real processes and kill them.
const asLapwing = "LAPWING_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if text := os.Getenv(asBroker); text != "" {
		os.Exit(serveBroker(text))
	}
	if os.Getenv(asLapwing) != "" {
		endWithParent()
		os.Exit(run(os.Args[1:], app.StdIO()))
	}
	os.Exit(m.Run())
}

// lapwing runs one command line within this process.
func lapwing(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(args, app.IO{In: strings.NewReader(stdin), Out: &out, Err: &errOut})
	return code, out.String(), errOut.String()
}

// command prepares a lapwing process.
func command(ctx context.Context, t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(append(os.Environ(), asLapwing+"=1"), env...)
	return cmd
}

// needEngine skips a test without the embedded ClickHouse; with CI=true it fails.
func needEngine(t *testing.T) {
	t.Helper()
	if _, err := embedded.FindLibrary(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

const kongLine = `{"request":{"method":"GET","uri":"/v1/orders/17?x=1","url":"http://api.example.com:8000/v1/orders/17","size":75,"headers":{"user-agent":"python-requests/2.31","host":"api.example.com"}},"response":{"status":200,"size":934,"headers":{"content-length":"197"}},"latencies":{"request":12,"kong":1,"proxy":11},"client_ip":"203.0.113.9","started_at":1767225600000,"route":{"name":"orders","paths":["/v1/orders"]},"service":{"name":"orders"},"consumer":{"id":"0dc6f45b-8f8d-40d2-a504-473544ee190b","username":"partner-7"},"authenticated_entity":{"id":"eaa330c0-4cff-47f5-8c79-b2e4f355207e"}}`

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	empty := file("empty.log", "")
	binary := file("binary.log", "\x00\x01\x02ELF\x00\x00")
	good := file("kong.ndjson", kongLine+"\n")
	mixed := file("mixed.ndjson", kongLine+"\n\nnot json\n{\"a\":1}\n")
	allBad := file("bad.ndjson", "{\"a\":1}\n{\"b\":2}\n")
	mapping := file("billing.yaml", "name: billing\ntime: t\nevent: {operation: op, principal: who}\n")
	badMapping := file("bad-mapping.yaml", "time: t\nevnt: {operation: op}\n")
	badConfig := file("bad.yaml", "kafka:\n  brokerz: [a:1]\n")
	badInventory := file("bad-inventory.yaml", "identities:\n  - {id: a, knd: workload}\n")
	csv := file("series.csv", "timestamp,value\n2026-01-01 00:00:00,1\n2026-01-01 00:05:00,x\n1767226200,3\n")

	wide := file("wide.csv", "host,minute,requests,5xx\na,2026-01-01 00:00:00,100,2\n\na,2026-01-01 00:01:00,90,\na,2026-01-01 00:02:00,80,1\na,2026-01-01 00:03:00\n")

	for _, tc := range []struct {
		name  string
		args  []string
		stdin string
		code  int
		// out and err are parts of what is printed; a leading ! means absent.
		out, err []string
	}{
		{name: "no command prints the help page", out: []string{"See it at work:", "lapwing demo", "backtest"}},
		{name: "an unknown command names the nearest", args: []string{"backtst"}, code: 2, err: []string{`unknown command "backtst"`, "backtest"}},
		{name: "an unknown command that is another's business names it", args: []string{"inventory", "foo"}, code: 2, err: []string{`unknown command "inventory": did you mean identity?`}},
		{name: "help of an unknown command is no help page", args: []string{"inventory", "--help"}, code: 2, err: []string{`unknown command "inventory": did you mean identity? (see: lapwing --help)`}},
		{name: "help of an unknown command of a group", args: []string{"profile", "shwo", "--help"}, code: 2, err: []string{`unknown command "shwo": did you mean show? (see: lapwing profile --help)`}},
		{name: "the help command of an unknown command", args: []string{"help", "alert", "feedback", "lst"}, code: 2, err: []string{`unknown command "lst": did you mean list? (see: lapwing alert feedback --help)`}},
		{name: "the help command shows a page", args: []string{"help", "alert", "feedback", "list"}, out: []string{"lapwing alert feedback list [flags]"}},
		{name: "the help command alone shows the root's page", args: []string{"help"}, out: []string{"See it at work:"}},
		{name: "an unknown shell", args: []string{"completion", "tcsh"}, code: 2, err: []string{`unknown command "tcsh"`, "lapwing completion --help"}},
		{name: "an unknown flag points to the help", args: []string{"version", "--nope"}, code: 2, err: []string{"unknown flag: --nope (see: lapwing version --help)"}},
		{name: "an argument too many", args: []string{"version", "now"}, code: 2, err: []string{`takes no argument, got "now"`}},
		{name: "version says which build", args: []string{"version"}, out: []string{"lapwing dev go1."}},
		{name: "version as JSON", args: []string{"version", "--json"}, out: []string{`"version":"dev"`}},
		{name: "completion is there", args: []string{"completion", "bash"}, out: []string{"__start_lapwing"}},

		{name: "parse writes OCSF and counts", args: []string{"parse", good}, out: []string{`"class_uid":6003`, `"uid":"kong:consumer/partner-7"`, `"operation":"GET /v1/orders/{id}"`}, err: []string{"1 events, 0 bad"}},
		{name: "parse reads standard input", args: []string{"parse", "--format", "kong", "-"}, stdin: kongLine, out: []string{`"class_uid":6003`}, err: []string{"1 events, 0 bad"}},
		{name: "parse shows bad records with number and reason and goes on", args: []string{"parse", "--format", "kong", mixed}, out: []string{`"class_uid":6003`}, err: []string{mixed + ": record 2: ", mixed + ": record 3: ", "1 events, 2 bad"}},
		{name: "parse fails when every record was bad", args: []string{"parse", "--format", "kong", allBad}, code: 1, err: []string{"not one good record among 2", "0 events, 2 bad"}},
		{name: "parse refuses an unknown format", args: []string{"parse", "--format", "syslog", good}, code: 2, err: []string{`unknown format "syslog": want one of auto, cloudtrail, `}},
		{name: "parse reads any JSON by a mapping", args: []string{"parse", "--mapping", mapping, "-"}, stdin: `{"t":"2026-03-01T10:00:00Z","op":"x","who":"a"}`, out: []string{`"uid":"billing:principal/a"`, `"operation":"x"`}, err: []string{"1 events, 0 bad"}},
		{name: "parse names the mistake in a mapping", args: []string{"parse", "--mapping", badMapping, "-"}, code: 2, err: []string{badMapping + ":2: evnt: unknown key"}},
		{name: "parse explains where fields came from", args: []string{"parse", "--explain", good}, out: []string{"record 1, read as kong", "<- consumer.username", "(derived)", "kept as attributes:"}},
		{name: "parse explains as NDJSON", args: []string{"parse", "--explain", "--json", good}, out: []string{`{"record":1,"format":"kong"`, `"from":"consumer.username"`}},
		{name: "parse refuses times that no event has", args: []string{"parse", "--format", "kong", "-"}, stdin: strings.Replace(kongLine, "1767225600000", "1767225", 1), code: 1, err: []string{"lies before 2000; --any-time takes it"}},
		{name: "parse takes them when asked to", args: []string{"parse", "--any-time", "--format", "kong", "-"}, stdin: strings.Replace(kongLine, "1767225600000", "1767225", 1), err: []string{"1 events, 0 bad"}},
		{name: "backtest takes them, too", args: []string{"backtest", "--any-time", "--format", "kong", "-"}, stdin: strings.Replace(kongLine, "1767225600000", "1767225", 1), err: []string{"1 file, 1 event"}},
		{name: "backtest reads any JSON by a mapping", args: []string{"backtest", "--mapping", mapping, "-"}, stdin: `{"t":"2026-03-01T10:00:00Z","op":"x","who":"a"}`, err: []string{"1 file, 1 event"}},
		{name: "parse refuses a directory", args: []string{"parse", dir}, code: 2, err: []string{dir + " is a directory"}},
		{name: "profile reset asks why", args: []string{"profile", "reset", "kong:consumer/a"}, code: 2, err: []string{"say why with --reason"}},
		{name: "profile import asks whose", args: []string{"profile", "import", "kong:consumer/a", "--reason", "x"}, code: 2, err: []string{"Give --of IDENTITY, or --file EXPORT"}},
		{name: "parse of nothing is usage", args: []string{"parse"}, code: 2, err: []string{"needs a FILE"}},

		{name: "backtest of an empty file is fine", args: []string{"backtest", empty}, err: []string{"1 file, 0 events", "0 alerts"}},
		{name: "backtest of nothing says so", args: []string{"backtest", "-"}, err: []string{"warning: there was no event to judge"}},
		{name: "a check of nothing is none", args: []string{"backtest", "--fail-on", "severity>=high", empty}, code: 1, err: []string{"lapwing: fail-on: nothing was judged, so nothing was checked"}},
		{name: "a check of one event", args: []string{"backtest", "--fail-on", "severity>=high", good}, err: []string{"1 file, 1 event", "1 alert: 1 low; 0 of them page"}},
		{name: "a check of one event that fails", args: []string{"backtest", "--fail-on", "severity>=low", good}, code: 1, err: []string{"lapwing: fail-on severity>=low: LOW 2026-01-01 00:00:00 unmanaged-identity kong:consumer/partner-7"}},
		{name: "only learning judges nothing", args: []string{"backtest", "--learn-until", "2030-01-01", good}, err: []string{"warning: --learn-until lies after the last call (2026-01-01 00:00:00): nothing was judged"}},
		{name: "a comparison of one event with itself", args: []string{"backtest", "--compare", empty, good}, err: []string{"│ alerts │ 1    │      0 │    0 │ 0       │      1 │     1 │"}},
		{name: "a comparison of nothing", args: []string{"backtest", "--compare", empty, empty}, err: []string{"0 alerts", "│ alerts │ 0    │      0 │"}},
		{name: "a second inventory that is not there", args: []string{"backtest", "--compare-inventory", "nowhere.yaml", good}, code: 1, err: []string{"nowhere.yaml: no such file"}},
		{name: "a second inventory that is empty", args: []string{"backtest", "--compare-inventory", empty, good}, code: 2, err: []string{"empty.log: the file is empty"}},
		{name: "verdicts that are not there", args: []string{"backtest", "--compare-feedback", "nowhere", good}, code: 1, err: []string{"--compare-feedback nowhere: no such file"}},
		{name: "a file without a verdict", args: []string{"backtest", "--feedback", empty, good}, err: []string{"warning: --feedback " + empty + ": no verdict in it"}},
		{name: "a page of one event", args: []string{"backtest", "--report", filepath.Join(dir, "one.html"), good}, err: []string{"1 alert: 1 low"}},
		{name: "a page of nothing", args: []string{"backtest", "--report", filepath.Join(dir, "none.html"), empty}, err: []string{"0 alerts"}},
		{name: "a page in no directory is said before anything is judged", args: []string{"backtest", "--report", filepath.Join(dir, "no", "x.html"), good}, code: 2, err: []string{"--report ", filepath.Join(dir, "no") + ": no such file or directory"}},
		{name: "a page that is a directory", args: []string{"backtest", "--report", dir, good}, code: 2, err: []string{"--report " + dir + ": is a directory, want a file"}},
		{name: "two outputs into one file", args: []string{"backtest", "--report", filepath.Join(dir, "x"), "--out", filepath.Join(dir, ".", "x"), good}, code: 2, err: []string{"--out and --report are the same file"}},
		{name: "an output over what is read", args: []string{"backtest", "--out", good, good}, code: 2, err: []string{"--out " + good + ": is a file that is read"}},
		{name: "labels that are empty", args: []string{"backtest", "--labels", empty, good}, code: 2, err: []string{"labels " + empty + ": empty"}},
		{name: "backtest of a directory is usage", args: []string{"backtest", dir}, code: 2, err: []string{"is a directory: name the files in it"}},
		{name: "backtest of an unknown format is usage", args: []string{"backtest", "--format", "nope", good}, code: 2, err: []string{`unknown format "nope"`}},
		{name: "a missing file is one line, after the others", args: []string{"backtest", filepath.Join(dir, "nowhere.log"), good}, code: 1, err: []string{"nowhere.log: no such file or directory", "2 files, 1 event"}},
		{name: "a binary file is one line", args: []string{"backtest", binary}, code: 1, err: []string{"binary.log: not a text log: binary data"}},
		{name: "a file without one good record is one line", args: []string{"backtest", "--format", "kong", allBad}, code: 1, err: []string{"bad.ndjson: not one good record among 2"}},
		{name: "fail-on names the place of a mistake", args: []string{"backtest", "--fail-on", "severity>=loud", good}, code: 2, err: []string{`at position 11: unknown severity "loud"`}},
		{name: "a second configuration that is bad", args: []string{"backtest", "--compare", badConfig, good}, code: 2, err: []string{badConfig + ":2: kafka.brokerz"}},
		{name: "labels that are not there", args: []string{"backtest", "--labels", "nowhere.csv", good}, code: 1, err: []string{"labels nowhere.csv: no such file"}},
		{name: "bad configuration names file, line and key", args: []string{"backtest", "--config", badConfig, good}, code: 2, err: []string{badConfig + ":2: kafka.brokerz: unknown key; did you mean brokers?"}},
		{name: "a missing configuration", args: []string{"check", "--config", "nowhere.yaml"}, code: 1, err: []string{"nowhere.yaml: cannot be read"}},
		{name: "a second configuration that is not there", args: []string{"backtest", "--compare", "nowhere.yaml", good}, code: 1, err: []string{"nowhere.yaml: cannot be read"}},
		{name: "a mapping that is not there", args: []string{"parse", "--mapping", "nowhere.yaml", good}, code: 1, err: []string{"nowhere.yaml: no such file"}},
		{name: "a directory as configuration is bad usage", args: []string{"check", "--config", dir}, code: 2, err: []string{"cannot be read: is a directory"}},
		{name: "a directory of labels is bad usage", args: []string{"backtest", "--labels", dir, good}, code: 2, err: []string{"is a directory"}},
		{name: "bad inventory names file and key", args: []string{"backtest", "--inventory", badInventory, good}, code: 2, err: []string{badInventory, "knd"}},

		{name: "check prints what is in effect", args: []string{"check", "--offline", "--show-config"}, out: []string{"tenant: default", "listen: 127.0.0.1:8088", "configuration  ok    defaults and environment"}},
		{name: "run without a Kafka says which key", args: []string{"run"}, code: 2, err: []string{"kafka.brokers: run needs a Kafka", "LAPWING_KAFKA_BROKERS", "secrets.hmac_key"}},
		{name: "run with an unknown role lists the roles", args: []string{"run", "--roles", "judge"}, code: 2, err: []string{`role "judge": want all, or a list of ingest, enrich, detect, store, alert`}},
		{name: "simulate wants to know where to", args: []string{"simulate"}, code: 2, err: []string{"--out DIR or --kafka"}},

		{name: "hunt list shows questions and parameters", args: []string{"hunt", "list"}, out: []string{"unmanaged-identities", "identity-history"}},
		{name: "an unknown hunt lists the hunts", args: []string{"hunt", "run", "nope"}, code: 2, err: []string{`no hunt "nope"`, "unmanaged-identities"}},
		{name: "a hunt's parameter without a value", args: []string{"hunt", "run", "denied-share", "--param", "days"}, code: 2, err: []string{`parameter "days": want name=value`}},
		{name: "a verdict wants a reason", args: []string{"alert", "expected", "abcdef"}, code: 2, err: []string{"say why with --reason"}},
		{name: "a severity that there is none of", args: []string{"alert", "list", "--severity", "loud"}, code: 2, err: []string{`--severity "loud": want one of`}},
		{name: "profile diff of what is no profile", args: []string{"profile", "diff", good, good}, code: 2, err: []string{"line 1: no profile"}},
		{name: "hunting without a running Lapwing says what to start", args: []string{"hunt", "sql", "SELECT 1"}, code: 1, err: []string{"lapwing up"}},

		{name: "score series keeps rows and says which are bad", args: []string{"score", "series", csv}, out: []string{"timestamp,value,score\n", "2026-01-01 00:00:00,1,0", "1767226200,3,0"}, err: []string{csv + ": line 3: value \"x\": want a number", "2 rows scored, 1 bad"}},
		{name: "score series by the names of columns", args: []string{"score", "series", "--time", "Minute", "--value", "5xx", wide}, out: []string{"minute,5xx,score\n", "2026-01-01 00:00:00,2,0"}, err: []string{wide + `: line 4: value "": want a number`, wide + ": line 6: 2 columns, want 4 or more", "2 rows scored, 2 bad"}},
		{name: "score series by the numbers of columns", args: []string{"score", "series", "--time", "3", "--value", "1", "-"}, stdin: "7,x,2026-01-01\n", out: []string{"2026-01-01,7,0"}, err: []string{"1 row scored, 0 bad"}},
		{name: "score series of a column that is not there names those that are", args: []string{"score", "series", "--value", "errors", wide}, code: 2, err: []string{wide + `: line 1: --value "errors": no such column: the file has "host", "minute", "requests", "5xx"`}},
		{name: "score series asks for what it can't know", args: []string{"score", "series", wide}, code: 2, err: []string{wide + `: line 1: which column holds the values? Name it with --value: the file has "host"`}},
		{name: "score series finds columns by their usual names", args: []string{"score", "series", "-"}, stdin: "value,host,timestamp\n7,x,2026-01-01\n", out: []string{"timestamp,value,score\n2026-01-01,7,0"}},
		{name: "score series of a column that is there twice", args: []string{"score", "series", "--value", "a", "-"}, stdin: "time,a,a\n", code: 2, err: []string{`stdin: line 1: --value "a": columns 2 and 3 have that name: give its number`}},
		{name: "score series of one column for both", args: []string{"score", "series", "--time", "a", "--value", "1", "-"}, stdin: "a,b\n", code: 2, err: []string{"--time and --value are the same column"}},
		{name: "score series of a name without a header", args: []string{"score", "series", "--value", "a", "-"}, stdin: "2026-01-01,7\n", code: 2, err: []string{`line 1: --value "a": no such column: the file has no header, so give a number from 1 to 2`}},
		{name: "score series of other dividers", args: []string{"score", "series", "-"}, stdin: "time;value\n2026-01-01;7\n", code: 2, err: []string{"stdin: line 1: one column: want columns divided by commas"}},
		{name: "score series of a quote that does not end", args: []string{"score", "series", "-"}, stdin: "time,value\n2026-01-01,7\n2026-01-02,\"7\n", err: []string{"stdin: line 3: ", "1 row scored, 1 bad"}, out: []string{"2026-01-01,7,0"}},
		{name: "score series of a file with a mark", args: []string{"score", "series", "-"}, stdin: "\ufefftime,value\r\n2026-01-01,7\r\n", out: []string{"time,value,score\n2026-01-01,7,0"}},
		{name: "score series says the first ten bad rows", args: []string{"score", "series", "-"}, stdin: "time,value\n" + strings.Repeat("x,1\n", 12), code: 1, err: []string{`stdin: line 11: timestamp "x"`, "stdin: and 2 more bad rows", "not one good row"}},
		{name: "score series warns of rows that are not in order", args: []string{"score", "series", "-"}, stdin: "time,value\n2026-01-02,1\n2026-01-01,1\n2026-01-03,1\n2026-01-03,1\n2026-01-02,1\n", err: []string{"warning: stdin: 2 rows earlier than one before, the first in line 3", "5 rows scored, 0 bad"}},
		{name: "score series of nothing", args: []string{"score", "series", "-"}, err: []string{"0 rows scored, 0 bad"}},
		{name: "score series of a missing file", args: []string{"score", "series", "nowhere.csv"}, code: 1, err: []string{"nowhere.csv: no such file or directory"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("LAPWING_DATA_DIR", filepath.Join(dir, "no-data"))
			code, stdout, stderr := lapwing(t, tc.stdin, tc.args...)
			require.Equal(t, tc.code, code, "stderr: %s", stderr)
			for _, part := range tc.out {
				require.Contains(t, stdout, part)
			}
			for _, part := range tc.err {
				require.Contains(t, stderr, part)
			}
			if code == 2 {
				require.Empty(t, stdout, "an error belongs on stderr")
			}
		})
	}
}

// Every command explains itself, and every flag says what it is.
func TestHelpTeaches(t *testing.T) {
	root := newRoot(app.StdIO())
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		require.NotEmpty(t, c.Short, c.Name())
		require.NotEmpty(t, c.GroupID, "%s stands in no group of the help page", c.Name())
	}
	eachCommand(root, func(c *cobra.Command) {
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.True(t, c.Runnable(), c.CommandPath())
		c.Flags().VisitAll(func(f *pflag.Flag) { require.NotEmpty(t, f.Usage, "%s --%s", c.CommandPath(), f.Name) })
	})
}

// Each help page is that of the command that was named, by --help, by help and, of a
// group, by itself; what follows a group and is no command of it is a mistake.
func TestEveryHelpPageIsTheOneThatWasAskedFor(t *testing.T) {
	eachCommand(newRoot(app.StdIO()), func(c *cobra.Command) {
		words := strings.Fields(c.CommandPath())[1:]
		asked := [][]string{append(slices.Clone(words), "--help"), append([]string{"help"}, words...)}
		if c.HasSubCommands() {
			asked = append(asked, words)
		}
		for _, args := range asked {
			code, stdout, stderr := lapwing(t, "", args...)
			require.Zero(t, code, "%v: %s", args, stderr)
			require.Contains(t, stdout, c.UseLine(), "%v", args)
			require.Empty(t, stderr, "%v", args)
		}
		if !c.HasSubCommands() {
			return
		}
		for _, args := range [][]string{append(slices.Clone(words), "frobnicate"), append(slices.Clone(words), "frobnicate", "--help"), append(append([]string{"help"}, words...), "frobnicate")} {
			code, stdout, stderr := lapwing(t, "", args...)
			require.Equal(t, 2, code, "%v", args)
			require.Empty(t, stdout, "%v", args)
			require.Contains(t, stderr, `unknown command "frobnicate"`, "%v", args)
			require.Contains(t, stderr, "(see: "+c.CommandPath()+" --help)", "%v", args)
		}
	})
}

// The files of one seed, in any order, give the same bytes each time.
func TestBacktestGivesTheSameBytes(t *testing.T) {
	sim := t.TempDir()
	code, _, stderr := lapwing(t, "", "simulate", "--out", sim, "--days", "8", "--identities", "60")
	require.Zero(t, code, stderr)
	files := []string{filepath.Join(sim, "cloudtrail.ndjson"), filepath.Join(sim, "kong.ndjson"), filepath.Join(sim, "nginx.log")}
	inventory := filepath.Join(sim, "inventory.yaml")
	code, first, stderr := lapwing(t, "", append([]string{"backtest", "--inventory", inventory}, files...)...)
	require.Zero(t, code, stderr)
	require.NotEmpty(t, first)
	files[0], files[2] = files[2], files[0]
	_, second, _ := lapwing(t, "", append([]string{"backtest", "--inventory", inventory}, files...)...)
	require.Equal(t, first, second)

	out := filepath.Join(t.TempDir(), "alerts.ndjson")
	code, stdout, _ := lapwing(t, "", append([]string{"backtest", "--inventory", inventory, "--out", out}, files...)...)
	require.Zero(t, code)
	require.Empty(t, stdout)
	written, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, first, string(written))

	type key struct {
		at int64
		id string
	}
	var last key
	for line := range strings.Lines(first) {
		var a struct {
			FindingInfo struct {
				UID           string `json:"uid"`
				FirstSeenTime int64  `json:"first_seen_time"`
			} `json:"finding_info"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &a))
		k := key{a.FindingInfo.FirstSeenTime, a.FindingInfo.UID}
		require.True(t, k.at > last.at || k.at == last.at && k.id > last.id, "ordered by (first_seen_time, uid), each alert once")
		last = k
	}
}

// --from once meant a kind, an identity and an offset.
func TestFromIsTheKindOfAnImport(t *testing.T) {
	eachCommand(newRoot(app.StdIO()), func(c *cobra.Command) {
		if c.CommandPath() != "lapwing identity import" {
			require.Nil(t, c.Flags().Lookup("from"), c.CommandPath())
		}
	})
}
