package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of a mapping.
const (
	maxMappingBytes = 64 << 10
	maxMappingList  = 256 // values of a list, fields
	maxPathSteps    = 16
	maxAlternatives = 8
	maxFormatName   = 64
)

// Custom returns the format that a mapping in YAML describes (docs/sending-logs.md,
// "Any JSON"). source names the mapping in errors, which also name line and key;
// name is the format's, or "" for the one that the mapping gives, else "custom".
func Custom(name, source string, data []byte) (Format, error) {
	if len(data) > maxMappingBytes {
		return Format{}, fmt.Errorf("%s: %d bytes: a mapping has %d at most", source, len(data), maxMappingBytes)
	}
	var doc, next yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if err == nil {
		if err = dec.Decode(&next); err == nil {
			return Format{}, fmt.Errorf("%s:%d: a second YAML document; a mapping is one", source, next.Line)
		}
	}
	if !errors.Is(err, io.EOF) {
		return Format{}, fmt.Errorf("%s: is not YAML: %s", source, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if doc.Kind == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return Format{}, fmt.Errorf("%s: want keys and values: time and event at least", source)
	}
	d := mappingDecoder{source: source, m: &mapping{name: name, outcomes: map[string]schemas.Outcome{}}, disorder: disorderGateway}
	root := doc.Content[0]
	d.keys(root, "", map[string]func(key string, v *yaml.Node){
		"name": func(key string, v *yaml.Node) {
			if given := d.text(key, v); name == "" {
				d.m.name = given
			}
		},
		"title":      func(key string, v *yaml.Node) { d.m.title = d.text(key, v) },
		"disorder":   d.duration,
		"records":    func(key string, v *yaml.Node) { d.m.records = d.path(key, v, d.text(key, v)) },
		"match":      d.match,
		"time":       d.time,
		"event":      d.event,
		"outcome":    d.outcome,
		"attributes": d.attributes,
		"secrets": func(key string, v *yaml.Node) {
			for _, s := range d.list(key, v) {
				d.m.secrets = append(d.m.secrets, d.path(key, v, s))
			}
		},
	})
	if d.m.name == "" {
		d.m.name = "custom"
	}
	if d.m.title == "" {
		d.m.title = "mapping " + source
	}
	if !formatName(d.m.name) {
		d.fail(root, "name", "%q: want small letters, digits, - and _, of %d at most", clip(d.m.name, 80), maxFormatName)
	}
	if d.m.time == nil {
		d.fail(root, "time", "missing: without a time there is no event")
	}
	hasOperation := false
	for _, f := range d.m.fields {
		hasOperation = hasOperation || f.name == "operation" || f.name == "http_method"
	}
	if !hasOperation {
		d.fail(root, "event.operation", "missing (or http_method and url_path)")
	}
	if err := errors.Join(d.errs...); err != nil {
		return Format{}, err
	}
	return d.m.format(d.disorder), nil
}

func formatName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxFormatName
}

// mappingDecoder reads a mapping and gathers what is wrong with it.
type mappingDecoder struct {
	source   string
	m        *mapping
	disorder time.Duration
	errs     []error
}

func (d *mappingDecoder) fail(n *yaml.Node, key, format string, args ...any) {
	if len(d.errs) < 20 {
		d.errs = append(d.errs, fmt.Errorf("%s:%d: %s: %s", d.source, n.Line, key, fmt.Sprintf(format, args...)))
	}
}

// keys hands each key of a mapping to its reader; an unknown one is an error.
func (d *mappingDecoder) keys(n *yaml.Node, prefix string, known map[string]func(key string, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, strings.TrimSuffix(prefix, "."), "want keys below it")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		read := known[k.Value]
		switch {
		case read == nil:
			d.fail(k, prefix+k.Value, "unknown key: want one of %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case seen[k.Value]:
			d.fail(k, prefix+k.Value, "is given twice")
		default:
			seen[k.Value] = true
			read(prefix+k.Value, v)
		}
	}
}

func (d *mappingDecoder) text(key string, v *yaml.Node) string {
	if v.Kind != yaml.ScalarNode || v.Tag == "!!null" || v.Value == "" {
		d.fail(v, key, "want a text")
		return ""
	}
	return v.Value
}

// list reads a list of texts, or one text.
func (d *mappingDecoder) list(key string, v *yaml.Node) (out []string) {
	if v.Kind == yaml.ScalarNode {
		return addOnce(nil, d.text(key, v), 1)
	}
	if v.Kind != yaml.SequenceNode || len(v.Content) > maxMappingList {
		d.fail(v, key, "want a text, or a list of %d at most", maxMappingList)
		return nil
	}
	for _, e := range v.Content {
		if t := d.text(key, e); t != "" {
			out = append(out, t)
		}
	}
	return out
}

func (d *mappingDecoder) duration(key string, v *yaml.Node) {
	t, err := schemas.ParseDuration(d.text(key, v))
	if err != nil || t <= 0 || time.Duration(t) > 24*time.Hour {
		d.fail(v, key, "%q: want a duration such as 30s, up to 24h", v.Value)
		return
	}
	d.disorder = time.Duration(t)
}

// path reads one path: dotted keys, with [0] for an element of an array, and a
// backslash before a dot that is part of a key.
func (d *mappingDecoder) path(key string, v *yaml.Node, s string) jsonPath {
	p := jsonPath{text: s}
	rest := s
	for rest != "" && len(p.steps) <= maxPathSteps {
		switch rest[0] {
		case '[':
			end := strings.IndexByte(rest, ']')
			i, err := strconv.Atoi(rest[1:max(end, 1)])
			if end < 0 || err != nil || i > 1<<16 || i < -1<<16 {
				d.fail(v, key, "%q: want a number in brackets, such as [0] or [-1]", s)
				return p
			}
			p.steps = append(p.steps, pathStep{index: i, isIndex: true})
			rest = strings.TrimPrefix(rest[end+1:], ".")
		default:
			var b strings.Builder
			i := 0
			for i < len(rest) && rest[i] != '.' && rest[i] != '[' {
				if rest[i] == '\\' && i+1 < len(rest) {
					i++
				}
				b.WriteByte(rest[i])
				i++
			}
			if b.Len() == 0 {
				d.fail(v, key, "%q: an empty key", s)
				return p
			}
			p.steps = append(p.steps, pathStep{key: b.String()})
			if rest = rest[i:]; strings.HasPrefix(rest, ".") {
				if rest = rest[1:]; rest == "" {
					d.fail(v, key, "%q: ends with a dot", s)
				}
			}
		}
	}
	if len(p.steps) == 0 || len(p.steps) > maxPathSteps {
		d.fail(v, key, "%q: want a path of 1 to %d steps", clip(s, 80), maxPathSteps)
	}
	// The keys up to the end may be one key with dots in it.
	for i := range p.steps {
		names := []string{}
		for _, s := range p.steps[i:] {
			if s.isIndex {
				names = nil
				break
			}
			names = append(names, s.key)
		}
		if len(names) > 1 {
			p.steps[i].rest = strings.Join(names, ".")
		}
	}
	return p
}

// paths reads alternatives.
func (d *mappingDecoder) paths(key string, v *yaml.Node, s string) (out []jsonPath) {
	for alternative := range strings.SplitSeq(s, "|") {
		out = append(out, d.path(key, v, strings.TrimSpace(alternative)))
	}
	if len(out) > maxAlternatives {
		d.fail(v, key, "%d alternatives: want %d at most", len(out), maxAlternatives)
	}
	return out
}

// expression reads "=constant", "{template}:{of} paths", or paths.
func (d *mappingDecoder) expression(key string, v *yaml.Node, s string) expression {
	if constant, ok := strings.CutPrefix(s, "="); ok {
		return expression{parts: []exprPart{{text: constant}}}
	}
	if !strings.ContainsAny(s, "{}") {
		return expression{parts: []exprPart{{paths: d.paths(key, v, s)}}}
	}
	e := expression{template: true}
	for rest := s; rest != ""; {
		text, tail, ok := strings.Cut(rest, "{")
		if text != "" {
			if strings.Contains(text, "}") {
				d.fail(v, key, "%q: a } without its {", s)
				return e
			}
			e.parts = append(e.parts, exprPart{text: text})
		}
		if !ok {
			break
		}
		path, after, closed := strings.Cut(tail, "}")
		if !closed || strings.Contains(path, "{") {
			d.fail(v, key, "%q: a { without its }", s)
			return e
		}
		e.parts = append(e.parts, exprPart{paths: d.paths(key, v, path)})
		rest = after
	}
	return e
}

func (d *mappingDecoder) match(key string, v *yaml.Node) {
	d.m.matches = true
	d.keys(v, key+".", map[string]func(string, *yaml.Node){
		"has": func(key string, v *yaml.Node) {
			for _, s := range d.list(key, v) {
				d.m.matchHas = append(d.m.matchHas, d.path(key, v, s))
			}
		},
		"values": func(key string, v *yaml.Node) {
			if v.Kind != yaml.MappingNode || len(v.Content) > 2*maxMappingList {
				d.fail(v, key, "want paths, each with a value or a list of them")
				return
			}
			for i := 0; i+1 < len(v.Content); i += 2 {
				at := key + "." + v.Content[i].Value
				d.m.matchValues = append(d.m.matchValues, matchValue{d.path(at, v.Content[i], v.Content[i].Value), d.list(at, v.Content[i+1])})
			}
		},
	})
	if len(d.m.matchHas)+len(d.m.matchValues) == 0 {
		d.fail(v, key, "want has or values")
	}
}

func (d *mappingDecoder) time(key string, v *yaml.Node) {
	if v.Kind == yaml.ScalarNode {
		d.m.time = d.paths(key, v, d.text(key, v))
		return
	}
	d.keys(v, key+".", map[string]func(string, *yaml.Node){
		"path": func(key string, v *yaml.Node) { d.m.time = d.paths(key, v, d.text(key, v)) },
		"layouts": func(key string, v *yaml.Node) {
			for _, s := range d.list(key, v) {
				switch s {
				case "rfc3339", "unix", "unix_ms", "unix_us", "unix_ns":
				default:
					// A layout of Go's time package writes the reference time.
					back, err := time.Parse(s, time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC).Format(s))
					if err != nil || back.Year() != 2006 {
						d.fail(v, key, "%q: want rfc3339, unix, unix_ms, unix_us, unix_ns, or how 2006-01-02 15:04:05 would be written", s)
					}
				}
				d.m.layouts = append(d.m.layouts, s)
			}
		},
	})
}

func (d *mappingDecoder) event(key string, v *yaml.Node) {
	if v.Kind != yaml.MappingNode {
		d.fail(v, key, "want fields of the event, each with a path")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(v.Content); i += 2 {
		k, value := v.Content[i], v.Content[i+1]
		at := key + "." + k.Value
		f := mappedField{name: k.Value}
		f.set, f.list = setter(k.Value)
		switch {
		case f.set == nil && f.list == nil:
			d.fail(k, at, "unknown field: want one of %s", strings.Join(mappableNames(), ", "))
			continue
		case seen[k.Value]:
			d.fail(k, at, "is given twice")
			continue
		case f.list == nil && value.Kind != yaml.ScalarNode:
			d.fail(value, at, "want a path, a template or =constant")
			continue
		}
		seen[k.Value] = true
		for _, s := range d.list(at, value) {
			f.exps = append(f.exps, d.expression(at, value, s))
		}
		if len(f.exps) > 0 {
			d.m.fields = append(d.m.fields, f)
		}
	}
}

func (d *mappingDecoder) outcome(key string, v *yaml.Node) {
	values := func(out schemas.Outcome) func(string, *yaml.Node) {
		return func(key string, v *yaml.Node) {
			for _, s := range d.list(key, v) {
				if _, ok := d.m.outcomes[s]; ok {
					d.fail(v, key, "%q stands for two outcomes", s)
				}
				d.m.outcomes[s] = out
			}
		}
	}
	d.keys(v, key+".", map[string]func(string, *yaml.Node){
		"path":    func(key string, v *yaml.Node) { d.m.outcome = d.paths(key, v, d.text(key, v)) },
		"success": values(schemas.Outcome_OUTCOME_SUCCESS),
		"denied":  values(schemas.Outcome_OUTCOME_DENIED),
		"error":   values(schemas.Outcome_OUTCOME_ERROR),
	})
	if d.m.outcome == nil {
		d.fail(v, key, "want path")
	}
}

func (d *mappingDecoder) attributes(key string, v *yaml.Node) {
	if v.Kind == yaml.ScalarNode {
		switch v.Value {
		case "all":
		case "none":
			d.m.keepNone = true
		default:
			d.fail(v, key, "%q: want all, none or a list of paths", v.Value)
		}
		return
	}
	for _, s := range d.list(key, v) {
		d.m.attributes = append(d.m.attributes, d.path(key, v, s))
	}
}
