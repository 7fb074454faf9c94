package alerting

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// alertmanagerHold is how far ahead an open alert's end lies. Alertmanager
// never notifies an alert whose end passes while a receiver is down.
const alertmanagerHold = 24 * time.Hour

func checkAlertmanager(d Destination) error { return checkURL(d.URL, "https", "http") }

// alertmanagerSink posts alerts to API v2. Alertmanager keeps alerts in memory
// only, so OnCall repeats the open ones.
type alertmanagerSink struct {
	post *poster
	dest Destination
	now  func() time.Time
}

func openAlertmanager(d Destination) (Sink, error) {
	u, err := url.Parse(d.URL)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(u.Path, "/api/v2/alerts") {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/api/v2/alerts"
	}
	p, err := newPoster(d, u.String())
	if err != nil {
		return nil, err
	}
	return &alertmanagerSink{p, d, time.Now}, nil
}

// amAlert is a postableAlert of API v2.
type amAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Write implements Sink: one request for the batch, the newest version of each
// alert.
func (s *alertmanagerSink) Write(ctx context.Context, batch []schemas.Alert) []error {
	last := make(map[string]int, len(batch))
	for i := range batch {
		last[batch[i].ID()] = i
	}
	var out []amAlert
	for i := range batch {
		if last[batch[i].ID()] == i {
			out = append(out, s.convert(&batch[i]))
		}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return same(len(batch), stream.Permanent(err))
	}
	h := http.Header{}
	if s.dest.Token != "" {
		h.Set("Authorization", "Bearer "+s.dest.Token)
	}
	err = s.post.post(ctx, h, body)
	if stream.IsPermanent(err) && len(out) > 1 {
		return inOrder(batch, func(a *schemas.Alert) error { return s.Write(ctx, []schemas.Alert{*a})[0] })
	}
	return same(len(batch), err)
}

// convert keeps to labels only what never changes over an alert's versions:
// labels are Alertmanager's identity of an alert.
func (s *alertmanagerSink) convert(a *schemas.Alert) amAlert {
	l := &a.Unmapped.Lapwing
	now := s.now()
	out := amAlert{
		Labels: map[string]string{
			"alertname": a.FindingInfo.Analytic.UID, "alert_id": a.ID(), "identity": a.Actor.User.UID,
			"team": l.Identity.Team, "route": l.Identity.Route, "environment": l.Identity.Environment,
			"criticality": l.Identity.Criticality, "family": l.Family,
		},
		Annotations: map[string]string{
			"summary": Headline(a), "description": a.FindingInfo.Desc,
			"severity": strings.ToLower(schemas.SeverityName(a.SeverityID)),
			"owner":    l.Identity.Owner, "runbook_url": l.Identity.Runbook,
			"observed": l.Observed, "expected": l.Expected,
			"first_checks": strings.Join(l.FirstChecks, "\n"), "breaks": Breaks(a),
		},
		StartsAt:     time.UnixMilli(a.FindingInfo.FirstSeenTime).UTC().Format(time.RFC3339Nano),
		EndsAt:       now.Add(alertmanagerHold).UTC().Format(time.RFC3339Nano),
		GeneratorURL: s.dest.link(a.ID()),
	}
	for _, f := range pageFacts(a) {
		out.Annotations[f.name] = f.value
	}
	for _, m := range []map[string]string{out.Labels, out.Annotations} {
		for k, v := range m {
			if v == "" {
				delete(m, k)
			}
		}
	}
	if a.EndsPage() {
		out.EndsAt = now.UTC().Format(time.RFC3339Nano)
	}
	return out
}

// Close implements Sink.
func (s *alertmanagerSink) Close() error { s.post.close(); return nil }
