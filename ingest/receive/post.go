package receive

import (
	"mime"
	"net/http"

	"github.com/lapwing-sec/lapwing/ingest"
)

// POST /ingest/{format}, or /ingest/auto, where the content of each record tells
// its format: the body is a JSON object, an array,
// {"Records":[…]}, NDJSON or lines of text, gzip or not.

// bodyTypes are the media types taken; curl's default is among them.
var bodyTypes = map[string]bool{
	"": true, "application/json": true, "application/x-ndjson": true, "application/ndjson": true, "application/jsonl": true, "application/json-lines": true, "application/x-json-stream": true,
	"text/plain": true, "text/json": true, "application/octet-stream": true, "application/x-www-form-urlencoded": true, "application/gzip": true, "application/x-gzip": true,
}

func servePost(c *call) *refusal {
	format := c.req.PathValue("format")
	if format != ingest.AutoFormat && c.s.topics[format] == "" {
		return refuse(http.StatusNotFound, "no such format in raw_topics: POST /ingest/{format} with auto or one of %s", c.s.known())
	}
	if bad := c.method(http.MethodPost); bad != nil {
		return bad
	}
	if h := c.req.Header.Get("Content-Type"); h != "" {
		media, _, err := mime.ParseMediaType(h)
		if err != nil || !bodyTypes[media] {
			return refuse(http.StatusUnsupportedMediaType, "content type %q is not taken: send application/json, application/x-ndjson or text/plain", clip(h, 80))
		}
	}
	body, bad := c.body()
	if bad != nil {
		return bad
	}
	if format == ingest.AutoFormat {
		bad = c.cut(ingest.NewCutter(body, true), c.sender(), c.detect, nil)
	} else {
		bad = c.cut(c.s.reader(body, format), c.sender(), always(format), nil)
	}
	if bad != nil {
		return bad
	}
	if c.records == 0 {
		return refuse(http.StatusBadRequest, "the body holds no record")
	}
	return c.produce()
}

// replyPost is the answer of receivers whose senders read the status alone.
func replyPost(c *call, bad *refusal) reply {
	if bad != nil {
		return jsonReply(bad.code, failed{bad.reason})
	}
	if c.extra != nil {
		return jsonReply(http.StatusOK, c.extra)
	}
	return jsonReply(http.StatusAccepted, accepted{c.records})
}
