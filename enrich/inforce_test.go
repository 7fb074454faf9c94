package enrich

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestAnEventCarriesThePolicyInForce(t *testing.T) {
	e := newEnricher(t, `
identities:
  - {id: "kong:consumer/own", team: pay, allowed: {operations: ["GET /orders*"], rate: {per_minute: 5}}}
  - {id: "kong:consumer/heir", team: pay}
  - {id: "kong:consumer/free"}
  - {id: "kong:consumer/all", allowed: {countries: [DE], regions: [eu-*], networks: [10.0.0.0/8, "asn:64500"], environments: [staging],
      schedule: {timezone: Europe/Berlin, windows: ["Mon-Fri 06:00-18:00"]}, spend: {per_day: 2.5, tokens_per_day: 1000}, workloads: 3}}
policies:
  - {for: {team: p*}, allowed: {rate: {per_minute: 60, burst: 9}, countries: [DE, US]}}
  - {for: {team: pay}, allowed: {countries: [FR], regions: [eu-*]}}
`)
	for who, want := range map[string]string{
		"own":  "operations|identity|GET /orders*;countries|team=p*|DE, US;regions|team=pay|eu-*;rate|identity|5 a minute",
		"heir": "countries|team=p*|DE, US;regions|team=pay|eu-*;rate|team=p*|60 a minute, 9 at once",
		"free": "",
		"all": "countries|identity|DE;regions|identity|eu-*;networks|identity|10.0.0.0/8, asn:64500;environments|identity|staging;" +
			"schedule|identity|Mon-Fri 06:00-18:00 Europe/Berlin;spend|identity|2.5 US dollars a day, 1000 tokens a day;workloads|identity|3 at once",
	} {
		ev := &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: who}
		e.Enrich(ev)
		if got := strings.NewReplacer("\t", "|", "\n", ";").Replace(ev.Declared.Policy); got != want {
			t.Errorf("%s: got %s\nwant %s", who, got, want)
		}
	}
}

func TestThePolicyInForceIsBoundedAndOneLineAKey(t *testing.T) {
	long := make([]string, 500)
	for i := range long {
		long[i] = strings.Repeat("ü", 40) + "\n\t" + decimal(i)
	}
	a := &schemas.Allowed{
		Operations: long, Countries: long, Regions: long, Networks: long, Environments: []string{strings.Repeat("x", 9000)},
		Schedule: &schemas.Schedule{Windows: long, Timezone: strings.Repeat("z", 900)}, Rate: &schemas.Rate{PerMinute: 1}, Spend: &schemas.Spend{PerDay: 1},
	}
	who := selectorWords(&schemas.Selector{ID: strings.Repeat("i", 900)})
	got := inForce(a, origins{1, 1, 1}, []sharedPolicy{{words: who}})
	if len(got) > maxPolicyText {
		t.Errorf("%d bytes", len(got))
	}
	lines := strings.Split(got, "\n")
	for _, line := range lines {
		if strings.Count(line, "\t") != 2 {
			t.Errorf("not three fields: %q", line)
		}
	}
	if !strings.Contains(lines[0], " and 499 more") || !strings.HasSuffix(lines[4], "…") {
		t.Errorf("lines %q", lines)
	}
}
