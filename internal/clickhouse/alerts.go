package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Alerts returns the writer of the table alerts, which keeps the newest version
// of each alert whatever the order of writing.
func (d *DB) Alerts() alerting.Sink { return &alerts{db: d} }

type alerts struct{ db *DB }

// alertRow is an alert with the tenant it belongs to and its bytes.
type alertRow struct {
	*schemas.Alert
	tenant string
	json   string
}

func alertColumns() []column[alertRow] {
	type A = alertRow
	lw := func(a *A) *schemas.Lapwing { return &a.Unmapped.Lapwing }
	who := func(a *A) *schemas.AlertIdentity { return &a.Unmapped.Lapwing.Identity }
	ms := func(name string, get func(*A) int64) column[A] {
		return date(name, func(a *A) time.Time { return time.UnixMilli(get(a)) })
	}
	return []column[A]{
		text("tenant", func(a *A) string { return a.tenant }),
		text("alert_id", func(a *A) string { return a.ID() }),
		scalar("version", "UInt32", func(a *A) uint32 { return uint32(max(0, a.Version())) }), //nolint:gosec // counts versions
		ms("first_ts", func(a *A) int64 { return a.FindingInfo.FirstSeenTime }),
		ms("ts", func(a *A) int64 { return a.Time }),
		ms("last_ts", func(a *A) int64 { return a.FindingInfo.LastSeenTime }),
		scalar("activity", "Enum8('unknown' = 0, 'create' = 1, 'update' = 2, 'close' = 3)", func(a *A) int8 { return enum(int32(min(a.ActivityID, 99)), 3) }), //nolint:gosec // at most 99
		text("identity_id", func(a *A) string { return a.Actor.User.UID }),
		text("identity_kind", func(a *A) string { return who(a).Kind }),
		text("identity_name", func(a *A) string { return who(a).Name }),
		text("owner", func(a *A) string { return who(a).Owner }),
		text("team", func(a *A) string { return who(a).Team }),
		text("environment", func(a *A) string { return who(a).Environment }),
		text("criticality", func(a *A) string { return who(a).Criticality }),
		text("vendor", func(a *A) string { return who(a).Vendor }),
		text("route", func(a *A) string { return who(a).Route }),
		boolean("managed", func(a *A) bool { return who(a).Managed }),
		text("credential_id", func(a *A) string {
			if c := a.Actor.User.CredentialUID; c != "" {
				return c
			}
			return who(a).Credential
		}),
		text("session_id", func(a *A) string {
			if a.Actor.Session == nil {
				return ""
			}
			return a.Actor.Session.UID
		}),
		text("detector", func(a *A) string { return a.FindingInfo.Analytic.UID }),
		words("detectors", detectors),
		text("family", func(a *A) string { return lw(a).Family }),
		text("way", func(a *A) string { return lw(a).Way }),
		boolean("page", func(a *A) bool { return lw(a).Page }),
		boolean("paged", func(a *A) bool { return lw(a).Paged }),
		boolean("learning", func(a *A) bool { return lw(a).Learning }),
		scalar("severity_id", "UInt8", func(a *A) uint8 { return uint8(min(max(a.SeverityID, 0), 99)) }),
		text("severity", func(a *A) string { return a.Severity }),
		scalar("risk_score", "UInt8", func(a *A) uint8 { return uint8(min(max(a.RiskScore, 0), 100)) }),
		scalar("confidence", "UInt8", func(a *A) uint8 { return uint8(min(max(a.Confidence, 0), 100)) }),
		scalar("surprise", "Float64", func(a *A) float64 { return lw(a).Surprise }),
		scalar("cell", "Int32", func(a *A) int32 { return int32(lw(a).Cell) }), //nolint:gosec // a partition number
		text("title", func(a *A) string { return a.FindingInfo.Title }),
		text("description", func(a *A) string { return a.FindingInfo.Desc }),
		text("observed", func(a *A) string { return lw(a).Observed }),
		text("expected", func(a *A) string { return lw(a).Expected }),
		text("rarity", func(a *A) string { return lw(a).Rarity }),
		text("close_reason", func(a *A) string { return lw(a).CloseReason }),
		words("event_ids", func(a *A) []string {
			out := make([]string, len(a.FindingInfo.RelatedEvents))
			for i, e := range a.FindingInfo.RelatedEvents {
				out[i] = e.UID
			}
			return out
		}),
		words("operations", operations),
		words("first_checks", func(a *A) []string { return lw(a).FirstChecks }),
		words("links", func(a *A) []string { return lw(a).Links }),
		words("identities", func(a *A) []string { return lw(a).Identities }),
		words("techniques", func(a *A) []string {
			out := make([]string, len(a.FindingInfo.Attacks))
			for i, t := range a.FindingInfo.Attacks {
				out[i] = t.Technique.UID
			}
			return out
		}),
		words("owasp_nhi", func(a *A) []string { return lw(a).Mappings.OWASPNHI }),
		words("owasp_api", func(a *A) []string { return lw(a).Mappings.OWASPAPI }),
		text("alert", func(a *A) string { return a.json }),
	}
}

// detectors lists the detectors of an alert, the opening one first, each once.
func detectors(a *alertRow) []string {
	out := []string{a.FindingInfo.Analytic.UID}
	for _, r := range a.FindingInfo.RelatedAnalytics {
		out = appendOnce(out, r.UID)
	}
	for _, f := range a.Unmapped.Lapwing.Findings {
		out = appendOnce(out, f.Detector)
	}
	return out
}

// operations lists what the sampled calls were, each once.
func operations(a *alertRow) []string {
	out := []string{}
	for _, e := range a.Evidences {
		if e.API != nil {
			out = appendOnce(out, e.API.Operation)
		}
	}
	return out
}

func appendOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// Write implements alerting.Sink: one insert for the batch, halved where a row
// is refused. The newest version wins in the table, so a repeated or overtaken
// write changes nothing that a reader of alerts_current sees.
func (w *alerts) Write(ctx context.Context, batch []schemas.Alert) []error {
	errs := make([]error, len(batch))
	release, err := w.db.acquire(ctx)
	if err != nil {
		return fillErrors(errs, err)
	}
	defer release()
	rows := make([]alertRow, 0, len(batch))
	index := make([]int, 0, len(batch))
	for i := range batch {
		body, err := json.Marshal(&batch[i])
		if err != nil {
			errs[i] = stream.Permanent(fmt.Errorf("encode alert %s: %w", batch[i].ID(), err))
			continue
		}
		tenant := batch[i].Metadata.TenantUID
		if tenant == "" {
			tenant = w.db.cfg.Tenant
		}
		rows, index = append(rows, alertRow{&batch[i], tenant, string(body)}), append(index, i)
	}
	if len(rows) == 0 {
		return errs
	}
	b := newBlock(alertColumns(), len(rows))
	for lo := 0; lo < len(rows); {
		// A server takes at most 100 partitions in one insert; here they are months.
		hi := min(len(rows), lo+100)
		part := rows[lo:hi]
		h := halver{token: alertToken(part), rows: len(part)}
		h.insert = func(token string, from, to int) error {
			b.reset()
			for i := from; i < to; i++ {
				b.add(&part[i])
			}
			return send(ctx, w.db, "alerts", token, b)
		}
		if err := h.run(0, len(part)); err != nil {
			for _, i := range index[lo:] {
				errs[i] = err
			}
			return errs
		}
		for _, r := range h.refused {
			errs[index[lo+r.row]] = stream.Permanent(r.err)
		}
		w.db.metrics.rejected.WithLabelValues("alerts").Add(float64(len(h.refused)))
		lo = hi
	}
	return errs
}

// alertToken names the rows of an insert by their ids and versions.
func alertToken(rows []alertRow) string {
	h := fnv.New128a()
	for i := range rows {
		fmt.Fprintf(h, "%s %d\n", rows[i].ID(), rows[i].Version())
	}
	return fmt.Sprintf("alerts/%x", h.Sum(nil))
}

func fillErrors(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// Close implements alerting.Sink. The connection is the DB's.
func (*alerts) Close() error { return nil }
