package ingest

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

// cloudFrontLine writes fields as CloudFront does.
func cloudFrontLine(fields string) string { return strings.ReplaceAll(fields, "|", "\t") }

const (
	cloudFrontV1   = `2026-03-01|10:00:00|FRA56-P1|2048|203.0.113.7|GET|d111111abcdef8.cloudfront.net|/v1/orders/8812|200|https://www.example.com/|curl/8.5%20(x)|fields=id|-|Miss|SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==|api.example.com|https|310|0.042|198.51.100.9,%2010.0.0.1|TLSv1.3|TLS_AES_128_GCM_SHA256|Miss|HTTP/2.0|-|-|11040|0.040|Miss|application/json|900|-|-`
	cloudFrontV2   = `{"date":"2026-03-01","time":"10:00:00","x-edge-location":"FRA56-P1","sc-bytes":"2048","c-ip":"203.0.113.7","cs-method":"GET","cs(Host)":"d111111abcdef8.cloudfront.net","cs-uri-stem":"/v1/orders/8812","sc-status":"200","cs(User-Agent)":"curl/8.5%20(x)","cs-uri-query":"fields=id","cs(Cookie)":"-","x-edge-result-type":"Miss","x-edge-request-id":"SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==","x-host-header":"api.example.com","cs-bytes":"310","time-taken":"0.042","x-forwarded-for":"-","asn":"64500","timestamp(ms)":"1772359200250"}`
	cloudFrontLive = `1772359200.250|203.0.113.7|0.040|200|2048|GET|https|d111111abcdef8.cloudfront.net|/v1/orders/8812|310|FRA56-P1|SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==|api.example.com|0.042|HTTP/2.0|IPv4|curl/8.5%20(x)|-|-|fields=id|Miss|-|TLSv1.3|TLS_AES_128_GCM_SHA256|Miss|-|-|application/json|900|-|-|11040|Miss|DE|gzip|*/*|/v1/*|-|-|7`
)

func cloudFrontEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Id: "SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==", RequestId: "SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==",
		Time: at("2026-03-01T10:00:00.25Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "GET /v1/orders/{id}", Service: "d111111abcdef8.cloudfront.net", HttpMethod: "GET",
		UrlPath: "/v1/orders/8812", RouteTemplate: "/v1/orders/{id}", Host: "api.example.com", StatusCode: 200, Outcome: success, BytesIn: 310, BytesOut: 2048, LatencyUs: 42000,
		Resources: []string{"/v1/orders/8812"}, SrcIp: "203.0.113.7", UserAgent: "curl/8.5 (x)", CloudProvider: "aws",
	}
	mutate(ev)
	return ev
}

func cloudFrontSamples() []sample {
	return []sample{
		{"a line of the standard log", "cloudfront", cloudFrontLine(cloudFrontV1), cloudFrontEvent(func(ev *schemas.Event) {
			ev.Time, ev.ForwardedFor = at("2026-03-01T10:00:00Z"), []string{"198.51.100.9", "10.0.0.1"}
		}), map[string]string{"referer": "https://www.example.com/", "x-edge-location": "FRA56-P1", "query": "fields=id", "sc-content-type": "application/json"}},
		{"a request that a restriction refuses", "cloudfront", cloudFrontLine(strings.NewReplacer("|200|", "|403|", "|0.040|Miss|", "|0.040|ClientGeoBlocked|").Replace(cloudFrontV1)), cloudFrontEvent(func(ev *schemas.Event) {
			ev.Time, ev.ForwardedFor = at("2026-03-01T10:00:00Z"), []string{"198.51.100.9", "10.0.0.1"}
			ev.StatusCode, ev.Outcome, ev.ErrorCode = 403, denied, "ClientGeoBlocked"
		}), nil},
		{"a record of the second version", "cloudfront", cloudFrontV2, cloudFrontEvent(func(*schemas.Event) {}), map[string]string{"asn": "64500"}},
		{"a line of the real-time log", "cloudfront", cloudFrontLine(cloudFrontLive), cloudFrontEvent(func(*schemas.Event) {}), map[string]string{"c-country": "DE", "cache-behavior-path-pattern": "/v1/*"}},
		{"a client that was gone before the answer", "cloudfront", cloudFrontLine(strings.NewReplacer("|200|", "|000|", "|0.040|Miss|", "|0.040|ClientCommError|").Replace(cloudFrontV1)), cloudFrontEvent(func(ev *schemas.Event) {
			ev.Time, ev.ForwardedFor = at("2026-03-01T10:00:00Z"), []string{"198.51.100.9", "10.0.0.1"}
			ev.StatusCode, ev.Outcome, ev.ErrorCode = 0, failed, "ClientCommError"
		}), nil},
		{"an order of its own, under the line that says so", "cloudfront", cloudFrontOwn, cloudFrontEvent(func(ev *schemas.Event) {
			ev.BytesIn = 0
		}), map[string]string{"DistributionId": "EDFDVBD6EXAMPLE", "query": "fields=id", "asn": "64500"}},
		{"an order and a delimiter of its own", "cloudfront", strings.ReplaceAll(cloudFrontOwn, "\t", ";"), cloudFrontEvent(func(ev *schemas.Event) {
			ev.BytesIn = 0
		}), map[string]string{"DistributionId": "EDFDVBD6EXAMPLE"}},
		{"the usual order, and the line that says so", "cloudfront", "#Version: 1.0\n#Fields: " + strings.Join(cloudFrontStandard[:], " ") + "\n" + cloudFrontLine(cloudFrontV1), cloudFrontEvent(func(ev *schemas.Event) {
			ev.Time, ev.ForwardedFor = at("2026-03-01T10:00:00Z"), []string{"198.51.100.9", "10.0.0.1"}
		}), map[string]string{"sc-content-type": "application/json"}},
	}
}

const cloudFrontOwn = "#Version: 1.0\n#Fields: timestamp(ms) DistributionId c-ip cs-method cs(Host) x-host-header cs-uri-stem cs-uri-query sc-status sc-bytes time-taken cs(User-Agent) x-edge-request-id asn\n" +
	"1772359200250\tEDFDVBD6EXAMPLE\t203.0.113.7\tGET\td111111abcdef8.cloudfront.net\tapi.example.com\t/v1/orders/8812\tfields=id\t200\t2048\t0.042\tcurl/8.5%20(x)\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\t64500"

func cloudFrontCanaries() []canaryRecord {
	return []canaryRecord{
		{"a cookie in a line", "cloudfront", cloudFrontLine(strings.Replace(cloudFrontV1, "|fields=id|-|", "|fields=id|a=1;%20b="+canary+"|", 1))},
		{"a cookie in a line with an order of its own", "cloudfront", strings.NewReplacer(" asn\n", " cs(Cookie)\n", "\t64500", "\ta=1;%20b="+canary).Replace(cloudFrontOwn)},
		{"a key in a query", "cloudfront", cloudFrontLine(strings.Replace(cloudFrontV1, "fields=id", "key="+canary, 1))},
		{"a token in an encoded user agent", "cloudfront", cloudFrontLine(strings.Replace(cloudFrontV1, "curl/8.5%20(x)", "x%20token%3D"+canary, 1))},
		{"a token in a twice encoded referer", "cloudfront", cloudFrontLine(strings.Replace(cloudFrontV1, "https://www.example.com/", "https://x/?r=https%253A%252F%252Fy%253Faccess_token%253D"+canary, 1))},
		{"a token as the name of a field", "cloudfront", strings.NewReplacer(" DistributionId", " "+canaryJWT, " asn\n", " cs(Cookie)\n", "\t64500", "\ta=1").Replace(cloudFrontOwn)},
		{"a token in the name of a field", "cloudfront", strings.NewReplacer(" DistributionId", " x-"+canaryJWT, " asn\n", " cs(Cookie)\n", "\t64500", "\ta=1").Replace(cloudFrontOwn)},
		{"a field with the name of a secret", "cloudfront", strings.NewReplacer(" asn\n", " x-api-key\n", "\t64500", "\t"+canary).Replace(cloudFrontOwn)},
		{"headers in a real-time line", "cloudfront", cloudFrontLine(strings.Replace(cloudFrontLive, "|/v1/*|-|", "|/v1/*|Host:x%0AX-Note:"+canary+"|", 1))},
		{"a cookie in JSON", "cloudfront", strings.Replace(cloudFrontV2, `"cs(Cookie)":"-"`, `"cs(Cookie)":"a=`+canary+`"`, 1)},
	}
}

func FuzzCloudFront(f *testing.F) { fuzzParser(f, "cloudfront") }
