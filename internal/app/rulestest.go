package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
)

// ruleTest is one example of what a rule matches, or does not: docs/sigma.md.
type ruleTest struct {
	// Name is a sentence.
	Name string `yaml:"name"`
	// Rule is an id or a name; it may be left out where the file has one rule
	// that makes findings.
	Rule string `yaml:"rule"`
	// Format of the records; auto when left out.
	Format string `yaml:"format"`
	// Match says whether the rule matches at one of the records.
	Match *bool `yaml:"match"`
	// Record is a raw record: a text, or a map that stands for JSON. Records are
	// several, in their order.
	Record  yaml.Node   `yaml:"record"`
	Records []yaml.Node `yaml:"records"`

	file string
	line int
}

// ruleResult is a test's outcome as "rules test" shows it; its names are a
// contract.
type ruleResult struct {
	Rule   string `json:"rule"`
	Test   string `json:"test"`
	Expect string `json:"expect"`
	Got    string `json:"got"`
	OK     bool   `json:"ok"`
	File   string `json:"file"`
	Line   int    `json:"line"`
}

// RulesTest validates rules, runs the examples beside them, and counts how
// often each matches in a log, if one is given.
func RulesTest(ctx context.Context, cfg Config, o RulesOptions, std IO) error {
	set, rules, files, err := o.open(&cfg, std)
	if err != nil {
		return err
	}
	for _, w := range set.Warnings() {
		fmt.Fprintf(std.Err, "warning: %s\n", w.Error())
	}
	reading, err := newFileReading(&cfg, true)
	if err != nil {
		return err
	}
	var tests []ruleTest
	var errs []error
	for _, f := range append(slices.Clone(rules), files...) {
		list, err := readTests(f, reading.formats.Names())
		tests, errs = append(tests, list...), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(std.Err, err)
		return errReported
	}
	j := newRuleJudge(set, reading)
	g := grid{header: []string{"rule", "test", "expect", "got", ""}}
	failed, tested := 0, map[int]bool{}
	enc := newEncoder(std.Out)
	for i := range tests {
		res, rule := tests[i].run(j)
		tested[rule] = true
		mark := "ok"
		if !res.OK {
			failed++
			mark = fmt.Sprintf("FAIL %s:%d", res.File, res.Line)
		}
		if o.JSON {
			if err := enc.Encode(res); err != nil {
				return err
			}
			continue
		}
		g.add(clipText(res.Rule, 48), clipText(res.Test, maxCell), res.Expect, clipText(res.Got, maxCell), mark)
	}
	if !o.JSON && len(tests) > 0 {
		if err := g.write(std.Out, std.Err, widthFor(std.Out, o.Wide)); err != nil {
			return err
		}
	}
	for i := range set.Len() {
		if r := set.Rule(i); r.Alone && !tested[i] {
			fmt.Fprintf(std.Err, "no test: %s (%s:%d)\n", r.Title, r.File, r.Line)
		}
	}
	if o.Events != "" {
		if err := countMatches(ctx, j, o, std); err != nil {
			return err
		}
	}
	fmt.Fprintf(std.Err, "%s, %s, %s, %d failed\n", count(set.Len(), "rule"), count(len(set.Warnings()), "warning"), count(len(tests), "test"), failed)
	if failed > 0 {
		return errReported
	}
	return nil
}

// countMatches runs the rules over a log.
func countMatches(ctx context.Context, j *ruleJudge, o RulesOptions, std IO) error {
	j.reset()
	matches := make([]int, j.set.Len())
	j.found = func(_ *schemas.Event, rules []int) {
		for _, i := range rules {
			matches[i]++
		}
	}
	in, err := j.files(ctx, std, o.Format, []string{o.Events})
	if err != nil {
		return err
	}
	good, bad := in.totals()
	fmt.Fprintf(std.Err, "%s: %d events, %d bad\n", o.Events, good, bad)
	for i, n := range matches {
		if n > 0 {
			fmt.Fprintf(std.Err, "%8d  %s\n", n, j.set.Rule(i).Title)
		}
	}
	if in.report() {
		return errReported
	}
	return nil
}

// readTests reads the documents with tests of a file.
func readTests(f sigma.File, formats []string) ([]ruleTest, error) {
	dec := yaml.NewDecoder(bytes.NewReader(f.Data))
	var out []ruleTest
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: no YAML: %w", f.Name, err)
		}
		if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
			continue
		}
		at := slices.IndexFunc(doc.Content[0].Content, func(n *yaml.Node) bool { return n.Value == "tests" })
		if at < 0 || at%2 != 0 {
			if isRuleTest(f.Name) {
				return nil, fmt.Errorf("%s:%d: want tests: and a list", f.Name, doc.Line)
			}
			continue
		}
		for _, n := range doc.Content[0].Content[at+1].Content {
			t, err := readTest(n, formats)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", f.Name, n.Line, err)
			}
			t.file, t.line = f.Name, n.Line
			out = append(out, t)
		}
	}
}

var testKeys = []string{"name", "rule", "format", "match", "record", "records"}

func readTest(n *yaml.Node, formats []string) (t ruleTest, err error) {
	if n.Kind != yaml.MappingNode {
		return t, fmt.Errorf("a test is a map of %s", strings.Join(testKeys, ", "))
	}
	for i := 0; i < len(n.Content); i += 2 {
		if key := n.Content[i].Value; !slices.Contains(testKeys, key) {
			return t, fmt.Errorf("unknown key %q: want %s", key, oneOf(testKeys))
		}
	}
	if err := n.Decode(&t); err != nil {
		return t, err
	}
	switch {
	case t.Name == "":
		return t, errors.New("name: missing: say in a sentence what the test shows")
	case t.Match == nil:
		return t, errors.New("match: missing: want true or false")
	case t.Record.IsZero() == (len(t.Records) == 0):
		return t, errors.New("want record or records")
	}
	if t.Format == "" {
		t.Format = ingest.AutoFormat
	}
	if t.Format != ingest.AutoFormat && !slices.Contains(formats, t.Format) {
		return t, fmt.Errorf("format: %q: want %s", t.Format, oneOf(append([]string{ingest.AutoFormat}, formats...)))
	}
	if !t.Record.IsZero() {
		t.Records = []yaml.Node{t.Record}
	}
	return t, nil
}

// rule finds the rule that a test is about.
func (t *ruleTest) rule(set *sigma.Set) (int, error) {
	if t.Rule != "" {
		if i := set.Find(t.Rule); i >= 0 {
			return i, nil
		}
		return -1, fmt.Errorf("no rule with the id or name %q", t.Rule)
	}
	stem := t.file
	for _, s := range testSuffixes {
		stem = strings.TrimSuffix(stem, s)
	}
	stem = strings.TrimSuffix(strings.TrimSuffix(stem, ".yaml"), ".yml")
	found := -1
	for i := range set.Len() {
		if r := set.Rule(i); r.Alone && strings.TrimSuffix(r.File, filepath.Ext(r.File)) == stem {
			if found >= 0 {
				return -1, errors.New("several rules make findings here: say which with the key rule")
			}
			found = i
		}
	}
	if found < 0 {
		return -1, errors.New("no rule in the file of the same name: say which with the key rule")
	}
	return found, nil
}

// run gives a test's records to the rules.
func (t *ruleTest) run(j *ruleJudge) (ruleResult, int) {
	res := ruleResult{Test: t.Name, Expect: matchWord(*t.Match), File: t.file, Line: t.line, Rule: t.Rule}
	rule, err := t.rule(j.set)
	if err != nil {
		res.Got = err.Error()
		return res, -1
	}
	res.Rule = j.set.Rule(rule).Title
	j.reset()
	matched := false
	j.found = func(_ *schemas.Event, rules []int) { matched = matched || slices.Contains(rules, rule) }
	j.bad = func(err error) { res.Got = "bad record: " + oneLine(err.Error()) }
	if !j.set.Rule(rule).Alone {
		res.Got = "only correlations use this rule: test one of them"
		return res, rule
	}
	for i := range t.Records {
		raw, err := rawRecordOf(&t.Records[i])
		if err != nil {
			res.Got = err.Error()
			break
		}
		j.text(raw, t.Format)
	}
	switch {
	case res.Got != "":
	case j.count == 0:
		res.Got = "no event in the record"
	default:
		res.Got = matchWord(matched)
		res.OK = matched == *t.Match
	}
	return res, rule
}

func matchWord(b bool) string {
	if b {
		return "match"
	}
	return "no match"
}

// rawRecordOf is a record as its source would write it: a text as it is, a map
// as JSON.
func rawRecordOf(n *yaml.Node) ([]byte, error) {
	if n.Kind == yaml.ScalarNode {
		return []byte(n.Value), nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
