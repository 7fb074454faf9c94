package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/schemas"
)

// detectorDoc is what the source says of a detector beside its card.
type detectorDoc struct{ file, words string }

// detectorDocs finds the comment of each detector's type, by the name on its card.
func detectorDocs(t *testing.T) map[string]detectorDoc {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "detect", "*.go"))
	require.NoError(t, err)
	cardName := regexp.MustCompile(`var (\w+)Card = Meta\{\s*Name: "([^"]+)"`)
	out := map[string]detectorDoc{}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the source
		require.NoError(t, err)
		m := cardName.FindSubmatch(text)
		if m == nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE || g.Doc == nil {
				continue
			}
			spec, ok := g.Specs[0].(*ast.TypeSpec)
			if !ok || !embeds(spec) && spec.Name.Name != string(m[1]) {
				continue
			}
			words := strings.TrimSpace(g.Doc.Text())
			if rest, ok := strings.CutPrefix(words, spec.Name.Name+" "); ok {
				words = "It " + rest
			}
			out[string(m[2])] = detectorDoc{filepath.Base(file), words}
			break
		}
	}
	return out
}

// embeds reports whether a type is a detector: it embeds arrivalOnly or paneOnly. One
// that judges both is found by its card, which has its name.
func embeds(spec *ast.TypeSpec) bool {
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return false
	}
	return slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		id, ok := f.Type.(*ast.Ident)
		return ok && len(f.Names) == 0 && (id.Name == "arrivalOnly" || id.Name == "paneOnly")
	})
}

// goldenSample is an alert of the golden cases.
type goldenSample struct {
	Detector string   `yaml:"detector"`
	Way      string   `yaml:"way"`
	Severity string   `yaml:"severity"`
	Also     []string `yaml:"also"`
	Title    string   `yaml:"title"`
	Says     []string `yaml:"says"`
}

type goldenTitle struct {
	Title  string `yaml:"title"`
	Expect string `yaml:"expect"`
}

// golden reads the cases of a detector: their titles, and the alert in which it
// speaks best: one that it opened, else one that it has a part in.
func golden(t *testing.T, name string) (cases []goldenTitle, best *goldenSample) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "detect", "testdata", name, "*", "events.yaml"))
	require.NoError(t, err)
	for _, file := range files {
		var c goldenTitle
		text, err := os.ReadFile(file) //nolint:gosec // the tree's own
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, &c), file)
		cases = append(cases, c)
		var alerts []goldenSample
		text, err = os.ReadFile(filepath.Join(filepath.Dir(file), "alerts.yaml")) //nolint:gosec // the tree's own
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, &alerts), file)
		for i := range alerts {
			a := &alerts[i]
			switch {
			case a.Detector == name && (best == nil || best.Detector != name):
				best = a
			case best == nil && slices.Contains(a.Also, name):
				best = a
			}
		}
	}
	return cases, best
}

// wayWords says how a way reaches a person.
var wayWords = map[detect.Way]string{
	detect.WayReport:      "It goes to the daily report and wakes nobody, unless the identity's criticality is high.",
	detect.WayFused:       "It wakes nobody by itself: it is evidence, and pages together with another kind of evidence that is rare enough (`way: fused`).",
	detect.WayStrong:      "It pages by itself when it is rarer than the budget allows, above its floor and well above the identity's own maximum (`way: strong`); below that it is evidence.",
	detect.WayConsequence: "One event is enough, on arrival (`way: consequence`); where the history is short or peers do the same, it is evidence or a report only.",
	detect.WayDeclared:    "It pages on arrival, once for each identity, rule and value, until something changes (`way: declared`).",
}

// reference links an id to where its owner describes it.
func reference(id string) string {
	switch {
	case strings.HasPrefix(id, "T"):
		return "[" + id + "](https://attack.mitre.org/techniques/" + strings.ReplaceAll(id, ".", "/") + "/)"
	case strings.HasPrefix(id, "NHI"):
		return "[" + id + "](https://owasp.org/www-project-non-human-identities-top-10/2025/)"
	case strings.HasPrefix(id, "API"):
		return "[" + id + "](https://owasp.org/API-Security/editions/2023/en/0x11-t10/)"
	}
	return id
}

// linked joins ids with their links, each with its name where it has one.
func linked(ids []string) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = reference(id)
	}
	return strings.Join(out, ", ")
}

// detectorPage is the page of one detector.
func detectorPage(t *testing.T, m *detect.Meta, doc detectorDoc) string {
	t.Helper()
	cases, sample := golden(t, m.Name)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n<!-- generated from detect/%s and its golden cases by `go test ./docs -update`; do not edit -->\n\n", m.Name, doc.file)
	fmt.Fprintf(&b, "**%s.** %s\n\n", m.Title, doc.words)
	if sample != nil {
		b.WriteString("## What the alert says\n\n")
		fmt.Fprintf(&b, "> **%s** (%s, %s)\n", sample.Title, strings.ToLower(sample.Severity), sample.Way)
		for _, s := range sample.Says {
			fmt.Fprintf(&b, ">\n> %s\n", s)
		}
		if sample.Detector != m.Name {
			fmt.Fprintf(&b, "\nHere `%s` has a part in an alert that `%s` opened.\n", m.Name, sample.Detector)
		}
		b.WriteString("\n")
	}
	b.WriteString("## First checks\n\n")
	for i, c := range m.FirstChecks {
		fmt.Fprintf(&b, "%d. %s\n", i+1, c)
	}
	b.WriteString("\n## When it speaks\n\n| | |\n|---|---|\n")
	when := "on arrival of an event"
	if m.Wake == 0 {
		when = "when a quarter of an hour of the identity's time has passed"
	}
	for _, row := range [][2]string{
		{"basis", m.Basis.String() + map[detect.Basis]string{detect.Declared: ": the event breaks what the inventory or a policy states", detect.Learned: ": unlike the identity's past, or unlike its peers"}[m.Basis]},
		{"judged", when},
		{"model and source", m.Model},
		{"kept of each identity", m.Kept},
		{"least history", m.MinSample},
		{"floor", m.Floor},
		{"family of evidence", m.Family.String()},
		{"severity", severity(m.Severity) + "; a refused attempt one lower, a critical identity one higher, a sandbox one lower"},
		{"pages", wayWords[m.Way]},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], cell(row[1]))
	}
	b.WriteString("\n## When it fires, and when it must not\n\nCases that are tested with every change:\n\n")
	for _, expect := range []string{"fires", "quiet"} {
		for _, c := range cases {
			if c.Expect == expect {
				fmt.Fprintf(&b, "- %s: %s\n", expect, c.Title)
			}
		}
	}
	b.WriteString("\n## If it is wrong here\n\n" + tuning(m))
	b.WriteString("\n## Mappings\n\n| framework | |\n|---|---|\n")
	var attacks []string
	for _, a := range m.Attacks {
		attacks = append(attacks, reference(a.UID)+" "+a.Name)
	}
	fmt.Fprintf(&b, "| MITRE ATT&CK v%s | %s |\n", schemas.ATTACKVersion, strings.Join(attacks, ", "))
	fmt.Fprintf(&b, "| OWASP NHI Top 10 | %s |\n| OWASP API Security Top 10 | %s |\n", linked(m.NHI), linked(m.API))
	fmt.Fprintf(&b, "| NIST CSF 2 | %s |\n| PCI DSS 4 | %s |\n", strings.Join(m.NIST, ", "), strings.Join(m.PCI, ", "))
	b.WriteString("\n[All detectors](../detections.md) · [How it decides](../how-it-decides.md)\n")
	return b.String()
}

// tuning says what to do about a finding that was no news.
func tuning(m *detect.Meta) string {
	var b strings.Builder
	step := func(s string) { b.WriteString("- " + s + "\n") }
	if m.Basis == detect.Declared {
		step("What it goes by is stated: correct the [inventory](../inventory.md), and it is right at once.")
	} else {
		step("Say so of this alert: `lapwing alert expected ID --reason …`. The value joins the identity's baseline, and this detector is silent about it for 30 days; `lapwing alert undo ID` takes that back.")
	}
	step("For one identity until a date, in the inventory:\n\n  ```yaml\n  exceptions:\n    - {detector: " + m.Name + ", until: 2026-12-01T00:00:00Z, reason: \"…\", by: you@example.com}\n  ```\n")
	step("Off for everybody: `detect.disabled: [" + m.Name + "]` in the [configuration](../configuration.md).")
	if m.Way == detect.WayStrong || m.Way == detect.WayFused {
		step("Fewer or more of all that is statistical: `budget.false_alerts_per_day`. There is no threshold of its own to turn.")
	}
	step("Before any of it: `lapwing backtest --compare` shows which alerts a change would cost.")
	return b.String()
}

func TestEveryDetectorHasItsPage(t *testing.T) {
	docs := detectorDocs(t)
	dir := filepath.Join(root, "docs", "detections")
	want := map[string]bool{}
	for _, m := range detect.Catalogue() {
		doc, ok := docs[m.Name]
		require.True(t, ok, "%s: the type of the detector has no comment that says what it finds", m.Name)
		page := detectorPage(t, &m, doc)
		path := filepath.Join(dir, m.Name+".md")
		want[m.Name+".md"] = true
		if *update {
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
			continue
		}
		require.Equal(t, page, read(t, "docs/detections/"+m.Name+".md"), "docs/detections/%s.md is not current: go test ./docs -update", m.Name)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		require.True(t, want[e.Name()], "docs/detections/%s: no such detector", e.Name())
	}
}
