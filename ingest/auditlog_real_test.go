package ingest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// auditFormats are the formats of the audit events of others, by what their
// collector calls the log.
var auditFormats = map[string][]string{
	"Azure.Audit":          {"entra-signin", "entra-audit"},
	"Okta.SystemLog":       {"okta"},
	"GSuite.ActivityEvent": {"google-workspace"},
	"Auth0.Events":         {"auth0"},
	"GitHub.Audit":         {"github"},
	"GitHub.Webhook":       {"github"},
	"OpenAI.Audit":         {"openai-audit"},
	"Anthropic.Activity":   {"anthropic-activity"},
}

// auditEvent is one line of those files.
type auditEvent struct {
	Rule, Test string
	Event      json.RawMessage
}

// TestAuditEventsOfServicesAreRead reads other people's audit events, many of
// them reduced to a few fields: nearly all must be named right, and each must
// become an event or be refused for a field that it lacks.
func TestAuditEventsOfServicesAreRead(t *testing.T) {
	for label, formats := range auditFormats {
		t.Run(label, func(t *testing.T) {
			file := dataFiles(t, filepath.Join("audit-events", label+".ndjson"))[0]
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all, right, events := 0, 0, 0
			for line := range bytes.Lines(raw) {
				var e auditEvent
				if err := json.Unmarshal(line, &e); err != nil {
					t.Fatal(err)
				}
				var has map[string]json.RawMessage
				if err := json.Unmarshal(e.Event, &has); err != nil {
					t.Fatal(err)
				}
				if kind := strings.Trim(string(has["p_log_type"]), `"`); kind != "" && kind != label || kind == "" && strings.HasPrefix(e.Rule, "Standard.") {
					continue // rules that run on many logs bring the other logs' events too
				}
				for k := range has {
					if strings.HasPrefix(k, "p_") {
						delete(has, k)
					}
				}
				if len(has) < 2 {
					continue // a field tells nothing
				}
				all++
				format, ok := standard.Detect(e.Event)
				named := false
				for _, f := range formats {
					named = named || ok && f == format
				}
				if !named {
					t.Logf("%s, %q: detected as %q: %.300s", e.Rule, e.Test, format, e.Event)
					format = formats[0]
				} else {
					right++
				}
				c := parseAll(t, format, string(e.Event))
				events += len(c.events)
				if len(c.events)+len(c.bad) == 0 {
					t.Errorf("%q: neither event nor refusal", e.Test)
				}
				for _, reason := range c.bad {
					if !strings.HasSuffix(reason, ": missing") && !strings.Contains(reason, "is no RFC 3339 time") {
						t.Errorf("%q: refused: %s", e.Test, reason)
					}
				}
				for _, ev := range c.events {
					if ev.Principal == "" && !strings.Contains(ev.Operation, "workflow_job") && !strings.Contains(ev.Operation, "push") {
						t.Logf("%q: nobody: %.300s", e.Test, e.Event)
					}
				}
			}
			t.Logf("%d events of %d records, %d named right", events, all, right)
			if right*100 < all*98 {
				t.Errorf("%d of %d are named right", right, all)
			}
		})
	}
}

// TestOtherLogsAreNotTakenForServices makes sure that no format of a service
// claims what is another's.
func TestOtherLogsAreNotTakenForServices(t *testing.T) {
	ours := map[string]bool{"o365": true, "entra-graph-activity": true, "gitlab-audit": true, "slack-audit": true, "keycloak": true}
	for _, list := range auditFormats {
		for _, f := range list {
			ours[f] = true
		}
	}
	for _, label := range []string{"AWS.CloudTrail", "Amazon.EKS.Audit", "Azure.MonitorActivity", "Cloudflare.Firewall", "GCP.AuditLog"} {
		raw, err := os.ReadFile(dataFiles(t, filepath.Join("audit-events", label+".ndjson"))[0])
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(raw) {
			var e auditEvent
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(e.Rule, "Standard.") {
				continue
			}
			if format, _ := standard.Detect(e.Event); ours[format] {
				t.Errorf("%s, %q: taken for %s: %.300s", label, e.Test, format, e.Event)
			}
		}
	}
}
