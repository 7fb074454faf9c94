package enrich

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

// The JSON Schema and the parser accept the same words.
func TestSchemaAndParserAgree(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Enum       []any                           `json:"enum"`
			Properties map[string]struct{ Enum []any } `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.NewDecoder(schemas.InventorySchemaReader()).Decode(&schema); err != nil {
		t.Fatal(err)
	}
	words := func(list []any) []string {
		var out []string
		for _, v := range list {
			if s, ok := v.(string); ok && s != "" {
				out = append(out, s)
			}
		}
		return out
	}
	for _, c := range []struct {
		name         string
		schema, have []string
	}{
		{"kind", words(schema.Defs["identity"].Properties["kind"].Enum), kinds},
		{"criticality", words(schema.Defs["identity"].Properties["criticality"].Enum), criticalities},
		{"environment", words(schema.Defs["environment"].Enum), environments},
		{"credential type", words(schema.Defs["credential"].Properties["type"].Enum), credentialTypes},
		{"network class", words(schema.Defs["network"].Properties["class"].Enum), networkClasses},
	} {
		if !slices.Equal(c.schema, c.have) {
			t.Errorf("%s: the schema has %v, the parser %v", c.name, c.schema, c.have)
		}
	}
	for def, have := range map[string][]string{"identity": identityKeys, "allowed": allowedKeys, "schedule": scheduleKeys, "rate": rateKeys, "spend": spendKeys,
		"credential": credentialKeys, "exception": exceptionKeys, "network": networkKeys, "target": targetKeys, "policy": policyKeys, "selector": selectorKeys} {
		var keys []string
		for k := range schema.Defs[def].Properties {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if !slices.Equal(keys, slices.Sorted(slices.Values(have))) {
			t.Errorf("%s: the schema has %v, the parser %v", def, keys, have)
		}
	}
}

func TestExampleMatchesTheSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(schemas.InventorySchemaReader())
	must(t, err)
	c := jsonschema.NewCompiler()
	must(t, c.AddResource(schemas.InventorySchemaURL, doc))
	s, err := c.Compile(schemas.InventorySchemaURL)
	must(t, err)
	text, err := os.ReadFile("testdata/inventory.yaml")
	must(t, err)
	var v any
	must(t, yaml.Unmarshal(text, &v))
	// Through JSON, as an editor sees it.
	asJSON, err := json.Marshal(v)
	must(t, err)
	must(t, json.Unmarshal(asJSON, &v))
	must(t, s.Validate(v))
}
