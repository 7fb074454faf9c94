package receive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/lapwing-sec/lapwing/ingest"
)

// Splunk's HTTP Event Collector: JSON objects one after another at /event, text
// at /raw, acknowledgement ids for a channel, the answers and codes of Splunk.
// A token in the query is not taken: addresses end up in logs.

var splunkPaths = []string{
	"/services/collector", "/services/collector/event", "/services/collector/event/1.0", "/services/collector/raw", "/services/collector/raw/1.0",
	"/services/collector/ack", "/services/collector/health", "/services/collector/health/1.0",
}

// SplunkConfig tunes the Splunk receiver.
type SplunkConfig struct {
	// Sourcetypes says which format a sourcetype is; it stands above the usual
	// names, which are known.
	Sourcetypes map[string]string
	// DefaultFormat is for events whose sourcetype and content say nothing;
	// empty refuses them.
	DefaultFormat string
	// NoAcks hands out no acknowledgement ids, as a token does for which
	// indexer acknowledgement is off.
	NoAcks bool
}

// sourcetypes are the names that Splunk's add-ons gave to formats.
var sourcetypes = map[string]string{
	"aws:cloudtrail":          "cloudtrail",
	"access_combined":         "nginx",
	"access_combined_wcookie": "nginx",
	"nginx:plus:access":       "nginx",
	"nginx:access":            "nginx",
	"kube:apiserver:audit":    "k8s-audit",
	"OktaIM2:log":             "okta",
	"cloudflare:json":         "cloudflare-http",
	"otel":                    "otlp",
}

// Codes of the HTTP Event Collector.
const (
	hecSuccess        = 0
	hecNoToken        = 2
	hecBadAuth        = 3
	hecBadToken       = 4
	hecNoData         = 5
	hecBadFormat      = 6
	hecInternal       = 8
	hecBusy           = 9
	hecNoChannel      = 10
	hecBadChannel     = 11
	hecNoEvent        = 12
	hecBlankEvent     = 13
	hecNoAcks         = 14
	hecHealthy        = 17
	hecUnhealthy      = 18
	hecEntityTooLarge = 27
)

// hecAnswers are their statuses and texts, by which clients know them.
var hecAnswers = map[int]struct {
	status int
	text   string
}{
	hecSuccess:        {http.StatusOK, "Success"},
	hecNoToken:        {http.StatusUnauthorized, "Token is required"},
	hecBadAuth:        {http.StatusUnauthorized, "Invalid authorization"},
	hecBadToken:       {http.StatusForbidden, "Invalid token"},
	hecNoData:         {http.StatusBadRequest, "No data"},
	hecBadFormat:      {http.StatusBadRequest, "Invalid data format"},
	hecInternal:       {http.StatusInternalServerError, "Internal server error"},
	hecBusy:           {http.StatusServiceUnavailable, "Server is busy"},
	hecNoChannel:      {http.StatusBadRequest, "Data channel is missing"},
	hecBadChannel:     {http.StatusBadRequest, "Invalid data channel"},
	hecNoEvent:        {http.StatusBadRequest, "Event field is required"},
	hecBlankEvent:     {http.StatusBadRequest, "Event field cannot be blank"},
	hecNoAcks:         {http.StatusBadRequest, "ACK is disabled"},
	hecHealthy:        {http.StatusOK, "HEC is healthy"},
	hecUnhealthy:      {http.StatusServiceUnavailable, "HEC is unhealthy, queues are full"},
	hecEntityTooLarge: {http.StatusRequestEntityTooLarge, "Request entity too large"},
}

// hec refuses with a code of Splunk's.
func hec(code, event int, reason string) *refusal {
	return &refusal{code: hecAnswers[code].status, hec: code, event: event, reason: reason}
}

// splunkToken is the token of "Authorization: Splunk TOKEN", or the password of
// Basic.
func splunkToken(req *http.Request) string {
	if t, ok := scheme(req, "Splunk"); ok {
		return t
	}
	if t, ok := scheme(req, "Basic"); ok {
		plain, err := base64.StdEncoding.DecodeString(t)
		if err != nil {
			return ""
		}
		_, password, _ := strings.Cut(string(plain), ":")
		return password
	}
	return ""
}

func splunkHealth(req *http.Request) bool { return strings.Contains(req.URL.Path, "/health") }

func serveSplunk(c *call) *refusal {
	path := strings.TrimSuffix(strings.TrimPrefix(c.req.URL.Path, "/services/collector"), "/1.0")
	if path == "/health" {
		return c.method(http.MethodGet)
	}
	if bad := c.method(http.MethodPost); bad != nil {
		return bad
	}
	channel, bad := splunkChannel(c.req)
	if bad != nil {
		return bad
	}
	if path == "/ack" {
		return c.splunkAcks(channel)
	}
	if path == "/raw" {
		bad = c.splunkRaw()
	} else {
		bad = c.splunkEvents()
	}
	if bad != nil {
		return bad
	}
	if c.records == 0 {
		return hec(hecNoData, -1, "the body holds no event")
	}
	if bad := c.produce(); bad != nil {
		return bad
	}
	if channel != "" && !c.s.cfg.Splunk.NoAcks {
		c.ackID, c.hasAck = c.s.acks.issue(channel), true
	}
	return nil
}

// splunkChannel is the channel of a request, a GUID, "" for none.
func splunkChannel(req *http.Request) (string, *refusal) {
	channel := req.Header.Get("X-Splunk-Request-Channel")
	if channel == "" {
		channel = req.URL.Query().Get("channel")
	}
	if channel == "" {
		return "", nil
	}
	id, err := uuid.Parse(channel)
	if err != nil {
		return "", hec(hecBadChannel, -1, "want a GUID")
	}
	return id.String(), nil
}

// splunkEvents reads envelopes, one after another or in an array.
func (c *call) splunkEvents() *refusal {
	body, bad := c.all()
	if bad != nil {
		return bad
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	head := bytes.TrimLeft(body, " \t\r\n")
	array := len(head) > 0 && head[0] == '['
	if array {
		if _, err := dec.Token(); err != nil {
			return hec(hecBadFormat, 0, "no JSON")
		}
	}
	formats := map[string]string{} // by sourcetype, of this request
	for number := 0; ; number++ {
		if array && !dec.More() {
			if _, err := dec.Token(); err != nil {
				return hec(hecBadFormat, number, "the array does not end")
			}
			array = false
		}
		var env struct {
			Event      json.RawMessage `json:"event"`
			Sourcetype string          `json:"sourcetype"`
			Host       string          `json:"host"`
		}
		err := dec.Decode(&env)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return hec(hecBadFormat, number, "not an event's JSON object")
		}
		record, bad := splunkRecord(env.Event, number)
		if bad != nil {
			return bad
		}
		if env.Sourcetype == "" {
			env.Sourcetype = c.req.URL.Query().Get("sourcetype")
		}
		format, ok := c.splunkFormat(formats, env.Sourcetype, record)
		if !ok {
			return unknownSourcetype(env.Sourcetype, number)
		}
		if env.Host == "" {
			env.Host = c.req.URL.Query().Get("host")
		}
		if bad := c.add(format, c.source(env.Host), record); bad != nil {
			bad.event = number
			return bad
		}
	}
}

// splunkRecord is what an event field holds: a text is a line of a log, all
// else a JSON record.
func splunkRecord(event json.RawMessage, number int) ([]byte, *refusal) {
	if len(event) == 0 || bytes.Equal(event, []byte("null")) {
		return nil, hec(hecNoEvent, number, "an event without the field event")
	}
	if event[0] != '"' {
		return event, nil
	}
	var text string
	if err := json.Unmarshal(event, &text); err != nil {
		return nil, hec(hecBadFormat, number, "not a text")
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil, hec(hecBlankEvent, number, "an event of blanks")
	}
	return []byte(text), nil
}

// splunkRaw reads lines of text, or JSON documents.
func (c *call) splunkRaw() *refusal {
	body, bad := c.body()
	if bad != nil {
		return bad
	}
	query := c.req.URL.Query()
	sourcetype, formats := query.Get("sourcetype"), map[string]string{}
	rd := ingest.NewCutter(body, true)
	return c.cut(rd, c.source(query.Get("host")), func(record []byte) (string, *refusal) {
		format, ok := c.splunkFormat(formats, sourcetype, record)
		if !ok {
			return "", unknownSourcetype(sourcetype, c.records)
		}
		return format, nil
	}, nil)
}

// splunkFormat finds the format of an event: what is configured for its
// sourcetype, else what is known of it, else what its content looks like. seen
// remembers what sourcetypes say.
func (c *call) splunkFormat(seen map[string]string, sourcetype string, record []byte) (string, bool) {
	format, ok := seen[sourcetype]
	if !ok {
		s := c.s
		switch {
		case s.cfg.Splunk.Sourcetypes[sourcetype] != "":
			format = s.cfg.Splunk.Sourcetypes[sourcetype]
		case s.topics[sourcetype] != "":
			format = sourcetype
		case s.topics[sourcetypes[sourcetype]] != "":
			format = sourcetypes[sourcetype]
		}
		seen[sourcetype] = format
	}
	if format != "" {
		return format, true
	}
	if format, ok := c.s.detect(record); ok {
		return format, true
	}
	return c.s.cfg.Splunk.DefaultFormat, c.s.cfg.Splunk.DefaultFormat != ""
}

func unknownSourcetype(name string, event int) *refusal {
	return hec(hecBadFormat, event, "no format is known for the sourcetype "+strconv.Quote(clip(name, 80))+" and this content: name it in ingest.splunk.formats, or set ingest.splunk.default_format")
}

// splunkAcks tells of acknowledgement ids whether the log has their records.
func (c *call) splunkAcks(channel string) *refusal {
	if c.s.cfg.Splunk.NoAcks {
		return hec(hecNoAcks, -1, "acknowledgement ids are switched off")
	}
	if channel == "" {
		return hec(hecNoChannel, -1, "want X-Splunk-Request-Channel, or channel in the query")
	}
	body, bad := c.all()
	if bad != nil {
		return bad
	}
	var asked struct {
		Acks elements `json:"acks"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return badAcks()
	}
	acks := map[string]bool{}
	bad = asked.Acks.each(c, func(element []byte) *refusal {
		id, err := strconv.ParseUint(string(element), 10, 64)
		if err != nil {
			return badAcks()
		}
		acks[string(element)] = c.s.acks.acknowledged(channel, id)
		return nil
	})
	if bad != nil {
		return bad
	}
	c.extra = struct {
		Acks map[string]bool `json:"acks"`
	}{acks}
	return nil
}

func badAcks() *refusal { return hec(hecBadFormat, -1, `want {"acks":[id, …]}`) }

// hecAnswer is an answer of Splunk's, with a reason for people.
type hecAnswer struct {
	Text   string  `json:"text"`
	Code   int     `json:"code"`
	Event  *int    `json:"invalid-event-number,omitempty"`
	AckID  *uint64 `json:"ackId,omitempty"`
	Reason string  `json:"reason,omitempty"`
}

func replySplunk(c *call, bad *refusal) reply {
	health := splunkHealth(c.req)
	switch {
	case bad == nil && c.extra != nil:
		return jsonReply(http.StatusOK, c.extra)
	case bad == nil && health:
		return jsonReply(http.StatusOK, hecAnswer{Text: hecAnswers[hecHealthy].text, Code: hecHealthy})
	case bad == nil:
		answer := hecAnswer{Text: hecAnswers[hecSuccess].text, Code: hecSuccess}
		if c.hasAck {
			answer.AckID = &c.ackID
		}
		return jsonReply(http.StatusOK, answer)
	}
	code, status := bad.hec, bad.code
	if code == 0 {
		code = hecCode(c.req, bad.code)
		switch {
		case code == hecBadToken:
			status = hecAnswers[code].status
		case code == hecBusy && health:
			code = hecUnhealthy
		}
	}
	answer := hecAnswer{Text: hecAnswers[code].text, Code: code, Reason: bad.reason}
	if bad.event >= 0 {
		answer.Event = &bad.event
	}
	return jsonReply(status, answer)
}

// hecCode is Splunk's code for a refusal of the frame.
func hecCode(req *http.Request, status int) int {
	switch status {
	case http.StatusUnauthorized:
		switch {
		case req.Header.Get("Authorization") == "":
			return hecNoToken
		case splunkToken(req) == "":
			return hecBadAuth
		}
		return hecBadToken
	case http.StatusServiceUnavailable:
		return hecBusy
	case http.StatusRequestEntityTooLarge:
		return hecEntityTooLarge
	case http.StatusInternalServerError:
		return hecInternal
	}
	return hecBadFormat
}
