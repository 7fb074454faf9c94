package enrich

import (
	"os"
	"path/filepath"
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
	const all = "arguments any, deep: boolean or null, limit: integer, query: string, range: object, tags: array"
	for _, tt := range []struct {
		name, server, tool, shape, code string
		// violation is "detector: observed / expected", "" for none.
		violation string
	}{
		{name: "what the schema has", tool: "search", shape: "{query:string,limit:number,deep:null,tags:[string],range:{from:string},any:{x:number}}"},
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
