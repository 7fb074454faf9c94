package enrich

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/schemas"
)

// newEnricher makes one with an inventory written in place.
func newEnricher(t testing.TB, inventory string) *Enricher {
	t.Helper()
	e, err := New(Config{}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if inventory != "" {
		e.SetInventory(SourceFile, mustParse(t, inventory))
	}
	return e
}

func mustParse(t testing.TB, text string) *schemas.Inventory {
	t.Helper()
	inv, err := ParseInventory("inventory.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// at gives a time in Unix nanoseconds.
func at(s string) int64 {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UnixNano()
}

// describe writes violations one a line, in order.
func describe(ev *schemas.Event) string {
	var out []string
	for _, v := range ev.Declared.Violations {
		out = append(out, v.Detector+": "+v.Observed+" not in "+v.Expected)
	}
	return strings.Join(out, "\n")
}

func TestPolicies(t *testing.T) {
	const inventory = `
identities:
  - id: kong:consumer/free
  - id: kong:consumer/regions
    allowed: {countries: [US, DE], regions: [us-east-1, eu-*]}
  - id: kong:consumer/west
    allowed: {regions: [us-west-2]}
  - id: kong:consumer/networks
    allowed: {networks: [203.0.113.0/28, 2001:db8::/32]}
  - id: kong:consumer/provider
    allowed: {networks: ["asn:64500"]}
  - id: kong:consumer/files
    allowed: {operations: ["GET /files/*.pdf"]}
  - id: kong:consumer/reader
    allowed: {operations: ["GET *", "HEAD *", "s3:Get*"]}
  - id: kong:consumer/nightly
    allowed: {schedule: {timezone: Europe/Berlin, windows: ["Mon-Fri 01:00-05:00", "Sat 22:00-02:00"]}}
  - id: kong:consumer/dev
    environment: development
  - id: kong:consumer/closed
    environment: development
    allowed: {environments: [sandbox]}
  - id: kong:consumer/prod
    environment: production
    allowed: {environments: [sandbox]}
  - id: kong:consumer/deployer
    environment: staging
    allowed: {environments: [production]}
  - id: kong:consumer/gone
    offboarded: 2026-03-01T00:00:00Z
  - id: kong:consumer/keyed
    credentials:
      - {ref: k-revoked, revoked: 2026-03-01T00:00:00Z}
      - {ref: k-expired, expires: 2026-03-01T00:00:00Z}
      - {ref: k-old, issued: 2026-01-01T00:00:00Z, rotate_every: 30d}
networks:
  - {cidr: 5.9.0.0/16, name: office, class: office}
targets:
  - {account: "111111111111", environment: production}
  - {host: api.example.com, environment: production}
  - {host: "*.staging.example.com", environment: staging}
`
	e := newEnricher(t, inventory)
	noon := at("2026-03-04T12:00:00Z") // a Wednesday
	const german, french = "5.10.0.1", "2.4.0.1"
	for _, c := range []struct {
		name string
		who  string
		ev   *schemas.Event
		want string
	}{
		{"nothing declared, nothing broken", "free", &schemas.Event{SrcIp: french, Operation: "x:Y"}, ""},
		{"an allowed country", "regions", &schemas.Event{SrcIp: german}, ""},
		{"a country outside the list", "regions", &schemas.Event{SrcIp: french}, "region-policy: FR not in US, DE"},
		{"an unknown country breaks nothing", "regions", &schemas.Event{SrcIp: "10.1.2.3"}, ""},
		{"an allowed cloud region by pattern", "regions", &schemas.Event{Region: "eu-central-1"}, ""},
		{"a cloud region outside the list", "regions", &schemas.Event{Region: "ap-south-1"}, "region-policy: ap-south-1 not in us-east-1, eu-*"},
		{"a global service is logged in us-east-1 whatever the policy", "west", &schemas.Event{Region: "us-east-1", Service: "iam"}, ""},
		{"a regional service in us-east-1 is what it says", "west", &schemas.Event{Region: "us-east-1", Service: "s3"}, "region-policy: us-east-1 not in us-west-2"},
		{"an address in an allowed network", "networks", &schemas.Event{SrcIp: "203.0.113.7"}, ""},
		{"an IPv4 address written as IPv6 is the same address", "networks", &schemas.Event{SrcIp: "::ffff:203.0.113.7"}, ""},
		{"an allowed IPv6 address", "networks", &schemas.Event{SrcIp: "2001:db8:9::1"}, ""},
		{"a neighbour of an allowed network is named by its address", "networks", &schemas.Event{SrcIp: "203.0.113.200"}, "network-policy: 203.0.113.200 not in 203.0.113.0/28, 2001:db8::/32"},
		{"a far network is named by its prefix", "networks", &schemas.Event{SrcIp: german}, "network-policy: 5.10.0.0/24 not in 203.0.113.0/28, 2001:db8::/32"},
		{"a private address is a network too", "networks", &schemas.Event{SrcIp: "10.1.2.3"}, "network-policy: 10.1.2.0/24 not in 203.0.113.0/28, 2001:db8::/32"},
		{"a service instead of an address breaks nothing", "networks", &schemas.Event{SrcIp: "cloudformation.amazonaws.com"}, ""},
		{"an AS that is not known breaks nothing", "provider", &schemas.Event{SrcIp: german}, ""},
		{"a reader that reads", "reader", &schemas.Event{Operation: "GET /v1/orders"}, ""},
		{"a reader that writes", "reader", &schemas.Event{Operation: "DELETE /v1/orders/{id}"}, "scope-policy: DELETE /v1/orders/{id} not in GET *, HEAD *, s3:Get*"},
		{"cloud actions ignore case", "reader", &schemas.Event{Operation: "s3:getobject"}, ""},
		{"a pattern may name the path as it was called", "files", &schemas.Event{Operation: "GET /files/{id}", HttpMethod: "GET", UrlPath: "/files/7.pdf"}, ""},
		{"a path beside the pattern is outside", "files", &schemas.Event{Operation: "GET /files/{id}", HttpMethod: "GET", UrlPath: "/files/7.exe"}, "scope-policy: GET /files/{id} not in GET /files/*.pdf"},
		{"methods do not", "reader", &schemas.Event{Operation: "get /v1"}, "scope-policy: get /v1 not in GET *, HEAD *, s3:Get*"},
		{"inside the window, in its own time zone", "nightly", &schemas.Event{Time: at("2026-03-04T00:30:00Z")}, ""},
		{"the window's end is outside", "nightly", &schemas.Event{Time: at("2026-03-04T04:00:00Z")}, "off-schedule: Wed 05h Europe/Berlin not in Mon-Fri 01:00-05:00, Sat 22:00-02:00 Europe/Berlin"},
		{"a window over midnight reaches into Sunday", "nightly", &schemas.Event{Time: at("2026-03-08T00:30:00Z")}, ""},
		{"and ends there", "nightly", &schemas.Event{Time: at("2026-03-08T01:00:00Z")}, "off-schedule: Sun 02h Europe/Berlin not in Mon-Fri 01:00-05:00, Sat 22:00-02:00 Europe/Berlin"},
		{"summer time moves the window", "nightly", &schemas.Event{Time: at("2026-07-01T23:30:00Z")}, ""},
		{"development reaches production by account", "dev", &schemas.Event{TargetAccount: "111111111111"}, "cross-environment: development -> production not in development"},
		{"development reaches production by host", "dev", &schemas.Event{Host: "api.example.com"}, "cross-environment: development -> production not in development"},
		{"development reaches staging, which is no list's business", "dev", &schemas.Event{Host: "a.staging.example.com"}, ""},
		{"a list is closed, by a pattern of hosts", "closed", &schemas.Event{Host: "a.staging.example.com"}, "cross-environment: development -> staging not in sandbox"},
		{"a list is closed for production's identities too", "prod", &schemas.Event{Host: "a.staging.example.com"}, "cross-environment: production -> staging not in sandbox"},
		{"an unmapped target breaks nothing", "dev", &schemas.Event{Host: "other.example.com", Account: "222222222222"}, ""},
		{"a resource of an unmapped account is not where the call was logged", "dev", &schemas.Event{TargetAccount: "333333333333", Account: "111111111111"}, ""},
		{"the log's own word counts where nothing is mapped", "dev", &schemas.Event{Attributes: map[string]string{"target_environment": "production"}}, "cross-environment: development -> production not in development"},
		{"an environment that is allowed", "deployer", &schemas.Event{Account: "111111111111"}, ""},
		{"one's own environment is always allowed", "deployer", &schemas.Event{Host: "a.staging.example.com"}, ""},
		{"no declared environment, no comparison", "free", &schemas.Event{Account: "111111111111"}, ""},
		{"offboarded, then used", "gone", &schemas.Event{}, "dead-credential: the identity was offboarded on 2026-03-01 not in no calls since then"},
		{"used before it was offboarded", "gone", &schemas.Event{Time: at("2026-02-28T23:59:59Z")}, ""},
		{"a revoked key", "keyed", &schemas.Event{CredentialId: "k-revoked"}, "dead-credential: k-revoked was revoked on 2026-03-01 not in no calls since then"},
		{"a key before it was revoked", "keyed", &schemas.Event{CredentialId: "k-revoked", Time: at("2026-02-01T00:00:00Z")}, ""},
		{"an expired key", "keyed", &schemas.Event{CredentialId: "k-expired"}, "dead-credential: k-expired expired on 2026-03-01 not in no calls since then"},
		{"a dead key is dead in anybody's hands", "free", &schemas.Event{CredentialId: "k-expired"}, "dead-credential: k-expired expired on 2026-03-01 not in no calls since then"},
		{"a key that is due for rotation", "keyed", &schemas.Event{CredentialId: "k-old"}, "stale-credential: k-old was issued on 2026-01-01 not in rotated every 30 days"},
		{"a key that is not due yet", "keyed", &schemas.Event{CredentialId: "k-old", Time: at("2026-01-20T00:00:00Z")}, ""},
		{"in a network of one's own geography says nothing", "regions", &schemas.Event{SrcIp: "5.9.1.1"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := c.ev
			ev.Format, ev.PrincipalType, ev.Principal = "kong", "consumer", c.who
			if ev.Time == 0 {
				ev.Time = noon
			}
			e.Enrich(ev)
			if !ev.Declared.Managed {
				t.Fatalf("%s is in the inventory", ev.IdentityId)
			}
			if got := describe(ev); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDeclaredFacts(t *testing.T) {
	e, err := New(Config{Tenant: "acme", Hash: func(ref string) []string { return []string{"hmac:new-" + ref, "hmac:old-" + ref} }}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := LoadInventory("testdata/inventory.yaml")
	if err != nil {
		t.Fatal(err)
	}
	e.SetInventory(SourceFile, inv)
	when := at("2026-11-20T02:00:00Z")

	t.Run("a limit of spending goes with what costs", func(t *testing.T) {
		ev := &schemas.Event{Format: "cloudtrail", Time: when, PrincipalType: "AssumedRole", Principal: "arn:aws:sts::123456789012:assumed-role/ci-deploy/s1",
			Operation: "bedrock:InvokeModel", TokensOut: 5}
		e.Enrich(ev)
		if d := ev.Declared; d.SpendMicrosPerDay != 50e6 || d.TokensPerDay != 2_000_000 {
			t.Errorf("limits %d and %d", d.SpendMicrosPerDay, d.TokensPerDay)
		}
	})
	t.Run("everything declared goes with the event", func(t *testing.T) {
		ev := &schemas.Event{Format: "cloudtrail", Time: when, PrincipalType: "AssumedRole", Principal: "arn:aws:sts::123456789012:assumed-role/ci-deploy/s1",
			Operation: "ecs:RunTask", Region: "eu-west-1", SrcIp: "203.0.113.9", CredentialId: "AKIAIOSFODNN7EXAMPLE"}
		e.Enrich(ev)
		got := fmt.Sprintln(ev.Tenant, ev.IdentityId, ev.IdentityKind, ev.IdentityName, ev.Owner, ev.Team, ev.Environment, ev.Criticality, ev.Route, ev.Runbook, ev.Dependants,
			ev.Declared.RatePerMinute, ev.Declared.RateBurst, ev.Declared.Credential.Type, ev.Declared.LastUsed == at("2026-10-01T00:00:00Z"),
			ev.Declared.Exceptions[0].Detector, ev.Declared.Exceptions[0].By)
		want := "acme aws:123456789012:role/ci-deploy ci_pipeline CI deployer alice@example.com platform production high platform-oncall https://wiki.example.com/ci-deploy [checkout billing] 600 100 access_key true call-rate alice@example.com\n"
		if got != want {
			t.Errorf("got  %swant %s", got, want)
		}
		if got := describe(ev); !strings.HasPrefix(got, "dead-credential: AKIAIOSFODNN7EXAMPLE was revoked on 2026-11-01") {
			t.Errorf("the declared revocation is judged, got %s", got)
		}
	})
	t.Run("an alias is the same identity", func(t *testing.T) {
		ev := &schemas.Event{Format: "kong", Time: when, PrincipalType: "consumer", Principal: "ci", Operation: "GET /v1/orders/{id}"}
		e.Enrich(ev)
		if ev.IdentityId != "aws:123456789012:role/ci-deploy" || !ev.Declared.Managed {
			t.Errorf("got %s managed=%v", ev.IdentityId, ev.Declared.Managed)
		}
	})
	t.Run("a key that is declared in plain is found by either of its hashes", func(t *testing.T) {
		for _, h := range []string{"hmac:new-AKIAIOSFODNN7EXAMPLE", "hmac:old-AKIAIOSFODNN7EXAMPLE"} {
			ev := &schemas.Event{Format: "nginx", Time: when, PrincipalType: "key", CredentialId: h}
			e.Enrich(ev)
			if ev.IdentityId != "aws:123456789012:role/ci-deploy" {
				t.Errorf("%s: got %s", h, ev.IdentityId)
			}
		}
	})
	t.Run("an exception that has ended is left out", func(t *testing.T) {
		ev := &schemas.Event{Format: "kong", Time: at("2026-12-02T00:00:00Z"), PrincipalType: "consumer", Principal: "ci"}
		e.Enrich(ev)
		if len(ev.Declared.Exceptions) != 0 {
			t.Errorf("got %v", ev.Declared.Exceptions)
		}
	})
	t.Run("what is not declared is unmanaged and carries nothing over", func(t *testing.T) {
		ev := &schemas.Event{Format: "kong", Time: when, PrincipalType: "consumer", Principal: "stranger", Owner: "left over", Dependants: []string{"left over"}}
		e.Enrich(ev)
		if ev.Declared == nil || ev.Declared.Managed || ev.Owner != "" || len(ev.Dependants) != 0 || ev.IdentityId != "kong:consumer/stranger" {
			t.Errorf("got %+v", ev)
		}
	})
	t.Run("an event may reuse its lists without touching the inventory", func(t *testing.T) {
		ev := &schemas.Event{Format: "kong", Time: when, PrincipalType: "consumer", Principal: "ci"}
		e.Enrich(ev)
		ev.Dependants[0] = "changed"
		it, _ := e.Lookup("kong:consumer/ci")
		if it.Dependants[0] != "checkout" {
			t.Error("the inventory was written to")
		}
	})
}

func TestSourcesAreMergedByField(t *testing.T) {
	reg := prometheus.NewRegistry()
	e, err := New(Config{}, reg, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	e.SetInventory(SourceTopic, mustParse(t, `
identities:
  - {id: kong:consumer/a, owner: topic, team: topic, vendor: topic, labels: {x: topic, y: topic}}
  - {id: kong:consumer/only-topic, owner: topic}
networks: [{cidr: 203.0.113.0/24, name: topic}]
`))
	e.SetInventory(SourceFile, mustParse(t, `
identities:
  - id: kong:consumer/a
    owner: file
    labels: {x: file}
    credentials: [{ref: k1, type: api_key}]
networks: [{cidr: 203.0.113.0/24, name: file}]
`))
	e.SetInventory(SourceAPI, mustParse(t, `
identities:
  - id: kong:consumer/a-by-another-name
    aliases: [kong:consumer/a]
    owner: api
    team: api
    credentials: [{ref: k1, type: jwt, revoked: 2026-01-01}, {ref: k2}]
`))
	it, ok := e.Lookup("kong:consumer/a-by-another-name")
	if !ok {
		t.Fatal("the weaker source's spelling leads to the identity")
	}
	got := fmt.Sprint(it.ID, " ", it.Owner, " ", it.Team, " ", it.Vendor, " ", it.Labels["x"], " ", it.Labels["y"], " ", it.Credentials[0].Type, " ",
		it.Credentials[0].Revoked.Year(), " ", it.Credentials[1].Ref)
	if want := "kong:consumer/a file api topic file topic api_key 2026 k2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	ev := &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: "only-topic", SrcIp: "203.0.113.1"}
	e.Enrich(ev)
	if ev.Owner != "topic" || ev.NetworkName != "file" {
		t.Errorf("owner %q, network %q", ev.Owner, ev.NetworkName)
	}
	if n := len(e.Identities()); n != 2 {
		t.Errorf("%d identities, want 2", n)
	}
	e.SetInventory(SourceFile, nil)
	if it, _ := e.Lookup("kong:consumer/a"); it.Owner != "api" {
		t.Errorf("without the file the API's word stands, got %q", it.Owner)
	}
	if n := testutil.ToFloat64(e.metrics.identities.WithLabelValues("api")); n != 1 {
		t.Errorf("gauge of the API's identities: %v", n)
	}
}

func TestSwapUnderLoad(t *testing.T) {
	e := newEnricher(t, "")
	versions := make([]*schemas.Inventory, 8)
	for i := range versions {
		versions[i] = mustParse(t, fmt.Sprintf("identities: [{id: kong:consumer/a, owner: v%d, team: v%d}]\nnetworks: [{cidr: 203.0.113.0/24, name: v%d}]", i, i, i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				ev := &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: "a", SrcIp: "203.0.113.5"}
				e.Enrich(ev)
				if ev.Owner != ev.Team || ev.Owner != ev.NetworkName {
					t.Errorf("an event saw two inventories: %s %s %s", ev.Owner, ev.Team, ev.NetworkName)
					return
				}
			}
		})
	}
	for i := range 200 {
		e.SetInventory(SourceFile, versions[i%len(versions)])
	}
	cancel()
	readers.Wait()
}

func TestKindOfTheUndeclared(t *testing.T) {
	e := newEnricher(t, "identities: [{id: kong:consumer/bot, kind: ai_agent}]")
	const browser = "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"
	for _, c := range []struct {
		name, kind string
		ev         *schemas.Event
	}{
		{"a browser with MFA is a human", "human", &schemas.Event{Format: "cloudtrail", PrincipalType: "IAMUser", Principal: "a", UserAgent: browser, Mfa: true}},
		{"a browser without MFA says nothing", "", &schemas.Event{Format: "cloudtrail", PrincipalType: "IAMUser", Principal: "a", UserAgent: browser}},
		{"single sign-on is for humans", "human", &schemas.Event{Format: "cloudtrail", PrincipalType: "AssumedRole", Principal: "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_1/a@example.com"}},
		{"a provider's service is a workload", "workload", &schemas.Event{Format: "cloudtrail", PrincipalType: "AWSService", Principal: "s3.amazonaws.com"}},
		{"a machine's role is a workload", "workload", &schemas.Event{Format: "cloudtrail", PrincipalType: "AssumedRole", Principal: "arn:aws:sts::123456789012:assumed-role/web/i-0abc", SessionId: "i-0abc", UserAgent: "Boto3/1.26"}},
		{"a pipeline's session is a pipeline", "ci_pipeline", &schemas.Event{Format: "cloudtrail", PrincipalType: "AssumedRole", Principal: "arn:aws:sts::123456789012:assumed-role/d/GitHubActions", SessionId: "GitHubActions"}},
		{"an SDK is a service account", "service_account", &schemas.Event{Format: "cloudtrail", PrincipalType: "IAMUser", Principal: "a", UserAgent: "Boto3/1.26.0"}},
		{"a key alone is a key", "api_key", &schemas.Event{Format: "nginx", PrincipalType: "key", CredentialId: "hmac:1"}},
		{"a SPIFFE id is a workload's", "workload", &schemas.Event{Format: "istio", PrincipalType: "certificate", Principal: "spiffe://prod/ns/x", UserAgent: browser}},
		{"a gateway's consumer is an integration", "integration", &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: "p"}},
		{"a person who signs in to the console", "human", &schemas.Event{Format: "cloudtrail", PrincipalType: "IAMUser", Principal: "a", Operation: "signin:ConsoleLogin", UserAgent: browser}},
		{"GitHub's OIDC subject is a pipeline", "ci_pipeline", &schemas.Event{Format: "cloudtrail", PrincipalType: "WebIdentityUser", Principal: "repo:acme/app:ref:refs/heads/main"}},
		{"and so is a provider that issues tokens to jobs", "ci_pipeline", &schemas.Event{Format: "cloudtrail", PrincipalType: "WebIdentityUser", Principal: "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}},
		{"a web identity of another provider says nothing", "", &schemas.Event{Format: "cloudtrail", PrincipalType: "WebIdentityUser", Principal: "accounts.google.com:x"}},
		{"a service account of Google Cloud", "service_account", &schemas.Event{Format: "gcp-audit", PrincipalType: "serviceAccount", Principal: "ci@p.iam.gserviceaccount.com"}},
		{"a person in Google Cloud", "human", &schemas.Event{Format: "gcp-audit", PrincipalType: "user", Principal: "ann@example.com", UserAgent: "google-cloud-sdk"}},
		{"a service principal is an application", "oauth_app", &schemas.Event{Format: "azure-activity", PrincipalType: "ServicePrincipal", Principal: "x"}},
		{"a managed identity is a workload", "workload", &schemas.Event{Format: "azure-activity", PrincipalType: "ManagedIdentity", Principal: "x", OauthClient: "x"}},
		{"a user of the directory is a person, whatever the client", "human", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "ann@example.com", UserAgent: "okta-sdk-golang"}},
		{"Microsoft 365 calls people regular", "human", &schemas.Event{Format: "o365", PrincipalType: "Regular", Principal: "ann@example.com"}},
		{"an application at Okta", "oauth_app", &schemas.Event{Format: "okta", PrincipalType: "PublicClientApp", Principal: "0oa1"}},
		{"Okta itself", "workload", &schemas.Event{Format: "okta", PrincipalType: "SystemPrincipal", Principal: "system"}},
		{"a person at GitHub, in a browser", "human", &schemas.Event{Format: "github", PrincipalType: "User", Principal: "ann", UserAgent: browser}},
		{"a user at GitHub may be a machine", "service_account", &schemas.Event{Format: "github", PrincipalType: "User", Principal: "acme-ci", UserAgent: "octokit.js/3"}},
		{"and without a client nobody knows", "", &schemas.Event{Format: "github", PrincipalType: "user", Principal: "ann"}},
		{"an app's own user at GitHub", "integration", &schemas.Event{Format: "github", PrincipalType: "User", Principal: "renovate[bot]"}},
		{"an app at GitHub", "oauth_app", &schemas.Event{Format: "github", PrincipalType: "app", Principal: "release"}},
		{"a workflow's token", "ci_pipeline", &schemas.Event{Format: "github", PrincipalType: "github_token", Principal: "acme/app"}},
		{"a deploy key", "api_key", &schemas.Event{Format: "github", PrincipalType: "deploy_key", Principal: "k"}},
		{"a bot at GitLab", "service_account", &schemas.Event{Format: "gitlab-audit", PrincipalType: "bot", Principal: "project_1_bot"}},
		{"a machine among the directory's users, by its name", "service_account", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "svc-backup@example.com", UserAgent: "okta-sdk-golang"}},
		{"a machine at Google Workspace, by its name", "service_account", &schemas.Event{Format: "google-workspace", PrincipalType: "USER", Principal: "gam.Automation@example.com"}},
		{"a bot among the directory's users", "service_account", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "release-bot@example.com", UserAgent: "okta-sdk-golang"}},
		{"a bot, its word first", "service_account", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "Bot_release@example.com", UserAgent: "okta-sdk-golang"}},
		{"a bot that is named nothing else", "service_account", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "bot@example.com", UserAgent: "okta-sdk-golang"}},
		{"a person whose surname is Bot", "human", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "jan.bot@example.com", UserAgent: "okta-sdk-golang"}},
		{"a person whose first name is Bot", "human", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "bot.jan@example.com", UserAgent: "okta-sdk-golang"}},
		{"a person's address behind a plus", "human", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "ann+bot@example.com", UserAgent: "okta-sdk-golang"}},
		{"a word for bots amid a name", "human", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "jan-bot-smit@example.com", UserAgent: "okta-sdk-golang"}},
		{"a person whose name begins like a machine's", "human", &schemas.Event{Format: "okta", PrincipalType: "User", Principal: "botham.ian@example.com", UserAgent: "okta-sdk-golang"}},
		{"a desk of people", "human", &schemas.Event{Format: "google-workspace", PrincipalType: "USER", Principal: "customer-service@bot.example.com"}},
		{"a person at Slack", "human", &schemas.Event{Format: "slack-audit", PrincipalType: "user", Principal: "ann@example.com"}},
		{"a person at Google Workspace", "human", &schemas.Event{Format: "google-workspace", PrincipalType: "USER", Principal: "ann@example.com"}},
		{"a client at Keycloak", "oauth_app", &schemas.Event{Format: "keycloak", PrincipalType: "client", Principal: "reports", PrincipalIssuer: "1", Account: "acme"}},
		{"the user of a client at Keycloak", "service_account", &schemas.Event{Format: "keycloak", PrincipalType: "user", Principal: "service-account-reports", PrincipalIssuer: "1", Account: "acme"}},
		{"a service account of Kubernetes is a workload", "workload", &schemas.Event{Format: "k8s-audit", PrincipalType: "serviceaccount", Principal: "system:serviceaccount:a:b", UserAgent: "kubectl/1"}},
		{"a person at Kubernetes, by kubectl, is not told from a machine", "", &schemas.Event{Format: "k8s-audit", PrincipalType: "user", Principal: "ann", UserAgent: "kubectl/1"}},
		{"a role of Vault", "service_account", &schemas.Event{Format: "vault", PrincipalType: "role", Principal: "ci", PrincipalIssuer: "approle"}},
		{"a client of an MCP server", "ai_agent", &schemas.Event{Format: "mcp", PrincipalType: "client", Principal: "coder"}},
		{"an agent, by its word", "ai_agent", &schemas.Event{Format: "litellm", PrincipalType: "Agent", Principal: "coder"}},
		{"an agent, by its user agent", "ai_agent", &schemas.Event{Format: "github", PrincipalType: "User", Principal: "ann", UserAgent: "claude-code/1.0"}},
		{"a client certificate", "workload", &schemas.Event{Format: "envoy", PrincipalType: "certificate", Principal: "CN=ledger"}},
		{"a word of many letters that nobody knows", "", &schemas.Event{Format: "x", PrincipalType: strings.Repeat("A_", 50), Principal: "p"}},
		{"a user of a gateway is anybody", "", &schemas.Event{Format: "nginx", PrincipalType: "user", Principal: "p", UserAgent: browser}},
		{"nobody is no kind", "", &schemas.Event{Format: "kong", PrincipalType: "anonymous", UserAgent: "curl/8"}},
		{"a declared kind wins", "ai_agent", &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: "bot", UserAgent: "Boto3/1.26.0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := c.ev
			e.Enrich(ev)
			if ev.IdentityKind != c.kind {
				t.Errorf("got %q, want %q", ev.IdentityKind, c.kind)
			}
			guessed := ev.IdentityKind != "" && !ev.Declared.Managed
			if (ev.Attributes["kind_reason"] != "") != guessed {
				t.Errorf("reason %q for kind %q", ev.Attributes["kind_reason"], ev.IdentityKind)
			}
		})
	}
}

// benchEvents are the shapes that one table measures; addresses repeat.
var benchEvents = []struct {
	name string
	ev   *schemas.Event
}{
	{"declared role with policies", &schemas.Event{Format: "cloudtrail", PrincipalType: "AssumedRole", Principal: "arn:aws:sts::123456789012:assumed-role/ci-deploy/s1",
		PrincipalIssuer: "arn:aws:iam::123456789012:role/ci-deploy", Operation: "ecs:RunTask", Region: "eu-west-1", SrcIp: "203.0.113.9", UserAgent: "Boto3/1.26.0"}},
	{"declared consumer", &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: "partner-7", Operation: "GET /v1/orders", SrcIp: "8.8.8.8", UserAgent: "okhttp/4"}},
	{"unmanaged user", &schemas.Event{Format: "cloudtrail", PrincipalType: "IAMUser", Principal: "arn:aws:iam::123456789012:user/x", SrcIp: "8.8.4.4", UserAgent: "aws-cli/2", Attributes: map[string]string{}}},
	{"anonymous", &schemas.Event{Format: "nginx", PrincipalType: "anonymous", SrcIp: "1.1.1.1", UserAgent: "curl/8"}},
}

func BenchmarkEnrich(b *testing.B) {
	inv, err := LoadInventory("testdata/inventory.yaml")
	if err != nil {
		b.Fatal(err)
	}
	e := newEnricher(b, "")
	e.SetInventory(SourceFile, inv)
	for i := range benchEvents {
		b.Run(benchEvents[i].name, func(b *testing.B) {
			ev := benchEvents[i].ev
			ev.Time = at("2026-10-20T02:00:00Z")
			b.ReportAllocs()
			for b.Loop() {
				ev.Anonymous = false
				e.Enrich(ev)
			}
		})
	}
}

// Databases, lists and trusted proxies all in use; places are remembered, so
// the cost of an event is that of a few look-ups.
func BenchmarkEnrichWithEverything(b *testing.B) {
	inv, err := LoadInventory("testdata/inventory.yaml")
	must(b, err)
	dir := b.TempDir()
	city, asn, list := filepath.Join(dir, "city.mmdb"), filepath.Join(dir, "asn.mmdb"), filepath.Join(dir, "vpn.txt")
	writeMMDB(b, city, map[string]any{"0.0.0.0/0": map[string]any{
		"country": map[string]any{"iso_code": "US"}, "city": map[string]any{"names": map[string]any{"en": "Denver"}},
		"location": map[string]any{"latitude": 39.7, "longitude": -105.0, "accuracy_radius": uint16(20)},
	}})
	writeMMDB(b, asn, map[string]any{"0.0.0.0/0": map[string]any{"autonomous_system_number": uint32(64500), "autonomous_system_organization": "Example"}})
	must(b, os.WriteFile(list, bigList(100_000), 0o600))
	e, err := New(Config{
		Geo: GeoConfig{Databases: []string{city, asn}}, Lists: []ListConfig{{File: list, Class: "vpn"}},
		TrustedProxies: []string{"198.51.100.0/24"}, TrustPrivatePeers: true,
	}, prometheus.NewRegistry(), zerolog.Nop())
	must(b, err)
	e.SetInventory(SourceFile, inv)
	for _, c := range []struct {
		name    string
		peer    string
		forward []string
	}{{"direct", "8.8.8.8", nil}, {"through two proxies", "10.0.0.1", []string{"1.2.3.4", "8.8.8.8", "198.51.100.7"}}} {
		b.Run(c.name, func(b *testing.B) {
			ev := &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: "partner-7", Operation: "GET /v1/orders", UserAgent: "okhttp/4", ForwardedFor: c.forward}
			ev.Time = at("2026-10-20T02:00:00Z")
			b.ReportAllocs()
			for b.Loop() {
				ev.SrcIp = c.peer
				e.Enrich(ev)
			}
		})
	}
	b.Run("an address never seen", func(b *testing.B) {
		ips := make([]string, 1<<17)
		for i := range ips {
			ips[i] = addr4(uint32(i)*2654435761%0xd0000000 + 0x0b000000).String()
		}
		ev := &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: "partner-7", Operation: "GET /v1/orders", UserAgent: "okhttp/4"}
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			ev.SrcIp = ips[n&(len(ips)-1)]
			e.Enrich(ev)
			n++
		}
	})
}

func TestSourceNames(t *testing.T) {
	var names []string
	for s := range sources {
		names = append(names, s.String())
	}
	if !slices.Equal(names, []string{"file", "api", "topic"}) {
		t.Errorf("got %v", names)
	}
}
