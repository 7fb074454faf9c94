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
	if c.s.topic(githubFormat) == "" {
		return c.noTopic(githubFormat) // before anybody's body is read
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
	if bad := c.proven(); bad != nil {
		return bad
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
	if missing := githubLacks(event, payload); missing != "" {
		return refuse(http.StatusBadRequest, "the payload has no %s, as every %s has: is X-GitHub-Event that of this delivery?", missing, clip(event, 64))
	}
	// Only the body is signed: whoever saw it once could send it again, as any
	// delivery of any event.
	sum := sha256.Sum256(payload)
	switch done, busy := c.s.hooks.enter(sum, c.s.now()); {
	case done:
		return nil
	case busy:
		return later("this body is being written")
	}
	bad = c.githubRecord(event, sum, payload)
	c.s.hooks.leave(sum, bad == nil)
	return bad
}

// githubRecord writes the record of one delivery.
func (c *call) githubRecord(event string, sum [sha256.Size]byte, payload []byte) *refusal {
	head, _ := json.Marshal(struct {
		Event    string `json:"x_github_event"`
		Delivery string `json:"x_github_delivery"`
		// Most payloads do not say when it happened.
		Received string `json:"received_at"`
		Body     string `json:"body_sha256"`
	}{clip(event, maxKey), clip(c.req.Header.Get("X-GitHub-Delivery"), maxKey), c.s.now().UTC().Format(time.RFC3339Nano), hex.EncodeToString(sum[:])}) // four texts
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

// githubMembers are those that the payload of an event always has ("Webhook
// events and payloads"), where they tell it from others. Events that are not
// named are taken as they are.
var githubMembers = map[string][]string{
	"branch_protection_rule": {"action", "rule", "repository"}, "check_run": {"action", "check_run", "repository"}, "check_suite": {"action", "check_suite", "repository"},
	"code_scanning_alert": {"action", "alert", "ref", "repository"}, "commit_comment": {"action", "comment", "repository"}, "create": {"ref", "ref_type", "master_branch"},
	"delete": {"ref", "ref_type"}, "dependabot_alert": {"action", "alert", "repository"}, "deploy_key": {"action", "key", "repository"},
	"deployment": {"action", "deployment", "repository"}, "deployment_status": {"action", "deployment_status", "deployment"}, "fork": {"forkee", "repository"},
	"installation": {"action", "installation"}, "installation_repositories": {"action", "installation", "repositories_added", "repositories_removed"},
	"issue_comment": {"action", "issue", "comment"}, "issues": {"action", "issue"}, "label": {"action", "label"}, "member": {"action", "member", "repository"},
	"membership": {"action", "member", "team"}, "meta": {"action", "hook"}, "milestone": {"action", "milestone"}, "organization": {"action", "organization"},
	"personal_access_token_request": {"action", "personal_access_token_request"}, "pull_request": {"action", "pull_request", "number"}, "public": {"repository"},
	"pull_request_review": {"action", "review", "pull_request"}, "pull_request_review_comment": {"action", "comment", "pull_request"}, "push": {"ref", "before", "after", "commits"},
	"release": {"action", "release"}, "repository": {"action", "repository"}, "repository_ruleset": {"action", "repository_ruleset"},
	"secret_scanning_alert": {"action", "alert"}, "star": {"action", "starred_at"}, "team": {"action", "team"},
	"workflow_job": {"action", "workflow_job"}, "workflow_run": {"action", "workflow_run"},
}

// githubLacks names a member that the payload of event should have and has not.
func githubLacks(event string, payload []byte) string {
	want := githubMembers[event]
	if len(want) == 0 {
		return ""
	}
	var have map[string]json.RawMessage
	if json.Unmarshal(payload, &have) != nil {
		return "members"
	}
	for _, name := range want {
		if _, ok := have[name]; !ok {
			return name
		}
	}
	return ""
}
