package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

const (
	gatewayREST = `{"requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","extendedRequestId":"Abc=","ip":"203.0.113.7","caller":"AROAEXAMPLE:build-1","user":"AROAEXAMPLE:build-1","userArn":"arn:aws:sts::111122223333:assumed-role/ci/build-1","requestTime":"01/Mar/2026:10:00:00 +0000","requestTimeEpoch":1772359200250,"httpMethod":"GET","resourcePath":"/v1/orders/{order}","path":"/prod/v1/orders/8812","status":"200","protocol":"HTTP/1.1","responseLength":"2048","responseLatency":"42","domainName":"a1b2c3.execute-api.us-east-1.amazonaws.com","apiId":"a1b2c3","stage":"prod","userAgent":"curl/8.5","apiKeyId":"k9x8y7"}`
	gatewayCLF  = `203.0.113.7 AROAEXAMPLEEXAMPLE1:build-1 AROAEXAMPLEEXAMPLE1:build-1 [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/{order} HTTP/1.1" 200 2048 c6af9ac6-7b61-11e6-9a41-93e8deadbeef`
	gatewayHTTP = `{"requestId":"JKJaXmPLvHcESHA=","ip":"203.0.113.7","requestTime":"01/Mar/2026:10:00:00 +0000","httpMethod":"GET","routeKey":"GET /v1/orders/{order}","status":"200","protocol":"HTTP/1.1","responseLength":"2048"`
)

func gatewayEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Id: "JKJaXmPLvHcESHA=", RequestId: "JKJaXmPLvHcESHA=", Time: at("2026-03-01T10:00:00Z"), Operation: "GET /v1/orders/{order}", HttpMethod: "GET",
		UrlPath: "/v1/orders/{order}", RouteTemplate: "/v1/orders/{order}", StatusCode: 200, Outcome: success, BytesOut: 2048,
		Resources: []string{"/v1/orders/{order}"}, SrcIp: "203.0.113.7", CloudProvider: "aws",
	}
	mutate(ev)
	return ev
}

func apigatewaySamples() []sample {
	return []sample{
		{"a role calls a REST API", "apigateway", gatewayREST, gatewayEvent(func(ev *schemas.Event) {
			ev.Id, ev.RequestId, ev.Time = "Abc=", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", at("2026-03-01T10:00:00.25Z")
			ev.Principal, ev.PrincipalType, ev.SessionId = "arn:aws:sts::111122223333:assumed-role/ci/build-1", "IAM", "build-1"
			ev.CredentialId, ev.CredentialType = "k9x8y7", "api_key"
			ev.UrlPath, ev.Resources, ev.Service, ev.Host, ev.Region = "/prod/v1/orders/8812", []string{"/prod/v1/orders/8812"}, "a1b2c3", "a1b2c3.execute-api.us-east-1.amazonaws.com", "us-east-1"
			ev.LatencyUs, ev.UserAgent, ev.Account = 42000, "curl/8.5", "111122223333"
		}), map[string]string{"stage": "prod", "caller": "AROAEXAMPLE:build-1", "extendedRequestId": "Abc="}},
		{"the documented format of an HTTP API", "apigateway", gatewayHTTP + `}`, gatewayEvent(func(ev *schemas.Event) {
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), nil},
		{"a person behind a token, by names in objects", "apigateway", gatewayHTTP + `,"authorizer":{"claims":{"sub":"u-17","client_id":"app-3","scope":"orders/read orders/write","iss":"https://idp.example.com","iat":"1772355600","exp":"1772362800"}}}`, gatewayEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.PrincipalIssuer, ev.OauthClient = "u-17", "authorizer", "https://idp.example.com", "app-3"
			ev.Scopes, ev.CredentialIssued, ev.CredentialExpires = []string{"orders/read", "orders/write"}, at("2026-03-01T09:00:00Z"), at("2026-03-01T11:00:00Z")
		}), nil},
		{"an application with its own token, by variables' names", "apigateway", gatewayHTTP + `,"$context.authorizer.claims.sub":"app-3","$context.authorizer.claims.client_id":"app-3"}`, gatewayEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.OauthClient = "app-3", "client", "app-3"
		}), nil},
		{"a client certificate", "apigateway", gatewayHTTP + `,"identity":{"clientCert":{"subjectDN":"CN=printer-7","serialNumber":"a1:b2"}}}`, gatewayEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.ClientCertificate = "CN=printer-7", "certificate", "CN=printer-7"
		}), map[string]string{"identity.clientCert.serialNumber": "a1:b2"}},
		{"an identity of Cognito", "apigateway", gatewayHTTP + `,"cognitoIdentityId":"us-east-1:0a1b","cognitoAuthenticationType":"authenticated"}`, gatewayEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType = "us-east-1:0a1b", "cognito"
		}), map[string]string{"cognitoAuthenticationType": "authenticated"}},
		{"the owner of a key", "apigateway", gatewayHTTP + `,"apiKey":"secret-key-1"}`, gatewayEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.CredentialId, ev.CredentialType = h("secret-key-1"), "key", h("secret-key-1"), "api_key"
		}), nil},
		{"a token that is refused makes nobody known", "apigateway", strings.Replace(gatewayHTTP, `"200"`, `"401"`, 1) + `,"authorizer.principalId":"u-17","error.message":"\"Unauthorized\"","error.responseType":"UNAUTHORIZED"}`, gatewayEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.ErrorCode, ev.ErrorMessage, ev.PrincipalType, ev.Anonymous = 401, denied, "UNAUTHORIZED", "Unauthorized", "anonymous", true
		}), map[string]string{"refused_user": "u-17"}},
		{"a signature that is wrong", "apigateway", strings.Replace(gatewayHTTP, `"200"`, `"403"`, 1) + `,"userArn":"arn:aws:iam::111122223333:user/a","error.responseType":"INVALID_SIGNATURE"}`, gatewayEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.ErrorCode, ev.PrincipalType, ev.Anonymous = 403, denied, "INVALID_SIGNATURE", "anonymous", true
		}), map[string]string{"refused_user": "arn:aws:iam::111122223333:user/a"}},
		{"a line of the common log format", "apigateway", gatewayCLF, gatewayEvent(func(ev *schemas.Event) {
			ev.Id, ev.RequestId = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
			ev.Principal, ev.PrincipalType = "AROAEXAMPLEEXAMPLE1:build-1", "IAM"
		}), map[string]string{"protocol": "HTTP/1.1"}},
		{"a line by nobody", "apigateway", strings.ReplaceAll(gatewayCLF, "AROAEXAMPLEEXAMPLE1:build-1", "-"), gatewayEvent(func(ev *schemas.Event) {
			ev.Id, ev.RequestId = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), nil},
		{"a WebSocket connects", "apigateway", `{"requestId":"q1","extendedRequestId":"q1=","ip":"203.0.113.7","requestTime":"01/Mar/2026:10:00:00 +0000","eventType":"CONNECT","routeKey":"$connect","status":"200","connectionId":"c-1"}`, gatewayEvent(func(ev *schemas.Event) {
			ev.Id, ev.RequestId, ev.Operation, ev.HttpMethod, ev.UrlPath, ev.RouteTemplate, ev.Resources, ev.BytesOut = "q1=", "q1", "WS /$connect", "WS", "/$connect", "/$connect", []string{"/$connect"}, 0
			ev.PrincipalType, ev.Anonymous = "anonymous", true
		}), map[string]string{"connectionId": "c-1", "eventType": "CONNECT"}},
	}
}

func apigatewayCanaries() []canaryRecord {
	return []canaryRecord{
		{"an API key", "apigateway", gatewayHTTP + `,"identity.apiKey":"` + canary + `"}`},
		{"a token in an object", "apigateway", gatewayHTTP + `,"request":{"header":{"authorization":"Bearer ` + canary + `"}}}`},
		{"a token in a message", "apigateway", gatewayHTTP + `,"error.message":"token=` + canary + ` expired"}`},
		{"a token in the path of a line", "apigateway", strings.Replace(gatewayCLF, "{order}", "{order}?token="+canary, 1)},
		{"a query", "apigateway", gatewayHTTP + `,"queryString":"key=` + canary + `"}`},
	}
}

// A line of another server that logs ids of requests is none of API Gateway's.
func TestLinesOfOthersAreNotAPIGateways(t *testing.T) {
	for _, line := range []string{
		`203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/17 HTTP/1.1" 200 2048 c6af9ac6-7b61-11e6-9a41-93e8deadbeef`,
		`203.0.113.9 - alice [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/17 HTTP/1.1" 200 2048 "-" "curl/8"`,
	} {
		if format, ok := standard.Detect([]byte(line)); ok && format == "apigateway" {
			t.Errorf("taken: %s", line)
		}
	}
	if format, ok := standard.Detect([]byte(gatewayCLF)); !ok || format != "apigateway" {
		t.Errorf("found as %q", format)
	}
}

func FuzzAPIGateway(f *testing.F) { fuzzParser(f, "apigateway") }
