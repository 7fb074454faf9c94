package detect

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestEveryCardIsComplete(t *testing.T) {
	for _, m := range Catalogue() {
		t.Run(m.Name, func(t *testing.T) {
			assert.NotEmpty(t, m.Title)
			assert.NotZero(t, m.Basis)
			assert.GreaterOrEqual(t, m.Severity, schemas.SeverityLow)
			assert.NotEmpty(t, m.MinSample, "from how much history does it speak?")
			assert.NotEmpty(t, m.Kept, "what does it keep of each identity?")
			assert.NotEmpty(t, m.Model, "by which model, from where?")
			assert.NotEmpty(t, m.Floor, "below which absolute size is it silent?")
			assert.NotEmpty(t, m.FirstChecks)
			for _, a := range m.Attacks {
				assert.Regexp(t, `^T\d{4}(\.\d{3})?$`, a.UID)
				assert.NotEmpty(t, a.Name)
			}
			for _, n := range m.NHI {
				assert.Regexp(t, `^NHI([1-9]|10):2025$`, n)
			}
			for _, n := range m.API {
				assert.Regexp(t, `^API([1-9]|10):2023$`, n)
			}
			for _, n := range m.NIST {
				assert.Regexp(t, `^DE\.(CM|AE)-\d\d$`, n)
			}
			assert.Positive(t, len(m.Attacks)*len(m.NHI)*len(m.API)*len(m.NIST)*len(m.PCI), "a mapping is missing")
			assert.Equal(t, m.Basis == Declared, m.Family == FamilyDeclared, "the two bases are never mixed")
		})
	}
}

func TestATriggerWakesItsDetectors(t *testing.T) {
	e := newEngine(t)
	assert.Less(t, len(e.arriving), 64, "each that judges events needs a bit, as do rules of Sigma")
	for bit := range triggers {
		fired := Trigger(1) << bit
		for i := range e.arriving {
			assert.Equal(t, e.arriving[i].meta.Wake&fired != 0, e.rouses.by(fired)>>i&1 == 1, "%s by %d", e.arriving[i].meta.Name, bit)
		}
	}
}

// A token bucket that counts in rational numbers: what takeToken must agree with.
func TestTakeTokenIsATokenBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perMinute := float64(rapid.IntRange(1, 600).Draw(t, "per minute"))
		burst := uint32(rapid.IntRange(1, 50).Draw(t, "burst"))
		at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).UnixNano()
		last, tokens := at, float64(burst)
		var due int64
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			at += int64(rapid.IntRange(0, 20_000).Draw(t, "gap in ms")) * int64(time.Millisecond)
			tokens = math.Min(float64(burst), tokens+float64(at-last)*perMinute/float64(time.Minute))
			last = at
			var ok bool
			due, ok = takeToken(due, at, perMinute, burst)
			if math.Abs(tokens-1) > 1e-6 && ok != (tokens >= 1) {
				t.Fatalf("ok %v with %.3f tokens", ok, tokens)
			}
			if ok {
				tokens--
			}
		}
	})
}

func TestTakeTokenBoundsWhatItIsTold(t *testing.T) {
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		_, ok := takeToken(0, 1e18, rate, 1)
		assert.True(t, ok, "a rate of %v is none", rate)
	}
	due, ok := takeToken(0, 1e18, 1e-6, math.MaxUint32)
	assert.True(t, ok)
	assert.LessOrEqual(t, due-int64(1e18), maxBudgetNanos)
	due, ok = takeToken(math.MaxInt64, 1e18, 60, 10)
	assert.False(t, ok, "a bucket from the far future starts full of debt")
	assert.LessOrEqual(t, due-int64(1e18), int64(10*time.Second))
}

func TestKilometres(t *testing.T) {
	assert.InDelta(t, 0, kilometres(50, 8, 50, 8), 1e-9)
	assert.InDelta(t, 20015, kilometres(0, 0, 0, 180), 1, "half the equator")
	assert.InDelta(t, 10270, kilometres(50.11, 8.68, 1.35, 103.82), 30, "Frankfurt to Singapore")
}

func TestRotatesOwnKeysOnly(t *testing.T) {
	const rotation = 90 * day
	event := func(age int64, principal, target string) *schemas.Event {
		return &schemas.Event{
			Time: 1000 * day, Principal: principal, Resources: []string{target},
			Declared: &schemas.Declared{Credential: &schemas.Credential{Issued: 1000*day - age, RotateEvery: rotation}},
		}
	}
	const own, other = "arn:aws:iam::111122223333:user/billing", "arn:aws:iam::111122223333:user/admin"
	assert.True(t, rotates(event(80*day, own, own)), "the rotation is due")
	assert.True(t, rotates(event(2*day, own, own)), "the rotation was just done: the old key is cleared away")
	assert.False(t, rotates(event(40*day, own, own)), "no rotation is due")
	assert.False(t, rotates(event(80*day, own, other)), "another's key is no rotation")
	assert.False(t, rotates(event(80*day, "", other)), "nobody known")
	assert.False(t, rotates(&schemas.Event{Time: 1000 * day, Principal: own, Resources: []string{own}}), "no rotation is declared")
}

func TestWords(t *testing.T) {
	assert.Equal(t, "41 days", span(41*24*time.Hour))
	assert.Equal(t, "6 hours", span(6*time.Hour))
	assert.Equal(t, "59 seconds", span(59*time.Second))
	assert.Equal(t, "other CI pipelines", kindPlural("ci_pipeline"))
	assert.Equal(t, "other service accounts", kindPlural("service_account"))
	assert.Equal(t, "", origin(&schemas.Event{}))
	assert.Equal(t, " from 192.0.2.1 (BR, AS64999 Example)", origin(&schemas.Event{SrcIp: "192.0.2.1", Country: "BR", Asn: 64999, AsOrg: "Example"}))
	assert.Equal(t, " (AdministratorAccess, 444455556666)", granted(&schemas.Event{Grantees: []string{"policy:AdministratorAccess", "444455556666"}}))
	assert.Equal(t, "é…", clip("éé", 3), "a rune is never cut in two")
	for class := capability.Set(1); class.Index() < capability.Count; class <<= 1 {
		assert.NotEqual(t, "acted", phrasePast(class), "%s has words of its own", class)
		assert.NotEqual(t, "call", class.Phrase(), "%s has words of its own", class)
	}
}

func FuzzClip(f *testing.F) {
	f.Add("abc", 2)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = int(uint8(n)) //nolint:gosec // any small number
		got := clip(s, n)
		if len(s) <= n && got != s || len(got) > n+len("…") && len(s) > n {
			t.Fatalf("clip(%q, %d) = %q", s, n, got)
		}
		if !strings.HasPrefix(s, strings.TrimSuffix(got, "…")) && len(s) > n {
			t.Fatalf("clip(%q, %d) = %q", s, n, got)
		}
	})
}

func TestShortID(t *testing.T) {
	for id, want := range map[string]string{
		"aws:111122223333:role/ci-deploy":           "role/ci-deploy",
		"kong:edge-2/consumer/partner-7":            "edge-2/consumer/partner-7",
		"anonymous:raw.nginx/2001:db8::/48":         "anonymous caller in 2001:db8::/48",
		"aws:111122223333:root":                     "aws:111122223333:root",
		"spiffe://prod.example/payments":            "spiffe://prod.example/payments",
		"apikey:hmac:" + strings.Repeat("0123", 10): "apikey:hmac:012301230123…",
		"": "",
	} {
		assert.Equal(t, want, shortID(id))
	}
}

func TestSaysNumbers(t *testing.T) {
	const sentence = "It never read a secret before in 14 days and 1,327 calls; 0 of 11 other workloads do this."
	assert.True(t, saysNumbers(sentence, "not seen in 14 days and 1,327 calls"))
	assert.True(t, saysNumbers(sentence, "0 of 11 peers do this; its own history is short"))
	assert.True(t, saysNumbers(sentence, "its longest pause so far"), "it has no number of its own")
	assert.False(t, saysNumbers(sentence, "not seen in 14 days across 60 identities"))
}
