package app

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Kinds of list that a key may hold.
const (
	notList = iota
	listOfValues
	listOfStructs
)

// Key describes one configuration key.
type Key struct {
	// Name is the dotted key: kafka.sasl.user.
	Name string
	// Type says in words what it takes: "a duration such as 15m".
	Type string
	Doc  string
	// Accept lists the accepted values, when they are few.
	Accept []string
	// Default is the default as it would be written in the file.
	Default string
	List    int
	Secret  bool
	// Fields are the keys of an element, for a list of structs.
	Fields []Key
}

// Keys lists every configuration key, in the order of the file.
func Keys() []Key {
	return keysOf(reflect.ValueOf(Defaults()), "")
}

func keysOf(v reflect.Value, prefix string) []Key {
	var out []Key
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, opt, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if opt == "inline" {
			out = append(out, keysOf(v.Field(i), prefix)...)
			continue
		}
		key := prefix + name
		if isSection(f.Type) {
			out = append(out, keysOf(v.Field(i), key+".")...)
			continue
		}
		k := Key{Name: key, Doc: f.Tag.Get("doc"), Type: typeName(f.Type), Default: defaultText(v.Field(i))}
		if a, ok := f.Tag.Lookup("accept"); ok {
			k.Accept = strings.Split(a, ",")
		}
		k.Secret = f.Type == reflect.TypeFor[Secret]() || f.Type == reflect.TypeFor[[]Secret]()
		if f.Type.Kind() == reflect.Slice {
			k.List = listOfValues
			if isSection(f.Type.Elem()) {
				k.List = listOfStructs
				k.Fields = keysOf(reflect.Zero(f.Type.Elem()), "")
			}
		}
		out = append(out, k)
	}
	return out
}

// isSection reports whether a type is a group of keys rather than a value.
func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct }

func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[schemas.Duration]():
		return "a duration such as 15m or 90d"
	case reflect.TypeFor[Bytes]():
		return "a size such as 8MiB"
	case reflect.TypeFor[Secret]():
		return "a secret"
	case reflect.TypeFor[[]Secret]():
		return "a list of secrets"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		if isSection(t.Elem()) {
			return "a list of objects"
		}
		return "a list of texts"
	default:
		return "a text"
	}
}

func defaultText(v reflect.Value) string {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	if v.Kind() == reflect.Slice {
		if v.Len() == 0 {
			return ""
		}
		var parts []string
		for i := range v.Len() {
			if t, ok := v.Index(i).Interface().(RawTopicConfig); ok {
				parts = append(parts, t.Topic+" ("+t.Format+")")
				continue
			}
			parts = append(parts, fmt.Sprint(v.Index(i).Interface()))
		}
		return strings.Join(parts, ", ")
	}
	if v.IsZero() && v.Kind() == reflect.String {
		return ""
	}
	return fmt.Sprint(v.Interface())
}

// strict holds a YAML document against the keys of Config, and remembers the
// line of each.
func (l *loader) strict(data []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		if line := enrich.TabbedLine(data); line > 0 {
			return &ConfigError{Source: fmt.Sprintf("%s:%d", l.path, line), Problem: "is not YAML: the line " + enrich.TabbedYAML}
		}
		return &ConfigError{Source: l.path, Problem: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if doc.Kind == 0 {
		return nil // an empty file
	}
	if n := doc.Content[0]; n.Kind != yaml.MappingNode {
		if n.Tag == "!!null" {
			return nil
		}
		return &ConfigError{Source: fmt.Sprintf("%s:%d", l.path, n.Line), Problem: "want keys and values, such as \"tenant: default\""}
	}
	var errs []error
	l.walk(doc.Content[0], reflect.TypeFor[Config](), "", &errs)
	return errors.Join(errs...)
}

func (l *loader) walk(n *yaml.Node, t reflect.Type, prefix string, errs *[]error) {
	fields := fieldsOf(t)
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := prefix + k.Value
		at := fmt.Sprintf("%s:%d", l.path, k.Line)
		ft, ok := fields[k.Value]
		switch {
		case !ok:
			*errs = append(*errs, &ConfigError{Source: at, Key: key, Problem: unknownKey(k.Value, v, fields)})
			continue
		case seen[k.Value]:
			*errs = append(*errs, &ConfigError{Source: at, Key: key, Problem: "is given twice"})
			continue
		}
		seen[k.Value] = true
		l.lines[key] = k.Line
		switch {
		case v.Tag == "!!null":
			// Left out.
		case isSection(ft):
			if v.Kind != yaml.MappingNode {
				*errs = append(*errs, &ConfigError{Source: at, Key: key, Problem: "want keys below it: " + keyList(fieldsOf(ft))})
				continue
			}
			l.walk(v, ft, key+".", errs)
		case ft.Kind() == reflect.Slice && isSection(ft.Elem()):
			if v.Kind != yaml.SequenceNode {
				*errs = append(*errs, &ConfigError{Source: at, Key: key, Problem: "want a list"})
				continue
			}
			for j, item := range v.Content {
				itemKey := fmt.Sprintf("%s[%d]", key, j)
				l.lines[itemKey] = item.Line
				if item.Kind != yaml.MappingNode {
					*errs = append(*errs, &ConfigError{
						Source: fmt.Sprintf("%s:%d", l.path, item.Line), Key: itemKey,
						Problem: "want keys and values: " + keyList(fieldsOf(ft.Elem())),
					})
					continue
				}
				l.walk(item, ft.Elem(), itemKey+".", errs)
			}
		}
	}
}

func fieldsOf(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opt, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if opt == "inline" {
			for k, v := range fieldsOf(f.Type) {
				out[k] = v
			}
			continue
		}
		out[name] = f.Type
	}
	return out
}

// elsewhere is the one key of the configuration that is called like a key which is not
// accepted where it stands, or like the first below it; "" where none or several are.
func elsewhere(key string, value *yaml.Node) string {
	found := keysNamed(key, reflect.TypeFor[Config](), "")
	if len(found) == 0 && value.Kind == yaml.MappingNode && len(value.Content) > 0 {
		found = keysNamed(value.Content[0].Value, reflect.TypeFor[Config](), "")
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

func keysNamed(name string, t reflect.Type, prefix string) (found []string) {
	for k, ft := range fieldsOf(t) {
		if k == name {
			found = append(found, prefix+k)
		}
		if isSection(ft) {
			found = append(found, keysNamed(name, ft, prefix+k+".")...)
		}
	}
	return found
}

func keyList(fields map[string]reflect.Type) string {
	names := make([]string, 0, len(fields))
	for k := range fields {
		names = append(names, k)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func unknownKey(key string, value *yaml.Node, fields map[string]reflect.Type) string {
	names := strings.Split(keyList(fields), ", ")
	near := nearest(key, names)
	if near == "" {
		near = elsewhere(key, value)
	}
	if near != "" {
		return "unknown key; did you mean " + near + "? Accepted here: " + strings.Join(names, ", ")
	}
	return "unknown key. Accepted here: " + strings.Join(names, ", ")
}

// nearest gives the candidate within two edits of word, or "".
func nearest(word string, candidates []string) string {
	best, bestDist := "", 3
	for _, c := range candidates {
		if d := editDistance(word, c); d < bestDist {
			best, bestDist = c, d
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diag+cost)
			diag, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

// textAt gives the text value of a dotted key, "" where there is none.
func textAt(c *Config, key string) string {
	v := reflect.ValueOf(c).Elem()
	for part := range strings.SplitSeq(key, ".") {
		v = fieldAt(v, part)
		if !v.IsValid() {
			return ""
		}
	}
	return fmt.Sprint(v.Interface())
}

func fieldAt(v reflect.Value, name string) reflect.Value {
	t := v.Type()
	for i := range t.NumField() {
		n, opt, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if opt == "inline" {
			if f := fieldAt(v.Field(i), name); f.IsValid() {
				return f
			}
			continue
		}
		if n == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}
