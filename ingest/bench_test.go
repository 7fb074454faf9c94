package ingest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/buger/jsonparser"
	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"

	"github.com/lapwing-sec/lapwing/schemas"
)

// discard takes events and gives them back at once, as the enrich stage does
// once it has encoded them.
type discard struct{ events, bad int }

func (d *discard) Event(_ int, ev *schemas.Event) { d.events++; ev.Recycle() }
func (d *discard) Bad(int, []byte, error)         { d.bad++ }

// BenchmarkParse runs every sample of the conformance tests.
func BenchmarkParse(b *testing.B) {
	for _, s := range samples() {
		b.Run(s.format+"/"+strings.ReplaceAll(s.name, " ", "_"), func(b *testing.B) {
			p, err := New(s.format, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				b.Fatal(err)
			}
			raw := []byte(s.in)
			var d discard
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				p.Parse(raw, &d)
			}
			if d.bad > 0 {
				b.Fatal("the sample is refused")
			}
		})
	}
}

// targets are records of the sizes that the targets of speed are stated for.
func targets() []struct{ name, format, in string } {
	return []struct{ name, format, in string }{
		{"cloudtrail", "cloudtrail", `{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEEXAMPLE:run-42","arn":"arn:aws:sts::123456789012:assumed-role/ci-deploy/run-42","accountId":"123456789012","accessKeyId":"ASIAIOSFODNN7EXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEEXAMPLE","arn":"arn:aws:iam::123456789012:role/ci-deploy","accountId":"123456789012","userName":"ci-deploy"},"attributes":{"creationDate":"2026-03-01T09:00:00Z","mfaAuthenticated":"false"}}},"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.9","userAgent":"[aws-sdk-go/1.44.122 (go1.21.0; linux; amd64) S3Manager]","requestParameters":{"bucketName":"acme-artifacts","key":"releases/2026/03/01/app.tar.gz","Host":"acme-artifacts.s3.us-east-1.amazonaws.com"},"responseElements":null,"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","bytesTransferredOut":182734},"requestID":"79104EXAMPLEB723","eventID":"3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f","readOnly":true,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::acme-artifacts/releases/2026/03/01/app.tar.gz"}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"123456789012","eventCategory":"Data"}`},
		{"gateway", "kong", `{"request":{"method":"GET","uri":"/v1/orders/8412?expand=items","url":"https://api.example.com/v1/orders/8412","size":412,"headers":{"host":"api.example.com","user-agent":"partner-sync/2.1","x-request-id":"3c8d8d8a1f5b7e4d6c9a0b1c2d3e4f5a"}},"response":{"status":200,"size":1934,"headers":{"content-type":"application/json"}},"latencies":{"request":57,"kong":3,"proxy":54},"client_ip":"203.0.113.9","started_at":1767225600123,"service":{"name":"orders","host":"orders.internal"},"route":{"name":"orders-get","paths":["/v1/orders"]},"consumer":{"id":"2d3f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a03","username":"partner-7"}}`},
		{"nginx-json", "nginx", nginxJSON},
		{"combined", "nginx", `203.0.113.9 - partner-7 [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412?expand=items HTTP/1.1" 200 1934 "https://shop.example.com/cart" "python-requests/2.31.0"`},
		{"apache", "apache", `203.0.113.9 - partner-7 [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412?expand=items HTTP/1.1" 200 1934 "https://shop.example.com/cart" "python-requests/2.31.0"`},
	}
}

// variants are records like one of targets, as a source writes them: ids, times,
// objects and sizes of their own, of a few callers who come again.
func variants(in string) (records [][]byte) {
	agents := []string{"python-requests/2.31.0", "partner-sync/2.1", "Go-http-client/2.0", "okhttp/4.12.0", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "axios/1.6.7"}
	calls := []string{"GetObject", "PutObject", "ListObjects", "HeadObject", "DeleteObject", "CopyObject"}
	for i := range 256 {
		at := time.Date(2026, 3, 1, 10, 0, i, 0, time.UTC)
		random := func(salt, n int) string {
			return fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(salt)}))[:n]
		}
		caller := i * 7 % 16
		id := random(caller, 32)
		callerID := fmt.Sprintf("%x", sha256.Sum256([]byte{byte(caller)}))
		text := strings.NewReplacer(
			"3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f", id[:8]+"-"+id[8:12]+"-"+id[12:16]+"-"+id[16:20]+"-"+id[20:],
			"79104EXAMPLEB723", strings.ToUpper(random(1, 16)), "3c8d8d8a1f5b7e4d6c9a0b1c2d3e4f5a", random(2, 32), "5f0c2a5e7a414b8e9d110a1b2c3d4e5f", random(3, 32),
			"2d3f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a03", callerID[:8]+"-"+callerID[8:12]+"-"+callerID[12:16]+"-"+callerID[16:20]+"-"+callerID[20:32],
			"2026-03-01T10:00:00Z", at.Format(time.RFC3339), "2026-03-01T09:00:00Z", at.Add(-time.Duration(caller)*time.Hour).Format(time.RFC3339), "2026-03-01T11:00:00+01:00", at.Format(time.RFC3339),
			"01/Mar/2026:10:00:00 +0000", at.Format("02/Jan/2006:15:04:05 -0700"), "1767225600123", fmt.Sprint(at.UnixMilli()), "1772359200.250", fmt.Sprintf("%d.250", at.Unix()),
			"203.0.113.9", fmt.Sprintf("203.0.113.%d", i%64), "run-42", fmt.Sprintf("run-%d", caller), "partner-7", fmt.Sprintf("partner-%d", caller), "ci-deploy", "ci-deploy-"+string(rune('a'+caller)),
			"app.tar.gz", "app-"+random(4, 4)+".tar.gz", "182734", fmt.Sprint(100000+i*811%900000), "8412", fmt.Sprint(1000+i*37), "1934", fmt.Sprint(1000+i*53%9000), `"proxy":54`, fmt.Sprintf(`"proxy":%d`, i%90),
			"python-requests/2.31.0", agents[i%len(agents)], "partner-sync/2.1", agents[caller%len(agents)], "GetObject", calls[i%len(calls)],
		).Replace(in)
		if i%5 == 0 { // some were refused
			text = strings.NewReplacer(`"requestParameters":`, `"errorCode":"AccessDenied","errorMessage":"Access Denied","requestParameters":`, `"status":200`, `"status":403`, `" 200 `, `" 403 `).Replace(text)
		}
		records = append(records, []byte(text))
	}
	return records
}

// BenchmarkTargets runs records of 1.3 KB (CloudTrail), 600 B (a gateway's JSON)
// and 150 B (a line), with redaction and the raw text kept: 256 of each by
// turns, as one record over and over is learned by the processor and by every cache.
func BenchmarkTargets(b *testing.B) {
	for _, s := range targets() {
		b.Run(s.name, func(b *testing.B) {
			p, err := New(s.format, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				b.Fatal(err)
			}
			records, bytes, i := variants(s.in), 0, 0
			for _, r := range records {
				bytes += len(r)
			}
			var d discard
			b.SetBytes(int64(bytes / len(records)))
			b.ReportAllocs()
			measure(b, func() {
				p.Parse(records[i%len(records)], &d)
				i++
			})
			b.ReportMetric(float64(bytes)/float64(len(records)), "B/record")
			if d.bad > 0 {
				b.Fatal("a record is refused")
			}
		})
	}
}

// BenchmarkFormats runs all samples of a format by turns: one row a format.
func BenchmarkFormats(b *testing.B) {
	for _, f := range Formats() {
		b.Run(f.Name, func(b *testing.B) {
			p, err := New(f.Name, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				b.Fatal(err)
			}
			var raws [][]byte
			bytes := 0
			for _, s := range samples() {
				if s.format == f.Name {
					raws = append(raws, []byte(s.in))
					bytes += len(s.in)
				}
			}
			if len(raws) == 0 {
				b.Skip("no samples")
			}
			var d discard
			b.ReportAllocs()
			for b.Loop() {
				for _, raw := range raws {
					p.Parse(raw, &d)
				}
			}
			if d.bad > 0 {
				b.Fatal("a sample is refused")
			}
			perEvent := float64(b.Elapsed().Nanoseconds()) / float64(d.events)
			b.ReportMetric(perEvent, "ns/event")
			b.ReportMetric(float64(bytes)/float64(len(raws)), "B/record")
			b.ReportMetric(float64(bytes)/float64(len(raws))*1e3/perEvent, "MB/s")
		})
	}
}

// BenchmarkJSON compares readers of one record: all of them visit every
// scalar at any depth, which redaction needs. own is what the parsers use.
func BenchmarkJSON(b *testing.B) {
	for _, s := range []struct{ name, in string }{{"cloudtrail", trailRole}, {"kong", kongConsumer}} {
		raw := []byte(s.in)
		run := func(name string, visit func() int) {
			b.Run(fmt.Sprintf("%s/%s", s.name, name), func(b *testing.B) {
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					n = visit()
				}
				if n == 0 {
					b.Fatal("nothing was visited")
				}
			})
		}
		d := document{nodes: make([]node, 0, 128)}
		run("own", func() (n int) {
			d.reset()
			if d.parse(string(raw)) != nil {
				return 0
			}
			for i := range d.nodes {
				n += len(d.nodes[i].str)
			}
			return n
		})
		run("jsonparser", func() int { kept = kept[:0]; return visitJSONParser(raw) })
		var pool fastjson.ParserPool
		run("fastjson", func() int {
			p := pool.Get()
			defer pool.Put(p)
			v, err := p.ParseBytes(raw)
			if err != nil {
				return 0
			}
			kept = kept[:0]
			return visitFastJSON(v)
		})
		run("gjson", func() int { return visitGJSON(gjson.ParseBytes(raw)) }) // copies the record once
	}
}

// kept holds the strings that a visitor copied, as the fields of an event must
// not point into the caller's bytes.
var kept []string

func keep(b []byte) int {
	kept = append(kept, string(b))
	return len(b)
}

func visitJSONParser(raw []byte) (n int) {
	err := jsonparser.ObjectEach(raw, func(_, v []byte, kind jsonparser.ValueType, _ int) error {
		switch kind {
		case jsonparser.Object:
			n += visitJSONParser(v)
		case jsonparser.Array:
			_, err := jsonparser.ArrayEach(v, func(e []byte, kind jsonparser.ValueType, _ int, _ error) {
				if kind == jsonparser.Object {
					n += visitJSONParser(e)
				} else {
					n += keep(e)
				}
			})
			return err
		case jsonparser.String:
			text, err := jsonparser.ParseString(v) // a copy
			n += len(text)
			return err
		default:
			n += keep(v)
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return n
}

func visitFastJSON(v *fastjson.Value) (n int) {
	switch v.Type() {
	case fastjson.TypeObject:
		o := v.GetObject()
		o.Visit(func(_ []byte, m *fastjson.Value) { n += visitFastJSON(m) })
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			n += visitFastJSON(e)
		}
	case fastjson.TypeString:
		n += keep(v.GetStringBytes())
	default:
		n++
	}
	return n
}

func visitGJSON(v gjson.Result) (n int) {
	if v.IsObject() || v.IsArray() {
		v.ForEach(func(_, m gjson.Result) bool { n += visitGJSON(m); return true })
		return n
	}
	return len(v.String())
}

// BenchmarkReader cuts a CloudTrail file of 1,000 records.
func BenchmarkReader(b *testing.B) {
	file := `{"Records":[` + strings.Repeat(trailRole+",", 999) + trailRole + "]}"
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r := standard.NewReader(strings.NewReader(file), "cloudtrail")
		for {
			if _, _, err := r.Next(); err != nil {
				if err != io.EOF { //nolint:errorlint // the bare value is promised
					b.Fatal(err)
				}
				break
			}
		}
	}
}
