package sigma

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// loader compiles files to a set.
type loader struct {
	mapping  *mapping
	set      *Set
	problems []Problem
	byRef    map[string]int // rules by id and name
	filters  []filter

	// The document in hand.
	file  string
	line  int
	rule  string
	nodes int
}

// filter is a document that is joined to the conditions of other rules.
type filter struct {
	source     LogSource
	title      string
	rules      []string // nil for any
	root       *node
	file, rule string
	line       int
}

func (l *loader) fail(line int, format string, args ...any) {
	l.problems = append(l.problems, Problem{l.file, line, l.rule, fmt.Sprintf(format, args...)})
}

func (l *loader) warn(line int, format string, args ...any) {
	l.set.warnings = append(l.set.warnings, Problem{l.file, line, l.rule, fmt.Sprintf(format, args...)})
}

func (l *loader) readFile(f File) {
	l.file, l.rule = f.Name, ""
	if len(f.Data) > maxFile {
		l.fail(0, "%d bytes: want %d at most", len(f.Data), maxFile)
		return
	}
	dec := yaml.NewDecoder(bytes.NewReader(f.Data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		l.rule = ""
		if err != nil {
			l.fail(0, "no YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
			return
		}
		if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
			if len(doc.Content) == 1 && doc.Content[0].Tag == "!!null" {
				continue
			}
			l.fail(doc.Line, "want a rule: a map with title, logsource and detection")
			continue
		}
		l.nodes = 0
		if err := l.check(doc.Content[0], 0); err != nil {
			l.fail(doc.Line, "%s", err)
			continue
		}
		l.document(doc.Content[0])
	}
}

// check bounds a document, aliases followed.
func (l *loader) check(n *yaml.Node, depth int) error {
	if l.nodes++; l.nodes > maxNodes {
		return fmt.Errorf("more than %d values, aliases counted", maxNodes)
	}
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		return l.check(n.Alias, depth+1)
	}
	for _, c := range n.Content {
		if err := l.check(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

var techniqueTag = regexp.MustCompile(`^attack\.(t\d{4}(?:\.\d{3})?)$`)

// document reads one rule, correlation or filter; a document of tests is the
// tester's.
func (l *loader) document(doc *yaml.Node) {
	l.line = doc.Line
	if get(doc, "tests") != nil && get(doc, "detection") == nil && get(doc, "correlation") == nil {
		return
	}
	title := text(get(doc, "title"))
	l.rule = title
	switch {
	case title == "":
		l.fail(doc.Line, "title: missing")
		return
	case len(title) > 256:
		l.fail(doc.Line, "title: %d bytes: want 256 at most", len(title))
		return
	}
	if l.set.Len() >= maxRules {
		l.fail(doc.Line, "more than %d rules", maxRules)
		return
	}
	if get(doc, "filter") != nil {
		l.filter(doc)
		return
	}
	r := Rule{
		ID: text(get(doc, "id")), Name: text(get(doc, "name")), Title: title, Description: text(get(doc, "description")),
		Status: strings.ToLower(text(get(doc, "status"))), Level: strings.ToLower(text(get(doc, "level"))),
		Fields: texts(get(doc, "fields")), FalsePositives: texts(get(doc, "falsepositives")), References: texts(get(doc, "references")),
		File: l.file, Line: doc.Line, Alone: true,
	}
	if r.ID == "" {
		r.ID = or(r.Name, slug(title))
	}
	if len(r.ID) > 128 || len(r.Name) > 128 {
		l.fail(doc.Line, "id or name: longer than 128 bytes")
		return
	}
	if r.Level == "" {
		r.Level = "medium"
	}
	var ok bool
	if r.Severity, ok = levels[r.Level]; !ok {
		l.fail(doc.Line, "level: %q: want informational, low, medium, high or critical", r.Level)
		return
	}
	for _, tag := range texts(get(doc, "tags")) {
		if m := techniqueTag.FindStringSubmatch(strings.ToLower(tag)); m != nil {
			r.Techniques = append(r.Techniques, strings.ToUpper(m[1]))
		}
	}
	if r.Status == "unsupported" {
		l.warn(doc.Line, "status unsupported: left out")
		return
	}
	if r.Status == "deprecated" {
		l.warn(doc.Line, "status deprecated: loaded all the same; leave the file out if another rule replaces it")
	}
	if c := get(doc, "correlation"); c != nil {
		l.correlation(&r, c)
	} else {
		l.detection(&r, doc)
	}
	for _, ref := range []string{r.ID, r.Name} {
		if ref == "" {
			continue
		}
		if i, taken := l.byRef[ref]; taken && i != l.set.Len() {
			other := l.set.rules[i]
			l.fail(doc.Line, "%q is taken by %q (%s:%d): ids and names are unique", ref, other.Title, other.File, other.Line)
			return
		}
		l.byRef[ref] = l.set.Len()
	}
	l.set.rules = append(l.set.rules, r)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// slug is the id of a rule without one.
func slug(title string) string {
	s := strings.Map(func(r rune) rune {
		if isWord(r) {
			return r
		}
		return '-'
	}, strings.ToLower(title))
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	return strings.Trim(s[:min(len(s), 128)], "-")
}

func (l *loader) source(doc *yaml.Node) (LogSource, bool) {
	n := get(doc, "logsource")
	s := LogSource{
		strings.ToLower(text(get(n, "category"))), strings.ToLower(text(get(n, "product"))), strings.ToLower(text(get(n, "service"))),
	}
	if s == (LogSource{}) {
		l.fail(doc.Line, "logsource: missing: want category, product or service")
		return s, false
	}
	return s, true
}

func (l *loader) detection(r *Rule, doc *yaml.Node) {
	var ok bool
	if r.Source, ok = l.source(doc); !ok {
		return
	}
	r.Formats = l.mapping.formatsOf(r.Source)
	if len(r.Formats) == 0 {
		l.warn(doc.Line, "logsource %s: no format of Lapwing carries it: the rule never matches", r.Source)
	}
	d := get(doc, "detection")
	if d == nil || d.Kind != yaml.MappingNode {
		l.fail(doc.Line, "detection: missing: want selections and a condition")
		return
	}
	if get(d, "timeframe") != nil {
		l.warn(d.Line, "timeframe changes nothing without an aggregation, which Sigma 2 has not: write a correlation rule for it")
	}
	r.root = l.selections(d, "condition", "timeframe")
	for _, f := range r.Fields {
		r.fields = append(r.fields, l.field(f))
	}
}

// selections compiles every selection of a detection and its condition.
func (l *loader) selections(d *yaml.Node, not ...string) *node {
	found := map[string]*node{}
	var names []string
	faults := len(l.problems)
	for i := 0; i+1 < len(d.Content); i += 2 {
		name, v := d.Content[i].Value, follow(d.Content[i+1])
		if slices.Contains(not, name) {
			continue
		}
		if found[name] != nil {
			l.fail(d.Content[i].Line, "selection %q stands twice", name)
		}
		n, err := l.selection(v, 0)
		if err != nil {
			l.fail(v.Line, "%s: %s", name, err)
			n = &node{op: nodeOr}
		}
		found[name] = n
		names = append(names, name)
	}
	conditions := texts(get(d, "condition"))
	switch {
	case len(names) == 0:
		l.fail(d.Line, "detection: no selection")
	case len(conditions) == 0:
		l.fail(d.Line, "condition: missing")
	}
	if len(l.problems) > faults {
		return nil
	}
	used := map[string]bool{}
	var kids []*node
	for _, c := range conditions {
		n, err := parseCondition(c, found, names, used)
		if err != nil {
			l.fail(d.Line, "condition: %s", err)
			return nil
		}
		kids = append(kids, n)
	}
	if left := unused(names, used); len(left) > 0 {
		l.warn(d.Line, "no condition uses %s", strings.Join(left, ", "))
	}
	return join(nodeOr, kids)
}

// selection compiles a map (all of its fields), a list of maps (any of them),
// or a list of keywords.
func (l *loader) selection(n *yaml.Node, depth int) (*node, error) {
	switch n.Kind {
	case yaml.MappingNode:
		var kids []*node
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, err := l.item(n.Content[i].Value, follow(n.Content[i+1]), n.Content[i].Line)
			if err != nil {
				return nil, err
			}
			kids = append(kids, k)
		}
		if len(kids) == 0 {
			return nil, errors.New("empty: it would match everything")
		}
		return join(nodeAnd, kids), nil
	case yaml.SequenceNode:
		var kids []*node
		var words []*yaml.Node
		for _, c := range n.Content {
			if c = follow(c); c.Kind == yaml.ScalarNode {
				words = append(words, c)
				continue
			}
			if depth > 1 {
				return nil, errors.New("lists within lists within lists")
			}
			k, err := l.selection(c, depth+1)
			if err != nil {
				return nil, err
			}
			kids = append(kids, k)
		}
		if len(words) > 0 {
			k, err := l.keywords(words, nil)
			if err != nil {
				return nil, err
			}
			kids = append(kids, k)
		}
		if len(kids) == 0 {
			return nil, errors.New("empty: it would match nothing")
		}
		return join(nodeOr, kids), nil
	case yaml.ScalarNode:
		return l.keywords([]*yaml.Node{n}, nil)
	default:
		return nil, errors.New("want a map of fields, or a list")
	}
}

// keywords are looked for in every text of the event.
func (l *loader) keywords(words []*yaml.Node, modifiers []string) (*node, error) {
	m, err := parseModifiers(modifiers)
	if err != nil {
		return nil, err
	}
	if m.match == "" && m.how == opExact {
		m.how = opContains
	}
	if m.match != "" && m.match != "re" {
		return nil, fmt.Errorf("%s needs a field", m.match)
	}
	for _, w := range words {
		if w.Value == "" || w.Tag == "!!null" {
			return nil, errors.New("an empty keyword would match everything")
		}
	}
	return l.tests(anywhere, &m, words)
}

// item compiles "field|modifier: values".
func (l *loader) item(key string, v *yaml.Node, line int) (*node, error) {
	parts := strings.Split(key, "|")
	name := strings.TrimSpace(parts[0])
	values := []*yaml.Node{v}
	if v.Kind == yaml.SequenceNode {
		values = values[:0]
		for _, c := range v.Content {
			values = append(values, follow(c))
		}
		if len(values) == 0 {
			return nil, fmt.Errorf("%s: an empty list would match nothing", key)
		}
	}
	if len(values) > maxValues {
		return nil, fmt.Errorf("%s: %d values: want %d at most", key, len(values), maxValues)
	}
	for _, c := range values {
		if c.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%s: want a value or a list of values", key)
		}
	}
	if name == "" {
		return l.keywords(values, parts[1:])
	}
	m, err := parseModifiers(parts[1:])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if m.all && len(values) == 1 {
		l.warn(line, "%s: all changes nothing for one value", key)
	}
	n, err := l.tests(l.field(name), &m, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return n, nil
}

// tests makes one item of a field's values; with "all" one of each value.
func (l *loader) tests(field int, m *modifiers, values []*yaml.Node) (*node, error) {
	groups, err := m.values(values, l.field)
	if err != nil {
		return nil, err
	}
	var n *node
	if m.all {
		var kids []*node
		for _, g := range groups {
			kids = append(kids, &node{op: nodeItem, item: &item{field: field, tests: g}})
		}
		n = join(nodeAnd, kids)
	} else {
		n = &node{op: nodeItem, item: &item{field: field, tests: slices.Concat(groups...)}}
	}
	if m.neq {
		n = &node{op: nodeNot, kids: []*node{n}}
	}
	return n, nil
}

// fieldTable numbers the fields that rules name, in lower case.
type fieldTable struct {
	names []string
	shown []string // as the first rule spells it
	index map[string]int
}

func (l *loader) field(name string) int {
	t := &l.set.fields
	shown := name
	name = normalName(name)
	i, ok := t.index[name]
	if !ok {
		i = len(t.names)
		t.names = append(t.names, name)
		t.shown = append(t.shown, shown)
		t.index[name] = i
	}
	return i
}

func (l *loader) filter(doc *yaml.Node) {
	source, ok := l.source(doc)
	if !ok {
		return
	}
	f := get(doc, "filter")
	if f.Kind != yaml.MappingNode {
		l.fail(f.Line, "filter: want rules, selections and a condition")
		return
	}
	x := filter{source: source, title: l.rule, rules: texts(get(f, "rules")), file: l.file, rule: l.rule, line: doc.Line}
	if len(x.rules) == 0 {
		l.fail(f.Line, "filter: rules: missing: want ids or names of rules, or any")
		return
	}
	if len(x.rules) == 1 && x.rules[0] == "any" {
		x.rules = nil
	}
	if x.root = l.selections(f, "rules", "condition"); x.root != nil {
		l.filters = append(l.filters, x)
	}
}
