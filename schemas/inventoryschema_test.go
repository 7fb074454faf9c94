package schemas

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

func TestInventorySchemaHasExactlyTheKeysOfTheTypes(t *testing.T) {
	var schema map[string]any
	require.NoError(t, json.NewDecoder(InventorySchemaReader()).Decode(&schema))
	defs := schema["$defs"].(map[string]any)
	for _, c := range []struct {
		def string
		typ reflect.Type
	}{
		{"", reflect.TypeFor[Inventory]()},
		{"identity", reflect.TypeFor[Identity]()},
		{"policy", reflect.TypeFor[Policy]()},
		{"selector", reflect.TypeFor[Selector]()},
		{"allowed", reflect.TypeFor[Allowed]()},
		{"schedule", reflect.TypeFor[Schedule]()},
		{"rate", reflect.TypeFor[Rate]()},
		{"spend", reflect.TypeFor[Spend]()},
		{"credential", reflect.TypeFor[KnownCredential]()},
		{"exception", reflect.TypeFor[KnownException]()},
		{"network", reflect.TypeFor[Network]()},
		{"target", reflect.TypeFor[Target]()},
	} {
		t.Run(c.typ.Name(), func(t *testing.T) {
			object := schema
			if c.def != "" {
				object = defs[c.def].(map[string]any)
			}
			require.Equal(t, false, object["additionalProperties"], "unknown keys are refused")
			var inSchema, inType []string
			for name := range object["properties"].(map[string]any) {
				inSchema = append(inSchema, name)
			}
			for i := range c.typ.NumField() {
				if name := c.typ.Field(i).Tag.Get("yaml"); name != "-" {
					inType = append(inType, name)
					json, _, _ := strings.Cut(c.typ.Field(i).Tag.Get("json"), ",")
					require.Equal(t, name, json, "a field has one name in YAML and in JSON")
				}
			}
			slices.Sort(inSchema)
			slices.Sort(inType)
			require.Equal(t, inType, inSchema)
		})
	}
}

func TestInventorySchemaAcceptsAndRefuses(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(InventorySchemaReader())
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource(InventorySchemaURL, doc))
	s, err := c.Compile(InventorySchemaURL)
	require.NoError(t, err)
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"an id is enough", `{"identities":[{"id":"a:b"}]}`, true},
		{"nothing declared", `{"identities":[]}`, true},
		{"a policy with every key", `{"identities":[{"id":"a:b","allowed":{"operations":["s3:*"],"countries":["DE"],"regions":"eu-*","networks":["asn:1"],"environments":["production"],"schedule":{"timezone":"UTC","windows":["Mon 01:00-02:00"]},"rate":{"per_minute":1.5,"burst":2}}}]}`, true},
		{"times and durations", `{"identities":[{"id":"a:b","offboarded":"2026-01-02","credentials":[{"ref":"k","issued":"2026-01-10T00:00:00Z","rotate_every":"90d"}]}]}`, true},
		{"no id", `{"identities":[{"name":"x"}]}`, false},
		{"an unknown key", `{"identities":[{"id":"a:b","ower":"x"}]}`, false},
		{"an unknown kind", `{"identities":[{"id":"a:b","kind":"robot"}]}`, false},
		{"a bad time", `{"identities":[{"id":"a:b","offboarded":"yesterday"}]}`, false},
		{"a bad duration", `{"identities":[{"id":"a:b","credentials":[{"ref":"k","rotate_every":"3 months"}]}]}`, false},
		{"a credential without reference", `{"identities":[{"id":"a:b","credentials":[{"type":"jwt"}]}]}`, false},
		{"an exception without end", `{"identities":[{"id":"a:b","exceptions":[{"detector":"call-rate"}]}]}`, false},
		{"a network of no known class", `{"networks":[{"cidr":"10.0.0.0/8","class":"home"}]}`, false},
		{"a policy for all of an environment", `{"policies":[{"for":{"environment":"staging"},"allowed":{"rate":{"per_minute":60}}}]}`, true},
		{"a policy for nobody", `{"policies":[{"for":{},"allowed":{"rate":{"per_minute":60}}}]}`, false},
		{"a target without environment", `{"targets":[{"account":"1"}]}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(c.text))
			require.NoError(t, err)
			if err := s.Validate(v); c.ok {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
			}
		})
	}
}
