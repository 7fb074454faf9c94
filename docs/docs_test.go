// Package docs_test holds the guides against the code: what they name exists,
// what they list is complete, and their links lead somewhere.
package docs_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/app"
	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/schemas"
)

var update = flag.Bool("update", false, "write what is generated")

const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(b)
}

// guides are all texts in Markdown, relative to the root.
func guides(t *testing.T) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "lapwing-data") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			out = append(out, filepath.ToSlash(rel))
		}
		return nil
	}))
	require.NotEmpty(t, out)
	return out
}

// generated compares what follows the mark in a guide, up to the next heading of
// the same or a higher level given by until, with want; with -update it writes it.
func generated(t *testing.T, path, mark, until, want string) {
	t.Helper()
	text := read(t, path)
	head, rest, ok := strings.Cut(text, mark)
	require.True(t, ok, "%s lacks the mark %q", path, mark)
	tail := ""
	if until != "" {
		i := strings.Index(rest, until)
		require.GreaterOrEqual(t, i, 0, "%s lacks %q after the mark", path, until)
		tail = rest[i:]
	}
	full := head + mark + want + tail
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(full), 0o644))
		return
	}
	require.Equal(t, full, text, "%s is not current: go test ./docs -update", path)
}

func severity(id int) string { return strings.ToLower(schemas.SeverityName(id)) }

// cell makes text fit a table's cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func TestTheCatalogueIsCurrent(t *testing.T) {
	var b strings.Builder
	var techniques []schemas.Technique
	cards := detect.Catalogue()
	for _, basis := range []detect.Basis{detect.Declared, detect.Learned} {
		title := basis.String()
		fmt.Fprintf(&b, "\n## %s%s\n\n", strings.ToUpper(title[:1]), title[1:])
		b.WriteString("| detector | what it watches | way | severity | from | floor | ATT&CK | NHI, API |\n|---|---|---|---|---|---|---|---|\n")
		for _, m := range cards {
			if m.Basis != basis {
				continue
			}
			var ids, owasp []string
			for _, a := range m.Attacks {
				ids = append(ids, a.UID)
				if !slices.ContainsFunc(techniques, func(x schemas.Technique) bool { return x.UID == a.UID }) {
					techniques = append(techniques, a)
				}
			}
			for _, x := range slices.Concat(m.NHI, m.API) {
				id, _, _ := strings.Cut(x, ":")
				owasp = append(owasp, id)
			}
			fmt.Fprintf(&b, "| [`%s`](detections/%s.md) | %s | %s | %s | %s | %s | %s | %s |\n", m.Name, m.Name, cell(m.Title), m.Way, severity(m.Severity),
				cell(m.MinSample), cell(m.Floor), strings.Join(ids, " "), strings.Join(owasp, " "))
		}
	}
	b.WriteString("\n## Techniques\n\n| MITRE ATT&CK | name |\n|---|---|\n")
	slices.SortFunc(techniques, func(a, b schemas.Technique) int { return strings.Compare(a.UID, b.UID) })
	for _, a := range techniques {
		fmt.Fprintf(&b, "| %s | %s |\n", a.UID, a.Name)
	}
	generated(t, "docs/detections.md", "do not edit below -->\n", "", b.String())
}

func TestTheHuntsAreCurrent(t *testing.T) {
	hunts, err := clickhouse.ListHunts()
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("\n| hunt | answers | parameters |\n|---|---|---|\n")
	for _, h := range hunts {
		var params []string
		for _, p := range h.Params {
			name := "`" + p.Name + "`"
			if p.Required {
				name = "**" + name + "**"
			}
			params = append(params, name)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", h.Name, cell(h.Question), strings.Join(params, " "))
	}
	b.WriteString("\n")
	generated(t, "docs/clickhouse.md", "<!-- generated from schemas/hunts by `go test ./docs -update` -->\n", "## Questions", b.String())
}

func TestEveryHuntThatIsNamedExists(t *testing.T) {
	named := regexp.MustCompile(`lapwing hunt run ([a-z][a-z-]+)`)
	for _, g := range guides(t) {
		for _, m := range named.FindAllStringSubmatch(read(t, g), -1) {
			_, err := clickhouse.FindHunt(m[1])
			require.NoError(t, err, g)
		}
	}
}

func TestEveryKindOfDestinationIsDescribedAsItIs(t *testing.T) {
	text := strings.ReplaceAll(read(t, "docs/running.md"), "`", "")
	for _, k := range alerting.Kinds() {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(k.Name) + ` \| .*$`).FindString(text)
		require.Contains(t, row, k.Effects, "docs/running.md: row of %s", k.Name)
		require.Equal(t, k.OnCall, strings.Contains(row, "on-call"), "docs/running.md: on-call in the row of %s", k.Name)
		require.Contains(t, text, "kind: "+k.Name, "docs/running.md has an example of each kind")
	}
}

// metrics are the names that the code registers.
func metrics(t *testing.T) map[string]bool {
	t.Helper()
	name := regexp.MustCompile(`"(lapwing_[a-z0-9_]+)"`)
	out := map[string]bool{}
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(filepath.Clean(p))
		for _, m := range name.FindAllStringSubmatch(string(b), -1) {
			out[m[1]] = true
		}
		return err
	}))
	require.Greater(t, len(out), 20)
	return out
}

func TestEveryMetricThatIsNamedExists(t *testing.T) {
	known := metrics(t)
	name := regexp.MustCompile(`\blapwing_[a-z0-9_]*[a-z0-9]\b`)
	notMetrics := map[string]bool{"lapwing_hunter": true, "lapwing_migrate": true, "lapwing_tenant": true, "lapwing_writer": true}
	for _, g := range append(guides(t), "deploy/prometheus/lapwing.rules.yml", "deploy/grafana/dashboards/lapwing.json") {
		for _, n := range name.FindAllString(read(t, g), -1) {
			base := n
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if b, ok := strings.CutSuffix(n, suffix); ok && known[b] {
					base = b
				}
			}
			require.True(t, known[base] || notMetrics[n], "%s names the metric %s, which the code does not have", g, n)
		}
	}
}

func TestEveryMetricIsDescribed(t *testing.T) {
	text := read(t, "docs/operations.md")
	for name := range metrics(t) {
		require.Contains(t, text, "`"+name+"`", "docs/operations.md says what it tells")
	}
}

func TestEveryRuleIsExplained(t *testing.T) {
	rules := regexp.MustCompile(`(?m)^\s*- alert: (\w+)`).FindAllStringSubmatch(read(t, "deploy/prometheus/lapwing.rules.yml"), -1)
	require.NotEmpty(t, rules)
	text := read(t, "docs/operations.md")
	var names []string
	for _, r := range rules {
		names = append(names, r[1])
		require.Contains(t, text, "`"+r[1]+"`", "docs/operations.md says what to do about it")
	}
	for _, m := range regexp.MustCompile("`(Lapwing[A-Z][A-Za-z]+)`").FindAllStringSubmatch(text, -1) {
		require.Contains(t, names, m[1], "docs/operations.md names a rule that does not exist")
	}
}

func TestEveryConfigurationShownIsAccepted(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"ca.pem": "", "kafka": "pw\n", "clickhouse": "pw\n", "hmac": strings.Repeat("0f", 32), "hec": "token\n",
		"inventory.yaml": "identities: []\n", "pagerduty": strings.Repeat("r", 32),
		"webhook": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	n := 0
	for _, g := range []string{"docs/running.md", "docs/configuration.md"} {
		for _, m := range block.FindAllStringSubmatch(read(t, g), -1) {
			n++
			text := strings.NewReplacer("/run/secrets/", dir+"/", "/etc/lapwing/", dir+"/").Replace(m[1])
			path := filepath.Join(dir, "lapwing.yaml")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			_, err := app.LoadConfig(path, func(name string) (string, bool) {
				// A password that the example leaves to the environment.
				return "pw", name == "LAPWING_KAFKA_SASL_PASSWORD" && !strings.Contains(text, "password_file")
			})
			require.NoError(t, err, "%s:\n%s", g, text)
		}
	}
	require.Positive(t, n)
}

// configurationKeys are all keys, those of list elements as list[].key, and the
// sections that they stand in.
func configurationKeys() (keys, sections map[string]bool) {
	keys, sections = map[string]bool{}, map[string]bool{}
	var add func(prefix string, list []app.Key)
	add = func(prefix string, list []app.Key) {
		for _, k := range list {
			name := prefix + k.Name
			keys[name] = true
			for i := range name {
				if name[i] == '.' {
					sections[name[:i]] = true
				}
			}
			add(name+"[].", k.Fields)
		}
	}
	add("", app.Keys())
	return keys, sections
}

func TestEveryConfigurationKeyThatIsNamedExists(t *testing.T) {
	keys, sections := configurationKeys()
	named := regexp.MustCompile("`((?:[a-z_]+(?:\\[\\])?\\.)+[a-z_]+)[`:= ]")
	n := 0
	for _, g := range guides(t) {
		for _, m := range named.FindAllStringSubmatch(read(t, g), -1) {
			section, _, _ := strings.Cut(m[1], ".")
			if !sections[section] || slices.Contains([]string{".tsv", ".yaml", ".json"}, filepath.Ext(m[1])) {
				continue
			}
			n++
			require.True(t, keys[m[1]] || sections[m[1]], "%s names %s, which is no key", g, m[1])
		}
	}
	require.Greater(t, n, 100)
}

// otherVariables are those that no configuration key has.
var otherVariables = []string{"LAPWING_CACHE", "LAPWING_CHDB", "LAPWING_DATA"}

func TestEveryVariableThatIsNamedExists(t *testing.T) {
	known := slices.Clone(otherVariables)
	for _, k := range app.Keys() {
		known = append(known, app.EnvName(k.Name))
	}
	name := regexp.MustCompile(`\bLAPWING_[A-Z_]*[A-Z]\b`)
	for _, g := range append(guides(t), "docker-compose.yml", "deploy/env.example", "deploy/Dockerfile") {
		for _, n := range name.FindAllString(read(t, g), -1) {
			require.Contains(t, known, n, "%s names a variable that nothing reads", g)
		}
	}
}

// anchors are the ids that a Markdown text's headings get.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if fenced || !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		id := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			}
			return -1
		}, strings.ToLower(strings.TrimSpace(title)))
		out[id] = true
	}
	return out
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, g := range guides(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, g), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := g
			if path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(g), path))
			}
			_, err := os.Stat(filepath.Join(root, target))
			require.NoError(t, err, "%s links to %s", g, m[1])
			if anchor != "" && strings.HasSuffix(target, ".md") {
				require.True(t, anchors(read(t, target))[anchor], "%s links to %s: no such heading", g, m[1])
			}
		}
	}
}
