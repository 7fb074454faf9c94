package sigma

import (
	_ "embed" // fields.yaml
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"go.yaml.in/yaml/v3"
)

//go:embed fields.yaml
var mappingText []byte

// mapping says which log sources are which formats, and which fields of a rule
// are which of an event.
type mapping struct {
	sources []mappedSource
	formats map[string]*formatFields
}

type mappedSource struct {
	Category string   `yaml:"category"`
	Product  string   `yaml:"product"`
	Service  string   `yaml:"service"`
	Formats  []string `yaml:"formats"`
}

// formatFields are the fields of one format.
type formatFields struct {
	like     []string
	fields   map[string][]source // by name in lower case
	prefixes []prefixRule
	known    []string // prefixes of names that are attributes as they are
}

type prefixRule struct{ from, to string }

// source is one place where a field may be: a column of the event, or an
// attribute.
type source struct {
	column column
	attr   string
	slot   int // of the attribute, in a view
	// Before and after a column's text, and what stands for its values.
	prefix, suffix string
	values         map[string]string
}

type rawSource struct {
	Column string            `yaml:"column"`
	Attr   string            `yaml:"attribute"`
	Prefix string            `yaml:"prefix"`
	Suffix string            `yaml:"suffix"`
	Values map[string]string `yaml:"values"`
}

// UnmarshalYAML reads a column's name, "@name" for an attribute, or a map.
func (r *rawSource) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if name, ok := strings.CutPrefix(n.Value, "@"); ok {
			r.Attr = name
		} else {
			r.Column = n.Value
		}
		return nil
	}
	type plain rawSource
	return n.Decode((*plain)(r))
}

type rawSources []rawSource

// UnmarshalYAML takes one source or a list of them.
func (r *rawSources) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]rawSource)(r))
	}
	var one rawSource
	if err := n.Decode(&one); err != nil {
		return err
	}
	*r = rawSources{one}
	return nil
}

type rawFormat struct {
	Like     []string              `yaml:"like"`
	Fields   map[string]rawSources `yaml:"fields"`
	Prefixes yaml.Node             `yaml:"prefixes"`
	Known    []string              `yaml:"known"`
}

// readMapping reads fields.yaml, once.
var readMapping = sync.OnceValues(func() (*mapping, error) {
	var raw struct {
		Sources []mappedSource        `yaml:"logsources"`
		Formats map[string]*rawFormat `yaml:"formats"`
	}
	dec := yaml.NewDecoder(strings.NewReader(string(mappingText)))
	dec.KnownFields(true)
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("fields.yaml: %w", err)
	}
	m := &mapping{sources: raw.Sources, formats: map[string]*formatFields{}}
	for name, rf := range raw.Formats {
		f := &formatFields{like: rf.Like, fields: map[string][]source{}, known: lowered(rf.Known)}
		for field, list := range rf.Fields {
			for _, r := range list {
				s := source{attr: normalName(r.Attr), prefix: r.Prefix, suffix: r.Suffix, values: r.Values}
				if r.Column != "" {
					c, ok := columnNamed(r.Column)
					if !ok {
						return nil, fmt.Errorf("fields.yaml: format %s, field %s: no column %q", name, field, r.Column)
					}
					s.column = c
				} else if r.Attr == "" {
					return nil, fmt.Errorf("fields.yaml: format %s, field %s: neither column nor attribute", name, field)
				}
				f.fields[normalName(field)] = append(f.fields[normalName(field)], s)
			}
		}
		for i := 0; i+1 < len(rf.Prefixes.Content); i += 2 {
			f.prefixes = append(f.prefixes, prefixRule{normalName(rf.Prefixes.Content[i].Value), normalName(rf.Prefixes.Content[i+1].Value)})
		}
		m.formats[name] = f
	}
	for name, f := range m.formats {
		for _, l := range f.like {
			if m.formats[l] == nil {
				return nil, fmt.Errorf("fields.yaml: format %s is like %q, which is none", name, l)
			}
		}
	}
	for _, s := range m.sources {
		for _, f := range s.Formats {
			if m.formats[f] == nil {
				return nil, fmt.Errorf("fields.yaml: log source %s/%s/%s: format %q has no fields", s.Category, s.Product, s.Service, f)
			}
		}
	}
	return m, nil
})

func lowered(list []string) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = normalName(list[i])
	}
	return out
}

// normalName is a field's or attribute's name as it is compared: in lower case,
// without the places in lists.
func normalName(s string) string { return string(appendNormal(nil, s)) }

func appendNormal(b []byte, s string) []byte {
	for s != "" {
		part := s
		if i := strings.IndexByte(s, '.'); i >= 0 {
			part, s = s[:i], s[i+1:]
		} else {
			s = ""
		}
		if isIndex(part) && len(b) > 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, '.')
		}
		b = appendLower(b, part)
		if s == "" && part == "" {
			break
		}
	}
	return b
}

func isIndex(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// formatsOf lists the formats of a log source: those of every row that agrees
// with each word that the rule gives.
func (m *mapping) formatsOf(l LogSource) []string {
	var out []string
	for _, s := range m.sources {
		if agrees(l.Category, s.Category) && agrees(l.Product, s.Product) && agrees(l.Service, s.Service) {
			for _, f := range s.Formats {
				if !slices.Contains(out, f) {
					out = append(out, f)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func agrees(rule, row string) bool { return rule == "" || strings.EqualFold(rule, row) }

// lapwingPrefix goes before the name of a column of the event, in any rule.
const lapwingPrefix = "lapwing."

// resolve finds a field of a format. known is false when the mapping says
// nothing about it; the attribute of that name is then looked at.
func (m *mapping) resolve(format, name string) (sources []source, known bool) {
	if rest, ok := strings.CutPrefix(name, lapwingPrefix); ok {
		if c, ok := columnNamed(rest); ok {
			return []source{{column: c}}, true
		}
		return nil, false
	}
	if s, known := m.lookup(format, name, 0); known {
		return s, true
	}
	return []source{{attr: name}}, false
}

func (m *mapping) lookup(format, name string, depth int) ([]source, bool) {
	f := m.formats[format]
	if f == nil || depth > 4 {
		return nil, false
	}
	if s, ok := f.fields[name]; ok {
		return s, true
	}
	for _, p := range f.prefixes {
		if rest, ok := strings.CutPrefix(name, p.from+"."); ok {
			to := rest
			if p.to != "" {
				to = p.to + "." + rest
			}
			if s, ok := m.lookup(format, to, depth+1); ok && to != name {
				return s, true
			}
			return []source{{attr: to}, {attr: name}}, true
		}
	}
	for _, k := range f.known {
		if name == k || strings.HasPrefix(name, k+".") {
			return []source{{attr: name}}, true
		}
	}
	for _, l := range f.like {
		if s, ok := m.lookup(l, name, depth+1); ok {
			return s, true
		}
	}
	return nil, false
}

// digestOf hashes the mapping and the rules of a set.
func digestOf(files []File) string {
	h := xxhash.New()
	put := func(b []byte) {
		_, _ = fmt.Fprintf(h, "%d\n", len(b)) // a hash never fails
		_, _ = h.Write(b)
	}
	put(mappingText)
	for _, f := range files {
		put(f.Data)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// MappedFormats lists the formats that fields.yaml maps, in order.
func MappedFormats() ([]string, error) {
	m, err := readMapping()
	if err != nil {
		return nil, err
	}
	var out []string
	for f := range m.formats {
		out = append(out, f)
	}
	slices.Sort(out)
	return out, nil
}
