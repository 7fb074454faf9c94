package detect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAKeyIsSupersededOnceAnotherCarriesTheIdentity(t *testing.T) {
	const old, fresh, third = 1, 2, 3
	start := fleetStart.UnixNano()
	for _, c := range []struct {
		name string
		// calls are keys by hour; 0 is none. Each is called ten times.
		keys func(hour int) uint32
		last uint32
		at   time.Duration
		want bool
	}{
		{"a rotation three days ago", func(h int) uint32 {
			if h < 240 {
				return old
			}
			return fresh
		}, old, 312 * time.Hour, true},
		{"a rotation a day ago", func(h int) uint32 {
			if h < 240 {
				return old
			}
			return fresh
		}, old, 264 * time.Hour, false},
		{"the successor is no old key", func(h int) uint32 {
			if h < 240 {
				return old
			}
			return fresh
		}, fresh, 312 * time.Hour, false},
		{"a second key that never carried the identity", func(h int) uint32 {
			if h%72 == 71 {
				return fresh
			}
			return old
		}, fresh, 300 * time.Hour, false},
		{"two keys by turns", func(h int) uint32 { return old + uint32(h%2) }, old, 300 * time.Hour, false}, //nolint:gosec // 0 or 1
		{"a key for the weekdays and one for the weekend, in the fourth week", func(h int) uint32 {
			if h/24%7 >= 5 {
				return fresh
			}
			return old
		}, old, 21 * 24 * time.Hour, false},
		{"the one for the weekend, on its Saturday", func(h int) uint32 {
			if h/24%7 >= 5 {
				return fresh
			}
			return old
		}, fresh, 26 * 24 * time.Hour, false},
		{"a key that was never seen", func(int) uint32 { return old }, third, 300 * time.Hour, false},
		{"an identity that stopped altogether", func(h int) uint32 {
			switch {
			case h < 100:
				return old
			case h < 240:
				return fresh
			}
			return 0
		}, old, 400 * time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k keyMarks
			for h := range int(c.at / time.Hour) {
				at := start + int64(h)*int64(time.Hour)
				for range 10 {
					if key := c.keys(h); key != 0 {
						k.saw(key, dayOf(at), paneOf(at))
					}
				}
			}
			assert.Equal(t, c.want, k.superseded(c.last, paneOf(start+int64(c.at))))
		})
	}
}
