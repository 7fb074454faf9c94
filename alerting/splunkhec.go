package alerting

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func checkHEC(d Destination) error {
	var token error
	if d.Token == "" {
		token = errors.New("token: Splunk's HEC token is required")
	}
	return errors.Join(checkURL(d.URL, "https", "http"), token)
}

// hecSink posts a batch as concatenated HEC events, gzipped.
type hecSink struct {
	post *poster
	dest Destination
}

func openHEC(d Destination) (Sink, error) {
	u, err := url.Parse(d.URL)
	if err != nil {
		return nil, err
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/services/collector/event"
	}
	p, err := newPoster(d, u.String())
	if err != nil {
		return nil, err
	}
	return &hecSink{p, d}, nil
}

// hecEvent is HEC's envelope. Fields are indexed: a search by alert id or
// identity needs no extraction.
type hecEvent struct {
	Time       float64        `json:"time"`
	Host       string         `json:"host"`
	Source     string         `json:"source,omitempty"`
	Sourcetype string         `json:"sourcetype"`
	Index      string         `json:"index,omitempty"`
	Event      *schemas.Alert `json:"event"`
	Fields     map[string]any `json:"fields"`
}

// Write implements Sink.
func (s *hecSink) Write(ctx context.Context, batch []schemas.Alert) []error {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	enc := json.NewEncoder(zw)
	sourcetype := s.dest.Sourcetype
	if sourcetype == "" {
		sourcetype = "lapwing:alert"
	}
	for i := range batch {
		a := &batch[i]
		err := enc.Encode(hecEvent{
			Time: float64(a.Time) / 1000, Host: "lapwing", Source: s.dest.Source,
			Sourcetype: sourcetype, Index: s.dest.Index, Event: a,
			Fields: map[string]any{
				"alert_id": a.ID(), "alert_version": a.Version(), "identity": a.Actor.User.UID,
				"detector": a.FindingInfo.Analytic.UID, "severity": strings.ToLower(schemas.SeverityName(a.SeverityID)),
				"activity": strings.ToLower(a.ActivityName), "owner": a.Unmapped.Lapwing.Identity.Owner, "team": a.Unmapped.Lapwing.Identity.Team,
			},
		})
		if err != nil {
			return same(len(batch), stream.Permanent(err))
		}
	}
	if err := zw.Close(); err != nil {
		return same(len(batch), stream.Permanent(err))
	}
	h := http.Header{}
	h.Set("Authorization", "Splunk "+s.dest.Token)
	h.Set("Content-Encoding", "gzip")
	err := s.post.post(ctx, h, buf.Bytes())
	if stream.IsPermanent(err) && len(batch) > 1 {
		// One refused event refuses the request: find it, keep the others.
		return inOrder(batch, func(a *schemas.Alert) error {
			return s.Write(ctx, []schemas.Alert{*a})[0]
		})
	}
	return same(len(batch), err)
}

// Close implements Sink.
func (s *hecSink) Close() error { s.post.close(); return nil }
