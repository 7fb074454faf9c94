package receive

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/tidwall/gjson"

	"github.com/lapwing-sec/lapwing/ingest"
)

// Amazon Data Firehose, delivery to an HTTP endpoint: base64 records, each of
// them a log's record, several of them, or gzip; a CloudWatch Logs subscription
// packs a log group's events into one.

// firehoseFormat is the common attribute that may name the format.
const firehoseFormat = "format"

func firehoseKey(req *http.Request) string { return req.Header.Get("X-Amz-Firehose-Access-Key") }

func serveFirehose(c *call) *refusal {
	c.requestID = clip(c.req.Header.Get("X-Amz-Firehose-Request-Id"), maxKey)
	format, bad := c.firehoseFormat()
	if bad != nil {
		return bad
	}
	if bad := c.method(http.MethodPost); bad != nil {
		return bad
	}
	body, bad := c.all()
	if bad != nil {
		return bad
	}
	var in struct {
		RequestID string   `json:"requestId"`
		Records   elements `json:"records"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return notFirehose()
	}
	if in.RequestID == "" || c.requestID != "" && in.RequestID != c.requestID {
		return refuse(http.StatusBadRequest, "requestId and the header X-Amz-Firehose-Request-Id are not the same")
	}
	c.requestID = clip(in.RequestID, maxKey)
	key := c.source(c.req.Header.Get("X-Amz-Firehose-Source-Arn"))
	bad = in.Records.each(c, func(element []byte) *refusal {
		if bad := c.hold(int64(len(element))); bad != nil {
			return bad
		}
		var record struct {
			Data []byte `json:"data"`
		}
		if err := json.Unmarshal(element, &record); err != nil {
			return notFirehose()
		}
		return c.firehoseRecord(format, key, record.Data)
	})
	if bad != nil {
		return bad
	}
	return c.produce()
}

func notFirehose() *refusal {
	return refuse(http.StatusBadRequest, "the body is not a Firehose request: want JSON with requestId, timestamp and base64 records")
}

// firehoseFormat is that of the path, else that of the common attributes, else
// "auto".
func (c *call) firehoseFormat() (string, *refusal) {
	format := c.req.PathValue("format")
	if format == ingest.AutoFormat {
		attributes := c.req.Header.Get("X-Amz-Firehose-Common-Attributes")
		if named := gjson.Get(attributes, "commonAttributes."+firehoseFormat); named.Type == gjson.String {
			format = named.String()
		}
	}
	if format != ingest.AutoFormat && c.s.topics[format] == "" {
		return "", refuse(http.StatusNotFound, "no such format in raw_topics: POST /firehose/{format} with auto or one of %s", c.s.known())
	}
	return format, nil
}

// firehoseRecord takes one Firehose record apart.
func (c *call) firehoseRecord(format string, key, data []byte) *refusal {
	if isGzip(data) {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return c.bodyError(err)
		}
		var bad *refusal
		if data, bad = c.drain(&limitReader{r: z, left: c.s.cfg.MaxUnpackedBytes - c.size}); bad != nil {
			return bad
		}
	}
	if bytes.Contains(data, []byte(`"logEvents"`)) && gjson.GetBytes(data, "messageType").Type == gjson.String {
		return c.subscription(format, data)
	}
	return c.firehoseCut(format, key, bytes.NewReader(data))
}

func (c *call) firehoseCut(format string, key []byte, data io.Reader) *refusal {
	if format == ingest.AutoFormat {
		return c.cut(ingest.NewCutter(data, true), key, c.detect, nil)
	}
	return c.cut(c.s.reader(data, format), key, always(format), nil)
}

// detect finds a record's format by its content, which must tell it.
func (c *call) detect(record []byte) (string, *refusal) {
	if format, ok := c.s.detect(record); ok {
		return format, nil
	}
	if c.r.Name == "firehose" {
		return "", refuse(http.StatusBadRequest, "record %d is of no known format: name the format in the path, or in the common attribute %s", c.records+1, firehoseFormat)
	}
	return "", refuse(http.StatusBadRequest, "record %d is of no known format: name the format in the path", c.records+1)
}

// subscription takes the log events out of what CloudWatch Logs sends to a
// subscription. Its control messages test the way and hold no log.
func (c *call) subscription(format string, data []byte) *refusal {
	dec := json.NewDecoder(bytes.NewReader(data))
	for n := 0; dec.More(); n++ {
		if n == c.s.cfg.MaxRecords {
			return refuse(http.StatusRequestEntityTooLarge, "more than %d messages of a subscription in one record", n)
		}
		var in struct {
			MessageType string   `json:"messageType"`
			Owner       string   `json:"owner"`
			LogGroup    string   `json:"logGroup"`
			LogStream   string   `json:"logStream"`
			LogEvents   elements `json:"logEvents"`
		}
		if err := dec.Decode(&in); err != nil {
			return notSubscription()
		}
		if in.MessageType != "DATA_MESSAGE" {
			continue
		}
		key := c.source(in.Owner + "/" + in.LogGroup + "/" + in.LogStream)
		bad := in.LogEvents.each(c, func(element []byte) *refusal {
			var event struct {
				Message string `json:"message"`
			}
			if err := json.Unmarshal(element, &event); err != nil {
				return notSubscription()
			}
			return c.firehoseCut(format, key, strings.NewReader(event.Message))
		})
		if bad != nil {
			return bad
		}
	}
	return nil
}

func notSubscription() *refusal {
	return refuse(http.StatusBadRequest, "a record that is not what CloudWatch Logs sends to a subscription")
}

func replyFirehose(c *call, bad *refusal) reply {
	answer := struct {
		RequestID string `json:"requestId"`
		Timestamp int64  `json:"timestamp"`
		Error     string `json:"errorMessage,omitempty"`
	}{RequestID: c.requestID, Timestamp: c.s.now().UnixMilli()}
	if answer.RequestID == "" {
		answer.RequestID = clip(c.req.Header.Get("X-Amz-Firehose-Request-Id"), maxKey)
	}
	if bad != nil {
		answer.Error = bad.reason
		return jsonReply(bad.code, answer)
	}
	return jsonReply(http.StatusOK, answer)
}
