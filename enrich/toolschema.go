package enrich

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// toolSchema is the part of a JSON Schema (draft 2020-12) that the shape of a
// value can break: logs keep names and types of arguments, and no value. So
// enumerations and constants count by the types of their values, of oneOf
// one alternative at least must fit, as of anyOf, and lengths, ranges, patterns,
// not and if are no matter. A library for JSON Schema judges values, which are
// not there.
type toolSchema struct {
	types    []string // none: any
	kinds    []string // of the values of enum and const; none: any
	props    map[string]*toolSchema
	required []string
	closed   bool        // no other members
	more     *toolSchema // of other members; nil: any
	items    *toolSchema
	never    bool // nothing fits
	// whole, of a tool's arguments, are the members of it and its parts, where
	// these are all there is: others are wrong although no part says so.
	whole map[string]*toolSchema
	// open says that it does not know of all its members.
	open bool
	all  []*toolSchema   // all of them must fit: allOf, $ref
	any  [][]*toolSchema // of each list one must fit: anyOf, oneOf
}

// toolCompiler reads the schemas of one list of tools.
type toolCompiler struct {
	schemas int
	// root is the document that references look in, and refs what they led to.
	root json.RawMessage
	refs map[string]*toolSchema
	// waiting are the references whose schemas are still to be read: each from
	// depth 0, so that it means the same wherever it stands first.
	waiting []string
}

// tool reads the schema of a tool's arguments. Of them a tool names all, unless
// it says otherwise.
func (c *toolCompiler) tool(data json.RawMessage) (*toolSchema, error) {
	c.root, c.refs, c.waiting = data, map[string]*toolSchema{}, nil
	s, err := c.compile(data, 0)
	if err != nil {
		return nil, err
	}
	for len(c.waiting) > 0 {
		ref := c.waiting[0]
		c.waiting = c.waiting[1:]
		if err := c.follow(c.refs[ref], ref); err != nil {
			return nil, fmt.Errorf("$ref %s: %w", shorten(ref), err)
		}
	}
	names := map[string]*toolSchema{}
	if s.members(names, map[*toolSchema]bool{}) && (len(names) > 0 || s.props != nil) {
		s.whole = names
	}
	return s, nil
}

// members gathers the members of s and of its parts, and reports whether these
// are all that it may have.
func (s *toolSchema) members(into map[string]*toolSchema, seen map[*toolSchema]bool) (all bool) {
	if seen[s] {
		return true
	}
	seen[s] = true
	for name, p := range s.props {
		if into[name] == nil {
			into[name] = p
		}
	}
	all = !s.open
	for _, part := range s.all {
		all = part.members(into, seen) && all
	}
	for _, parts := range s.any {
		for _, part := range parts {
			all = part.members(into, seen) && all
		}
	}
	return all
}

// compile reads a schema; of what it does not know it takes anything.
func (c *toolCompiler) compile(data json.RawMessage, depth int) (*toolSchema, error) {
	s := &toolSchema{}
	return s, c.into(s, data, depth)
}

func (c *toolCompiler) into(s *toolSchema, data json.RawMessage, depth int) error {
	if c.schemas++; c.schemas > maxToolSchemas {
		return fmt.Errorf("more than %d schemas in one document", maxToolSchemas)
	}
	if s.never = string(data) == "false"; len(data) == 0 || data[0] != '{' || depth > maxSchemaDepth {
		s.open = !s.never // true, or too deep for a shape
		return nil
	}
	var in struct {
		Type       json.RawMessage            `json:"type"`
		Enum       []json.RawMessage          `json:"enum"`
		Const      json.RawMessage            `json:"const"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Additional json.RawMessage            `json:"additionalProperties"`
		Unseen     json.RawMessage            `json:"unevaluatedProperties"`
		Items      json.RawMessage            `json:"items"`
		First      []json.RawMessage          `json:"prefixItems"`
		Ref        string                     `json:"$ref"`
		Dynamic    string                     `json:"$dynamicRef"`
		AnyOf      []json.RawMessage          `json:"anyOf"`
		OneOf      []json.RawMessage          `json:"oneOf"`
		AllOf      []json.RawMessage          `json:"allOf"`
		If         json.RawMessage            `json:"if"`
		Dependent  json.RawMessage            `json:"dependentSchemas"`
		Depends    json.RawMessage            `json:"dependencies"` // as older drafts write it
		Patterns   map[string]json.RawMessage `json:"patternProperties"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	var err error
	if s.types, err = typesOf(in.Type); err != nil {
		return err
	}
	if len(in.Const) > 0 {
		in.Enum = append(in.Enum[:0:0], in.Const)
	}
	for _, v := range in.Enum {
		if kind := kindOf(v); !slices.Contains(s.kinds, kind) {
			s.kinds = append(s.kinds, kind)
		}
	}
	s.required = in.Required
	s.closed = string(in.Additional) == "false" && len(in.Patterns) == 0
	s.open = len(in.Additional) > 0 && !s.closed || len(in.Unseen) > 0 && string(in.Unseen) != "false" || len(in.Patterns) > 0 || len(in.If) > 0 ||
		len(in.Dependent) > 0 || len(in.Depends) > 0 || in.Dynamic != ""
	if in.Properties != nil {
		s.props = make(map[string]*toolSchema, len(in.Properties))
		for _, name := range slices.Sorted(maps.Keys(in.Properties)) {
			if s.props[name], err = c.compile(in.Properties[name], depth+1); err != nil {
				return fmt.Errorf("%s: %w", shorten(name), err)
			}
		}
	}
	if len(in.Additional) > 0 && in.Additional[0] == '{' && len(in.Patterns) == 0 {
		if s.more, err = c.compile(in.Additional, depth+1); err != nil {
			return fmt.Errorf("additionalProperties: %w", err)
		}
	}
	// The shape of a list is that of its first element.
	if len(in.First) > 0 {
		in.Items = in.First[0]
	}
	if len(in.Items) > 0 && in.Items[0] == '[' { // as older drafts write prefixItems
		var list []json.RawMessage
		_ = json.Unmarshal(in.Items, &list) // it is one
		if in.Items = nil; len(list) > 0 {
			in.Items = list[0]
		}
	}
	if len(in.Items) > 0 {
		if s.items, err = c.compile(in.Items, depth+1); err != nil {
			return fmt.Errorf("items: %w", err)
		}
	}
	if in.Ref != "" {
		s.all = append(s.all, c.reference(in.Ref))
	}
	parts, err := c.list("allOf", in.AllOf, depth+1)
	if err != nil {
		return err
	}
	s.all = append(s.all, parts...)
	for _, group := range []struct {
		name string
		list []json.RawMessage
	}{{"anyOf", in.AnyOf}, {"oneOf", in.OneOf}} {
		if parts, err = c.list(group.name, group.list, depth+1); err != nil {
			return err
		}
		if len(parts) > 0 {
			s.any = append(s.any, parts)
		}
	}
	return nil
}

func (c *toolCompiler) list(name string, data []json.RawMessage, depth int) ([]*toolSchema, error) {
	list := make([]*toolSchema, 0, len(data))
	for i, d := range data {
		s, err := c.compile(d, depth)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		list = append(list, s)
	}
	return list, nil
}

// reference returns what a $ref leads to, which is read once, and later.
func (c *toolCompiler) reference(ref string) *toolSchema {
	s := c.refs[ref]
	if s == nil {
		s = &toolSchema{}
		c.refs[ref] = s
		c.waiting = append(c.waiting, ref)
	}
	return s
}

// follow reads what a $ref leads to: a JSON pointer (RFC 6901) into the tool's own
// schema. What lies elsewhere, or is not there, takes anything.
func (c *toolCompiler) follow(s *toolSchema, ref string) error {
	pointer, ok := strings.CutPrefix(ref, "#")
	if u, err := url.PathUnescape(pointer); err == nil {
		pointer = u
	}
	data := c.root
	if pointer != "" {
		ok = ok && pointer[0] == '/'
		for _, step := range strings.Split(pointer, "/")[1:] {
			if !ok {
				break
			}
			data, ok = below(data, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		}
	}
	if !ok {
		s.open = true
		return nil
	}
	return c.into(s, data, 0)
}

// below returns a member or an element.
func below(data json.RawMessage, step string) (json.RawMessage, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) == nil {
		m, ok := members[step]
		return m, ok
	}
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		return nil, false
	}
	for i := range list {
		if fmt.Sprint(i) == step {
			return list[i], true
		}
	}
	return nil, false
}

// typesOf reads one type or a list of them.
func typesOf(data json.RawMessage) (list []string, err error) {
	var one string
	if len(data) == 0 || json.Unmarshal(data, &one) == nil {
		if one != "" {
			list = []string{one}
		}
		return list, nil
	}
	if json.Unmarshal(data, &list) != nil {
		return nil, errors.New("type: want a text or a list of texts")
	}
	return list, nil
}

// kindOf is the type of a JSON value as shapes spell it.
func kindOf(v json.RawMessage) string {
	if len(v) == 0 {
		return "null"
	}
	switch v[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// describe lists the arguments of a tool.
func (s *toolSchema) describe() string {
	names := map[string]*toolSchema{}
	s.members(names, map[*toolSchema]bool{})
	if len(names) == 0 {
		return "no argument"
	}
	list, left := make([]string, 0, len(names)), maxJudged
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if types := names[name].kindsOf(&left); len(types) > 0 {
			name += ": " + strings.Join(types, " or ")
		}
		list = append(list, name)
	}
	return "arguments " + enumerate(list)
}

// kindsOf lists the types that a value may have, as far as they are told; nil
// where it may have any. left is how many schemas it may still ask.
func (s *toolSchema) kindsOf(left *int) (list []string) {
	switch *left--; {
	case *left < 0:
		return nil
	case len(s.types) > 0:
		return s.types
	case len(s.kinds) > 0:
		return s.kinds
	}
	for _, part := range s.all {
		if list = part.kindsOf(left); list != nil {
			return list
		}
	}
	for _, parts := range s.any {
		for _, part := range parts {
			kinds := part.kindsOf(left)
			if kinds == nil {
				return nil
			}
			for _, k := range kinds {
				if !slices.Contains(list, k) {
					list = append(list, k)
				}
			}
		}
	}
	return list
}
