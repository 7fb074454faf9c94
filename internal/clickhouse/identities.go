package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Identities returns the writer of the table identities. It takes records of
// lapwing.identities: key the identity's id (or discovered/ and the id), value a
// schemas.Identity in JSON, or nothing for one that is gone. A later record of a
// key wins, by the time of its writing, which is at most the time of its storing. A
// record that is no identity is counted, logged and skipped.
func (d *DB) Identities() stream.Handler { return &identities{d} }

type identities struct{ db *DB }

// identityRow is one record of the inventory.
type identityRow struct {
	schemas.Identity
	tenant  string
	key     string
	updated time.Time
	deleted uint8
}

func identityColumns() []column[identityRow] {
	type R = identityRow
	allowed := func(r *R) *schemas.Allowed {
		if r.Allowed == nil {
			return &schemas.Allowed{}
		}
		return r.Allowed
	}
	rate := func(r *R) schemas.Rate {
		if rt := allowed(r).Rate; rt != nil {
			return *rt
		}
		return schemas.Rate{}
	}
	workloads := func(r *R) uint32 {
		if n := allowed(r).Workloads; n != nil {
			return *n
		}
		return 0
	}
	spend := func(r *R) schemas.Spend {
		if s := allowed(r).Spend; s != nil {
			return *s
		}
		return schemas.Spend{}
	}
	schedule := func(r *R) schemas.Schedule {
		if s := allowed(r).Schedule; s != nil {
			return *s
		}
		return schemas.Schedule{}
	}
	credentials := func(name string, get func(*schemas.KnownCredential) string) column[R] {
		return words(name, func(r *R) []string { return pick(r.Credentials, get) })
	}
	credentialTimes := func(name string, get func(*schemas.KnownCredential) time.Time) column[R] {
		return list(name, "Array(DateTime64(3, 'UTC'))", func(r *R) []time.Time {
			return pick(r.Credentials, func(c *schemas.KnownCredential) time.Time { return clamp(get(c)) })
		})
	}
	exceptions := func(name string, get func(*schemas.KnownException) string) column[R] {
		return words(name, func(r *R) []string { return pick(r.Exceptions, get) })
	}
	return []column[R]{
		text("tenant", func(r *R) string { return r.tenant }),
		text("record_key", func(r *R) string { return r.key }),
		text("identity_id", func(r *R) string { return r.ID }),
		boolean("discovered", func(r *R) bool { return r.Discovered }),
		text("kind", func(r *R) string { return r.Kind }),
		text("name", func(r *R) string { return r.Name }),
		text("owner", func(r *R) string { return r.Owner }),
		text("team", func(r *R) string { return r.Team }),
		text("environment", func(r *R) string { return r.Environment }),
		text("criticality", func(r *R) string { return r.Criticality }),
		text("vendor", func(r *R) string { return r.Vendor }),
		words("aliases", func(r *R) []string { return r.Aliases }),
		words("dependants", func(r *R) []string { return r.Dependants }),
		text("runbook", func(r *R) string { return r.Runbook }),
		text("route", func(r *R) string { return r.Route }),
		words("allowed_operations", func(r *R) []string { return allowed(r).Operations }),
		words("allowed_countries", func(r *R) []string { return allowed(r).Countries }),
		words("allowed_regions", func(r *R) []string { return allowed(r).Regions }),
		words("allowed_networks", func(r *R) []string { return allowed(r).Networks }),
		words("allowed_environments", func(r *R) []string { return allowed(r).Environments }),
		text("allowed_schedule_timezone", func(r *R) string { return schedule(r).Timezone }),
		words("allowed_schedule_windows", func(r *R) []string { return schedule(r).Windows }),
		scalar("allowed_rate_per_minute", "Float64", func(r *R) float64 { return rate(r).PerMinute }),
		scalar("allowed_rate_burst", "UInt32", func(r *R) uint32 { return rate(r).Burst }),
		scalar("allowed_spend_per_day", "Float64", func(r *R) float64 { return spend(r).PerDay }),
		scalar("allowed_tokens_per_day", "UInt64", func(r *R) uint64 { return spend(r).TokensPerDay }),
		scalar("allowed_workloads", "UInt32", func(r *R) uint32 { return workloads(r) }),
		credentials("credentials_ref", func(c *schemas.KnownCredential) string { return c.Ref }),
		credentials("credentials_type", func(c *schemas.KnownCredential) string { return c.Type }),
		credentialTimes("credentials_issued", func(c *schemas.KnownCredential) time.Time { return c.Issued }),
		credentialTimes("credentials_expires", func(c *schemas.KnownCredential) time.Time { return c.Expires }),
		credentialTimes("credentials_revoked", func(c *schemas.KnownCredential) time.Time { return c.Revoked }),
		list("credentials_rotate_every", "Array(Int64)", func(r *R) []int64 {
			return pick(r.Credentials, func(c *schemas.KnownCredential) int64 { return int64(c.RotateEvery) })
		}),
		credentials("credentials_fingerprint", func(c *schemas.KnownCredential) string { return c.Fingerprint }),
		exceptions("exceptions_detector", func(x *schemas.KnownException) string { return x.Detector }),
		list("exceptions_until", "Array(DateTime64(3, 'UTC'))", func(r *R) []time.Time {
			return pick(r.Exceptions, func(x *schemas.KnownException) time.Time { return clamp(x.Until) })
		}),
		exceptions("exceptions_reason", func(x *schemas.KnownException) string { return x.Reason }),
		exceptions("exceptions_by", func(x *schemas.KnownException) string { return x.By }),
		pairs("labels", func(r *R) map[string]string { return r.Labels }),
		date("last_used", func(r *R) time.Time { return r.LastUsed }),
		date("offboarded", func(r *R) time.Time { return r.OffboardedAt }),
		date("first_seen", func(r *R) time.Time { return r.FirstSeen }),
		date("last_seen", func(r *R) time.Time { return r.LastSeen }),
		text("source", func(r *R) string { return r.Source }),
		scalar("updated_at", "DateTime64(6, 'UTC')", func(r *R) time.Time { return clamp(r.updated) }),
		scalar("deleted", "UInt8", func(r *R) uint8 { return r.deleted }),
	}
}

// pick maps a list of values; its result is never nil.
func pick[T, V any](list []T, get func(*T) V) []V {
	out := make([]V, len(list))
	for i := range list {
		out[i] = get(&list[i])
	}
	return out
}

// Handle implements stream.Handler.
func (w *identities) Handle(ctx context.Context, recs []stream.Record) error {
	release, err := w.db.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	b := newBlock(identityColumns(), min(len(recs), maxRows))
	now := time.Now()
	for i := range recs {
		row, err := w.row(&recs[i], now)
		if err != nil {
			w.db.metrics.rejected.WithLabelValues("identities").Inc()
			w.db.log.Warn().Err(err).Str("topic", recs[i].Topic).Int("partition", recs[i].Partition).Int64("offset", recs[i].Offset).Msg("skipped a record that is no identity")
			continue
		}
		b.add(row)
		if b.rows >= maxRows {
			if err := send(ctx, w.db, "identities", "", b); err != nil {
				return err
			}
			b.reset()
		}
	}
	return send(ctx, w.db, "identities", "", b)
}

// row reads a record. A time beyond now is taken for now: else whoever wrote the
// record would have the last word until then.
func (w *identities) row(rec *stream.Record, now time.Time) (*identityRow, error) {
	row := &identityRow{tenant: w.db.cfg.Tenant, key: string(rec.Key), updated: rec.Time}
	if row.updated.After(now) {
		row.updated = now
	}
	if row.key == "" {
		return nil, errors.New("identity record without a key")
	}
	id, discovered := strings.CutPrefix(row.key, schemas.DiscoveredKey)
	id = strings.TrimPrefix(id, schemas.StatedKey)
	if len(rec.Value) == 0 {
		row.ID, row.Discovered, row.deleted = id, discovered, 1
		return row, nil
	}
	if err := json.Unmarshal(rec.Value, &row.Identity); err != nil {
		return nil, fmt.Errorf("identity %s: %w", row.key, err)
	}
	if row.ID == "" {
		row.ID = id
	}
	row.Discovered = row.Discovered || discovered
	return row, nil
}
