package detect

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func titleOf(name string, parts ...part) string {
	a := &openAlert{parts: parts}
	list := ordered(parts)
	return title("x", &facts{name: name, managed: true}, &list[leads(a, list)], list)
}

func TestATitleFitsAPhone(t *testing.T) {
	fused := func(did string, meta *Meta) part {
		return part{found: found{meta: meta, Finding: Finding{Way: WayFused, Did: did}}}
	}
	hand := fused("was used by hand (curl)", &humanUseCard)
	assert.Equal(t, "scaler was used by hand (curl) and called from a new network",
		titleOf("scaler", hand, fused("called from a new network", &newNetworkCard)))
	assert.Equal(t, "scaler was used by hand (curl)",
		titleOf("scaler", hand, fused("called from a network that has a name which takes all of the room there is on a phone", &newNetworkCard)),
		"what does not fit with it stands in the explanation")
	long := titleOf(strings.Repeat("n", 300), part{found: found{meta: &runsCodeCard, Finding: Finding{Did: strings.Repeat("d", 300)}}})
	assert.LessOrEqual(t, utf8.RuneCountInString(long), titleMost+1)
	assert.Contains(t, long, "d", "a long name leaves room for what it did")
}

func TestATitleStaysWithWhatOpenedTheAlertAndSaysWhatWasAdded(t *testing.T) {
	made := func(meta *Meta, way Way, severity int, can capability.Set, first int64, did string) part {
		return part{found: found{meta: meta, Finding: Finding{Way: way, Severity: severity, Capability: can, Value: did, Did: did}}, severity: severity, first: first}
	}
	place := made(&newCountryCard, WayStrong, schemas.SeverityHigh, 0, 1, "called from a new country, NL")
	secret := made(&secretAccessCard, WayConsequence, schemas.SeverityHigh, capability.ReadsSecret, 2, "read a secret for the first time")
	trail := made(&logTamperingCard, WayDeclared, schemas.SeverityCritical, capability.DisablesLogging, 3, "stopped a log")
	rate := made(&callRateCard, WayStrong, schemas.SeverityMedium, 0, 2, "made 12 times its usual number of calls")
	other := made(&newCountryCard, WayStrong, schemas.SeverityMedium, 0, 5, "called from a new country, CH")
	with := secret
	with.first = 1
	for _, c := range []struct {
		says  string
		parts []part
		want  string
	}{
		{"one finding", []part{place}, "job called from a new country, NL"},
		{"more of the same is no other subject", []part{place, other, rate}, "job called from a new country, NL"},
		{"a deed that came later", []part{place, secret}, "job called from a new country, NL, then read a secret for the first time"},
		{"the gravest of several", []part{place, secret, rate, trail}, "job called from a new country, NL, then stopped a log"},
		{"a deed of the same call", []part{place, with}, "job called from a new country, NL, and read a secret for the first time"},
		{"what opened it stays, however grave what came", []part{rate, trail}, "job made 12 times its usual number of calls, then stopped a log"},
		{"what two deeds of a call end with is said once", []part{
			made(&runsCodeCard, WayConsequence, schemas.SeverityHigh, capability.RunsCode, 1, "ran code elsewhere for the first time: x:Set"),
			made(&mintsCredentialCard, WayConsequence, schemas.SeverityHigh, capability.MintsCredential, 1, "minted a credential for the first time: x:Set"),
		}, "job ran code elsewhere and minted a credential for the first time: x:Set"},
		{"another deed of the class", []part{
			made(&destroysDataCard, WayConsequence, schemas.SeverityHigh, capability.DestroysData, 1, "destroyed data for the first time: kms:Schedule on k"),
			made(&destroysDataCard, WayConsequence, schemas.SeverityHigh, capability.DestroysData, 2, "destroyed data in a new way: s3:DeleteBucket on b"),
		}, "job destroyed data for the first time: kms:Schedule on k, then s3:DeleteBucket on b"},
		{"and several", []part{
			made(&destroysDataCard, WayConsequence, schemas.SeverityHigh, capability.DestroysData, 1, "destroyed data for the first time: kms:Schedule on k"),
			made(&destroysDataCard, WayConsequence, schemas.SeverityHigh, capability.DestroysData, 3, "destroyed data in a new way: rds:Delete"),
			made(&destroysDataCard, WayConsequence, schemas.SeverityHigh, capability.DestroysData, 2, "destroyed data in a new way: s3:DeleteBucket on b"),
		}, "job destroyed data for the first time: kms:Schedule on k, then s3:DeleteBucket on b and 1 more"},
		{"the same deed again", []part{
			made(&grantsPrivilegeCard, WayConsequence, schemas.SeverityHigh, capability.GrantsPrivilege, 1, "granted admin to eve for the first time"),
			made(&grantsPrivilegeCard, WayConsequence, schemas.SeverityCritical, capability.GrantsPrivilege, 2, "granted admin to eve"),
		}, "job granted admin to eve for the first time"},
	} {
		assert.Equal(t, c.want, titleOf("job", c.parts...), c.says)
	}
}

func TestSentencesSayWhenAndNothingTwice(t *testing.T) {
	at := time.Date(2026, 7, 5, 3, 12, 40, 0, time.UTC)
	say := func(minutes int, can capability.Set, sentence string) *part {
		then := at.Add(time.Duration(minutes) * time.Minute).UnixNano()
		return &part{found: found{meta: &newCountryCard, Finding: Finding{Capability: can, Sentence: stamped(then, "role/etl", "role/etl", sentence)}}}
	}
	tell := teller{name: "role/etl"}
	of := teller{name: "role/etl"}
	assert.Equal(t, "role/etl made 9 calls.", of.retell(&part{found: found{Finding: Finding{Sentence: "It made 9 calls."}}}), "what is said first has a subject")
	for _, c := range []struct {
		says     string
		minutes  int
		can      capability.Set
		sentence string
		want     string
	}{
		{"the first has the day, the time and the name", 0, 0, "role/etl called a from 192.0.2.1 (DE, AS1 X). New.", "At 2026-07-05 03:12 UTC, role/etl called a from 192.0.2.1 (DE, AS1 X). New."},
		{"what the same minute brought has none, and the place is known", 0, 0, "role/etl called a with curl from 192.0.2.1 (DE, AS1 X); new.", "It called a with curl from there; new."},
		{"which call it was is known", 0, 0, "role/etl called a from 192.0.2.1 (DE, AS1 X). Country DE is new.", "Country DE is new."},
		{"the same day has only the time", 2, 0, "role/etl called b from 192.0.2.2.", "At 03:14 UTC, it called b from 192.0.2.2."},
		{"a sentence about a quarter of an hour has its own", 2, 0, "", ""},
		{"another day has its date", 24 * 60, capability.RunsCode, "role/etl called c from 192.0.2.2. It never ran code before.", "At 2026-07-06 03:12 UTC, it called c from there. It never ran code before."},
		{"that it began lately is no news then", 24*60 + 1, capability.RunsCode, "role/etl called d. It began to run code only lately.", "At 03:13 UTC, it called d."},
		{"more about whose it is", 24*60 + 2, 0, "role/etl, of payments, read e.", "At 03:14 UTC, it, of payments, read e."},
		{"what does not begin with the caller", 24*60 + 2, 0, "A rule matched.", "At 2026-07-06 03:14 UTC: A rule matched."},
	} {
		if c.sentence == "" {
			assert.Equal(t, "It made 9 calls.", tell.retell(&part{found: found{Finding: Finding{Sentence: "It made 9 calls."}}}))
			continue
		}
		assert.Equal(t, c.want, tell.retell(say(c.minutes, c.can, c.sentence)), c.says)
	}
}

// A name that a log gives is the caller's own word.
func TestANameOfTheCallersOwnIsMarkedAndHarmless(t *testing.T) {
	for _, c := range []struct{ name, logged, want string }{
		{"a name", "Workday HR Sync", `"Workday HR Sync" did it`},
		{"an address", "karl@hartmann.example", `"karl@hartmann.example" did it`},
		{"a mention of everybody", "@channel", "app/0a1b2c3d4e5f did it"},
		{"a mark that a chat reads", "<!channel> *URGENT*", "app/0a1b2c3d4e5f did it"},
		{"an escape of a terminal", "x\x1b[2J", "app/0a1b2c3d4e5f did it"},
		{"a name that shows nobody", "  \u3164 ", "app/0a1b2c3d4e5f did it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := &schemas.Event{IdentityId: "entra:app/0a1b2c3d4e5f", Principal: c.logged}
			f := &facts{name: loggedName(ev)}
			lead := &part{found: found{meta: &callRateCard, Finding: Finding{Did: "did it"}}}
			assert.Equal(t, c.want, title(ev.IdentityId, f, lead, []part{*lead}))
		})
	}
}

func TestAnApplicationOfGoogleHasTheNameOfItsLog(t *testing.T) {
	ev := &schemas.Event{IdentityId: "google:oauth/123-ab4.apps.googleusercontent.com", Principal: "Mail Merge", PrincipalIssuer: "123-ab4.apps.googleusercontent.com"}
	assert.Equal(t, "Mail Merge", loggedName(ev))
	ev.Principal = ev.PrincipalIssuer
	assert.Empty(t, loggedName(ev), "a number is no name")
}

func TestWeakEvidenceBeginsWithWhatHasJustCome(t *testing.T) {
	made := func(meta *Meta, pane int64, tail float64) note {
		return note{found: found{meta: meta}, pane: pane, tail: tail}
	}
	list := []note{made(&newCountryCard, 3, 5), made(&newNetworkCard, 7, 1), made(&newClientCard, 7, 2), made(&callRateCard, 5, 1)}
	slices.SortFunc(list, func(a, b note) int { return fusedBefore(&a, &b, 7) })
	got := make([]*Meta, 0, len(list))
	for i := range list {
		got = append(got, list[i].meta)
	}
	assert.Equal(t, []*Meta{&newClientCard, &newNetworkCard, &newCountryCard, &callRateCard}, got)
}
