package receive

import (
	"encoding/json"
	"net/http"
)

// Okta's event hooks: a GET that is answered once, when the hook is verified,
// then System Log events, one record each.

const (
	oktaFormat    = "okta"
	oktaChallenge = "X-Okta-Verification-Challenge"
	// maxChallenge bounds what is said back to somebody unknown.
	maxChallenge = 512
)

// oktaVerification is open: what it gets is what it sent.
func oktaVerification(req *http.Request) bool {
	return req.Method == http.MethodGet && req.Header.Get(oktaChallenge) != ""
}

func serveOkta(c *call) *refusal {
	if oktaVerification(c.req) {
		challenge := c.req.Header.Get(oktaChallenge)
		if len(challenge) > maxChallenge {
			return refuse(http.StatusBadRequest, "a challenge of more than %d bytes", maxChallenge)
		}
		c.extra = struct {
			Verification string `json:"verification"`
		}{challenge}
		return nil
	}
	if bad := c.method(http.MethodPost); bad != nil {
		return bad
	}
	body, bad := c.all()
	if bad != nil {
		return bad
	}
	var hook struct {
		Data struct {
			Events elements `json:"events"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &hook); err != nil || !hook.Data.Events.array() {
		return refuse(http.StatusBadRequest, `want {"data":{"events":[…]}}, as Okta's event hooks send it`)
	}
	// One source, whichever of Okta's addresses it calls from.
	key := c.source(oktaFormat)
	bad = hook.Data.Events.each(c, func(event []byte) *refusal { return c.add(oktaFormat, key, event) })
	if bad != nil {
		return bad
	}
	return c.produce()
}

func replyOkta(c *call, bad *refusal) reply {
	switch {
	case bad != nil:
		return jsonReply(bad.code, failed{bad.reason})
	case c.extra != nil:
		return jsonReply(http.StatusOK, c.extra)
	}
	return reply{code: http.StatusNoContent}
}
