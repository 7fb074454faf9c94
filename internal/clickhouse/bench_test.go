package clickhouse

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// traffic makes events that vary as real ones do: a few hundred identities, some
// dozens of operations, ids and addresses that hardly repeat.
func traffic(b testing.TB, n int, raw bool) []stream.Record {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	evs := make([]*schemas.Event, n)
	for i := range evs {
		id := r.IntN(300)
		evs[i] = event(fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64()), fmt.Sprintf("aws:123456789012:role/service-%d", id), noon.Add(time.Duration(i)*40*time.Millisecond), func(e *schemas.Event) {
			e.Operation = fmt.Sprintf("s3:Operation%d", r.IntN(40))
			e.SrcIp = fmt.Sprintf("198.51.%d.%d", id%4, r.IntN(256))
			e.RequestId = fmt.Sprintf("%016X", r.Uint64())
			e.Principal = fmt.Sprintf("arn:aws:sts::123456789012:assumed-role/service-%d/session-%d", id, r.IntN(5))
			e.PrincipalIssuer = fmt.Sprintf("arn:aws:iam::123456789012:role/service-%d", id)
			e.SessionId, e.UserAgent, e.Client = fmt.Sprint("session-", r.IntN(5)), "aws-sdk-go/1.44 (go1.22; linux; amd64)", "aws-sdk-go"
			e.BytesOut, e.LatencyUs, e.RawOffset = uint64(r.IntN(100000)), uint64(r.IntN(50000)), int64(i)
			e.Resources = []string{fmt.Sprintf("arn:aws:s3:::bucket-%d/object-%d", r.IntN(20), r.IntN(100000))}
			e.Attributes = map[string]string{"event_type": "AwsApiCall", "event_version": "1.08", "tls": "TLSv1.3"}
			e.RawTopic, e.Watermark, e.Region, e.Account, e.CloudProvider = "raw.cloudtrail", e.Time, "us-east-1", "123456789012", "aws"
			if raw {
				e.Raw = fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","arn":%q,"accountId":"123456789012","accessKeyId":"ASIAIOSFODNN7EXAMPLE"},"eventTime":%q,"eventSource":"s3.amazonaws.com","eventName":%q,"awsRegion":"us-east-1","sourceIPAddress":%q,"userAgent":%q,"requestParameters":{"bucketName":"bucket","key":"object-%d"},"requestID":%q,"eventID":%q,"padding":%q}`,
					e.Principal, noon.Format(time.RFC3339), e.Operation, e.SrcIp, e.UserAgent, r.IntN(100000), e.RequestId, e.Id, strings.Repeat("additionalEventData ", 25))
			}
		})
	}
	return records(b, evs...)
}

// BenchmarkInsert measures events a second through the whole writer and the
// embedded engine, decoding and rollup included, and bytes a row on disk after
// merging 100,000 different events.
func BenchmarkInsert(b *testing.B) {
	for _, raw := range []bool{false, true} {
		b.Run(fmt.Sprintf("raw=%t", raw), func(b *testing.B) {
			db := openMigrated(b)
			all := traffic(b, 100_000, raw)
			w := db.Events()
			_, err := w.Insert(b.Context(), "first", all)
			require.NoError(b, err)
			require.NoError(b, db.conn.Exec(b.Context(), "OPTIMIZE TABLE events FINAL"))
			res, err := db.Query(b.Context(), "SELECT sum(data_compressed_bytes) / sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'events'", nil)
			require.NoError(b, err)
			recs := all[:25_000]
			var bytes int
			for i := range recs {
				bytes += len(recs[i].Value)
			}
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				rejected, err := w.Insert(b.Context(), fmt.Sprint("bench", i), recs)
				require.NoError(b, err)
				require.Empty(b, rejected)
			}
			b.ReportMetric(float64(len(recs)*b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(res.Rows[0][0].(float64), "bytes/row") // a Float64
		})
	}
}
