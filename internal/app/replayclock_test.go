package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

// burstOfPartner is three weeks of five partners that call every twenty minutes,
// and of one that calls two times a second for a quarter of an hour at their end.
func burstOfPartner() string {
	var b strings.Builder
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	call := func(partner int, at time.Time) {
		fmt.Fprintf(&b, `{"request":{"method":"GET","uri":"/v1/stock","size":75,"headers":{"user-agent":"okhttp/4.12"}},"response":{"status":200,"size":934},`+
			`"latencies":{"request":12},"client_ip":"203.0.113.%d","started_at":%d,"service":{"name":"stock"},"consumer":{"username":"partner-%d"}}`+"\n", partner, at.UnixMilli(), partner)
	}
	for i := range 21 * 24 * 3 {
		for partner := range 5 {
			call(partner, start.Add(time.Duration(i)*20*time.Minute+time.Duration(partner*37+i*7919%400)*time.Second))
		}
	}
	for i := range 1800 {
		call(2, start.AddDate(0, 0, 20).Add(10*time.Hour+time.Duration(i)*500*time.Millisecond))
	}
	return b.String()
}

// oktaGrant is a record of another source.
func oktaGrant(at time.Time) string {
	return fmt.Sprintf(`{"uuid":"%d","published":%q,"eventType":"app.oauth2.as.token.grant.access_token","version":"0","severity":"INFO",`+
		`"actor":{"id":"0oa1billing","type":"PublicClientApp","alternateId":"0oa1billing","displayName":"billing-sync"},`+
		`"client":{"userAgent":{"rawUserAgent":"okta-sdk"},"ipAddress":"198.51.100.7"},"outcome":{"result":"SUCCESS"},"target":[],"transaction":{"type":"WEB","id":"W1"}}`+"\n",
		at.Unix(), at.Format(time.RFC3339))
}

// What comes seldom, or late, must not hold back what goes on beside it: panes
// that wait for it are given up.
func TestAFormatThatIsSilentHoldsBackNobody(t *testing.T) {
	calls := burstOfPartner()
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var weekly strings.Builder
	for day := 0; day <= 20; day += 5 {
		weekly.WriteString(oktaGrant(start.AddDate(0, 0, day).Add(5 * time.Hour)))
	}
	for _, c := range []struct{ name, beside string }{
		{"alone", ""},
		{"beside a format of which the only record comes at the end", oktaGrant(start.AddDate(0, 0, 20).Add(23 * time.Hour))},
		{"beside a format that has a record in five days", weekly.String()},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut strings.Builder
			require.NoError(t, Backtest(t.Context(), Defaults(), BacktestOptions{Format: "auto", Files: []string{"-"}}, IO{In: strings.NewReader(calls + c.beside), Out: &out, Err: &errOut}))
			var found []string
			for line := range strings.Lines(out.String()) {
				var a schemas.Alert
				require.NoError(t, json.Unmarshal([]byte(line), &a))
				if a.Unmapped.Lapwing.Paged {
					found = append(found, a.Actor.User.UID+" "+a.FindingInfo.Analytic.UID+" "+time.UnixMilli(a.FindingInfo.FirstSeenTime).UTC().Format("02 15:04"))
				}
			}
			require.Equal(t, []string{"kong:consumer/partner-2 call-rate 22 10:00"}, found, errOut.String())
		})
	}
}
