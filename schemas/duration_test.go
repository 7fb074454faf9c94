package schemas

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDurationsReadAndWriteDays(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"90d", "90d"}, {"24h", "1d"}, {"36h", "36h0m0s"}, {"1.5d", "36h0m0s"}, {"15m", "15m0s"}, {"0s", "0s"},
	} {
		d, err := ParseDuration(c.in)
		require.NoError(t, err, c.in)
		require.Equal(t, c.out, d.String())
		again, err := ParseDuration(d.String())
		require.NoError(t, err)
		require.Equal(t, d, again)
	}
	for _, bad := range []string{"", "d", "90", "-1d", "-5m", "1w", "99999d", "NaNd"} {
		_, err := ParseDuration(bad)
		require.Error(t, err, bad)
	}
}
