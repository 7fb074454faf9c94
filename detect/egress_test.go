package detect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

// seen is one sighting in a test: an identity at a prefix in an hour.
type seen struct {
	prefix, id uint32
	hour       int64
}

func TestEgressIsSharedByTwentyWithinAWeek(t *testing.T) {
	const start = 24 * 20_000
	for _, c := range []struct {
		name string
		seen []seen
		at   int64
		want bool
	}{
		{"nobody", nil, 100, false},
		{"nineteen", crowd(0, 19, 0, 0), 100, false},
		{"twenty", crowd(0, 20, 0, 0), 100, true},
		{"twenty, but only just: topics may still be behind", crowd(0, 20, 0, 98), 100, false},
		{"twenty, four hours ago", crowd(0, 20, 0, 96), 100, true},
		{"twenty over a week", append(crowd(0, 10, 0, 0), crowd(10, 20, 0, 160)...), 170, true},
		{"twenty over more than a week", append(crowd(0, 10, 0, 0), crowd(10, 20, 0, 160)...), 180, false},
		{"one that comes back every day is one", func() (out []seen) {
			for day := range int64(7) {
				out = append(out, crowd(0, 5, 0, day*24)...)
			}
			return out
		}(), 170, false},
		{"a thousand on one day", crowd(0, 1000, 0, 5), 100, true},
		{"twenty on two prefixes", append(crowd(0, 10, 0, 0), crowd(10, 20, 1, 0)...), 100, false},
	} {
		var g egress
		g.init()
		for _, s := range c.seen {
			require.False(t, g.add(s.prefix, start+s.hour, s.id))
		}
		require.Equal(t, c.want, g.shared(0, start+c.at), c.name)
	}
}

// crowd is the identities [from, to) at a prefix in an hour.
func crowd(from, to, prefix uint32, hour int64) (out []seen) {
	for id := from; id < to; id++ {
		out = append(out, seen{prefix, id, hour})
	}
	return out
}

// Whatever the order of arrival within the bounds of drift, an hour that has
// ended for every topic gives one answer, a snapshot the same bytes.
func TestEgressDependsOnNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []seen
		for range rapid.IntRange(0, 400).Draw(t, "n") {
			all = append(all, seen{rapid.Uint32Range(0, 1).Draw(t, "prefix"), rapid.Uint32Range(0, 60).Draw(t, "id"), rapid.Int64Range(1000, 1300).Draw(t, "hour")})
		}
		run := func() (string, []byte) {
			var g egress
			g.init()
			for _, s := range all {
				g.add(s.prefix, s.hour, s.id)
			}
			answers := ""
			for hour := int64(1000); hour < 1320; hour += 13 {
				answers += fmt.Sprint(g.shared(0, hour), g.shared(1, hour), " ")
			}
			g.sweep(1250)
			var b bytes.Buffer
			c := &codec{w: &b}
			g.visit(c)
			c.flush()
			if c.err != nil {
				t.Fatal(c.err)
			}
			return answers, b.Bytes()
		}
		wantAnswers, want := run()
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		answers, got := run()
		if answers != wantAnswers || !bytes.Equal(got, want) {
			t.Fatalf("another order, another answer: %s and %s", wantAnswers, answers)
		}
	})
}

func TestEgressIsBounded(t *testing.T) {
	var g egress
	g.init()
	for prefix := range uint32(maxEgress + 10) {
		refused := g.add(prefix, 1000, 1)
		require.Equal(t, prefix >= maxEgress, refused)
	}
	for id := range uint32(10_000) {
		for day := range int64(7) {
			g.add(0, 1000+24*day, id)
		}
	}
	require.LessOrEqual(t, len(g.prefixes[0].list), 8*egressPerDay)
	g.sweep(1000 + 24*30)
	require.Empty(t, g.prefixes)
}

// One identity that wanders through many networks makes none of them shared
// egress, however often it comes back to one that was forgotten in between.
func TestAWandererMakesNoSharedEgress(t *testing.T) {
	e, err := New(Config{Tenant: "test"})
	require.NoError(t, err)
	var out Output
	at := int64(20_000) * day
	for n := range 24 * 30 * 4 {
		ev := &schemas.Event{
			Time: at, Watermark: at, RawTopic: "raw", IdentityId: "kong:consumer/roamer", IdentityKind: "integration", Operation: "GET /v1/orders",
			Outcome: schemas.Outcome_OUTCOME_SUCCESS, SrcIp: "192.0.2.1", SrcPrefix: fmt.Sprintf("192.0.%d.0/24", n%60), Country: "DE", Declared: &schemas.Declared{Managed: true},
		}
		e.Event(ev, &out)
		at += PaneLength
	}
	for n := range 60 {
		require.False(t, e.egress.shared(hashValue(Prefix, fmt.Sprintf("192.0.%d.0/24", n)), at/(4*PaneLength)))
	}
	require.Len(t, e.egress.prefixes, 60)
}
