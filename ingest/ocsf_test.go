package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

const (
	ocsfLake = `{"metadata":{"product":{"version":"1.08","name":"CloudTrail","vendor_name":"AWS","feature":{"name":"Management"}},"uid":"b10f","profiles":["cloud"],"version":"1.1.0"},"time":1772359200123,` +
		`"cloud":{"region":"us-east-1","provider":"AWS","account":{"uid":"999999999999"}},"api":{"response":{"error":"AccessDenied","message":"no"},"operation":"PutBucketPolicy","version":null,"service":{"name":"s3.amazonaws.com"},"request":{"uid":"rq-1"}},` +
		`"actor":{"user":{"type":"AssumedRole","uid":"arn:aws:sts::123456789012:assumed-role/ci-deploy/run-42","uid_alt":"AROAEXAMPLE:run-42","account":{"uid":"123456789012"},"credential_uid":"ASIAEXAMPLE"},` +
		`"session":{"created_time":1772355600000,"is_mfa":true,"issuer":"arn:aws:iam::123456789012:role/ci-deploy"}},"src_endpoint":{"ip":"203.0.113.9"},"http_request":{"user_agent":"Boto3/1.34"},` +
		`"resources":[{"uid":"arn:aws:s3:::logs","owner":{"account":{"uid":"999999999999"}}}],"class_uid":6003,"class_name":"API Activity","category_uid":6,"activity_id":3,"activity_name":"Update","type_uid":600303,"status":"Failure","status_id":2,"severity_id":1}`
	ocsfSignIn = `{"class_uid":3002,"category_uid":3,"activity_id":1,"activity_name":"Logon","time":1772359200000,"metadata":{"product":{"name":"Acme ID","vendor_name":"Acme"},"version":"1.5.0"},` +
		`"user":{"uid":"00u1","name":"alice","type_id":1},"service":{"name":"portal"},"status_id":2,"status_detail":"bad password","is_mfa":false,"src_endpoint":{"ip":"203.0.113.9"}}`
	ocsfWeb = `{"class_uid":4002,"category_uid":4,"activity_id":3,"time":1772359200000,"metadata":{"version":"1.5.0","product":{"name":"Edge"}},"http_request":{"http_method":"GET","url":{"path":"/v1/orders/17","hostname":"api.example.com","query_string":"a=1"},` +
		`"user_agent":"x/1","x_forwarded_for":["198.51.100.4"]},"http_response":{"code":200,"length":934,"latency":12},"src_endpoint":{"ip":"203.0.113.9"}}`
)

func ocsfSamples() []sample {
	lake := &schemas.Event{
		Id: "b10f", RequestId: "rq-1", Time: at("2026-03-01T10:00:00.123Z"), Principal: "arn:aws:sts::123456789012:assumed-role/ci-deploy/run-42", PrincipalType: "AssumedRole", PrincipalIssuer: "arn:aws:iam::123456789012:role/ci-deploy",
		CredentialId: "ASIAEXAMPLE", CredentialType: "session", Mfa: true, Operation: "s3:PutBucketPolicy", Service: "s3", CloudProvider: "aws", Region: "us-east-1", Account: "123456789012", TargetAccount: "999999999999",
		Outcome: denied, ErrorCode: "AccessDenied", ErrorMessage: "no", SrcIp: "203.0.113.9", UserAgent: "Boto3/1.34", Resources: []string{"arn:aws:s3:::logs"}, ReadOnly: schemas.ReadOnly_READ_ONLY_FALSE,
	}
	signIn := &schemas.Event{
		Time: at("2026-03-01T10:00:00Z"), Principal: "00u1", PrincipalType: "User", Operation: "portal:Logon", Service: "portal", Outcome: denied, ErrorMessage: "bad password", SrcIp: "203.0.113.9",
	}
	web := &schemas.Event{
		Time: at("2026-03-01T10:00:00Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "GET /v1/orders/{id}", RouteTemplate: "/v1/orders/{id}", HttpMethod: "GET", UrlPath: "/v1/orders/17", Service: "api.example.com", Host: "api.example.com",
		Resources: []string{"/v1/orders/17"}, StatusCode: 200, Outcome: success, BytesOut: 934, LatencyUs: 12000, UserAgent: "x/1", SrcIp: "203.0.113.9", ForwardedFor: []string{"198.51.100.4"},
	}
	return []sample{
		{"CloudTrail from Security Lake", "ocsf", ocsfLake, lake, map[string]string{"user.uid_alt": "AROAEXAMPLE:run-42", "product": "CloudTrail"}},
		{"a sign-in that failed", "ocsf", ocsfSignIn, signIn, map[string]string{"user.name": "alice", "product": "Acme ID"}},
		{"a request over HTTP", "ocsf", ocsfWeb, web, map[string]string{"query": "a=1"}},
	}
}

func ocsfCanaries() []canaryRecord {
	return []canaryRecord{
		{"a token in an unmapped member", "ocsf", strings.Replace(ocsfLake, `"time":`, `"unmapped":{"requestParameters":{"token":"`+canary+`"}},"time":`, 1)},
		{"a query of a URL", "ocsf", strings.Replace(ocsfWeb, "a=1", "access_token="+canary, 1)},
	}
}

func TestOtherClassesOfOCSFAreRefused(t *testing.T) {
	if c := parseAll(t, "ocsf", strings.Replace(ocsfLake, `"class_uid":6003`, `"class_uid":2004`, 1)); len(c.bad) != 1 || !strings.Contains(c.bad[0], `class_uid: "2004" is not read`) {
		t.Errorf("%q", c.bad)
	}
}

func FuzzOCSF(f *testing.F) { fuzzParser(f, "ocsf") }
