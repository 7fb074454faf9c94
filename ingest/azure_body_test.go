package ingest

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// azureBodies are bodies of requests with a canary in them.
func azureBodies() map[string][2]string {
	const write = "Microsoft.Web/sites/write"
	return map[string][2]string{
		"a secret in an object":            {write, `{"password":{"x":"` + canary + `"},"a":1}`},
		"a secret in a list":               {write, `{"properties":{"token":["` + canary + `"]}}`},
		"a parameter of a template":        {write, `{"properties":{"parameters":{"adminPassword":{"value":"` + canary + `"}}}}`},
		"a setting named by its sibling":   {write, `{"appSettings":[{"name":"DB_PASSWORD","value":"` + canary + `"}]}`},
		"a variable with a secure value":   {write, `{"env":[{"name":"x","secureValue":"` + canary + `"}]}`},
		"a first key":                      {write, `{"primaryKey":"` + canary + `"}`},
		"a second key":                     {write, `{"keys":{"secondaryKey":"` + canary + `/+=="}}`},
		"a kubeconfig":                     {write, `{"kubeconfig":"` + canary + `"}`},
		"kubeconfigs of a cluster":         {write, `{"kubeconfigs":[{"name":"admin","value":"` + canary + `"}]}`},
		"a key of a tunnel":                {write, `{"properties":{"psk":"` + canary + `"}}`},
		"a licence":                        {write, `{"properties":{"licenseKey":"` + canary + `"}}`},
		"a secret of a container app":      {write, `{"configuration":{"secrets":[{"name":"x","value":"` + canary + `"}]}}`},
		"data of a certificate":            {write, `{"certData":{"value":"` + canary + `"}}`},
		"a script behind a function's key": {write, `{"fileUris":["https://f.azurewebsites.net/api/x.sh?a=1&code=` + canary + `=="]}`},
		"a script behind an encoded key":   {write, `{"fileUris":["https://f.azurewebsites.net/api/x.sh?code=` + canary[5:] + `%2Fa%3D%3D"]}`},
		"a script behind a signature":      {write, `{"fileUris":["https://s.blob.core.windows.net/c/x.sh?sv=2021&sig=` + canary + `%3D"]}`},
		"a secret of a vault":              {"MICROSOFT.KEYVAULT/VAULTS/SECRETS/WRITE", `{"properties":{"contentType":"text/plain","value":"` + canary + `"}}`},
		"a secret of a vault in a template": {"Microsoft.Resources/deployments/write",
			`{"properties":{"template":{"resources":[{"type":"Microsoft.KeyVault/vaults/secrets","name":"a","properties":{"value":"` + canary + `"}}]}}}`},
		"a body in a body": {write, `{"properties":{"body":` + quoteJSON(`{"password":{"x":"`+canary+`"}}`) + `}}`},
	}
}

// azureForms are the forms that a body has in a record: an object, its text, and
// text with something around it.
func azureForms(body string) map[string]string {
	return map[string]string{
		"object": `{"requestbody":` + body + `}`,
		"text":   `{"requestbody":` + quoteJSON(body) + `}`, "text behind a blank": `{"requestbody":` + quoteJSON(" "+body) + `}`,
		"text between lines": `{"requestbody":` + quoteJSON("\r\n"+body+"\n") + `}`, "text behind a mark": `{"requestBody":` + quoteJSON("\uFEFF"+body) + `}`,
		"text in text": quoteJSON(`{"requestbody":` + quoteJSON(body) + `}`),
	}
}

// Of a body nothing secret stands in clear, and it can still be read.
func TestNoSecretOfAnAzureBodySurvives(t *testing.T) {
	for name, tt := range azureBodies() {
		for form, properties := range azureForms(tt[1]) {
			t.Run(name+"/"+form, func(t *testing.T) {
				ev := parseOne(t, "azure-activity", azureActivity(tt[0], azureAppClaims, `,"properties":`+properties))
				wire, err := ev.MarshalVT()
				require.NoError(t, err)
				require.NotContains(t, string(wire), canary[5:])
				require.Contains(t, ev.Raw, hashPrefix)
				require.True(t, json.Valid([]byte(ev.Raw)), ev.Raw)
				require.NotContains(t, ev.Attributes, "properties.requestbody", "left as text")
			})
		}
	}
}

// Secrets in a body, blanks around it and any number of tags change nothing about what
// it asks for.
func TestWhatAnAzureBodyAsksForIsReadWhateverStandsBesideIt(t *testing.T) {
	var tags strings.Builder
	for i := range 80 {
		tags.WriteString(`"k` + strconv.Itoa(i) + `":"v",`)
	}
	filled := `"tags":{` + tags.String() + `"z":"v"},`
	for name, before := range map[string]string{
		"a secret in an object": `"password":{"x":"y"},`, "a secret in a list": `"token":["a"],`, "secrets in objects": `"secret":{"a":{"b":[1,{}]}},`,
		"a parameter": `"adminPassword":{"value":"x"},`, "a list of settings": `"appSettings":[{"name":"DB_PASSWORD","value":"x"}],`,
		"credentials": `"credentials":["a",{"b":"c"}],`, "a quote in a text": `"description":"token='x\"",`, "braces in a text": `"description":"password: {\"a\":1}",`,
		"tags": filled, "tags in two spellings": filled + strings.Replace(filled, "tags", "Tags", 1),
	} {
		body := `{` + before + `"properties":{"roleDefinitionId":"/x/8e3af657-a8ff-443c-a75c-2fe8c4bcb635","principalId":"` + azureObject + `","endIpAddress":"255.255.255.255"}}`
		for form, properties := range azureForms(body) {
			t.Run(name+"/"+form, func(t *testing.T) {
				ev := parseOne(t, "azure-activity", azureActivity("Microsoft.Authorization/roleAssignments/write", azureAppClaims, `,"properties":`+properties))
				require.Equal(t, []string{"policy:Owner", "principal:" + azureObject}, ev.Grantees)
				found := false
				for key, v := range ev.Attributes {
					found = found || strings.EqualFold(key, "properties.requestbody.properties.endIpAddress") && v == "255.255.255.255"
				}
				require.True(t, found, ev.Attributes)
			})
		}
	}
}

// A few tags are kept.
func TestTagsOfAnAzureBodyAreKeptWhereThereIsRoom(t *testing.T) {
	for form, properties := range azureForms(`{"tags":{"team":"pay"},"location":"westeurope"}`) {
		t.Run(form, func(t *testing.T) {
			ev := parseOne(t, "azure-activity", azureActivity("Microsoft.Web/sites/write", azureAppClaims, `,"properties":`+properties))
			require.Equal(t, "pay", ev.Attributes["properties.requestbody.tags.team"])
		})
	}
}

// What only has the name of a secret stays.
func TestWhatIsNoSecretOfAnAzureBodyStays(t *testing.T) {
	for name, body := range map[string]string{
		"columns":              `{"primaryKey":["customer_id","region"],"t":{"primaryKey":"customer_id"},"u":{"primaryKey":"customer_id_v2_2024"}}`,
		"an id":                `{"primaryKey":"` + azureObject + `"}`,
		"rights to secrets":    `{"accessPolicies":[{"permissions":{"secrets":["get","list"]}}]}`,
		"names of secrets":     `{"secrets":[{"name":"db","keyVaultUrl":"https://v.vault.azure.net/secrets/db"}]}`,
		"a plain setting":      `{"appSettings":[{"name":"MODE","value":"fast"}],"properties":{"value":"plain"}}`,
		"a public certificate": `{"publicCertData":"MIIB"}`,
		"a short code":         `{"fileUris":["https://x.example/a.sh?code=200"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			for form, properties := range azureForms(body) {
				ev := parseOne(t, "azure-activity", azureActivity("Microsoft.Web/sites/write", azureAppClaims, `,"properties":`+properties))
				require.NotContains(t, ev.Raw, hashPrefix, form)
			}
		})
	}
}

// FuzzPacked redacts JSON text in a string: it stays JSON of the same outline, and once
// hidden is hidden.
func FuzzPacked(f *testing.F) {
	for _, tt := range azureBodies() {
		f.Add(tt[1])
	}
	f.Add(` [{"name":"password","value":{"a":[1,"b"]}}] `)
	f.Add(`{"authorization":{"action":"x"},"a":"{\"secret\":[\"{}\"]}"}`)
	r := redactor{hash: testHasher}
	redact := func(s string) string {
		var d document
		if err := d.parse(`{"body":` + quoteJSON(s) + `}`); err != nil {
			return s
		}
		r.document(&d, nil)
		var back struct{ Body string }
		if err := json.Unmarshal([]byte(d.source(0)), &back); err != nil {
			panic(err)
		}
		return back.Body
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || !opensText(s) {
			t.Skip("no JSON text")
		}
		var before, after document
		if before.parse(strings.Trim(s, aroundText)) != nil {
			t.Skip("no JSON text")
		}
		once := redact(s)
		require.NoError(t, after.parse(strings.Trim(once, aroundText)), "%q became %q", s, once)
		require.Len(t, after.nodes, len(before.nodes))
		if json.Valid([]byte(strings.Trim(s, aroundText))) { // we read more than that
			require.True(t, json.Valid([]byte(strings.Trim(once, aroundText))), "%q became %q", s, once)
		}
		require.Equal(t, once, redact(once))
	})
}
