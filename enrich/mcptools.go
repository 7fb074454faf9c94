package enrich

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of a list of tools.
const (
	maxTools       = 10_000
	maxToolSchemas = 100_000 // of all arguments and their members
	maxSchemaDepth = 16
	// shapeBytes is where parsers cut the shape of arguments off.
	shapeBytes   = 512
	shapeMembers = 32
	// notFound are codes of JSON-RPC for a method, or a tool, that is none.
	rpcNoMethod, rpcBadParams = "-32601", "-32602"
)

// toolSet is what an MCP server answers to tools/list, compiled.
type toolSet struct {
	title string
	tools map[string]*toolSchema
}

// toolSchema is the part of a JSON Schema that the shape of a value can break.
type toolSchema struct {
	types    []string // none: any
	props    map[string]*toolSchema
	required []string
	closed   bool // no other members
	items    *toolSchema
}

// readTools reads the answer to tools/list, bare or as a JSON-RPC response; ok is
// false for what is none.
func readTools(data []byte) (set *toolSet, server string, ok bool, err error) {
	if data = bytes.TrimSpace(data); len(data) == 0 || data[0] != '{' {
		return nil, "", false, nil
	}
	type tools []struct {
		Name        string          `json:"name"`
		InputSchema json.RawMessage `json:"inputSchema"`
	}
	var in struct {
		ServerInfo struct {
			Name string `json:"name"`
		} `json:"serverInfo"`
		Tools  tools `json:"tools"`
		Result struct {
			Tools tools `json:"tools"`
		} `json:"result"`
	}
	if json.Unmarshal(data, &in) != nil {
		return nil, "", false, nil // the other reader says what is wrong
	}
	list := in.Tools
	if list == nil {
		list = in.Result.Tools
	}
	if list == nil {
		return nil, "", false, nil
	}
	if len(list) > maxTools {
		return nil, "", true, fmt.Errorf("%d tools, at most %d are read", len(list), maxTools)
	}
	set = &toolSet{tools: make(map[string]*toolSchema, len(list))}
	c := toolCompiler{}
	for i := range list {
		name := list[i].Name
		if name == "" {
			return nil, "", true, fmt.Errorf("tools[%d]: name: missing", i)
		}
		schema, err := c.compile(list[i].InputSchema, 0)
		if err != nil {
			return nil, "", true, fmt.Errorf("tool %s: inputSchema: %w", shorten(name), err)
		}
		// Of its own arguments a tool names all, unless it says otherwise.
		if schema.props != nil && !schema.closed {
			var says struct {
				Additional json.RawMessage `json:"additionalProperties"`
			}
			schema.closed = json.Unmarshal(list[i].InputSchema, &says) == nil && len(says.Additional) == 0
		}
		set.tools[name] = schema
	}
	return set, in.ServerInfo.Name, true, nil
}

type toolCompiler struct{ schemas int }

// compile reads a schema; of what it does not know it takes anything.
func (c *toolCompiler) compile(data json.RawMessage, depth int) (*toolSchema, error) {
	s := &toolSchema{}
	if c.schemas++; c.schemas > maxToolSchemas {
		return nil, fmt.Errorf("more than %d schemas in one document", maxToolSchemas)
	}
	if len(data) == 0 || data[0] != '{' || depth > maxSchemaDepth {
		return s, nil // true, or too deep for a shape
	}
	var in struct {
		Type       json.RawMessage            `json:"type"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Additional json.RawMessage            `json:"additionalProperties"`
		Items      json.RawMessage            `json:"items"`
		Ref        string                     `json:"$ref"`
		AnyOf      []json.RawMessage          `json:"anyOf"`
		OneOf      []json.RawMessage          `json:"oneOf"`
		AllOf      []json.RawMessage          `json:"allOf"`
		Patterns   map[string]json.RawMessage `json:"patternProperties"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, err
	}
	if in.Ref != "" || len(in.AnyOf)+len(in.OneOf)+len(in.AllOf) > 0 {
		return s, nil
	}
	var one string
	if json.Unmarshal(in.Type, &one) == nil && one != "" {
		s.types = []string{one}
	} else if len(in.Type) > 0 {
		if err := json.Unmarshal(in.Type, &s.types); err != nil {
			return nil, errors.New("type: want a text or a list of texts")
		}
	}
	s.required = in.Required
	if in.Properties != nil {
		s.props = make(map[string]*toolSchema, len(in.Properties))
		for name, p := range in.Properties {
			compiled, err := c.compile(p, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", shorten(name), err)
			}
			s.props[name] = compiled
		}
	}
	s.closed = string(in.Additional) == "false" && len(in.Patterns) == 0
	if len(in.Items) > 0 {
		items, err := c.compile(in.Items, depth+1)
		if err != nil {
			return nil, err
		}
		s.items = items
	}
	return s, nil
}

// judge holds a call of a tool against what the server offers.
func (t *toolSet) judge(ev *schemas.Event, d *schemas.Declared) {
	tool := ev.Attributes["tool"]
	if tool == "" {
		return
	}
	ev.ApiDocument = t.title
	schema := t.tools[tool]
	if schema == nil {
		if ev.ErrorCode != rpcNoMethod && ev.ErrorCode != rpcBadParams {
			violate(d, shadowAPI, ev.Operation, "a tool of "+t.title)
		}
		return
	}
	shape := ev.Attributes["arguments"]
	if shape == "" || shape[0] != '{' {
		return // they are not logged, or as a text that is no JSON
	}
	j := shapeJudge{rest: shape, cut: len(shape) >= shapeBytes}
	j.value(schema, "")
	if len(j.wrong) > 0 {
		slices.Sort(j.wrong)
		violate(d, schemaViolation, ev.Operation+" with "+strings.Join(j.wrong, ", "), schema.describe())
	}
}

// describe lists the arguments of a tool.
func (s *toolSchema) describe() string {
	if len(s.props) == 0 {
		return "no argument"
	}
	list := make([]string, 0, len(s.props))
	for _, name := range sortedKeys(s.props) {
		if types := s.props[name].types; len(types) > 0 {
			name += ": " + strings.Join(types, " or ")
		}
		list = append(list, name)
	}
	return "arguments " + enumerate(list)
}

// shapeJudge reads the shape of arguments, {name:type,…}, as parsers write it,
// along with its schema.
type shapeJudge struct {
	rest  string
	cut   bool // the shape is not whole
	wrong []string
}

func (j *shapeJudge) fail(what string) {
	if len(j.wrong) < maxUnknownNames && !slices.Contains(j.wrong, what) {
		j.wrong = append(j.wrong, what)
	}
}

// value reads one value; a nil schema takes anything.
func (j *shapeJudge) value(s *toolSchema, name string) {
	kind := ""
	switch {
	case j.rest == "":
		return
	case j.rest[0] == '{':
		kind = "object"
		j.object(s, name)
	case j.rest[0] == '[':
		kind = "array"
		j.rest = j.rest[1:]
		if j.rest != "" && j.rest[0] != ']' {
			var items *toolSchema
			if s != nil {
				items = s.items
			}
			j.value(items, name+"[]")
		}
		j.rest = strings.TrimPrefix(j.rest, "]")
	default:
		end := strings.IndexAny(j.rest, ",]}")
		if end < 0 {
			j.rest = "" // the last word, perhaps cut off
			return
		}
		kind, j.rest = j.rest[:end], j.rest[end:]
	}
	if s != nil && !s.takes(kind) {
		j.fail(name + ": " + kind)
	}
}

// takes reports whether a value of that kind is allowed; null stands for one
// that is left out.
func (s *toolSchema) takes(kind string) bool {
	return len(s.types) == 0 || kind == "null" || slices.Contains(s.types, kind) || kind == "number" && slices.Contains(s.types, "integer")
}

func (j *shapeJudge) object(s *toolSchema, name string) {
	j.rest = j.rest[1:]
	var seen []string
	for j.rest != "" && j.rest[0] != '}' {
		key, rest, ok := strings.Cut(j.rest, ":")
		if !ok {
			j.rest = ""
			break
		}
		j.rest = rest
		seen = append(seen, key)
		var member *toolSchema
		if s != nil {
			if member = s.props[key]; member == nil && s.closed {
				j.fail(join(name, key))
			}
		}
		j.value(member, join(name, key))
		j.rest = strings.TrimPrefix(j.rest, ",")
	}
	j.rest = strings.TrimPrefix(j.rest, "}")
	if s == nil || j.cut || len(seen) >= shapeMembers {
		return
	}
	for _, r := range s.required {
		if !slices.Contains(seen, r) {
			j.fail("no " + join(name, r))
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
