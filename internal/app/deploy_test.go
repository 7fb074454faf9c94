package app

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var metricName = regexp.MustCompile(`lapwing_[a-z_]+[a-z]`)

// Dashboards and rules show metrics that exist.
func TestDeployNamesMetricsThatExist(t *testing.T) {
	have := map[string]bool{}
	require.NoError(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`"(lapwing_[a-z_]+)"`).FindAllSubmatch(text, -1) {
			have[string(m[1])] = true
		}
		return err
	}))
	require.NotEmpty(t, have)
	for _, file := range []string{"../../deploy/grafana/dashboards/lapwing.json", "../../deploy/prometheus/lapwing.rules.yml"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		names := metricName.FindAllString(string(text), -1)
		require.NotEmpty(t, names, file)
		for _, n := range names {
			base := n
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if !have[base] {
					base = strings.TrimSuffix(n, suffix)
				}
			}
			if !have[n] && !have[base] {
				t.Errorf("%s shows %s, which nobody exports", file, n)
			}
		}
	}
}

// Each alert rule fires when it should, and not when it should not.
func TestPrometheusRules(t *testing.T) {
	script, err := filepath.Abs("../../scripts/promtool.sh")
	require.NoError(t, err)
	if out, err := exec.CommandContext(t.Context(), script, "fetch").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s", out)
		}
		t.Skipf("%s", out)
	}
	cmd := exec.CommandContext(t.Context(), script, "test", "rules", "lapwing.rules.test.yml")
	cmd.Dir = "../../deploy/prometheus"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	rules, err := os.ReadFile("../../deploy/prometheus/lapwing.rules.yml")
	require.NoError(t, err)
	tests, err := os.ReadFile("../../deploy/prometheus/lapwing.rules.test.yml")
	require.NoError(t, err)
	docs, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		require.Contains(t, string(tests), `alertname="`+m[1]+`"`, "a rule without a test")
		require.Contains(t, string(docs), "`"+m[1]+"`", "a rule that the guide does not explain")
	}
}

// The configuration that docker-compose.yml mounts is one that Lapwing takes.
func TestComposeConfigurationIsValid(t *testing.T) {
	cfg, err := LoadConfig("../../deploy/lapwing/lapwing.yaml", envOf(map[string]string{
		"LAPWING_SECRETS_HMAC_KEY": strings.Repeat("k", minHMACKey), "LAPWING_INGEST_TOKEN": "t", "LAPWING_MONITOR_TOKEN": "t",
		"LAPWING_CLICKHOUSE_PASSWORD": "p", "LAPWING_INVENTORY_FILE": "../../deploy/lapwing/inventory.yaml",
	}))
	require.NoError(t, err)
	require.NoError(t, cfg.CheckRun(Roles()))
}
