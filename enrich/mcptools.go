package enrich

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of a list of tools.
const (
	maxTools       = 10_000
	maxToolSchemas = 100_000 // of all arguments and their members
	maxSchemaDepth = 16
	// maxJudged is how many schemas one call is held against at most: references
	// may go round, and alternatives multiply. A call that takes more is not judged.
	maxJudged = 10_000
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
		schema, err := c.tool(list[i].InputSchema)
		if err != nil {
			return nil, "", true, fmt.Errorf("tool %s: inputSchema: %w", shorten(name), err)
		}
		set.tools[name] = schema
	}
	return set, in.ServerInfo.Name, true, nil
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
	wrong := schema.judgeShape(shape)
	if len(wrong) > 0 {
		violate(d, schemaViolation, ev.Operation+" with "+strings.Join(wrong, ", "), schema.describe())
	}
}
