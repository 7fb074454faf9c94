package clickhouse

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Identities that the hunts' tests plant things on.
const (
	ciDeploy  = "aws:123456789012:role/ci-deploy"
	partner   = "kong:consumer/partner-7"
	reporting = "aws:123456789012:role/reporting"
	leaver    = "aws:123456789012:user/leaver"
	shadow    = "apikey:hmac:5f0c"
	minter    = "aws:123456789012:user/minter"
	backdoor  = "aws:123456789012:user/backdoor"
	granted   = "aws:123456789012:role/batch"
	orphan    = "vault:role/approle/orphan"
	akia      = "AKIAIOSFODNN7EXAMPLE"
)

// plant fills a database with three weeks of dull calls and one instance of
// everything that a hunt looks for. The newest event is at noon.
func plant(t *testing.T, db *DB) {
	t.Helper()
	var evs []*schemas.Event
	add := func(identity string, at time.Time, edit ...func(*schemas.Event)) {
		evs = append(evs, event(fmt.Sprintf("ev-%03d", len(evs)), identity, at, edit...))
	}
	for day := 21; day >= 1; day-- {
		at := noon.Add(-time.Duration(day) * 24 * time.Hour)
		add(ciDeploy, at, func(e *schemas.Event) { e.BytesOut, e.Owner = 1000, "alice@example.com" })
		add(reporting, at.Add(time.Minute), func(e *schemas.Event) {
			e.Operation, e.Owner, e.CredentialId = "athena:StartQueryExecution", "bob@example.com", "AKIAREPORTING"
		})
		if day > 8 {
			add(leaver, at.Add(2*time.Minute), func(e *schemas.Event) { e.Operation, e.CredentialId = "ec2:DescribeInstances", "AKIALEAVER" })
		}
	}
	add(orphan, noon.Add(-3*24*time.Hour), func(e *schemas.Event) {
		e.Format, e.Operation, e.CredentialId = "vault", "vault:read auth/token/lookup-self", ""
		e.Declared.Violations = []*schemas.Violation{{Detector: "off-schedule", Observed: "Mon 12:00", Expected: "Sun"}}
	})
	add(leaver, noon.Add(-5*24*time.Hour), func(e *schemas.Event) { e.Operation, e.CredentialId = "ec2:DescribeInstances", "AKIALEAVER" })
	// ci-deploy: a new country and network, a secret, denials, much data, a broken policy.
	add(ciDeploy, noon.Add(-2*time.Hour), func(e *schemas.Event) {
		e.Operation, e.Service, e.Resources = "secretsmanager:GetSecretValue", "secretsmanager", []string{"arn:aws:secretsmanager:us-east-1:123456789012:secret:db"}
		e.SrcIp, e.SrcPrefix, e.Country, e.Asn, e.AsOrg, e.Client = "203.0.113.9", "203.0.113.0/24", "RO", 64501, "Elsewhere Hosting", "aws-console"
		e.Declared.Violations = []*schemas.Violation{{Detector: "network-policy", Observed: "203.0.113.9", Expected: "198.51.100.0/24"}}
		e.BytesOut, e.Owner = 900_000, "alice@example.com"
		e.Declared.Credential = &schemas.Credential{Ref: akia, Type: "access_key", Issued: noon.AddDate(-1, 0, 0).UnixNano(), RotateEvery: int64(90 * 24 * time.Hour)}
	})
	add(ciDeploy, noon.Add(-119*time.Minute), func(e *schemas.Event) { e.SrcPrefix = "198.51.100.0/24" })
	for i := range 30 {
		add(shadow, noon.Add(-time.Hour+time.Duration(i)*time.Minute), func(e *schemas.Event) {
			e.Format, e.Operation, e.CredentialId, e.Declared = "kong", "GET /debug/users/{id}", "hmac:5f0c", nil
			e.HttpMethod, e.Host, e.StatusCode, e.CredentialType, e.ApiDocument = "GET", "api.example.com", 200, "api_key", "Orders 1.2"
			e.Declared = &schemas.Declared{Violations: []*schemas.Violation{{Detector: "shadow-api", Observed: e.Operation}}}
			if i%2 == 0 {
				e.Outcome, e.ErrorCode, e.Operation = schemas.Outcome_OUTCOME_DENIED, "403", "GET /admin"
			}
		})
	}
	add(partner, noon, func(e *schemas.Event) {
		e.Format, e.Operation, e.CredentialId = "kong", "GET /v1/orders", "hmac:aaaa"
		e.HttpMethod, e.Host, e.StatusCode, e.ApiDocument = "GET", "api.example.com", 200, "Orders 1.2"
	})
	add(minter, noon.Add(-3*time.Hour), func(e *schemas.Event) {
		e.Operation, e.Service, e.CredentialId, e.Resources = "iam:CreateAccessKey", "iam", "AKIAMINTER", []string{"backdoor"}
		e.Attributes = map[string]string{"responseElements.accessKey.accessKeyId": "AKIAMINTED"}
	})
	add(minter, noon.Add(-170*time.Minute), func(e *schemas.Event) {
		e.Operation, e.Service, e.CredentialId, e.Resources = "iam:AttachRolePolicy", "iam", "AKIAMINTER", []string{"arn:aws:iam::123456789012:role/batch", "arn:aws:iam::aws:policy/AdministratorAccess"}
	})
	add(minter, noon.Add(-165*time.Minute), func(e *schemas.Event) {
		e.Operation, e.SrcIp, e.SrcPrefix, e.CredentialId = "ec2:RunInstances", "autoscaling.amazonaws.com", "", "AKIAMINTER"
	})
	for i, op := range []string{"iam:ListAttachedRolePolicies", "iam:GenerateCredentialReport", "GET /v1/keys"} {
		add(minter, noon.Add(-160*time.Minute+time.Duration(i)*time.Minute), func(e *schemas.Event) {
			e.Operation, e.Service, e.CredentialId, e.Resources = op, "iam", "AKIAMINTER", []string{"arn:aws:iam::123456789012:role/batch"}
			if i > 0 {
				e.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
			}
		})
	}
	for i, op := range []string{"sts:GetCallerIdentity", "s3:ListBuckets"} {
		add(backdoor, noon.Add(-170*time.Minute+time.Duration(i)*time.Minute), func(e *schemas.Event) {
			e.Operation, e.SrcIp, e.SrcPrefix, e.CredentialId = op, "192.0.2.66", "192.0.2.0/24", "AKIAMINTED"
		})
	}
	add(granted, noon.Add(-5*time.Hour), func(e *schemas.Event) { e.CredentialId = "" })
	add(granted, noon.Add(-140*time.Minute), func(e *schemas.Event) { e.Operation, e.CredentialId = "kms:Decrypt", "" })
	rejected, err := db.Events().Insert(t.Context(), "planted", records(t, evs...))
	require.NoError(t, err)
	require.Empty(t, rejected)
	plantIdentities(t, db)

	alert := sampleAlert("alert-1", 2)
	for i := range evs {
		if evs[i].Country == "RO" {
			alert.FindingInfo.RelatedEvents = []schemas.RelatedEvent{{UID: evs[i].Id}}
		}
	}
	old := sampleAlert("alert-old", 1)
	old.Actor.User.UID, old.Unmapped.Lapwing.Identity.Owner = leaver, "carol@example.com"
	old.FindingInfo.FirstSeenTime, old.FindingInfo.LastSeenTime = noon.AddDate(0, 0, -12).Add(-2*time.Hour).UnixMilli(), noon.AddDate(0, 0, -12).UnixMilli()
	require.Equal(t, []error{nil, nil}, db.Alerts().Write(t.Context(), []schemas.Alert{alert, old}))
}

func plantIdentities(t *testing.T, db *DB) {
	t.Helper()
	var recs []stream.Record
	for _, id := range []schemas.Identity{
		{
			ID: ciDeploy, Kind: "ci_pipeline", Owner: "alice@example.com", Team: "platform", Allowed: &schemas.Allowed{Operations: []string{"s3:Get*", "ecs:*", "secretsmanager:GetSecretValue", "literal_%"}},
			Labels:      map[string]string{"access_key_1.last_used": "2026-06-30T10:00:00Z"},
			Credentials: []schemas.KnownCredential{{Ref: ciDeploy + "#access_key_1", Issued: noon.AddDate(0, -1, 0)}, {Ref: akia, Issued: noon.AddDate(-1, 0, 0)}, {Ref: "AKIANEVERUSED", Type: "access_key", Issued: noon.AddDate(0, -3, 0)}, {Ref: "AKIAREVOKED", Revoked: noon.AddDate(0, -2, 0)}},
		},
		{ID: reporting, Owner: "bob@example.com", Exceptions: []schemas.KnownException{{Detector: "region-policy", Until: noon.Add(-24 * time.Hour)}}},
		{ID: leaver, Owner: "carol@example.com", OffboardedAt: noon.Add(-6 * 24 * time.Hour)},
		{ID: partner, Kind: "integration"},
		{ID: "okta:user/00uDan", Kind: "human", Aliases: []string{"dan@example.com"}, OffboardedAt: noon.Add(-24 * time.Hour)},
		{ID: orphan, Owner: "dan@example.com", Exceptions: []schemas.KnownException{{Detector: "off-schedule", Until: noon.Add(48 * time.Hour), Reason: "CHG-1", By: "erin@example.com"}}},
	} {
		recs = append(recs, identityRecord(t, id.ID, &id, noon))
	}
	recs = append(recs, identityRecord(t, schemas.DiscoveredKey+shadow, &schemas.Identity{ID: shadow, Discovered: true}, noon))
	require.NoError(t, db.Identities().Handle(t.Context(), recs))
}

func identityRecord(t *testing.T, key string, id *schemas.Identity, at time.Time) stream.Record {
	t.Helper()
	rec := stream.Record{Topic: "lapwing.identities", Key: []byte(key), Time: at}
	if id != nil {
		value, err := json.Marshal(id)
		require.NoError(t, err)
		rec.Value = value
	}
	return rec
}

func sampleAlert(id string, version int) schemas.Alert {
	return schemas.Alert{
		ActivityID: min(version, 2), Time: noon.UnixMilli(), SeverityID: schemas.SeverityHigh, Severity: "High", RiskScore: 80,
		Actor: schemas.Actor{User: schemas.User{UID: ciDeploy, CredentialUID: akia}},
		FindingInfo: schemas.FindingInfo{
			UID: id, Title: "ci-deploy reads a secret for the first time", Desc: "Never before in 21 days.", Analytic: schemas.Analytic{UID: "secret-access"}, FirstSeenTime: noon.Add(-2 * time.Hour).UnixMilli(), LastSeenTime: noon.UnixMilli(),
			RelatedAnalytics: []schemas.Analytic{{UID: "new-country"}}, Attacks: []schemas.Attack{{Technique: schemas.Technique{UID: "T1555.006"}}},
		},
		Evidences: []schemas.Evidence{{API: &schemas.EvidenceAPI{Operation: "secretsmanager:GetSecretValue"}}},
		Unmapped:  schemas.Unmapped{Lapwing: schemas.Lapwing{Version: version, Family: "learned", Way: "consequence", Page: version == 1, Paged: true, Identity: schemas.AlertIdentity{Owner: "alice@example.com", Managed: true}, FirstChecks: []string{"Ask the owner."}}},
	}
}

func TestEveryHuntFindsWhatIsPlanted(t *testing.T) {
	db := openMigrated(t)
	plant(t, db)
	cases := []struct {
		hunt   string
		says   string
		params map[string]string
		// want is a row that must be there: column and value, as Format writes it.
		want map[string]string
		// never are values that a column must not hold.
		never map[string]string
	}{
		{"identity-history", "shows the alert among the calls", map[string]string{"identity": ciDeploy}, map[string]string{"what": "alert", "id": "alert-1"}, nil},
		{"identity-history", "shows where a call came from", map[string]string{"identity": ciDeploy}, map[string]string{"what": "call", "source": "203.0.113.9", "detail": "secretsmanager:GetSecretValue"}, map[string]string{"detail": "ec2:DescribeInstances"}},
		{"identity-history", "shows the days around an alert", map[string]string{"identity": leaver, "alert": "alert-old"}, map[string]string{"what": "call", "time": "2026-02-18T12:02:00Z"}, map[string]string{"time": "2026-02-20T12:02:00Z"}},
		{"identity-history", "of the alert's own identity when none is named", map[string]string{"alert": "alert-old"}, map[string]string{"what": "alert", "id": "alert-old", "time": "2026-02-18T10:00:00Z"}, map[string]string{"id": "alert-1"}},
		{"address-history", "lists what an address did", map[string]string{"address": "203.0.113.9"}, map[string]string{"identity_id": ciDeploy, "operation": "secretsmanager:GetSecretValue", "outcome": "success", "calls": "1", "first_ts": "2026-03-02T10:00:00Z", "provider": "Elsewhere Hosting"}, map[string]string{"source": "198.51.100.7"}},
		{"address-history", "counts refusals apart", map[string]string{"address": "198.51.100.7", "days": "1"}, map[string]string{"identity_id": shadow, "operation": "GET /admin", "outcome": "denied", "calls": "15"}, map[string]string{"source": "203.0.113.9"}},
		{"address-history", "takes the addresses of an alert", map[string]string{"alert": "alert-1"}, map[string]string{"source": "203.0.113.9", "identity_id": ciDeploy}, map[string]string{"source": "198.51.100.7"}},
		{"address-history", "takes the name of a service for an address", map[string]string{"address": "autoscaling.amazonaws.com"}, map[string]string{"source": "autoscaling.amazonaws.com", "identity_id": minter}, map[string]string{"source": "198.51.100.7"}},
		{"minted-then-used", "joins by the id of the key that was made", nil, map[string]string{"given_by": minter, "given_with": "iam:CreateAccessKey", "joined_by": "the key made", "used": "AKIAMINTED", "used_by": backdoor, "first_use": "2026-03-02T09:10:00Z", "minutes_later": "10", "first_operation": "sts:GetCallerIdentity", "used_from": "192.0.2.66", "calls_since": "2"}, map[string]string{"used": "AKIALEAVER"}},
		{"minted-then-used", "finds a right's first use by whom it was given to", map[string]string{"identity": granted}, map[string]string{"given_by": minter, "given_with": "iam:AttachRolePolicy", "joined_by": "a new operation of the target", "used": "kms:Decrypt", "used_by": granted, "minutes_later": "30"}, map[string]string{"used": "s3:GetObject"}},
		{"minted-then-used", "takes no reading for giving", nil, map[string]string{"given_with": "iam:AttachRolePolicy"}, map[string]string{"given_with": "iam:ListAttachedRolePolicies"}},
		{"minted-then-used", "nor the making of a report", nil, map[string]string{"given_with": "iam:AttachRolePolicy"}, map[string]string{"given_with": "iam:GenerateCredentialReport"}},
		{"minted-then-used", "nor the listing of keys", nil, map[string]string{"given_with": "iam:AttachRolePolicy"}, map[string]string{"given_with": "GET /v1/keys"}},
		{"credential-first-use", "dates a key's first use in a network", map[string]string{"credential": akia}, map[string]string{"network": "203.0.113.0/24", "provider": "Elsewhere Hosting", "first_use": "2026-03-02T10:00:00Z"}, map[string]string{"credential_id": "AKIAREPORTING"}},
		{"countries-against-past", "marks a country that is new", nil, map[string]string{"identity_id": ciDeploy, "country": "RO", "calls_before": "0", "is_new": "1"}, nil},
		{"countries-against-past", "counts the past of a known one", nil, map[string]string{"identity_id": ciDeploy, "country": "US", "is_new": "0", "calls_now": "8", "calls_before": "14"}, nil},
		{"denied-share", "ranks by share of refusals", nil, map[string]string{"identity_id": shadow, "calls": "30", "denied": "15", "denied_share": "0.5"}, map[string]string{"identity_id": ciDeploy}},
		{"new-operations", "finds a first use by a known identity", nil, map[string]string{"identity_id": ciDeploy, "operation": "secretsmanager:GetSecretValue", "identities_ever": "1"}, map[string]string{"identity_id": shadow}},
		{"credential-touched", "lists what was reached after a moment", map[string]string{"after": "2026-03-02 09:00:00", "credential": akia}, map[string]string{"operation": "secretsmanager:GetSecretValue", "resource": "arn:aws:secretsmanager:us-east-1:123456789012:secret:db", "succeeded": "1"}, map[string]string{"calls": "21"}},
		{"unmanaged-identities", "finds what nobody declared", nil, map[string]string{"identity_id": shadow, "calls": "30"}, map[string]string{"identity_id": ciDeploy}},
		{"alerts-by-owner", "counts an alert for its owner once", nil, map[string]string{"responsible": "alice@example.com", "alerts": "1", "pages": "1", "high_or_critical": "1"}, nil},
		{"granted-never-used", "finds a grant that matches no call", nil, map[string]string{"identity_id": ciDeploy, "granted": "ecs:*"}, map[string]string{"granted": "s3:Get*"}},
		{"granted-never-used", "takes % and _ in a grant for themselves", nil, map[string]string{"granted": "literal_%"}, map[string]string{"granted": "secretsmanager:GetSecretValue"}},
		{"credentials-never-used", "leaves out a key of which an import says that it is used", nil, map[string]string{"credential": "AKIANEVERUSED"}, map[string]string{"credential": ciDeploy + "#access_key_1"}},
		{"credentials-never-used", "finds a key that no log shows", nil, map[string]string{"identity_id": ciDeploy, "credential": "AKIANEVERUSED"}, map[string]string{"credential": "AKIAREVOKED"}},
		{"shared-credentials", "finds a key in two networks within an hour", nil, map[string]string{"credential_id": akia, "most_networks": "2", "hours_shared": "1"}, nil},
		{"secret-readers", "finds who read a secret", nil, map[string]string{"identity_id": ciDeploy, "operation": "secretsmanager:GetSecretValue", "succeeded": "1"}, map[string]string{"identity_id": reporting}},
		{"top-talkers", "compares with the days before", nil, map[string]string{"identity_id": ciDeploy, "bytes_out": "901000", "calls": "3", "main_operation": "s3:GetObject"}, nil},
		{"top-talkers", "shows who sent nothing, and leaves out how usual that is where nobody knows", nil, map[string]string{"identity_id": shadow, "bytes_out": "0", "calls": "30", "usual_bytes": "", "times_usual": ""}, map[string]string{"times_usual": "0"}},
		{"stale-credentials", "says why a credential is stale", nil, map[string]string{"credential": akia, "reason": "rotation overdue", "rotate_days": "90"}, nil},
		{"silent-identities", "finds who fell silent", nil, map[string]string{"identity_id": leaver, "active_days": "14"}, map[string]string{"identity_id": ciDeploy}},
		{"declared-violations", "names the policy and what broke it", nil, map[string]string{"policy": "network-policy", "identity_id": ciDeploy, "observed": "203.0.113.9", "allowed": "198.51.100.0/24"}, nil},
		{"rare-endpoints", "finds a debug API", map[string]string{"format": "kong"}, map[string]string{"operation": "GET /debug/users/{id}", "succeeded": "15"}, map[string]string{"operation": "GET /admin"}},
		{"alert-events", "gives an alert's samples", map[string]string{"alert": "alert-1"}, map[string]string{"operation": "secretsmanager:GetSecretValue", "provider": "Elsewhere Hosting"}, nil},
		{"human-use", "finds a console behind a machine's key", nil, map[string]string{"identity_id": ciDeploy, "client": "aws-console", "calls": "1"}, nil},
		{"identities-in-use", "joins with the inventory", nil, map[string]string{"identity_id": ciDeploy, "owner": "alice@example.com", "managed": "1", "networks": "2", "operations": "2"}, nil},
		{"identities-in-use", "lists who is in none", nil, map[string]string{"identity_id": shadow, "managed": "0"}, nil},
		{"offboarded-in-use", "finds calls of who has left", nil, map[string]string{"identity_id": leaver, "calls_after": "1"}, nil},
		{"endpoints-in-use", "finds an endpoint that the document does not have", map[string]string{"shadow": "1"}, map[string]string{"api": "api.example.com", "operation": "GET /debug/users/{id}", "state": "shadow", "calls": "15", "identities": "1"}, map[string]string{"operation": "GET /v1/orders"}},
		{"endpoints-in-use", "lists documented ones of a host", map[string]string{"api": "api.example.com"}, map[string]string{"operation": "GET /v1/orders", "state": "documented", "document": "Orders 1.2"}, nil},
		{"credentials-in-use", "joins with the inventory", map[string]string{"identity": ciDeploy}, map[string]string{"credential": akia, "inventory": "declared", "calls": "23", "networks": "2", "age_days": "365"}, map[string]string{"identity_id": shadow}},
		{"credentials-in-use", "gives the newest one when asked to", map[string]string{"newest": "1", "top": "1"}, map[string]string{"credential": "hmac:aaaa"}, nil},
		{"credentials-in-use", "lists undeclared ones", nil, map[string]string{"credential": "hmac:5f0c", "inventory": "undeclared", "type": "api_key", "calls": "30", "denied": "15"}, nil},
		{"credentials-never-rotated", "dates a key by the inventory", nil, map[string]string{"credential": akia, "days_in_use": "365"}, map[string]string{"credential": "AKIAREPORTING"}},
		{"credentials-never-rotated", "dates a key by its first call", map[string]string{"days": "20"}, map[string]string{"credential": "AKIAREPORTING", "days_in_use": "20"}, nil},
		{"exceptions", "says who excepted what until when, and how often it held", map[string]string{"identity": orphan}, map[string]string{"detector": "off-schedule", "state": "in force", "by": "erin@example.com", "calls_excepted": "1", "calls_since": "0"}, nil},
		{"exceptions", "shows those that have ended, used or not", nil, map[string]string{"identity_id": reporting, "state": "ended", "calls_excepted": "0", "last_excepted": ""}, nil},
		{"exceptions", "leaves those out that have ended", map[string]string{"ended": "0"}, map[string]string{"identity_id": orphan}, map[string]string{"identity_id": reporting}},
		{"unowned-identities", "finds who is in no inventory", nil, map[string]string{"identity_id": shadow, "reason": "in no inventory"}, map[string]string{"identity_id": ciDeploy}},
		{"unowned-identities", "finds who has left", nil, map[string]string{"identity_id": leaver, "reason": "offboarded"}, nil},
		{"unowned-identities", "finds whose owner has left", nil, map[string]string{"identity_id": orphan, "reason": "owner has left", "owner": "dan@example.com"}, map[string]string{"identity_id": reporting}},
		{"unowned-identities", "finds who has no owner", nil, map[string]string{"identity_id": partner, "reason": "no owner"}, nil},
		{"identity-summary", "adds an identity up", map[string]string{"identity": ciDeploy}, map[string]string{"calls": "23", "active_days": "22", "operations": "2", "countries": "RO, US"}, nil},
		{"identity-operations", "counts what is called", map[string]string{"identity": ciDeploy}, map[string]string{"operation": "secretsmanager:GetSecretValue", "calls": "1"}, nil},
		{"identity-networks", "says whose network it is", map[string]string{"identity": ciDeploy}, map[string]string{"network": "203.0.113.0/24", "country": "RO", "provider": "AS64501 Elsewhere Hosting"}, nil},
		{"identity-alerts", "lists alerts", map[string]string{"identity": ciDeploy}, map[string]string{"alert_id": "alert-1", "severity": "High", "detector": "secret-access"}, nil},
		{"busiest-hours", "ranks hours", nil, map[string]string{"hour": "2026-03-02T11:00:00Z", "calls": "30", "identities": "1", "busiest_identity": shadow}, nil},
	}
	covered := map[string]bool{}
	for _, tc := range cases {
		covered[tc.hunt] = true
		t.Run(tc.hunt+" "+tc.says, func(t *testing.T) {
			res, err := db.RunHunt(t.Context(), tc.hunt, tc.params)
			require.NoError(t, err)
			require.NotEmpty(t, res.Columns)
			var rows []map[string]string
			found := false
			for _, r := range res.Rows {
				row := map[string]string{}
				for i, c := range res.Columns {
					require.NotContains(t, c.Name, "(", "every column has a name")
					row[c.Name] = Format(r[i])
				}
				rows = append(rows, row)
				hit := true
				for k, v := range tc.want {
					require.Contains(t, row, k)
					hit = hit && row[k] == v
				}
				found = found || hit
				for k, v := range tc.never {
					require.NotEqual(t, v, row[k])
				}
			}
			require.True(t, found, "no row with %v in %v", tc.want, rows)
		})
	}
	hunts, err := ListHunts()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(hunts), 12)
	for _, h := range hunts {
		require.True(t, covered[h.Name], "no case for the hunt %s", h.Name)
		require.True(t, strings.HasSuffix(h.Question, "?"), "%s: a question ends with a question mark", h.Name)
		for _, p := range h.Params {
			require.Contains(t, h.SQL, "{"+p.Name+":"+p.Type+"}", "%s: parameter %s", h.Name, p.Name)
		}
	}
}

func TestHuntsRunOnAnEmptyDatabase(t *testing.T) {
	db := openMigrated(t)
	hunts, err := ListHunts()
	require.NoError(t, err)
	for _, h := range hunts {
		params := map[string]string{}
		for _, p := range h.Params {
			if p.Required {
				params[p.Name] = map[string]string{"String": "x", "DateTime64(3, 'UTC')": "2026-01-01 00:00:00"}[p.Type]
			}
		}
		res, err := db.RunHunt(t.Context(), h.Name, params)
		require.NoError(t, err, h.Name)
		require.Empty(t, res.Rows, h.Name)
		require.NotEmpty(t, res.Columns, "%s: an answer without rows has columns", h.Name)
	}
}

func TestHuntParameters(t *testing.T) {
	db := openMigrated(t)
	for _, tc := range []struct {
		name, hunt string
		params     map[string]string
		want       string
	}{
		{"an unknown hunt lists the known ones", "nope", nil, "busiest-hours"},
		{"an unknown parameter lists the known ones", "busiest-hours", map[string]string{"dys": "1"}, "there are days, top"},
		{"a missing one says what it is", "identity-summary", nil, "parameter identity (String) is needed: "},
		{"a value of the wrong type is the server's error", "busiest-hours", map[string]string{"days": "many"}, "days"},
	} {
		_, err := db.RunHunt(t.Context(), tc.hunt, tc.params)
		require.ErrorContains(t, err, tc.want, tc.name)
	}
	odd := "o'brien\\ \t\"; DROP TABLE events -- {x:String}\n"
	res, err := db.Query(t.Context(), "SELECT {v:String} AS v", map[string]string{"v": EscapeText(odd)})
	require.NoError(t, err)
	require.Equal(t, []any{odd}, res.Column("v"), "a value arrives as it is, and is never read as SQL")
}

func TestHuntHeadersAreChecked(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no question", "-- title: T\nSELECT 1", "lacks a title or a question"},
		{"an unknown key", "-- titel: T\nSELECT 1", "want title, question or param"},
		{"a parameter without its meaning", "-- title: T\n-- question: Q?\n-- param: a String\nSELECT 1", "want `name Type = default"},
	} {
		_, err := readHunts(fstest.MapFS{"hunts/x.sql": {Data: []byte(tc.text)}})
		require.ErrorContains(t, err, tc.want, tc.name)
		require.ErrorContains(t, err, "hunts/x.sql", tc.name)
	}
	_, err := readMigrations(fstest.MapFS{"migrations/0002_x.sql": {Data: []byte("SELECT 1;")}})
	require.ErrorContains(t, err, "numbered from 0001")
}

func TestQueryOnlyReads(t *testing.T) {
	engine := startEngine(t)
	db := openEngine(t, engine)
	require.NoError(t, db.Migrate(t.Context()))
	hunter, err := Open(t.Context(), Config{Addr: []string{engine.Addr()}, Protocol: HTTP, Token: engine.HunterToken()}, testLog(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, hunter.Close()) }()
	_, err = hunter.RunHunt(t.Context(), "busiest-hours", nil)
	require.NoError(t, err, "the hunter's token answers hunts")
	_, err = hunter.Events().Insert(t.Context(), "tok", records(t, event("a", "i", noon)))
	require.Error(t, err, "and writes nothing")
	for _, sql := range []string{"DROP TABLE events", "INSERT INTO events (id) VALUES ('x')", "SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT 1; SELECT 2", "SELECT 1 SETTINGS readonly = 0", "SYSTEM FLUSH LOGS", "ALTER TABLE events DELETE WHERE 1"} {
		_, err := db.Query(t.Context(), sql, nil)
		require.Error(t, err, sql)
		require.NotContains(t, err.Error(), "\n", sql)
	}
	res, err := db.Query(t.Context(), "SELECT number FROM numbers(50000)", nil)
	require.NoError(t, err)
	require.Len(t, res.Rows, MaxResultRows)
	require.True(t, res.Truncated)
}
