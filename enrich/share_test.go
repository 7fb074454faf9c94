package enrich

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Sharing shows in nothing but the address: what comes out equals what went in,
// and what came out before stays as it was.
func TestSharedFactsEqualOnesOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s sharing
		var given, got []*schemas.Declared
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			d := &schemas.Declared{
				Managed: rapid.Bool().Draw(t, "managed"), RatePerMinute: rapid.SampledFrom([]float64{0, 60, 600}).Draw(t, "rate"),
				RateBurst: rapid.Uint32Range(0, 2).Draw(t, "burst"), TokensPerDay: rapid.Uint64Range(0, 1).Draw(t, "tokens"), SpendMicrosPerDay: rapid.Uint64Range(0, 1).Draw(t, "spend"), LastUsed: rapid.Int64Range(0, 2).Draw(t, "last used"),
				Policy: rapid.SampledFrom([]string{"", "rate\tidentity\t60 a minute", "rate\tidentity\t90 a minute"}).Draw(t, "policy"), TargetEnvironment: rapid.SampledFrom([]string{"", production, "staging", "sandbox"}).Draw(t, "target"),
			}
			if rapid.Bool().Draw(t, "a credential") {
				c := &schemas.KnownCredential{
					Ref: rapid.SampledFrom([]string{"AKIA1", "AKIA2"}).Draw(t, "ref"), Type: "access_key",
					Expires: time.Unix(rapid.Int64Range(1, 3).Draw(t, "expires"), 0),
				}
				d.Credential = s.credential(c)
				if !proto.Equal(d.Credential, declaredCredential(c)) {
					t.Fatalf("credential %v, want %v", d.Credential, c)
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "a violation") == 0 {
				violate(d, scopePolicy, "a", "b")
			}
			given = append(given, proto.Clone(d).(*schemas.Declared))
			got = append(got, s.declare(d))
		}
		for i := range given {
			if !proto.Equal(given[i], got[i]) {
				t.Fatalf("got %v, want %v", got[i], given[i])
			}
		}
	})
}

// A field that the message gets later must not be lost on the way.
func TestEveryDeclaredFieldIsCopied(t *testing.T) {
	d := &schemas.Declared{}
	m := d.ProtoReflect()
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch v := m.NewField(f); {
		case f.IsList():
			v.List().Append(v.List().NewElement())
			m.Set(f, v)
		case f.Message() != nil:
			m.Set(f, v)
		default:
			m.Set(f, map[protoreflect.Kind]protoreflect.Value{
				protoreflect.BoolKind: protoreflect.ValueOfBool(true), protoreflect.StringKind: protoreflect.ValueOfString("x"), protoreflect.DoubleKind: protoreflect.ValueOfFloat64(1),
				protoreflect.Uint32Kind: protoreflect.ValueOfUint32(1), protoreflect.Int64Kind: protoreflect.ValueOfInt64(1),
				protoreflect.Uint64Kind: protoreflect.ValueOfUint64(1),
			}[f.Kind()])
		}
	}
	if got := copyDeclared(d); !proto.Equal(got, d) {
		t.Errorf("got %v, want %v", got, d)
	}
	var s sharing
	d.Violations, d.Exceptions = nil, nil
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		if !m.Has(f) {
			continue
		}
		other := proto.Clone(d).(*schemas.Declared)
		other.Credential = d.Credential
		other.ProtoReflect().Clear(f)
		if s.declare(d); !proto.Equal(s.declare(other), other) {
			t.Errorf("facts that differ in %s are taken for the same", f.Name())
		}
	}
}

func TestEqualFactsAreShared(t *testing.T) {
	e := newEnricher(t, "identities: [{id: kong:consumer/a, allowed: {rate: {per_minute: 5}}}, {id: kong:consumer/b}]")
	facts := func(who string) *schemas.Declared {
		ev := &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: who}
		e.Enrich(ev)
		return ev.Declared
	}
	a, b := facts("a"), facts("b")
	if facts("a") != a || facts("b") != b || a == b || a.RatePerMinute != 5 || b.RatePerMinute != 0 {
		t.Errorf("a %v, b %v", a, b)
	}
}
