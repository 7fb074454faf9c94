package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

const wafBlock = `{"timestamp":1772359200250,"formatVersion":1,"webaclId":"arn:aws:wafv2:us-east-1:111122223333:regional/webacl/edge/3a1b","terminatingRuleId":"SQLi","terminatingRuleType":"REGULAR","action":"BLOCK","terminatingRuleMatchDetails":[{"conditionType":"SQL_INJECTION","location":"URI"}],"httpSourceName":"ALB","httpSourceId":"111122223333-app/orders/50dc6c495c0c9188","ruleGroupList":[],"rateBasedRuleList":[],"nonTerminatingMatchingRules":[],"requestHeadersInserted":null,"responseCodeSent":null,"httpRequest":{"clientIp":"203.0.113.7","country":"DE","headers":[{"name":"Host","value":"api.example.com"},{"name":"User-Agent","value":"curl/8.5"},{"name":"X-Forwarded-For","value":"198.51.100.9, 10.0.0.1"}],"uri":"/v1/orders/8812","args":"fields=id","httpVersion":"HTTP/2.0","httpMethod":"GET","requestId":"1-58337281-1d84f3d73c47ec4e58577259","fragment":"","scheme":"https","host":"api.example.com"},"labels":[{"name":"awswaf:managed:aws:sqli"},{"name":"team:edge"}],"ja3Fingerprint":"e7d705a3286e19ea42f587b344ee6865","ja4Fingerprint":"t13d1516h2_8daaf6152771_b186095e22b6","requestBodySize":310}`

func wafEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Time: at("2026-03-01T10:00:00.25Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "GET /v1/orders/{id}", Service: "api.example.com", HttpMethod: "GET",
		UrlPath: "/v1/orders/8812", RouteTemplate: "/v1/orders/{id}", Host: "api.example.com", Outcome: denied, ErrorCode: "SQLi", BytesIn: 310, RequestId: "1-58337281-1d84f3d73c47ec4e58577259",
		Resources: []string{"/v1/orders/8812"}, SrcIp: "203.0.113.7", ForwardedFor: []string{"198.51.100.9", "10.0.0.1"}, UserAgent: "curl/8.5",
		TlsFingerprint: "t13d1516h2_8daaf6152771_b186095e22b6", CloudProvider: "aws", Region: "us-east-1", Account: "111122223333",
	}
	mutate(ev)
	return ev
}

func wafSamples() []sample {
	return []sample{
		{"a request that a rule blocks", "aws-waf", wafBlock, wafEvent(func(*schemas.Event) {}), map[string]string{
			"action": "BLOCK", "terminatingRuleId": "SQLi", "labels": "awswaf:managed:aws:sqli,team:edge", "country": "DE", "httpSourceName": "ALB", "ja3Fingerprint": "e7d705a3286e19ea42f587b344ee6865", "terminatingRuleMatchDetails.0.conditionType": "SQL_INJECTION",
		}},
		{"a request that is let through", "aws-waf", strings.NewReplacer(`"BLOCK"`, `"ALLOW"`, `"SQLi"`, `"Default_Action"`).Replace(wafBlock), wafEvent(func(ev *schemas.Event) {
			ev.Outcome, ev.ErrorCode = success, ""
		}), nil},
		{"a key that WAF can't judge makes nobody known", "aws-waf", strings.NewReplacer(`"name":"Host"`, `"name":"x-api-key","value":"k-123456"},{"name":"Host"`, `"responseCodeSent":null`, `"responseCodeSent":429`).Replace(wafBlock), wafEvent(func(ev *schemas.Event) {
			ev.CredentialId, ev.CredentialType, ev.StatusCode = h("k-123456"), "api_key", 429
		}), nil},
	}
}

func wafCanaries() []canaryRecord {
	return []canaryRecord{
		{"a header", "aws-waf", strings.Replace(wafBlock, `"name":"Host"`, `"name":"Authorization","value":"Bearer `+canary+`"},{"name":"Host"`, 1)},
		{"a cookie", "aws-waf", strings.Replace(wafBlock, `"name":"Host"`, `"name":"cookie","value":"a=`+canary+`"},{"name":"Host"`, 1)},
		{"a query", "aws-waf", strings.Replace(wafBlock, "fields=id", "key="+canary, 1)},
	}
}

func FuzzAWSWAF(f *testing.F) { fuzzParser(f, "aws-waf") }
