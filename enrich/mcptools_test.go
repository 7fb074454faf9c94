package enrich

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

const searchTools = `{"tools":[
 {"name":"search","description":"finds","inputSchema":{"type":"object","required":["query"],"properties":{
   "query":{"type":"string"},"limit":{"type":"integer"},"deep":{"type":["boolean","null"]},"tags":{"type":"array","items":{"type":"string"}},
   "range":{"type":"object","required":["from"],"properties":{"from":{"type":"string"},"to":{"type":"string"}},"additionalProperties":false},"any":{"anyOf":[{"type":"string"}]}}}},
 {"name":"now","inputSchema":{"type":"object","properties":{}}},
 {"name":"open","inputSchema":{"type":"object","properties":{"a":{}},"additionalProperties":true}},
 {"name":"free"}]}`

func toolFile(t testing.TB, text string) string {
	file := filepath.Join(t.TempDir(), "tools.json")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestToolCallsAreHeldAgainstTheServersList(t *testing.T) {
	apis, err := openAPIs([]APIDocument{{File: toolFile(t, searchTools), Service: "search"}, {File: "testdata/apis/orders.yaml", Service: "orders"}})
	require.NoError(t, err)
	const all = "arguments any: string, deep: boolean or null, limit: integer, query: string, range: object, tags: array"
	for _, tt := range []struct {
		name, server, tool, shape, code string
		// violation is "detector: observed / expected", "" for none.
		violation string
	}{
		{name: "what the schema has", tool: "search", shape: "{query:string,limit:number,deep:null,tags:[string],range:{from:string},any:string}"},
		{name: "the least of it", tool: "search", shape: "{query:string}"},
		{name: "an optional argument that is null", tool: "search", shape: "{query:string,limit:null}"},
		{name: "an argument that the tool does not have", tool: "search", shape: "{query:string,sudo:boolean,cmd:string}", violation: "schema-violation: search/search with cmd, sudo / " + all},
		{name: "of another type", tool: "search", shape: "{query:{x:string},limit:string}", violation: "schema-violation: search/search with limit: string, query: object / " + all},
		{name: "a missing one", tool: "search", shape: "{limit:number}", violation: "schema-violation: search/search with no query / " + all},
		{name: "elements of another type", tool: "search", shape: "{query:string,tags:[object]}", violation: "schema-violation: search/search with tags[]: object / " + all},
		{name: "a member that an object does not have", tool: "search", shape: "{query:string,range:{from:string,by:string}}", violation: "schema-violation: search/search with range.by / " + all},
		{name: "a shape that was cut off misses nothing", tool: "search", shape: "{" + strings.Repeat("any:string,", 50) + "an"},
		{name: "a tool without arguments", tool: "now", shape: "{}"},
		{name: "and with one", tool: "now", shape: "{tz:string}", violation: "schema-violation: search/now with tz / no argument"},
		{name: "a tool that takes anything more", tool: "open", shape: "{b:string}"},
		{name: "a tool without a schema", tool: "free", shape: "{b:string}"},
		{name: "arguments that are not logged", tool: "search"},
		{name: "arguments that are no JSON", tool: "search", shape: "string"},
		{name: "a tool that is not in the list", tool: "exec", shape: "{cmd:string}", violation: "shadow-api: search/exec / a tool of MCP server search"},
		{name: "one that the server does not know either", tool: "exec", code: "-32602"},
		{name: "another server", server: "files", tool: "exec", shape: "{cmd:string}"},
		{name: "no call of a tool", shape: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := &schemas.Event{Format: "mcp", Service: "search", Operation: "search/" + tt.tool, ErrorCode: tt.code, Attributes: map[string]string{}}
			if tt.server != "" {
				ev.Service = tt.server
			}
			for k, v := range map[string]string{"tool": tt.tool, "arguments": tt.shape} {
				if v != "" {
					ev.Attributes[k] = v
				}
			}
			d := &schemas.Declared{}
			apis.judge(ev, d)
			var got []string
			for _, v := range d.Violations {
				got = append(got, v.Detector+": "+v.Observed+" / "+v.Expected)
			}
			require.Equal(t, tt.violation, strings.Join(got, "; "))
		})
	}
}

func TestPartsOfASchemaAreJudged(t *testing.T) {
	const tree = `{"type":"object","properties":{"root":{"$ref":"#/$defs/node"}},"$defs":{"node":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"next":{"$ref":"#/$defs/node"}},"additionalProperties":false}}}`
	for _, tt := range []struct{ name, schema, shape, wrong string }{
		{"a reference", tree, "{root:{name:string}}", ""},
		{"a reference that goes round, broken far down", tree, "{root:{name:string,next:{name:string,next:{name:number}}}}", "root.next.next.name: number"},
		{"a member that none has there", tree, "{root:{name:string,x:number}}", "root.x"},
		{"a reference to the whole", `{"type":"object","properties":{"a":{"type":"string"},"sub":{"$ref":"#"}}}`, "{sub:{sub:{a:number}}}", "sub.sub.a: number"},
		{"references that lead to each other only", `{"properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/y"},"y":{"$ref":"#/$defs/x"}}}`, "{a:string}", ""},
		{"a pointer with escapes", `{"properties":{"a":{"$ref":"#/$defs/x~1y%20z"}},"$defs":{"x/y z":{"type":"number"}}}`, "{a:string}", "a: string"},
		{"a pointer through a list", `{"properties":{"a":{"$ref":"#/allOf/0"}},"allOf":[{"type":"object","required":["a"]}]}`, "{a:{a:{}}}", ""},
		{"a reference to nothing takes anything", `{"properties":{"a":{"$ref":"#/$defs/x"}}}`, "{a:string}", ""},
		{"so does one to elsewhere", `{"properties":{"a":{"$ref":"https://example.com/s.json"}}}`, "{a:string}", ""},
		{"arguments that lie elsewhere may have any name", `{"$ref":"https://example.com/s.json","properties":{}}`, "{a:string}", ""},
		{"a reference beside other words", `{"properties":{"a":{"$ref":"#/$defs/x","required":["b"]}},"$defs":{"x":{"type":"object"}}}`, "{a:{}}", "no a.b"},
		{"the words of an enumeration", `{"properties":{"a":{"enum":["x","y",null]}}}`, "{a:number}", "a: number"},
		{"values of several types", `{"properties":{"a":{"enum":["x",1]}}}`, "{a:number}", ""},
		{"a constant", `{"properties":{"a":{"const":{"x":1}}}}`, "{a:string}", "a: string"},
		{"one of two types", `{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}}}`, "{a:[string]}", ""},
		{"none of them", `{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]}}}`, "{a:[number]}", "a[]: number"},
		{"one of two objects", `{"properties":{"a":{"oneOf":[{"required":["x"],"properties":{"x":{}},"additionalProperties":false},{"required":["y"],"properties":{"y":{}},"additionalProperties":false}]}}}`, "{a:{y:string}}", ""},
		{"the one that fits best says what is wrong", `{"properties":{"a":{"oneOf":[{"required":["x","z"],"properties":{"x":{}},"additionalProperties":false},{"required":["y"],"properties":{"y":{}},"additionalProperties":false}]}}}`, "{a:{y:string,w:string}}", "a.w"},
		{"of two that fit, the values decide", `{"properties":{"a":{"oneOf":[{"type":"string"},{"type":"string"}]}}}`, "{a:string}", ""},
		{"all parts count", `{"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"number"}}}]}`, "{b:string}", "b: string, no a"},
		{"and together name all arguments", `{"allOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]}`, "{a:string,c:string}", "c"},
		{"so do alternatives", `{"properties":{"a":{}},"anyOf":[{"required":["a"]},{"properties":{"b":{}},"required":["b"]}]}`, "{b:string,c:string}", "c"},
		{"unless one takes more", `{"allOf":[{"properties":{"a":{}}},{"additionalProperties":true}]}`, "{c:string}", ""},
		{"other members of one type", `{"properties":{"a":{}},"additionalProperties":{"type":"number"}}`, "{a:string,c:string}", "c: string"},
		{"a member that may not be", `{"properties":{"a":false}}`, "{a:string}", "a: string"},
		{"members that others call for may be any", `{"properties":{"a":{"type":"string"}},"dependentSchemas":{"a":{"properties":{"c":{}}}}}`, "{a:string,c:string}", ""},
		{"as older drafts write them", `{"properties":{"a":{"type":"string"}},"dependencies":{"a":{"properties":{"c":{}}}}}`, "{a:string,c:string}", ""},
		{"the first of a list", `{"properties":{"a":{"prefixItems":[{"type":"number"},{"type":"string"}]}}}`, "{a:[string]}", "a[]: string"},
		{"as older drafts write it", `{"properties":{"a":{"items":[{"type":"number"},{"type":"string"}]}}}`, "{a:[string]}", "a[]: string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := toolCompiler{}
			s, err := c.tool([]byte(tt.schema))
			require.NoError(t, err)
			require.Equal(t, tt.wrong, strings.Join(s.judgeShape(tt.shape), ", "))
		})
	}
}

// What a reference leads to is the same however deep the first of its places lies,
// whatever the order in which the members are read.
func TestAReferenceMeansTheSameAtEachDepth(t *testing.T) {
	deep := strings.Repeat(`{"properties":{"d":`, maxSchemaDepth-1) + `{"$ref":"#/$defs/x"}` + strings.Repeat(`}}`, maxSchemaDepth-1)
	schema := `{"properties":{"a":` + deep + `,"b":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"object","properties":{"n":{"type":"number"}}}}}`
	for range 20 {
		s, err := (&toolCompiler{}).tool([]byte(schema))
		require.NoError(t, err)
		require.Equal(t, []string{"b.n: string"}, s.judgeShape("{b:{n:string}}"))
	}

	// A chain of them costs no stack.
	const long = 500
	defs := make([]string, 0, long+1)
	for i := range long {
		defs = append(defs, fmt.Sprintf(`"x%d":{"properties":{"n":{"$ref":"#/$defs/x%d"}}}`, i, i+1))
	}
	defs = append(defs, fmt.Sprintf(`"x%d":{"type":"number"}`, long))
	s, err := (&toolCompiler{}).tool([]byte(`{"$ref":"#/$defs/x0","$defs":{` + strings.Join(defs, ",") + `}}`))
	require.NoError(t, err)
	require.Empty(t, s.judgeShape("{n:{n:{}}}"))

	_, err = (&toolCompiler{}).tool([]byte(`{"properties":{"b":{"type":1},"a":{"type":2},"c":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":3}}}`))
	require.ErrorContains(t, err, "a: type")
	_, err = (&toolCompiler{}).tool([]byte(`{"properties":{"c":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":3}}}`))
	require.ErrorContains(t, err, "$ref #/$defs/x: type")
}

// A schema is written by whoever runs the server: alternatives that multiply and
// references that go round cost no more than the bound.
func TestHostileSchemasAreBounded(t *testing.T) {
	many := `{"$ref":"#/$defs/x0"}`
	defs := make([]string, 0, 21)
	for i := range 20 {
		next := `{"$ref":"#/$defs/x` + strconv.Itoa(i+1) + `"}`
		defs = append(defs, `"x`+strconv.Itoa(i)+`":{"anyOf":[`+next+","+next+","+next+`]}`)
	}
	defs = append(defs, `"x20":{"type":"number"}`)
	c := toolCompiler{}
	s, err := c.tool([]byte(`{"properties":{"a":` + many + `},"$defs":{` + strings.Join(defs, ",") + `}}`))
	require.NoError(t, err)
	require.Empty(t, s.judgeShape("{a:string}"), "what takes too long to judge breaks nothing")

	deep := strings.Repeat(`{"properties":{"a":`, 200) + `{"type":"number"}` + strings.Repeat(`}}`, 200)
	s, err = c.tool([]byte(deep))
	require.NoError(t, err)
	require.Empty(t, s.judgeShape(strings.Repeat("{a:", 60)+"string"+strings.Repeat("}", 60)))

	c = toolCompiler{schemas: maxToolSchemas}
	_, err = c.tool([]byte(`{"properties":{"a":{}}}`))
	require.ErrorContains(t, err, "more than 100000 schemas")
}

func TestListsOfToolsNameTheirServer(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		doc        APIDocument
		want       string
	}{
		{"an answer of JSON-RPC", `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}`, APIDocument{Service: "x"}, ""},
		{"a list that names its server", `{"serverInfo":{"name":"x"},"tools":[]}`, APIDocument{}, ""},
		{"a list without a server", `{"tools":[]}`, APIDocument{}, "does not name its server"},
		{"a tool without a name", `{"tools":[{}]}`, APIDocument{Service: "x"}, "tools[0]: name: missing"},
		{"a type that is none", `{"tools":[{"name":"a","inputSchema":{"type":5}}]}`, APIDocument{Service: "x"}, "tool a: inputSchema: type"},
		{"neither tools nor OpenAPI", `{"x":1}`, APIDocument{Service: "x"}, "not an OpenAPI 3 document"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.doc.File = toolFile(t, tt.text)
			_, err := openAPIs([]APIDocument{tt.doc})
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// Whatever the shape, judging ends and names a few things at most.
func FuzzToolShapes(f *testing.F) {
	set, _, _, err := readTools([]byte(searchTools))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("{query:string,limit:number}")
	f.Add("{a:[{b:[")
	f.Add("{:,}:")
	f.Fuzz(func(t *testing.T, shape string) {
		d := &schemas.Declared{}
		set.judge(&schemas.Event{Operation: "s/search", Attributes: map[string]string{"tool": "search", "arguments": shape}}, d)
		if len(d.Violations) > 1 {
			t.Fatalf("%d violations of one call", len(d.Violations))
		}
	})
}

// Whatever the schema, reading it and judging by it end.
func FuzzToolSchemas(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"anyOf":[{"$ref":"#"},{"type":"string"}]}}}`, "{a:{a:string}}")
	f.Add(`{"allOf":[{"$ref":"#"},{"oneOf":[{"const":1},{"enum":["a"]}]}],"prefixItems":[false],"additionalProperties":{"$ref":"#/allOf/1"}}`, "{a:[{b:null}],c:number}")
	f.Fuzz(func(t *testing.T, schema, shape string) {
		c := toolCompiler{}
		s, err := c.tool([]byte(schema))
		if err != nil {
			return
		}
		if wrong := s.judgeShape(shape); len(wrong) > maxUnknownNames {
			t.Fatalf("%d things are wrong", len(wrong))
		}
		_ = s.describe()
	})
}
