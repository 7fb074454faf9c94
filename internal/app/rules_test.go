package app

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/detect/sigma"
)

const exampleRules = "../../docs/examples/sigma"

// rulesIO gives streams that are kept.
func rulesIO() (IO, *bytes.Buffer, *bytes.Buffer) {
	var out, errs bytes.Buffer
	return IO{In: strings.NewReader(""), Out: &out, Err: &errs}, &out, &errs
}

func TestTheExampleRulesHoldWhatTheirTestsSay(t *testing.T) {
	std, _, errs := rulesIO()
	require.NoError(t, RulesTest(t.Context(), Defaults(), RulesOptions{Rules: []string{exampleRules}}, std), errs)
	assert.Contains(t, errs.String(), "0 warnings")
	assert.NotContains(t, errs.String(), "no test:", "every example shows what it matches")
	kinds := map[string]bool{}
	rules, _, err := readRules([]string{exampleRules})
	require.NoError(t, err)
	set, err := sigma.Load(rules)
	require.NoError(t, err)
	for i := range set.Len() {
		kinds[set.Rule(i).Correlation] = true
	}
	assert.Len(t, kinds, 5, "single events, and one correlation of each type")
}

func TestMappedFormatsAreFormats(t *testing.T) {
	mapped, err := sigma.MappedFormats()
	require.NoError(t, err)
	cfg := Defaults()
	set, err := cfg.formatSet()
	require.NoError(t, err)
	assert.Subset(t, set.Names(), mapped)
}

const sampleRule = `title: Trail is stopped
id: stopped
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
`

const sampleRecord = `{"eventTime":"2026-03-01T10:00:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"},"eventID":"e1"}`

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestRulesTestSaysWhatIsWrong(t *testing.T) {
	test := func(more string) string {
		return "tests:\n  - {name: It matches, match: true, record: '" + sampleRecord + "'" + more + "}\n"
	}
	for _, c := range []struct {
		says, rule, tests string
		want              []string
		fails             bool
	}{
		{"what comes true", sampleRule, test(""), []string{"│ match │ ok", "1 test, 0 failed"}, false},
		{"what does not", strings.Replace(sampleRule, "StopLogging", "DeleteTrail", 1), test(""), []string{"no match", "FAIL ", "r.test.yaml:2", "1 failed"}, true},
		{"a rule that is wrong", strings.Replace(sampleRule, "condition: s", "condition: t", 1), test(""), []string{"r.yml:4", `no selection "t"`}, true},
		{"a rule that no test names", sampleRule, "tests: []\n", []string{"no test: Trail is stopped"}, false},
		{"an unknown field", strings.Replace(sampleRule, "eventName", "madeUp", 1), "tests: []\n", []string{"warning: ", "field madeUp: unknown for aws/cloudtrail"}, false},
		{"an unknown key", sampleRule, test(", expect: yes"), []string{`unknown key "expect"`}, true},
		{"a test without a name", sampleRule, "tests: [{match: true, record: x}]\n", []string{"name: missing"}, true},
		{"a test without a record", sampleRule, "tests: [{name: A, match: true}]\n", []string{"want record or records"}, true},
		{"an unknown format", sampleRule, test(", format: foo"), []string{`format: "foo"`}, true},
		{"an unknown rule", sampleRule, test(", rule: other"), []string{`no rule with the id or name "other"`}, true},
		{"a record that is none", sampleRule, "tests: [{name: A, match: false, format: cloudtrail, record: '{}'}]\n", []string{"bad record"}, true},
	} {
		t.Run(c.says, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "r.yml", c.rule)
			write(t, dir, "r.test.yaml", c.tests)
			std, out, errs := rulesIO()
			err := RulesTest(t.Context(), Defaults(), RulesOptions{Rules: []string{dir}}, std)
			assert.Equal(t, c.fails, err != nil)
			for _, w := range c.want {
				assert.Contains(t, out.String()+errs.String(), w)
			}
		})
	}
}

func TestRulesOnALog(t *testing.T) {
	dir := t.TempDir()
	rule := write(t, dir, "r.yml", sampleRule)
	log := write(t, dir, "trail.json", sampleRecord+"\n"+strings.NewReplacer("StopLogging", "GetTrail", `"e1"`, `"e2"`).Replace(sampleRecord)+"\n")
	cfg := Defaults()
	cfg.Detect.Sigma = []string{rule}

	std, out, errs := rulesIO()
	require.NoError(t, RulesMatch(t.Context(), cfg, RulesOptions{Format: "auto", Files: []string{log}, JSON: true}, std))
	var m ruleMatch
	require.NoError(t, json.Unmarshal(out.Bytes(), &m))
	assert.Equal(t, "stopped", m.Rule)
	assert.Equal(t, "cloudtrail:StopLogging", m.Operation)
	assert.Contains(t, errs.String(), "1 match of 1 rule in 2 events, 0 bad")

	std, _, errs = rulesIO()
	require.NoError(t, RulesTest(t.Context(), cfg, RulesOptions{Format: "auto", Events: log}, std))
	assert.Contains(t, errs.String(), "1  Trail is stopped")

	std, out, _ = rulesIO()
	require.NoError(t, RulesList(cfg, RulesOptions{JSON: true}, std))
	assert.JSONEq(t, `{"id":"stopped","title":"Trail is stopped","level":"medium","logsource":"aws/cloudtrail","formats":["cloudtrail"],"unmapped":[],"alone":true,"file":"`+rule+`","line":1}`, out.String())

	std, out, errs = rulesIO()
	require.NoError(t, Backtest(t.Context(), cfg, BacktestOptions{Format: "auto", Files: []string{log}}, std), errs)
	assert.Contains(t, out.String(), `"detector":"sigma"`)
}

func TestRulesJudgeRecordsOfTheClusterThatTheirTopicNames(t *testing.T) {
	dir := t.TempDir()
	cfg := Defaults()
	cfg.Detect.Sigma = []string{write(t, dir, "r.yml", `title: Pods are read
id: pods
logsource: {product: kubernetes, service: audit}
detection: {s: {objectRef.resource: pods}, condition: s}
`)}
	cfg.RawTopics = []RawTopicConfig{{Topic: "a", Format: "k8s-audit", Cluster: "prod-eu"}}
	log := write(t, dir, "audit.json", `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"ResponseComplete","verb":"get","user":{"username":"system:serviceaccount:payments:ledger"},"objectRef":{"resource":"pods"},"stageTimestamp":"2026-03-01T10:00:00Z"}`+"\n")
	std, out, errs := rulesIO()
	require.NoError(t, RulesMatch(t.Context(), cfg, RulesOptions{Format: "auto", Files: []string{log}, JSON: true}, std), errs)
	var m ruleMatch
	require.NoError(t, json.Unmarshal(out.Bytes(), &m), errs)
	assert.Equal(t, "k8s:prod-eu/payments/ledger", m.Identity)
}

func TestBrokenRulesOfTheConfigurationAreRefused(t *testing.T) {
	for says, c := range map[string]struct{ text, want string }{
		"a rule that is wrong":   {"title: T\n", "logsource: missing"},
		"a folder without rules": {"", "no rules in"},
	} {
		t.Run(says, func(t *testing.T) {
			dir := t.TempDir()
			if c.text != "" {
				write(t, dir, "r.yml", c.text)
			}
			cfg := Defaults()
			cfg.Detect.Sigma = []string{dir}
			std, _, _ := rulesIO()
			err := Check(t.Context(), cfg, "", CheckOptions{Offline: true}, std)
			require.Error(t, err)
			assert.Contains(t, err.Error(), "detect.sigma")
			assert.Contains(t, err.Error(), c.want)
		})
	}
	cfg := Defaults()
	cfg.Detect.Sigma = []string{filepath.Join(t.TempDir(), "none")}
	_, err := loadSigma(&cfg)
	assert.ErrorContains(t, err, "none: ")
}

func TestAFileWithoutARuleIsNoPassedTest(t *testing.T) {
	name := write(t, t.TempDir(), "empty.yml", "")
	std, _, errs := rulesIO()
	err := RulesTest(t.Context(), Defaults(), RulesOptions{Rules: []string{name}}, std)
	require.Error(t, err, errs)
	assert.Contains(t, err.Error(), "no rules in")
}
