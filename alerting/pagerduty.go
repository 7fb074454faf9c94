package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

func checkPagerDuty(d Destination) error {
	var errs []error
	if len(d.Token) != 32 {
		errs = append(errs, errors.New("token: PagerDuty's routing key has 32 characters"))
	}
	if d.URL != "" {
		errs = append(errs, checkURL(d.URL, "https", "http"))
	}
	return errors.Join(errs...)
}

// pagerDutySink triggers and resolves incidents through Events API v2. The
// alert id is the dedup_key: repeats and new versions join one incident.
type pagerDutySink struct {
	post *poster
	dest Destination
}

func openPagerDuty(d Destination) (Sink, error) {
	url := d.URL
	if url == "" {
		url = pagerDutyURL
	}
	p, err := newPoster(d, url)
	if err != nil {
		return nil, err
	}
	return &pagerDutySink{p, d}, nil
}

type pdEvent struct {
	RoutingKey  string     `json:"routing_key"`
	EventAction string     `json:"event_action"`
	DedupKey    string     `json:"dedup_key"`
	Client      string     `json:"client,omitempty"`
	ClientURL   string     `json:"client_url,omitempty"`
	Payload     *pdPayload `json:"payload,omitempty"`
	Links       []pdLink   `json:"links,omitempty"`
}

type pdPayload struct {
	Summary       string         `json:"summary"`
	Source        string         `json:"source"`
	Severity      string         `json:"severity"`
	Timestamp     string         `json:"timestamp"`
	Component     string         `json:"component,omitempty"`
	Group         string         `json:"group,omitempty"`
	Class         string         `json:"class,omitempty"`
	CustomDetails map[string]any `json:"custom_details,omitempty"`
}

type pdLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

var pdSeverity = map[int]string{
	schemas.SeverityInfo: "info", schemas.SeverityLow: "info", schemas.SeverityMedium: "warning",
	schemas.SeverityHigh: "error", schemas.SeverityCritical: "critical",
}

// Write implements Sink.
func (s *pagerDutySink) Write(ctx context.Context, batch []schemas.Alert) []error {
	return inOrder(batch, func(a *schemas.Alert) error {
		body, err := json.Marshal(s.event(a))
		if err != nil {
			return stream.Permanent(err)
		}
		return s.post.post(ctx, http.Header{}, body)
	})
}

func (s *pagerDutySink) event(a *schemas.Alert) pdEvent {
	l := &a.Unmapped.Lapwing
	ev := pdEvent{RoutingKey: s.dest.Token, EventAction: "trigger", DedupKey: a.ID(), Client: schemas.ProductName, ClientURL: s.dest.link(a.ID())}
	if a.EndsPage() {
		ev.EventAction = "resolve"
		return ev
	}
	sev := pdSeverity[a.SeverityID]
	if sev == "" {
		sev = "warning"
	}
	ev.Payload = &pdPayload{
		Summary:   clip(Headline(a), 1024),
		Source:    clip(a.Actor.User.UID, 255),
		Severity:  sev,
		Timestamp: time.UnixMilli(a.FindingInfo.FirstSeenTime).UTC().Format(time.RFC3339Nano),
		Component: l.Identity.Name, Group: l.Identity.Team, Class: a.FindingInfo.Analytic.UID,
		CustomDetails: details(a),
	}
	if l.Identity.Runbook != "" {
		ev.Links = append(ev.Links, pdLink{l.Identity.Runbook, "Runbook"})
	}
	return ev
}

// details is what a responder reads first on a small screen.
func details(a *schemas.Alert) map[string]any {
	l := &a.Unmapped.Lapwing
	out := map[string]any{"breaks_if_disabled": Breaks(a), "alert_id": a.ID(), "alert_version": a.Version(), "risk_score": a.RiskScore}
	if len(l.FirstChecks) > 0 {
		out["first_checks"] = l.FirstChecks
	}
	for name, value := range map[string]string{
		"what_happened": a.FindingInfo.Desc, "identity": a.Actor.User.UID, "owner": l.Identity.Owner, "observed": l.Observed, "expected": l.Expected,
	} {
		if value != "" {
			out[name] = value
		}
	}
	for _, f := range pageFacts(a) {
		out[f.name] = f.value
	}
	return out
}

// clip cuts s to n characters, at a character's border.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// Close implements Sink.
func (s *pagerDutySink) Close() error { s.post.close(); return nil }
