package detect

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestASecretIsItsOnlyReadersAfterAWeek(t *testing.T) {
	const now = 30 * 24
	days := func(from, to int) (hours []int32) {
		for d := from; d < to; d++ {
			hours = append(hours, int32(d*24+9)) //nolint:gosec // small
		}
		return hours
	}
	type reads map[string][]int32
	for _, c := range []struct {
		name   string
		reads  reads
		reader string
		want   string
	}{
		{"read by one for weeks", reads{"payments": days(1, 29)}, "billing", "payments"},
		{"its own", reads{"payments": days(1, 29)}, "payments", ""},
		{"nobody's: never read", reads{}, "billing", ""},
		{"read on two days only", reads{"payments": days(1, 3)}, "billing", ""},
		{"read for five days only", reads{"payments": days(24, 29)}, "billing", ""},
		{"two owners from the start", reads{"payments": days(1, 29), "shop": days(3, 29)}, "billing", ""},
		{"a second owner for two weeks", reads{"payments": days(1, 29), "shop": days(12, 13)}, "billing", ""},
		{"a second owner since yesterday counts for nothing", reads{"payments": days(1, 29), "shop": days(28, 29)}, "billing", "payments"},
		{"one of nobody knows whom reads it too", reads{"payments": days(1, 29), "": days(2, 29)}, "billing", ""},
		{"the reader's owner began in the same week", reads{"payments": days(1, 29), "billing": days(6, 7)}, "billing", ""},
		{"the reader's owner came a week ago", reads{"payments": days(1, 29), "billing": days(20, 21)}, "billing", ""},
		{"the reader's owner came yesterday", reads{"payments": days(1, 29), "billing": days(28, 29)}, "billing", "payments"},
	} {
		var o secretOwners
		o.init()
		for owner, hours := range c.reads {
			for _, h := range hours {
				o.take(1, secretUser{owner: owner, hours: []int32{h}}, h)
			}
		}
		assert.Equal(t, c.want, o.ownedBy(1, c.reader, now), c.name)
	}
}

// In whatever order reads are told, and told twice or not, the same is known.
func TestWhoReadsASecretDependsOnNoOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type read struct {
			secret uint32
			user   secretUser
		}
		var all []read
		for range rapid.IntRange(1, 120).Draw(rt, "reads") {
			h := rapid.Int32Range(1000, 1400).Draw(rt, "hour")
			all = append(all, read{rapid.Uint32Range(0, 2).Draw(rt, "secret"), secretUser{owner: string(rune('a' + rapid.IntRange(0, 6).Draw(rt, "owner"))), hours: []int32{h}}})
		}
		run := func() []byte {
			var o secretOwners
			o.init()
			for _, r := range all {
				o.take(r.secret, r.user, r.user.hours[0])
			}
			var again secretOwners // as a change of cells tells it
			again.init()
			for range 2 {
				for _, k := range o.secrets() {
					for _, u := range o.seen[k].users {
						again.take(k, u, o.seen[k].last)
					}
				}
			}
			var a, b bytes.Buffer
			for b, o := range map[*bytes.Buffer]*secretOwners{&a: &o, &b: &again} {
				c := &codec{w: b}
				o.visit(c)
				c.flush()
				require.NoError(rt, c.err)
			}
			require.Equal(rt, a.Bytes(), b.Bytes())
			return a.Bytes()
		}
		want := run()
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)) //nolint:gosec // a test's order
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		require.Equal(rt, want, run())
	})
}

func TestSecretsAreBounded(t *testing.T) {
	var o secretOwners
	o.init()
	for secret := range uint32(maxSecrets + 5) {
		require.Equal(t, secret >= maxSecrets, o.take(secret, secretUser{owner: "a", hours: []int32{1000}}, 1000))
	}
	for i := range 30 {
		for d := range int32(40) {
			h := 1000 + 24*d + int32(i) //nolint:gosec // small
			o.take(0, secretUser{owner: string(rune('a' + i)), hours: []int32{h}}, h)
		}
	}
	require.Len(t, o.seen[0].users, maxSecretUsers)
	require.LessOrEqual(t, len(o.seen[0].users[0].hours), ownedDays)
	o.sweep(1000 + secretKept + 1000)
	require.Empty(t, o.seen)
}
