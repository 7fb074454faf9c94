package receive

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/lapwing-sec/lapwing/ingest"
)

// Cloudflare Logpush to an HTTP destination: NDJSON in gzip, one dataset a path.

// datasets maps the word in the path, ours or Cloudflare's, to the format.
var datasets = map[string]string{
	"http": "cloudflare-http", "http_requests": "cloudflare-http",
	"audit": "cloudflare-audit", "audit_logs": "cloudflare-audit",
	"access": "cloudflare-access", "access_requests": "cloudflare-access",
	"firewall": "cloudflare-firewall", "firewall_events": "cloudflare-firewall",
}

func serveCloudflare(c *call) *refusal {
	format := datasets[c.req.PathValue("dataset")]
	if format == "" {
		return refuse(http.StatusNotFound, "no such dataset: POST /cloudflare/{dataset} with one of %s", strings.Join(slices.Sorted(maps.Keys(datasets)), ", "))
	}
	if bad := c.method(http.MethodPost); bad != nil {
		return bad
	}
	body, bad := c.body()
	if bad != nil {
		return bad
	}
	tests := 0
	rd := ingest.NewCutter(body, false)
	bad = c.cut(rd, c.sender(), always(format), func(record []byte) bool {
		if !isLogpushTest(record) {
			return false
		}
		tests++
		return true
	})
	if bad != nil {
		return bad
	}
	if c.records == 0 && tests == 0 {
		return refuse(http.StatusBadRequest, "the body holds no record")
	}
	return c.produce()
}

// isLogpushTest tells the upload by which Logpush tries a destination,
// {"content":"tests"} and perhaps a file name, from a log's record.
func isLogpushTest(record []byte) bool {
	if len(record) > 256 || !bytes.Contains(record, []byte(`"content"`)) {
		return false
	}
	keys := 0
	doc := gjson.ParseBytes(record)
	doc.ForEach(func(_, _ gjson.Result) bool { keys++; return true })
	return keys <= 2 && strings.HasPrefix(doc.Get("content").String(), "test")
}

func replyCloudflare(c *call, bad *refusal) reply {
	if bad != nil {
		return jsonReply(bad.code, failed{bad.reason})
	}
	return jsonReply(http.StatusOK, accepted{c.records})
}
