package detect

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestLongWindowsSayARatioAndNoCount(t *testing.T) {
	pane := &Pane{Number: 59 - 2, Calls: 1808}
	p := &Profile{}
	p.stats.judged = 700
	for _, c := range []struct {
		says            string
		score           Score
		did, sentence   string
		observed, usual string
	}{
		{
			"a quarter of an hour has its own count",
			Score{Observed: 1808, Expected: 151},
			"made 12 times its usual number of calls",
			"It made 1,808 calls in 15 minutes (1970-01-01 14:15 to 14:30 UTC), where about 151 were expected at this hour.",
			"1,808 calls in 15 minutes", "about 151, by 700 active quarter hours of its own",
		},
		{
			"three hours are a sum that fades",
			Score{Observed: 728, Expected: 61, Scale: 1},
			"called at about 12 times its usual load over 3 hours",
			"It called at about 12 times its usual load over 3 hours (1970-01-01 11:30 to 14:30 UTC), weighted to the newest.",
			"about 12 times its usual load over 3 hours, weighted to the newest", "its usual load, by 700 active quarter hours of its own",
		},
		{
			"a day begins on the day before",
			Score{Observed: 1637, Expected: 640, Scale: 2},
			"called at about 2.6 times its usual load over 24 hours",
			"It called at about 2.6 times its usual load over 24 hours (1969-12-31 14:30 to 1970-01-01 14:30 UTC), weighted to the newest.",
			"about 2.6 times its usual load over 24 hours, weighted to the newest", "its usual load, by 700 active quarter hours of its own",
		},
		{
			"hardly more is not made much of",
			Score{Observed: 101, Expected: 100, Scale: 1},
			"called more than usual",
			"It called at about 1.0 times its usual load over 3 hours (1970-01-01 11:30 to 14:30 UTC), weighted to the newest.",
			"about 1.0 times its usual load over 3 hours, weighted to the newest", "its usual load, by 700 active quarter hours of its own",
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			f := explainRate(nil, p, pane, &c.score)
			assert.Equal(t, c.did, f.Did)
			assert.Equal(t, c.sentence, f.Sentence)
			assert.Equal(t, c.observed, f.Observed)
			assert.Equal(t, c.usual, f.Expected)
		})
	}
}

func TestAnEstimateIsSaidAsOne(t *testing.T) {
	for _, c := range []struct {
		x    float64
		most uint32
		want string
	}{
		{1, 5, "1 operation"},
		{16, 400, "16 operations"},
		{33.4, 400, "about 33 operations"},
		{33.4, 30, "about 30 operations"}, // no more than calls
		{17, 12, "12 operations"},
	} {
		assert.Equal(t, c.want, approx(c.x, c.most, "operation"))
	}
}

func TestQuantitiesAreSaidAsAPersonWould(t *testing.T) {
	for _, c := range []struct {
		x                   float64
		number, some, about string
	}{
		{0.01, "0", "none", "none"},
		{0.2, "0.2", "less than one", "less than one"},
		{1.04, "1", "1", "about 1"},
		{2.5, "2.5", "2.5", "about 2.5"},
		{5.004, "5", "5", "about 5"},
		{1234.4, "1,234", "1,234", "about 1,234"},
	} {
		assert.Equal(t, c.number, number(c.x))
		assert.Equal(t, c.some, some(c.x))
		assert.Equal(t, c.about, about(c.x))
	}
	assert.Equal(t, "was", agree("about 1", "was", "were"))
	assert.Equal(t, "was", agree("less than one", "was", "were"))
	assert.Equal(t, "were", agree("about 2.5", "was", "were"))
	assert.Equal(t, "5 US dollars", dollars(5e6))
	assert.Equal(t, "5.00 US dollars", dollars(5_004_000))
	assert.Equal(t, "1 US dollar", dollars(1e6))
	for many, one := range map[string]string{"do this": "does this", "come from there": "comes from there", "are used so": "is used so", "go there": "goes there", "do": "does"} {
		assert.Equal(t, one, ofOne(many))
	}
}

func TestFirstChecksNameCommandsThatRun(t *testing.T) {
	parts := []part{{found: found{meta: &sprayCard}}}
	assert.Contains(t, strings.Join(checks(parts, "9f2c41"), " "), "lapwing hunt run address-history -p alert=9f2c41")
	for _, d := range Catalogue() {
		for _, c := range d.FirstChecks {
			if strings.Contains(c, "lapwing hunt run") {
				assert.Contains(t, c, " -p "+thisAlert, "a hunt about nothing answers nothing")
			}
		}
	}
}

func TestAnOffboardedIdentityIsNotCalledACredential(t *testing.T) {
	for _, c := range []struct {
		observed, did string
		success       bool
	}{
		{"AKIADEAD was revoked on 2026-03-01", "used a dead credential that still works", true},
		{"AKIADEAD was revoked on 2026-03-01", "used a dead credential", false}, // the log does not say how it ended
		{"the identity was offboarded on 2026-03-01", "is offboarded, and its access still works", true},
		{"the identity was offboarded on 2026-03-01", "was used though it is offboarded", false},
	} {
		ev := &schemas.Event{IdentityName: "old", Operation: "GET /v1/orders", Resources: []string{"/v1/orders"}, Declared: &schemas.Declared{Violations: []*schemas.Violation{
			{Detector: "dead-credential", Observed: c.observed, Expected: "no calls since then"},
		}}}
		var out Findings
		out.meta = &deadCredentialCard
		deadCredential{}.Observe(nil, nil, &Call{Event: ev, Success: c.success}, &out)
		assert.Equal(t, c.did, out.list[0].Did)
		assert.Contains(t, out.list[0].Sentence, "old called GET /v1/orders: "+c.observed+".", "a route that is its own resource is not said twice")
	}
}

func TestWhatNeverHappenedHasNoUsualNumber(t *testing.T) {
	pane, p := &Pane{Number: 57, Calls: 102}, &Profile{}
	p.stats.judged = 700
	f := explainMix(nil, p, pane, &Score{Observed: 100, Expected: 0.2, Scale: failRefused})
	assert.Contains(t, f.Sentence, "100 were refused, and no call of it had failed like this before.")
	assert.Equal(t, "none, by 700 active quarter hours of its own", f.Expected)
	p.stats.codes[failRefused] = 1
	f = explainMix(nil, p, pane, &Score{Observed: 100, Expected: 1.4, Scale: failRefused})
	assert.Contains(t, f.Sentence, "100 were refused, where about 1.4 are usual.")
}

func TestRefusedOperationsAreNoMoreThanRefusals(t *testing.T) {
	pane := &Pane{Number: 57, Calls: 34, Denied: 30}
	p := &Profile{}
	p.stats.judged = 700
	f := explainProbing(nil, p, pane, &Score{Observed: 33, Expected: 0.02})
	assert.Equal(t, "About 30 different operations were refused to it (30 refusals among 34 calls in the 15 minutes from 1970-01-01 14:15 UTC), "+
		"where none is usual: it looks like feeling for permissions.", f.Sentence)
	assert.Equal(t, "none, by 700 active quarter hours of its own", f.Expected)
	f = explainProbing(nil, p, pane, &Score{Observed: 33, Expected: 2, Scale: scaleDay})
	assert.Equal(t, "was refused about 17 times as many new operations as usual over 24 hours", f.Did)
	assert.NotContains(t, f.Sentence, "33")
}

func TestTheAllowedPlacesAreSaidOnceAndTheRegionIsNamed(t *testing.T) {
	ev := &schemas.Event{IdentityName: "ci", Operation: "ec2:RunInstances", Region: "eu-north-1", Declared: &schemas.Declared{Violations: []*schemas.Violation{
		{Detector: "region-policy", Observed: "eu-north-1", Expected: "us-east-1, us-east-1"},
	}}}
	var out Findings
	out.meta = &regionPolicyCard
	regionPolicy{}.Observe(nil, nil, &Call{Event: ev, Success: true}, &out)
	assert.Equal(t, "ci called ec2:RunInstances in eu-north-1: eu-north-1 is not among the places allowed to it (us-east-1).", out.list[0].Sentence)
	assert.Equal(t, "only us-east-1", out.list[0].Expected)
}

func TestOneSeverityPutsTheDeedBeforeThePlace(t *testing.T) {
	place := part{found: found{meta: &networkPolicyCard, Finding: Finding{Way: WayDeclared}}, severity: schemas.SeverityMedium}
	deed := part{found: found{meta: &mintsCredentialCard, Finding: Finding{Way: WayConsequence}}, severity: schemas.SeverityMedium}
	dead := part{found: found{meta: &deadCredentialCard, Finding: Finding{Way: WayDeclared}}, severity: schemas.SeverityMedium}
	got := ordered([]part{place, deed, dead})
	assert.Equal(t, []*Meta{dead.meta, deed.meta, place.meta}, []*Meta{got[0].meta, got[1].meta, got[2].meta})
	place.severity = schemas.SeverityHigh
	assert.Equal(t, place.meta, ordered([]part{deed, place})[0].meta, "the gravest still comes first")
}

func TestAnAcceptedDeedBesideABrokenRuleIsAtLeastMedium(t *testing.T) {
	rule := part{found: found{meta: &networkPolicyCard, Finding: Finding{Way: WayDeclared, Refused: true}}}
	deed := part{found: found{meta: &mintsCredentialCard, Finding: Finding{Way: WayConsequence, Capability: capability.MintsCredential}}}
	refused := deed
	refused.Refused = true
	for _, c := range []struct {
		says  string
		parts []part
		want  int
	}{
		{"the two together", []part{deed, rule}, schemas.SeverityMedium},
		{"the deed alone", []part{deed}, 0},
		{"the rule alone", []part{rule}, 0},
		{"a refused deed", []part{refused, rule}, 0},
	} {
		assert.Equal(t, c.want, (&openAlert{parts: c.parts}).leastSeverity(), c.says)
	}
}

func TestRefusalsAreToldOnce(t *testing.T) {
	refusals := part{found: found{meta: &deniedProbingCard, Finding: Finding{Value: "refusals"}}}
	mix := part{found: found{meta: &errorMixCard, Finding: Finding{Value: failureNames[failRefused]}}}
	outage := part{found: found{meta: &errorMixCard, Finding: Finding{Value: failureNames[failBroken]}}}
	assert.Len(t, refusedOnce([]part{refusals, mix, outage}, 0), 2)
}

func TestCountsSayOfWhat(t *testing.T) {
	rate := part{found: found{meta: &callRateCard, Finding: Finding{Way: WayStrong}}, count: 5}
	deed := part{found: found{meta: &mintsCredentialCard, Finding: Finding{Way: WayConsequence}}, count: 5}
	assert.Equal(t, "So far in 5 quarter hours", rate.often())
	assert.Equal(t, "5 such calls so far", deed.often())
	deed.count = 1
	assert.Empty(t, deed.often())
}

func TestARefusedDeadCredentialWasOnlyTried(t *testing.T) {
	for observed, did := range map[string]string{
		"AKIADEAD was revoked on 2026-03-01":        "tried to use a dead credential",
		"the identity was offboarded on 2026-03-01": "tried to act though it is offboarded",
	} {
		ev := &schemas.Event{IdentityName: "old", Operation: "GET /v1/orders", StatusCode: 401, Declared: &schemas.Declared{Violations: []*schemas.Violation{{Detector: "dead-credential", Observed: observed}}}}
		var out Findings
		out.meta = &deadCredentialCard
		deadCredential{}.Observe(nil, nil, &Call{Event: ev, Denied: true}, &out)
		assert.Equal(t, did, out.list[0].Did)
	}
}

func TestASumSaysWhatItHasGrownTo(t *testing.T) {
	say := func(meta *Meta, value, sentence string) *found {
		return &found{meta: meta, Finding: Finding{Way: WayConsequence, Value: value, Sentence: sentence}}
	}
	for _, c := range []struct {
		says       string
		meta       *Meta
		value      string
		at         int64
		want, more string
	}{
		{"a sum has its newest", &secretAccessCard, "volume", 9, "the newest", "It has been beyond that since 1970-01-01 00:00 UTC"},
		{"so has what was destroyed", &destroysDataCard, "volume of things", 9, "the newest", "It has been beyond that since 1970-01-01 00:00 UTC"},
		{"what comes late is no news", &secretAccessCard, "volume", 1, "the first", "It has been beyond that since 1970-01-01 00:00 UTC"},
		{"one call stays the first", &secretAccessCard, "secretsmanager:GetSecretValue", 9, "the first", "2 such calls so far"},
	} {
		x := say(c.meta, c.value, "the first")
		a := &openAlert{parts: []part{{found: *x, count: 1, first: 5, end: 5}}}
		a.count(say(c.meta, c.value, "the newest"), c.at)
		assert.Equal(t, c.want, a.parts[0].Sentence, c.says)
		assert.Equal(t, c.more, a.parts[0].often(), c.says)
	}
}

func TestAnExportIsStoppedFirst(t *testing.T) {
	export := part{found: found{meta: &newCapabilityCard, Finding: Finding{Capability: capability.ExportsData}}}
	assert.Equal(t, exportChecks, checks([]part{export}, "x")[:2])
	writes := part{found: found{meta: &newCapabilityCard, Finding: Finding{Capability: capability.Writes}}}
	assert.NotContains(t, checks([]part{writes}, "x"), exportChecks[0], "nothing is under way")
}
