package receive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// GitHub's webhooks. What a delivery is stands in its headers alone, so they
// go into the record with it.

const githubFormat = "github"

func serveGitHub(c *call) *refusal {
	if bad := c.method(http.MethodPost); bad != nil {
		return bad
	}
	// A request without a signature is not read.
	proof := c.s.secrets[c.r.Name]
	mac, err := hex.DecodeString(strings.TrimPrefix(c.req.Header.Get("X-Hub-Signature-256"), "sha256="))
	unsigned := refuse(http.StatusUnauthorized, "X-Hub-Signature-256 is missing or not that of this body: set the webhook's secret to one of ingest.github.secrets")
	if proof.wanted() && (err != nil || len(mac) != sha256.Size) {
		return unsigned
	}
	body, bad := c.all()
	if bad != nil {
		return bad
	}
	if proof.wanted() && !proof.signed(body, mac) {
		return unsigned
	}
	event := c.req.Header.Get("X-GitHub-Event")
	if event == "" {
		return refuse(http.StatusBadRequest, "no X-GitHub-Event: not a webhook of GitHub")
	}
	payload := bytes.TrimSpace(body)
	if media, _, err := mime.ParseMediaType(c.req.Header.Get("Content-Type")); err == nil && media == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return refuse(http.StatusBadRequest, "the form cannot be read")
		}
		payload = []byte(form.Get("payload"))
	}
	if !json.Valid(payload) {
		return refuse(http.StatusBadRequest, "the payload is not JSON")
	}
	if event == "ping" {
		c.extra = struct {
			Pong bool `json:"pong"`
		}{true}
		return nil
	}
	head, _ := json.Marshal(struct {
		Event    string `json:"x_github_event"`
		Delivery string `json:"x_github_delivery"`
		// Most payloads do not say when it happened.
		Received string `json:"received_at"`
	}{clip(event, maxKey), clip(c.req.Header.Get("X-GitHub-Delivery"), maxKey), c.s.now().UTC().Format(time.RFC3339Nano)}) // three texts
	const payloadKey = `,"payload":`
	record := make([]byte, 0, len(head)+len(payloadKey)+len(payload)+1)
	record = append(record, head[:len(head)-1]...)
	record = append(record, payloadKey...)
	record = append(record, payload...)
	record = append(record, '}')
	// One source, whichever of GitHub's addresses it calls from.
	if bad := c.add(githubFormat, c.source(githubFormat), record); bad != nil {
		return bad
	}
	return c.produce()
}
