package schemas

import (
	"encoding/json"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

func compileAlertSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(AlertSchemaReader())
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource(AlertSchemaURL, doc))
	s, err := c.Compile(AlertSchemaURL)
	require.NoError(t, err)
	return s
}

// fill sets every field of v, so that no omitempty hides one.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Bool:
		v.SetBool(true)
	default:
		panic("alert has a field of kind " + v.Kind().String())
	}
}

// full is an alert with every field set and the constants in place.
func full() Alert {
	var a Alert
	fill(reflect.ValueOf(&a).Elem())
	a.ActivityName, a.CategoryUID, a.CategoryName = "Create", CategoryFindings, "Findings"
	a.ClassUID, a.ClassName, a.TypeUID = ClassDetection, "Detection Finding", 200401
	a.Severity = SeverityName(a.SeverityID)
	a.Metadata.Version, a.Metadata.Product.Name = OCSFVersion, ProductName
	a.FindingInfo.Attacks[0].Technique.UID = "T1078.004"
	l := &a.Unmapped.Lapwing
	l.Family, l.Way, l.Findings[0].Family, l.Identity.Issuance.Source = "learned", "strong", "volume", IssuanceDeclared
	return a
}

func asJSON(t *testing.T, a Alert) map[string]any {
	t.Helper()
	b, err := json.Marshal(a)
	require.NoError(t, err)
	var v map[string]any
	require.NoError(t, json.Unmarshal(b, &v))
	return v
}

func TestAlertWithEveryFieldMatchesItsSchema(t *testing.T) {
	require.NoError(t, compileAlertSchema(t).Validate(asJSON(t, full())))
}

func TestAlertSchemaNamesNoFieldThatTheTypeLacks(t *testing.T) {
	var schema map[string]any
	require.NoError(t, json.NewDecoder(AlertSchemaReader()).Decode(&schema))
	defs := schema["$defs"].(map[string]any)
	var walk func(path string, s map[string]any, v any)
	walk = func(path string, s map[string]any, v any) {
		if ref, ok := s["$ref"].(string); ok {
			s = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		}
		if items, ok := s["items"].(map[string]any); ok {
			list, ok := v.([]any)
			require.True(t, ok, "%s is a list in the schema", path)
			walk(path+"[]", items, list[0])
			return
		}
		props, ok := s["properties"].(map[string]any)
		if !ok {
			return
		}
		m, ok := v.(map[string]any)
		require.True(t, ok, "%s is an object in the schema", path)
		var names []string
		for name := range props {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			require.Contains(t, m, name, "schema names %s.%s", path, name)
			walk(path+"."+name, props[name].(map[string]any), m[name])
		}
	}
	walk("", schema, any(asJSON(t, full())))
}

func TestAlertSchemaRefuses(t *testing.T) {
	s := compileAlertSchema(t)
	for _, c := range []struct {
		name  string
		spoil func(map[string]any)
	}{
		{"another class", func(m map[string]any) { m["class_uid"] = 2003 }},
		{"a severity off the scale", func(m map[string]any) { m["severity_id"] = 6 }},
		{"a credential's life from nowhere", func(m map[string]any) {
			m["unmapped"].(map[string]any)["lapwing"].(map[string]any)["identity"].(map[string]any)["issuance"].(map[string]any)["source"] = "rumour"
		}},
		{"no identity", func(m map[string]any) { m["actor"].(map[string]any)["user"].(map[string]any)["uid"] = "" }},
		{"no explanation", func(m map[string]any) { m["finding_info"].(map[string]any)["desc"] = "" }},
		{"an unknown way to page", func(m map[string]any) {
			m["unmapped"].(map[string]any)["lapwing"].(map[string]any)["way"] = "shouting"
		}},
		{"a key it does not know", func(m map[string]any) { m["colour"] = "red" }},
		{"an ATT&CK id that is none", func(m map[string]any) {
			m["finding_info"].(map[string]any)["attacks"].([]any)[0].(map[string]any)["technique"].(map[string]any)["uid"] = "X1"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := asJSON(t, full())
			c.spoil(m)
			require.Error(t, s.Validate(m))
		})
	}
}

// ocsfAttributes are the attributes of OCSF 1.8.0 that an alert may use, by its
// objects: what a validator does not know, it refuses.
var ocsfAttributes = map[string][]string{
	"": {
		"activity_id", "activity_name", "actor", "anomaly_analyses", "category_name", "category_uid", "class_name", "class_uid", "comment", "confidence", "confidence_id",
		"confidence_score", "count", "duration", "end_time", "enrichments", "evidences", "finding_info", "impact", "impact_id", "impact_score", "is_alert", "malware", "message",
		"metadata", "observables", "raw_data", "remediation", "resources", "risk_details", "risk_level", "risk_level_id", "risk_score", "severity", "severity_id", "start_time",
		"status", "status_code", "status_detail", "status_id", "time", "timezone_offset", "type_name", "type_uid", "unmapped", "vendor_attributes", "vulnerabilities",
	},
	".metadata": {
		"correlation_uid", "event_code", "extensions", "is_truncated", "labels", "log_level", "log_name", "log_provider", "log_version", "logged_time", "loggers", "modified_time",
		"original_time", "processed_time", "product", "profiles", "reporter", "sequence", "tags", "tenant_uid", "uid", "version",
	},
	".metadata.product":                              {"cpe_name", "data_classifications", "feature", "lang", "name", "path", "uid", "url_string", "vendor_name", "version"},
	".actor":                                         {"app_name", "app_uid", "authorizations", "idp", "invoked_by", "process", "session", "user"},
	".actor.user":                                    {"account", "credential_uid", "display_name", "domain", "email_addr", "full_name", "groups", "name", "org", "type", "type_id", "uid", "uid_alt"},
	".actor.session":                                 {"count", "created_time", "credential_uid", "expiration_reason", "expiration_time", "is_mfa", "is_remote", "issuer", "terminal", "uid", "uid_alt", "uuid"},
	".actor.authorizations[]":                        {"decision", "policy"},
	".actor.authorizations[].policy":                 {"data", "desc", "group", "is_applied", "name", "uid", "version"},
	".finding_info":                                  {"analytic", "attacks", "attack_graph", "created_time", "data_sources", "desc", "first_seen_time", "kill_chain", "last_seen_time", "modified_time", "product", "related_analytics", "related_events", "related_events_count", "src_url", "tags", "title", "traits", "types", "uid", "uid_alt"},
	".finding_info.analytic":                         {"algorithm", "category", "desc", "name", "state", "state_id", "type", "type_id", "uid", "version"},
	".finding_info.related_analytics[]":              {"algorithm", "category", "desc", "name", "state", "state_id", "type", "type_id", "uid", "version"},
	".finding_info.related_events[]":                 {"attacks", "count", "created_time", "desc", "first_seen_time", "kill_chain", "last_seen_time", "modified_time", "observables", "product", "product_uid", "severity", "severity_id", "status", "tags", "title", "traits", "type", "type_name", "type_uid", "uid"},
	".finding_info.attacks[]":                        {"mitigation", "sub_technique", "sub_techniques", "tactic", "tactics", "technique", "version"},
	".finding_info.attacks[].technique":              {"name", "src_url", "uid"},
	".finding_info.attacks[].tactic":                 {"name", "src_url", "uid"},
	".anomaly_analyses[]":                            {"analysis_targets", "anomalies", "baselines"},
	".anomaly_analyses[].analysis_targets[]":         {"name", "type"},
	".anomaly_analyses[].anomalies[]":                {"observation_parameter", "observation_type", "observations", "observed_pattern"},
	".anomaly_analyses[].baselines[]":                {"observation_parameter", "observation_type", "observations", "observed_pattern"},
	".anomaly_analyses[].anomalies[].observations[]": {"count", "timespan", "value"},
	".anomaly_analyses[].baselines[].observations[]": {"count", "timespan", "value"},
	".evidences[]":                                   {"actor", "api", "data", "name", "resources", "src_endpoint", "uid", "user", "verdict", "verdict_id"},
	".evidences[].api":                               {"group", "operation", "request", "response", "service", "version"},
	".evidences[].src_endpoint":                      {"autonomous_system", "domain", "hostname", "ip", "location", "name", "port", "svc_name", "uid"},
	".remediation":                                   {"desc", "kb_article_list", "references"},
}

func TestAnAlertUsesOnlyWhatOCSFNames(t *testing.T) {
	seen := 0
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			names, ok := ocsfAttributes[path]
			require.True(t, ok, "%s is no object that the table knows", path)
			seen++
			for name, x := range v {
				require.Contains(t, names, name, "%s.%s is no attribute of OCSF", path, name)
				if path+"."+name != ".unmapped" {
					walk(path+"."+name, x)
				}
			}
		case []any:
			for _, x := range v {
				walk(path+"[]", x)
			}
		}
	}
	walk("", asJSON(t, full()))
	require.Equal(t, len(ocsfAttributes), seen, "the table names nothing that an alert lacks")
}
