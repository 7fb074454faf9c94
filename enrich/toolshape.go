package enrich

import (
	"slices"
	"strings"
)

// shapeValue is the shape of a value, {name:type,…}, as parsers write it of
// arguments; of a list it has the first element.
type shapeValue struct {
	kind    string // "" where it is cut off
	members []shapeMember
	first   *shapeValue
	whole   bool // every member is there
}

type shapeMember struct {
	name  string
	value *shapeValue
}

// readShape reads a shape; one that was cut off has what stands before the cut.
func readShape(text string) *shapeValue {
	r := shapeReader{rest: text, cut: len(text) >= shapeBytes}
	return r.value()
}

type shapeReader struct {
	rest string
	cut  bool
}

func (r *shapeReader) value() *shapeValue {
	v := &shapeValue{}
	switch {
	case r.rest == "":
	case r.rest[0] == '{':
		v.kind = "object"
		r.rest = r.rest[1:]
		for r.rest != "" && r.rest[0] != '}' {
			name, rest, ok := strings.Cut(r.rest, ":")
			if !ok {
				r.rest = ""
				break
			}
			r.rest = rest
			v.members = append(v.members, shapeMember{name, r.value()})
			r.rest = strings.TrimPrefix(r.rest, ",")
		}
		v.whole = !r.cut && len(v.members) < shapeMembers
		r.rest = strings.TrimPrefix(r.rest, "}")
	case r.rest[0] == '[':
		v.kind = "array"
		if r.rest = r.rest[1:]; r.rest != "" && r.rest[0] != ']' {
			v.first = r.value()
		}
		r.rest = strings.TrimPrefix(r.rest, "]")
	default:
		end := strings.IndexAny(r.rest, ",]}")
		if end < 0 {
			r.rest = "" // the last word, perhaps cut off
			break
		}
		v.kind, r.rest = r.rest[:end], r.rest[end:]
	}
	return v
}

// judgeShape returns what of a shape breaks the schema, in order, a few things at
// most. A call that would take too long to judge breaks nothing.
func (s *toolSchema) judgeShape(text string) (wrong []string) {
	j := shapeJudge{left: maxJudged}
	v := readShape(text)
	for _, w := range j.value(s, v, "", 0) {
		if !slices.Contains(wrong, w) {
			wrong = append(wrong, w)
		}
	}
	if s.whole != nil {
		for _, m := range v.members {
			if s.whole[m.name] == nil && !slices.Contains(wrong, m.name) {
				wrong = append(wrong, m.name)
			}
		}
	}
	if j.left < 0 {
		return nil
	}
	slices.Sort(wrong)
	return wrong[:min(len(wrong), maxUnknownNames)]
}

// shapeJudge holds a shape against a schema.
type shapeJudge struct {
	left int // schemas that may still be asked
}

// value returns what is wrong with one value; a nil schema takes anything.
func (j *shapeJudge) value(s *toolSchema, v *shapeValue, name string, depth int) (wrong []string) {
	if s == nil || v.kind == "" || depth > 8*maxSchemaDepth {
		return nil
	}
	if j.left--; j.left < 0 {
		return nil
	}
	if !s.takes(v.kind) {
		wrong = append(wrong, name+": "+v.kind)
	}
	for _, m := range v.members {
		member := s.props[m.name]
		if member == nil {
			if s.closed {
				wrong = append(wrong, join(name, m.name))
			}
			member = s.more
		}
		wrong = append(wrong, j.value(member, m.value, join(name, m.name), depth+1)...)
	}
	if v.kind == "object" && v.whole {
		for _, r := range s.required {
			if !slices.ContainsFunc(v.members, func(m shapeMember) bool { return m.name == r }) {
				wrong = append(wrong, "no "+join(name, r))
			}
		}
	}
	if v.first != nil {
		wrong = append(wrong, j.value(s.items, v.first, name+"[]", depth+1)...)
	}
	for _, part := range s.all {
		wrong = append(wrong, j.value(part, v, name, depth+1)...)
	}
	for _, parts := range s.any {
		wrong = append(wrong, j.best(parts, v, name, depth+1)...)
	}
	return wrong
}

// best is what is wrong with the alternative that fits best: of the right type
// if there is one, and with the fewest faults.
func (j *shapeJudge) best(parts []*toolSchema, v *shapeValue, name string, depth int) (wrong []string) {
	typed := false
	for i, part := range parts {
		w := j.value(part, v, name, depth)
		if len(w) == 0 {
			return nil
		}
		takes := part.takes(v.kind)
		if i == 0 || takes && !typed || takes == typed && len(w) < len(wrong) {
			wrong, typed = w, takes
		}
	}
	return wrong
}

// takes reports whether a value of that kind is allowed; null stands for one
// that is left out.
func (s *toolSchema) takes(kind string) bool {
	if kind == "null" {
		return true
	}
	typed := len(s.types) == 0 || slices.Contains(s.types, kind) || kind == "number" && slices.Contains(s.types, "integer")
	return !s.never && typed && (len(s.kinds) == 0 || slices.Contains(s.kinds, kind))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
