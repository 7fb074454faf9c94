package receive

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

const (
	hecToken   = "B5A79AAD-D822-46CC-80D1-819F80D7BFB0"
	hecChannel = "FE0ECFAD-13D5-401B-847D-77833BD77131"
)

var (
	hecAuth = []string{"Authorization", "Splunk " + hecToken}
	hecCfg  = Config{Tokens: []string{hecToken}}
)

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

func TestSplunk(t *testing.T) {
	event := func(sourcetype, value string) string {
		return `{"time":1426279439.5,"host":"edge-1","source":"test","sourcetype":"` + sourcetype + `","index":"main","event":` + value + `,"fields":{"club":"glee"}}`
	}
	trail := `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser"},"eventTime":"2026-01-01T00:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject"}`
	success := `{"text":"Success","code":0}`
	small := hecCfg
	small.MaxRecordBytes, small.MaxRecords, small.MaxBodyBytes = 150, 2, 4096
	mapped := hecCfg
	mapped.Splunk = SplunkConfig{Sourcetypes: map[string]string{"edge": "nginx"}, DefaultFormat: "kong"}
	noAcks := hecCfg
	noAcks.Splunk.NoAcks = true
	with := func(more ...string) []string { return append(append([]string{}, hecAuth...), more...) }
	runExchanges(t, []exchange{
		{name: "a text is a line of a log, its host the key", path: "/services/collector/event", cfg: hecCfg, header: hecAuth,
			body: event("nginx", quoted(nginxLine)), code: 200, answer: success, want: map[string]string{"raw.nginx": nginxLine}, keys: "edge-1"},
		{name: "an object is a record", path: "/services/collector", cfg: hecCfg, header: hecAuth,
			body: event("kong", kongRecord), code: 200, answer: success, want: map[string]string{"raw.kong": kongRecord}},
		{name: "objects one after another, of several sourcetypes", path: "/services/collector/event/1.0", cfg: hecCfg, header: hecAuth,
			body: event("aws:cloudtrail", trail) + event("access_combined", quoted(nginxLine)) + "\n" + event("aws:cloudtrail", quoted(trail)), code: 200, answer: success,
			want: map[string]string{"raw.cloudtrail": trail + "\n" + trail, "raw.nginx": nginxLine}},
		{name: "an array of them", path: "/services/collector", cfg: hecCfg, header: hecAuth,
			body: "[" + event("kong", "{}") + "," + event("kong", `{"a":1}`) + "]", code: 200, answer: success, want: map[string]string{"raw.kong": "{}\n" + `{"a":1}`}},
		{name: "gzip", path: "/services/collector", cfg: hecCfg, header: with("Content-Encoding", "gzip"),
			body: packed(event("kong", "{}")), code: 200, answer: success, want: map[string]string{"raw.kong": "{}"}},
		{name: "a sourcetype in the query", path: "/services/collector?sourcetype=kong&host=gw", cfg: hecCfg, header: hecAuth,
			body: `{"event":{}}`, code: 200, answer: success, want: map[string]string{"raw.kong": "{}"}, keys: "gw"},
		{name: "a sourcetype that is configured", path: "/services/collector", cfg: mapped, header: hecAuth,
			body: event("edge", `"x"`), code: 200, answer: success, want: map[string]string{"raw.nginx": "x"}},
		{name: "the content tells where the sourcetype does not", path: "/services/collector", cfg: mapped, header: hecAuth,
			body: event("_json", trail), code: 200, answer: success, want: map[string]string{"raw.cloudtrail": trail}},
		{name: "the default format takes the rest", path: "/services/collector", cfg: mapped, header: hecAuth,
			body: event("_json", `"?"`), code: 200, answer: success, want: map[string]string{"raw.kong": "?"}},
		{name: "an event that nothing tells is refused with its number", path: "/services/collector", cfg: hecCfg, header: hecAuth,
			body: event("kong", "{}") + event("_json", `"?"`), code: 400, answer: `{"text":"Invalid data format","code":6,"invalid-event-number":1,"reason":"no format is known for the sourcetype \"_json\"…`},
		{name: "the token as the password of Basic", path: "/services/collector", cfg: hecCfg, header: []string{"Authorization", "Basic eDpCNUE3OUFBRC1EODIyLTQ2Q0MtODBEMS04MTlGODBEN0JGQjA="},
			body: event("kong", "{}"), code: 200, answer: success, want: map[string]string{"raw.kong": "{}"}},
		{name: "lines at raw", path: "/services/collector/raw?sourcetype=nginx&host=edge-2", cfg: hecCfg, header: hecAuth,
			body: "one\ntwo\n", code: 200, answer: success, want: map[string]string{"raw.nginx": "one\ntwo"}, keys: "edge-2"},
		{name: "raw of no sourcetype is told by its content", path: "/services/collector/raw/1.0", cfg: hecCfg, header: hecAuth,
			body: nginxLine + "\n" + kongRecord, code: 200, answer: success, want: map[string]string{"raw.nginx": nginxLine, "raw.kong": kongRecord}},
		{name: "a channel gets an acknowledgement id", path: "/services/collector", cfg: hecCfg, header: with("X-Splunk-Request-Channel", hecChannel),
			body: event("kong", "{}"), code: 200, answer: `{"text":"Success","code":0,"ackId":0}`, want: map[string]string{"raw.kong": "{}"}},
		{name: "no id where they are switched off", path: "/services/collector?channel=" + hecChannel, cfg: noAcks, header: hecAuth,
			body: event("kong", "{}"), code: 200, answer: success, want: map[string]string{"raw.kong": "{}"}},

		{name: "no token", path: "/services/collector", cfg: hecCfg, body: event("kong", "{}"), code: 401, answer: `{"text":"Token is required","code":2,…`},
		{name: "another scheme", path: "/services/collector", cfg: hecCfg, header: []string{"Authorization", "Bearer " + hecToken}, code: 401, answer: `{"text":"Invalid authorization","code":3,…`},
		{name: "a wrong token", path: "/services/collector", cfg: hecCfg, header: []string{"Authorization", "Splunk nope"}, code: 403, answer: `{"text":"Invalid token","code":4,…`},
		{name: "a token in the query is none", path: "/services/collector?token=" + hecToken, cfg: hecCfg, body: event("kong", "{}"), code: 401, answer: `{"text":"Token is required","code":2,…`},
		{name: "an empty body, as Firehose tries an endpoint", path: "/services/collector/event", cfg: hecCfg, header: hecAuth, code: 400, answer: `{"text":"No data","code":5,…`},
		{name: "no JSON", path: "/services/collector", cfg: hecCfg, header: hecAuth, body: event("kong", "{}") + "x", code: 400, answer: `{"text":"Invalid data format","code":6,"invalid-event-number":1,…`},
		{name: "an array that does not end", path: "/services/collector", cfg: hecCfg, header: hecAuth, body: "[" + event("kong", "{}"), code: 400, answer: `{"text":"Invalid data format","code":6,…`},
		{name: "no event field", path: "/services/collector", cfg: hecCfg, header: hecAuth, body: `{"sourcetype":"kong"}`, code: 400, answer: `{"text":"Event field is required","code":12,"invalid-event-number":0,…`},
		{name: "an event that is null", path: "/services/collector", cfg: hecCfg, header: hecAuth, body: `{"event":null}`, code: 400, answer: `{"text":"Event field is required","code":12,…`},
		{name: "a blank event", path: "/services/collector", cfg: hecCfg, header: hecAuth, body: event("kong", "{}") + `{"event":" "}`, code: 400, answer: `{"text":"Event field cannot be blank","code":13,"invalid-event-number":1,…`},
		{name: "a channel that is no GUID", path: "/services/collector?channel=x", cfg: hecCfg, header: hecAuth, body: event("kong", "{}"), code: 400, answer: `{"text":"Invalid data channel","code":11,…`},
		{name: "a record too long", path: "/services/collector", cfg: small, header: hecAuth, body: event("kong", "{}") + event("nginx", quoted(strings.Repeat("x", 200))), code: 413, answer: `{"text":"Request entity too large","code":27,"invalid-event-number":1,…`},
		{name: "too many events", path: "/services/collector", cfg: small, header: hecAuth, body: strings.Repeat(event("kong", "{}"), 3), code: 413, answer: `{"text":"Request entity too large","code":27,"invalid-event-number":2,…`},
		{name: "a body too large", path: "/services/collector", cfg: small, header: hecAuth, body: strings.Repeat(" ", 5000), code: 413, answer: `{"text":"Request entity too large","code":27,…`},
		{name: "a log that is away", path: "/services/collector", cfg: hecCfg, header: with("X-Splunk-Request-Channel", hecChannel), err: errors.New("down"), body: event("kong", "{}"), code: 503, answer: `{"text":"Server is busy","code":9,…`},
		{name: "another method", method: "GET", path: "/services/collector", cfg: hecCfg, header: hecAuth, code: 405, answer: `{"text":"Invalid data format","code":6,…`},
		{name: "health needs no token", method: "GET", path: "/services/collector/health", cfg: hecCfg, code: 200, answer: `{"text":"HEC is healthy","code":17}`},
		{name: "acknowledgements without a channel", path: "/services/collector/ack", cfg: hecCfg, header: hecAuth, body: `{"acks":[0]}`, code: 400, answer: `{"text":"Data channel is missing","code":10,…`},
		{name: "acknowledgements that are switched off", path: "/services/collector/ack?channel=" + hecChannel, cfg: noAcks, header: hecAuth, body: `{"acks":[0]}`, code: 400, answer: `{"text":"ACK is disabled","code":14,…`},
		{name: "acknowledgements of an unknown channel are false", path: "/services/collector/ack?channel=" + hecChannel, cfg: hecCfg, header: hecAuth, body: `{"acks":[0,7]}`, code: 200, answer: `{"acks":{"0":false,"7":false}}`},
		{name: "acknowledgements in another shape", path: "/services/collector/ack?channel=" + hecChannel, cfg: hecCfg, header: hecAuth, body: `{"acks":["a"]}`, code: 400, answer: `{"text":"Invalid data format","code":6,…`},
	})
}

func TestAnAcknowledgementIsTrueOnlyOnceTheLogHasTheRecords(t *testing.T) {
	p := &recordingProducer{hold: make(chan struct{}), inside: make(chan struct{})}
	h := New(Config{}, p, nil, zerolog.Nop())
	ask := func(want string) {
		t.Helper()
		if got := post(h, "/services/collector/ack?channel="+hecChannel, `{"acks":[0]}`); strings.TrimSpace(got.Body.String()) != want {
			t.Errorf("acks %s, want %s", got.Body, want)
		}
	}
	done := make(chan *httptest.ResponseRecorder)
	go func() {
		done <- post(h, "/services/collector", `{"event":{},"sourcetype":"kong"}`, "X-Splunk-Request-Channel", strings.ToLower(hecChannel))
	}()
	<-p.inside
	ask(`{"acks":{"0":false}}`)
	close(p.hold)
	if got := <-done; got.Code != http.StatusOK {
		t.Fatalf("answer %d", got.Code)
	}
	ask(`{"acks":{"0":true}}`)
}

func TestChannelsAreForgottenTheOldestFirst(t *testing.T) {
	b := newAckBook(2)
	for i, step := range []struct {
		channel string
		id      uint64
	}{{"a", 0}, {"a", 1}, {"b", 0}, {"a", 2}, {"c", 0}, {"b", 0}} {
		if id := b.issue(step.channel); id != step.id {
			t.Errorf("step %d: id %d of %s, want %d", i, id, step.channel, step.id)
		}
	}
	if len(b.channels) != 2 || b.recent.Len() != 2 {
		t.Errorf("%d channels are remembered", len(b.channels))
	}
	if b.acknowledged("a", 2) || !b.acknowledged("c", 0) || b.acknowledged("c", 1) {
		t.Error("what is remembered is not what was used last")
	}
}

func TestAFullCollectorSaysThatItIsUnhealthy(t *testing.T) {
	p := &recordingProducer{hold: make(chan struct{}), inside: make(chan struct{})}
	h := New(Config{MaxConcurrent: 1}, p, nil, zerolog.Nop())
	done := make(chan struct{})
	go func() { defer close(done); post(h, "/ingest/kong", "{}") }()
	<-p.inside
	got := send(h, http.MethodGet, "/services/collector/health", "")
	if got.Code != 503 || !strings.Contains(got.Body.String(), `"code":18`) || got.Header().Get("Retry-After") == "" {
		t.Errorf("answer %d %s", got.Code, got.Body)
	}
	close(p.hold)
	<-done
}
