package clickhouse

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Events returns the writer of the table events. It takes records of
// lapwing.events as they are and skips control records. It is safe for
// concurrent use.
func (d *DB) Events() stream.Inserter {
	return &events{db: d, table: "events", columns: eventColumns()}
}

type events struct {
	db      *DB
	table   string
	columns []column[schemas.Event]
}

// eventColumns is the table of what goes where. Every field of the Event has a
// line here, and a column of its name.
func eventColumns() []column[schemas.Event] {
	type E = schemas.Event
	declared := func(e *E) *schemas.Declared { return e.GetDeclared() }
	credential := func(e *E) *schemas.Credential { return e.GetDeclared().GetCredential() }
	return []column[E]{
		text("tenant", func(e *E) string { return e.Tenant }),
		moment("ts", func(e *E) int64 { return e.Time }),
		text("id", func(e *E) string { return e.Id }),
		moment("received_time", func(e *E) int64 { return e.ReceivedTime }),
		text("format", func(e *E) string { return e.Format }),

		text("raw_topic", func(e *E) string { return e.RawTopic }),
		scalar("raw_partition", "Int32", func(e *E) int32 { return e.RawPartition }),
		scalar("raw_offset", "Int64", func(e *E) int64 { return e.RawOffset }),
		scalar("raw_index", "Int32", func(e *E) int32 { return e.RawIndex }),
		moment("watermark", func(e *E) int64 { return e.Watermark }),
		boolean("late", func(e *E) bool { return e.Late }),
		boolean("backfill", func(e *E) bool { return e.Backfill }),

		text("identity_id", func(e *E) string { return e.IdentityId }),
		text("identity_kind", func(e *E) string { return e.IdentityKind }),
		text("identity_name", func(e *E) string { return e.IdentityName }),
		text("owner", func(e *E) string { return e.Owner }),
		text("team", func(e *E) string { return e.Team }),
		text("environment", func(e *E) string { return e.Environment }),
		text("criticality", func(e *E) string { return e.Criticality }),
		text("vendor", func(e *E) string { return e.Vendor }),
		text("route", func(e *E) string { return e.Route }),
		text("runbook", func(e *E) string { return e.Runbook }),
		words("dependants", func(e *E) []string { return e.Dependants }),

		boolean("declared_managed", func(e *E) bool { return declared(e).GetManaged() }),
		words("declared_violations_detector", func(e *E) []string { return each(declared(e).GetViolations(), (*schemas.Violation).GetDetector) }),
		words("declared_violations_observed", func(e *E) []string { return each(declared(e).GetViolations(), (*schemas.Violation).GetObserved) }),
		words("declared_violations_expected", func(e *E) []string { return each(declared(e).GetViolations(), (*schemas.Violation).GetExpected) }),
		scalar("declared_rate_per_minute", "Float64", func(e *E) float64 { return declared(e).GetRatePerMinute() }),
		scalar("declared_rate_burst", "UInt32", func(e *E) uint32 { return declared(e).GetRateBurst() }),
		words("declared_exceptions_detector", func(e *E) []string { return each(declared(e).GetExceptions(), (*schemas.Exception).GetDetector) }),
		list("declared_exceptions_until", "Array(DateTime64(3, 'UTC'))", func(e *E) []time.Time {
			return each(declared(e).GetExceptions(), func(x *schemas.Exception) time.Time { return clamp(time.Unix(0, x.GetUntil())) })
		}),
		words("declared_exceptions_reason", func(e *E) []string { return each(declared(e).GetExceptions(), (*schemas.Exception).GetReason) }),
		words("declared_exceptions_by", func(e *E) []string { return each(declared(e).GetExceptions(), (*schemas.Exception).GetBy) }),
		text("declared_credential_ref", func(e *E) string { return credential(e).GetRef() }),
		text("declared_credential_type", func(e *E) string { return credential(e).GetType() }),
		milli("declared_credential_issued", func(e *E) int64 { return credential(e).GetIssued() }),
		milli("declared_credential_expires", func(e *E) int64 { return credential(e).GetExpires() }),
		milli("declared_credential_revoked", func(e *E) int64 { return credential(e).GetRevoked() }),
		scalar("declared_credential_rotate_every", "Int64", func(e *E) int64 { return credential(e).GetRotateEvery() }),
		text("declared_target_environment", func(e *E) string { return declared(e).GetTargetEnvironment() }),
		milli("declared_last_used", func(e *E) int64 { return declared(e).GetLastUsed() }),
		scalar("declared_spend_micros_per_day", "UInt64", func(e *E) uint64 { return declared(e).GetSpendMicrosPerDay() }),
		scalar("declared_tokens_per_day", "UInt64", func(e *E) uint64 { return declared(e).GetTokensPerDay() }),
		scalar("declared_workloads", "UInt32", func(e *E) uint32 { return declared(e).GetWorkloads() }),
		text("declared_policy", func(e *E) string { return declared(e).GetPolicy() }),

		text("principal", func(e *E) string { return e.Principal }),
		text("principal_type", func(e *E) string { return e.PrincipalType }),
		text("principal_issuer", func(e *E) string { return e.PrincipalIssuer }),
		text("credential_id", func(e *E) string { return e.CredentialId }),
		text("credential_type", func(e *E) string { return e.CredentialType }),
		text("session_id", func(e *E) string { return e.SessionId }),
		words("delegation", func(e *E) []string { return e.Delegation }),
		boolean("mfa", func(e *E) bool { return e.Mfa }),
		boolean("anonymous", func(e *E) bool { return e.Anonymous }),
		text("acting_as", func(e *E) string { return e.ActingAs }),
		words("scopes", func(e *E) []string { return e.Scopes }),
		milli("credential_issued", func(e *E) int64 { return e.CredentialIssued }),
		milli("credential_expires", func(e *E) int64 { return e.CredentialExpires }),
		text("oauth_client", func(e *E) string { return e.OauthClient }),
		text("client_certificate", func(e *E) string { return e.ClientCertificate }),

		text("operation", func(e *E) string { return e.Operation }),
		text("service", func(e *E) string { return e.Service }),
		text("http_method", func(e *E) string { return e.HttpMethod }),
		text("url_path", func(e *E) string { return e.UrlPath }),
		text("route_template", func(e *E) string { return e.RouteTemplate }),
		text("host", func(e *E) string { return e.Host }),
		scalar("status_code", "UInt32", func(e *E) uint32 { return e.StatusCode }),
		scalar("outcome", "Enum8('unknown' = 0, 'success' = 1, 'denied' = 2, 'error' = 3)", func(e *E) int8 { return enum(int32(e.Outcome), 3) }),
		text("error_code", func(e *E) string { return e.ErrorCode }),
		text("error_message", func(e *E) string { return e.ErrorMessage }),
		text("request_id", func(e *E) string { return e.RequestId }),
		scalar("bytes_in", "UInt64", func(e *E) uint64 { return e.BytesIn }),
		scalar("bytes_out", "UInt64", func(e *E) uint64 { return e.BytesOut }),
		scalar("latency_us", "UInt64", func(e *E) uint64 { return e.LatencyUs }),
		words("resources", func(e *E) []string { return e.Resources }),
		text("target_account", func(e *E) string { return e.TargetAccount }),
		words("grantees", func(e *E) []string { return e.Grantees }),
		scalar("read_only", "Enum8('unknown' = 0, 'true' = 1, 'false' = 2)", func(e *E) int8 { return enum(int32(e.ReadOnly), 2) }),
		scalar("tokens_in", "UInt64", func(e *E) uint64 { return e.TokensIn }),
		scalar("tokens_out", "UInt64", func(e *E) uint64 { return e.TokensOut }),
		scalar("cost_micros", "UInt64", func(e *E) uint64 { return e.CostMicros }),
		scalar("records_out", "UInt64", func(e *E) uint64 { return e.RecordsOut }),
		text("api_document", func(e *E) string { return e.ApiDocument }),

		scalarUnless("src_ip", "IPv6", netip.IPv6Unspecified(), func(e *E) netip.Addr { return address(e.SrcIp) }),
		text("src_name", func(e *E) string { return notAddress(e.SrcIp) }),
		text("src_prefix", func(e *E) string { return e.SrcPrefix }),
		text("country", func(e *E) string { return e.Country }),
		text("geo_precision", func(e *E) string { return e.GeoPrecision }),
		scalar("latitude", "Float64", func(e *E) float64 { return e.Latitude }),
		scalar("longitude", "Float64", func(e *E) float64 { return e.Longitude }),
		scalar("geo_radius_km", "UInt32", func(e *E) uint32 { return e.GeoRadiusKm }),
		scalar("asn", "UInt32", func(e *E) uint32 { return e.Asn }),
		text("as_org", func(e *E) string { return e.AsOrg }),
		text("network_class", func(e *E) string { return e.NetworkClass }),
		text("network_name", func(e *E) string { return e.NetworkName }),
		text("user_agent", func(e *E) string { return e.UserAgent }),
		text("client", func(e *E) string { return e.Client }),
		text("tls_fingerprint", func(e *E) string { return e.TlsFingerprint }),
		words("forwarded_for", func(e *E) []string { return e.ForwardedFor }),
		text("peer_ip", func(e *E) string { return e.PeerIp }),

		text("cloud_provider", func(e *E) string { return e.CloudProvider }),
		text("region", func(e *E) string { return e.Region }),
		text("account", func(e *E) string { return e.Account }),
		text("workload", func(e *E) string { return e.Workload }),

		pairs("attributes", func(e *E) map[string]string { return e.Attributes }),
		text("raw", func(e *E) string { return e.Raw }),
	}
}

// each maps a list; its result is never nil, which the client would take for NULL.
func each[T, V any](list []*T, get func(*T) V) []V {
	out := make([]V, len(list))
	for i, x := range list {
		out[i] = get(x)
	}
	return out
}

// enum keeps a value that is newer than the table within it, as unknown.
func enum(v, highest int32) int8 {
	if v < 0 || v > highest {
		return 0
	}
	return int8(v) //nolint:gosec // at most highest
}

// address reads an IP address; anything else is ::, and stands in src_name.
func address(s string) netip.Addr {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.IPv6Unspecified()
	}
	return ip.WithZone("")
}

func notAddress(s string) string {
	if _, err := netip.ParseAddr(s); err != nil {
		return s
	}
	return ""
}

// piece is what goes into one insert: rows of one day, by their index in the batch.
type piece struct {
	day   string
	part  int
	rows  []int
	bytes int
}

// Insert implements stream.Inserter. The batch is cut into pieces of one day, at
// most 25,000 rows or 32 MiB of records; the pieces go in order of day, each
// under token/day/part. Records that can't be decoded, and rows that ClickHouse
// refuses, are rejected; after an error everything is to be sent again.
func (w *events) Insert(ctx context.Context, token string, recs []stream.Record) ([]stream.Rejected, error) {
	release, err := w.db.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	pieces, rejected := w.plan(recs)
	var b *block[schemas.Event]
	for _, p := range pieces {
		if b == nil {
			b = newBlock(w.columns, len(p.rows))
		}
		h := halver{token: fmt.Sprintf("%s/%s/%d", token, p.day, p.part), rows: len(p.rows)}
		h.insert = func(token string, lo, hi int) error {
			b.reset()
			if err := w.build(b, recs, p.rows[lo:hi]); err != nil {
				return err
			}
			return send(ctx, w.db, w.table, token, b)
		}
		if err := h.run(0, len(p.rows)); err != nil {
			return nil, fmt.Errorf("insert %d events of %s: %w", len(p.rows), p.day, err)
		}
		for _, r := range h.refused {
			rejected = append(rejected, stream.Rejected{Index: p.rows[r.row], Err: r.err})
		}
	}
	slices.SortFunc(rejected, func(a, b stream.Rejected) int { return a.Index - b.Index })
	w.db.metrics.rejected.WithLabelValues(w.table).Add(float64(len(rejected)))
	return rejected, nil
}

// plan decides, from the batch alone, which rows go together. It decodes every
// record once to read its day, and what can't be decoded is rejected here.
func (w *events) plan(recs []stream.Record) (pieces []*piece, rejected []stream.Rejected) {
	open := map[int64]*piece{}
	ev := schemas.EventFromVTPool()
	defer ev.ReturnToVTPool()
	for i := range recs {
		if recs[i].Header(stream.ControlHeader) != nil {
			continue
		}
		ev.ResetVT()
		if err := ev.UnmarshalVTUnsafe(recs[i].Value); err != nil {
			rejected = append(rejected, stream.Rejected{Index: i, Err: stream.Permanent(fmt.Errorf("decode event: %w", err))})
			continue
		}
		const day = int64(24 * time.Hour / time.Second)
		at := clamp(time.Unix(0, ev.Time)).Unix() / day
		p := open[at]
		if p == nil || len(p.rows) >= maxRows || p.bytes+len(recs[i].Value) > maxBytes {
			next := &piece{day: time.Unix(at*day, 0).UTC().Format(time.DateOnly)}
			if p != nil {
				next.part = p.part + 1
			}
			p = next
			open[at] = p
			pieces = append(pieces, p)
		}
		p.rows = append(p.rows, i)
		p.bytes += len(recs[i].Value)
	}
	slices.SortStableFunc(pieces, func(a, b *piece) int {
		if a.day != b.day {
			if a.day < b.day {
				return -1
			}
			return 1
		}
		return a.part - b.part
	})
	return pieces, rejected
}

// build decodes the chosen records into the block. Its strings point into the
// records until the block is sent.
func (w *events) build(b *block[schemas.Event], recs []stream.Record, rows []int) error {
	ev := &schemas.Event{}
	for _, i := range rows {
		// Not ResetVT: the block keeps the event's lists and its map.
		ev.Reset()
		if err := ev.UnmarshalVTUnsafe(recs[i].Value); err != nil {
			return fmt.Errorf("decode event %d: %w", i, err)
		}
		if ev.Tenant == "" {
			ev.Tenant = w.db.cfg.Tenant
		}
		b.add(ev)
	}
	return nil
}
