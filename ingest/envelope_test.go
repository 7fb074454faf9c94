package ingest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestRecordsAreUnwrapped(t *testing.T) {
	trail := `{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{"type":"Root","accountId":"111122223333"}}`
	line := `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "curl/8"`
	object := `{"time_iso8601":"2026-03-01T10:00:00Z","remote_addr":"203.0.113.9","request_uri":"/","request_method":"GET","status":200}`
	for _, tt := range []struct {
		name, format, in string
		events           int
	}{
		{"EventBridge", "cloudtrail", `{"version":"0","id":"x","detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":` + trail + `}`, 1},
		{"a CloudWatch Logs subscription", "cloudtrail", `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"trail","logEvents":[{"id":"1","timestamp":1767225600000,"message":` + quoted(trail) + `},{"id":"2","timestamp":1767225600000,"message":` + quoted(trail) + `}]}`, 2},
		{"an SNS notification", "cloudtrail", `{"Type":"Notification","MessageId":"x","Message":` + quoted(trail) + `}`, 1},
		{"a Pub/Sub push", "nginx", `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(line)) + `","messageId":"1"},"subscription":"s"}`, 1},
		{"Records behind other members", "cloudtrail", `{"source":"s3","Records":[` + trail + `],"next":{"a":[1]}}`, 1},
		{"a HEC event", "cloudtrail", `{"time":1767225600,"sourcetype":"aws:cloudtrail","event":` + trail + `}`, 1},
		{"docker's json-file", "nginx", `{"log":` + quoted(line+"\n") + `,"stream":"stdout","time":"2026-03-01T10:00:00Z"}`, 1},
		{"docker's json-file around JSON", "nginx", `{"log":` + quoted(object) + `,"stream":"stdout","time":"2026-03-01T10:00:00Z"}`, 1},
		{"the container runtime interface", "nginx", `2026-03-01T10:00:00.000000000Z stdout F ` + line, 1},
		{"the container runtime interface around JSON", "cloudtrail", `2026-03-01T10:00:00.000000000Z stderr F ` + trail, 1},
		{"RFC 3164", "nginx", `<190>Mar  1 10:00:00 edge-1 nginx: ` + line, 1},
		{"RFC 3164 without priority, with a process", "nginx", `Mar  1 10:00:00 edge-1 nginx[31]: ` + line, 1},
		{"RFC 3164 without a host", "nginx", `<190>Mar  1 10:00:00 nginx: ` + line, 1},
		{"RFC 5424", "nginx", `<190>1 2026-03-01T10:00:00Z edge-1 nginx 31 - - ` + line, 1},
		{"RFC 5424 with structured data", "cloudtrail", `<190>1 2026-03-01T10:00:00Z edge-1 aws - - [a@1 b="c\"]"][d] ` + trail, 1},
		{"rsyslog's file format", "nginx", `2026-03-01T10:00:00.123456+00:00 edge-1 nginx: ` + line, 1},
		{"journald", "nginx", `{"__REALTIME_TIMESTAMP":"1767225600000000","_HOSTNAME":"edge-1","SYSLOG_IDENTIFIER":"nginx","MESSAGE":` + quoted(line) + `}`, 1},
		{"Filebeat", "nginx", `{"@timestamp":"2026-03-01T10:00:00Z","agent":{"type":"filebeat"},"message":` + quoted(line) + `}`, 1},
		{"Cloud Logging around a container's line", "nginx", `{"insertId":"x","logName":"projects/p/logs/stdout","resource":{"type":"k8s_container"},"textPayload":` + quoted(line) + `,"timestamp":"2026-03-01T10:00:00Z"}`, 1},
		{"syslog around docker around JSON", "nginx", `<190>Mar  1 10:00:00 edge-1 docker: ` + `{"log":` + quoted(object) + `,"stream":"stdout"}`, 1},
		{"directives are no records", "nginx", "#Version: 1.0\n#Fields: date time\n" + line, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := parseAll(t, tt.format, tt.in)
			if len(c.events) != tt.events || len(c.bad) != 0 {
				t.Fatalf("%d events, refusals %q", len(c.events), c.bad)
			}
			if got, ok := standard.Detect([]byte(tt.in)); !ok || got != tt.format {
				t.Errorf("detected as %q", got)
			}
			n := 0
			for r := standard.NewReader(strings.NewReader(tt.in), AutoFormat); ; n++ {
				if _, _, err := r.Next(); err != nil {
					break
				}
			}
			if n == 0 {
				t.Error("the file reader finds no record")
			}
		})
	}
}

func TestWhatLooksLikeAnEnvelopeMayBeARecord(t *testing.T) {
	ev := parseOne(t, "nginx", `{"time":"2026-03-01T10:00:00Z","client":"203.0.113.9","uri":"/","method":"GET","status":200,"message":"request served"}`)
	if ev.UrlPath != "/" || ev.Attributes["message"] != "request served" {
		t.Errorf("path %q, attributes %v", ev.UrlPath, ev.Attributes)
	}
}

func TestWrappingIsBounded(t *testing.T) {
	in := `{"a":1}`
	for range 40 {
		in = `{"log":` + quoted(in) + `,"stream":"stdout"}`
		if len(in) > 1<<20 {
			break
		}
	}
	c := parseAll(t, "nginx", in)
	if len(c.events) != 0 || len(c.bad) != 1 || !strings.Contains(c.bad[0], "wrapped more than") {
		t.Errorf("%d events, refusals %q", len(c.events), c.bad)
	}
}

// TestABareLineHasNothingBeforeIt holds the quick look at a line against the whole one.
func TestABareLineHasNothingBeforeIt(t *testing.T) {
	parts := []string{"203.0.113.9 ", "::1 ", "<190>", "<190>1 ", "Mar  1 10:00:00 ", "2026-03-01T10:00:00Z ", "stdout F ", "edge-1 ", "nginx: ", "nginx[17]: ", "- - ", " ", "\t", "\u00a0", "\u0085", "é", "x", "-", "T"}
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 8).Draw(t, "parts"), "")
		if bareLine(line) && (strings.TrimSpace(line) != line || unwrapCRI(line) != line || unwrapSyslog(line) != line) {
			t.Fatalf("%q is bare", line)
		}
	})
	if !bareLine(`203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 17 "-" "-"`) {
		t.Error("a usual line is not bare")
	}
}
