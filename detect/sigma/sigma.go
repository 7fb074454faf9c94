// Package sigma reads Sigma rules (the Sigma specification, version 2) and
// judges events by them: rules on single events, filters on rules, and
// correlations over time.
//
// Load compiles rules once into a Set, which many may share. A Scanner judges
// one event at a time and allocates nothing on the usual path; a State holds
// what correlations remember, in event time. All of it is a function of the
// rules and of the events: no clock, no I/O, no order of maps.
//
// Which field of a rule is which field of an event stands in fields.yaml, as
// data. docs/sigma.md tells users what is supported and how it is meant.
package sigma

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// File is one file of rules: one or more YAML documents.
type File struct {
	Name string
	Data []byte
}

// Bounds of what is loaded; beyond them Load refuses.
const (
	maxFile   = 4 << 20 // bytes of a file
	maxRules  = 20_000
	maxValues = 10_000 // values of one field
	maxNodes  = 200_000
	maxDepth  = 64
)

// Problem is one thing that is wrong, or to be known, about a rule.
type Problem struct {
	File string
	Line int
	// Rule is the title or id, empty before either is known.
	Rule string
	Text string
}

// Error says where and what.
func (p Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
	}
	if p.Rule != "" {
		s += ": " + p.Rule
	}
	return s + ": " + p.Text
}

// Rule is one rule or correlation, as people know it.
type Rule struct {
	ID, Name, Title, Description, Status, Level string
	// Severity is the level as schemas.Severity….
	Severity       int
	Source         LogSource
	Formats        []string // that it is judged on; nil for a correlation
	Fields         []string // to be shown
	FalsePositives []string
	References     []string
	Techniques     []string // of ATT&CK: T1098, T1098.001
	// Unmapped are fields that the mapping does not know for a format.
	Unmapped []string
	// Correlation is the type of a correlation, else empty.
	Correlation string
	// Alone says that the rule makes findings itself, not only through the
	// correlations that name it.
	Alone bool
	File  string
	Line  int

	root   *node
	fields []int // of Fields
	corr   *correlation
	used   bool // by a correlation
}

// LogSource is what a rule says of the logs that it is for.
type LogSource struct{ Category, Product, Service string }

// String writes the log source as product/service, and category.
func (l LogSource) String() string {
	var parts []string
	for _, s := range []string{l.Category, l.Product, l.Service} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "/")
}

// Set is a compiled set of rules. It does not change, and may be shared.
type Set struct {
	rules    []Rule
	warnings []Problem
	digest   string
	fields   fieldTable
	views    map[string]*view
	corr     []int // rules that are correlations, those that others name first
}

// Len is the number of rules, correlations included.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.rules)
}

// Rule is rule i, 0 <= i < Len. It is the set's own: do not change it.
func (s *Set) Rule(i int) *Rule { return &s.rules[i] }

// Find is the index of a rule by id or name, -1 when there is none.
func (s *Set) Find(ref string) int {
	return slices.IndexFunc(s.rules, func(r Rule) bool { return r.ID == ref || r.Name != "" && r.Name == ref })
}

// Warnings are what a reader of the rules should know: fields that no mapping
// knows, log sources that no format carries, features that change nothing.
func (s *Set) Warnings() []Problem { return s.warnings }

// Digest is a hash of every rule and of the mapping: of what decides verdicts.
// It is empty for no rules.
func (s *Set) Digest() string {
	if s == nil || len(s.rules) == 0 {
		return ""
	}
	return s.digest
}

// levels of the specification, and the severity of each.
var levels = map[string]int{
	"informational": schemas.SeverityInfo, "low": schemas.SeverityLow, "medium": schemas.SeverityMedium,
	"high": schemas.SeverityHigh, "critical": schemas.SeverityCritical,
}

// Load compiles the rules of some files. It reports every fault of every rule,
// as Problems joined; a set with a fault is not to be used.
func Load(files []File) (*Set, error) {
	m, err := readMapping()
	if err != nil {
		return nil, err
	}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(path.Clean(a.Name), path.Clean(b.Name)) })
	l := &loader{mapping: m, set: &Set{views: map[string]*view{}}, byRef: map[string]int{}}
	l.set.fields.index = map[string]int{}
	for _, f := range files {
		l.readFile(f)
	}
	l.link()
	if len(l.problems) > 0 {
		errs := make([]error, len(l.problems))
		for i := range l.problems {
			errs[i] = l.problems[i]
		}
		return nil, errors.Join(errs...)
	}
	l.finish(files)
	return l.set, nil
}
