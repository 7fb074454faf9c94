package enrich

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lapwing-sec/lapwing/schemas"
)

func parsed(t *testing.T, text string) *schemas.Inventory {
	t.Helper()
	inv, err := ParseInventory("inventory.yaml", []byte(text))
	must(t, err)
	return inv
}

func TestPoliciesHoldForWhomTheySelect(t *testing.T) {
	inv := parsed(t, `
identities:
  - {id: "aws:1:role/ci-web", kind: ci_pipeline, team: web, environment: staging}
  - {id: "aws:1:role/ci-pay", kind: ci_pipeline, team: payments, environment: production, allowed: {rate: {per_minute: 9}}}
  - {id: "aws:1:role/api", kind: workload, team: payments, environment: production, criticality: critical, vendor: ""}
  - {id: "kong:consumer/p7", kind: integration, vendor: Acme Ltd}
  - {id: "kong:consumer/plain"}
policies:
  - {for: {environment: staging}, allowed: {rate: {per_minute: 60, burst: 20}, countries: [DE]}}
  - {for: {kind: ci_pipeline}, allowed: {rate: {per_minute: 600}, regions: [eu-*]}}
  - {for: {team: pay*, criticality: critical}, allowed: {networks: [10.0.0.0/8]}}
  - {for: {vendor: "Acme*"}, allowed: {operations: ["GET *"]}}
  - {for: {id: "aws:*:role/ci-*", environment: production}, allowed: {schedule: {windows: ["Mon-Fri 06:00-18:00"]}}}
`)
	want := map[string]*schemas.Allowed{
		"the first policy that states a key decides it, the next the others": {Rate: &schemas.Rate{PerMinute: 60, Burst: 20}, Countries: []string{"DE"}, Regions: []string{"eu-*"}},
		"what an identity states itself stands": {
			Rate: &schemas.Rate{PerMinute: 9}, Regions: []string{"eu-*"}, Schedule: &schemas.Schedule{Windows: []string{"Mon-Fri 06:00-18:00"}},
		},
		"a policy asks for all that it names":           {Networks: []string{"10.0.0.0/8"}},
		"a pattern selects a third party":               {Operations: []string{"GET *"}},
		"what is not declared of an identity fits none": nil,
	}
	got := map[string]*schemas.Allowed{}
	for _, it := range Merge(inv) {
		got[map[string]string{
			"aws:1:role/ci-web": "the first policy that states a key decides it, the next the others", "aws:1:role/ci-pay": "what an identity states itself stands",
			"aws:1:role/api": "a policy asks for all that it names", "kong:consumer/p7": "a pattern selects a third party", "kong:consumer/plain": "what is not declared of an identity fits none",
		}[it.ID]] = it.Allowed
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is allowed differs (-want +got):\n%s", diff)
	}
	if a := inv.Identities[0].Allowed; a != nil {
		t.Errorf("the inventory was changed: %+v", a)
	}
}

func TestAPolicyCoversWhatAnotherSourceDeclares(t *testing.T) {
	file := parsed(t, "policies: [{for: {environment: staging}, allowed: {rate: {per_minute: 60}}}]\n")
	topic := parsed(t, "identities: [{id: \"kong:consumer/p7\", environment: staging}]\n")
	if got := Merge(file, nil, topic); len(got) != 1 || got[0].Allowed == nil || got[0].Allowed.Rate.PerMinute != 60 {
		t.Errorf("got %+v", got)
	}
}

func TestPolicyErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"for nobody", "policies:\n  - {for: {}, allowed: {rate: {per_minute: 1}}}\n", "inventory.yaml:2: for: a policy needs at least one of id, kind,"},
		{"without a selection", "policies:\n  - {allowed: {rate: {per_minute: 1}}}\n", "inventory.yaml:2: for: a policy needs at least one of id, kind,"},
		{"of nothing", "policies:\n  - {for: {kind: ai_agent}}\n", "inventory.yaml:2: allowed: a policy needs one, such as"},
		{"of an unknown kind", "policies:\n  - {for: {kind: robot}, allowed: {rate: {per_minute: 1}}}\n", `inventory.yaml:2: kind: unknown value "robot"`},
		{"of an unknown key", "policies:\n  - {for: {role: x}, allowed: {rate: {per_minute: 1}}}\n", `inventory.yaml:2: unknown key "role" in for (accepted: id, kind, team,`},
		{"of an empty text", "policies:\n  - {for: {team: \"\"}, allowed: {rate: {per_minute: 1}}}\n", "inventory.yaml:2: team: is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ParseInventory("inventory.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestPoliciesAreWrittenAsTheyAreRead(t *testing.T) {
	inv := parsed(t, "identities: [{id: a:b}]\npolicies:\n  - for: {team: pay*, environment: production}\n    allowed: {rate: {per_minute: 60, burst: 20}}\n")
	var out bytes.Buffer
	must(t, WriteInventory(&out, inv))
	if diff := cmp.Diff(inv, parsed(t, out.String())); diff != "" {
		t.Errorf("read again it differs (-want +got):\n%s\n%s", diff, out.String())
	}
}
