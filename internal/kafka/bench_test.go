package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// BenchmarkEnrich measures raw -> events with a transform that does next to
// nothing, on a broker in the same process: what the stage itself costs.
func BenchmarkEnrich(b *testing.B) {
	for _, cells := range []int{1, 4} {
		b.Run(fmt.Sprintf("cells=%d", cells), func(b *testing.B) {
			br := newFake(b)
			c := br.connect(b)
			br.setup(b, c, cells, br.raw("a"))
			raw := strings.Repeat("x", 500)
			const batch = 5000
			recs := make([]stream.Record, 0, batch)
			for n := 0; n < b.N; n += batch {
				recs = recs[:0]
				for i := n; i < min(n+batch, b.N); i++ {
					id := fmt.Sprintf("role/%d", i%300)
					recs = append(recs, stream.Record{Key: []byte(id), Value: binary.BigEndian.AppendUint64([]byte(raw), uint64(i))})
				}
				require.NoError(b, c.Produce(b.Context(), br.raw("a"), recs))
			}
			var done atomic.Int64
			finished := make(chan struct{})
			goal := int64(b.N)
			b.SetBytes(508)
			b.ResetTimer()
			stop := start(b, func(ctx context.Context) error {
				return c.RunEnrich(ctx, EnrichOptions{
					RawTopics: []RawTopic{{Name: br.raw("a"), Disorder: time.Minute}}, MaxAhead: 24 * time.Hour,
					Transform: func(rec *stream.Record, h stream.SubHandler) {
						i := binary.BigEndian.Uint64(rec.Value[len(rec.Value)-8:])
						ev := &schemas.Event{
							Time:       epoch.UnixNano() + int64(i)*int64(time.Millisecond),
							IdentityId: string(rec.Key), Operation: "s3:GetObject", Raw: string(rec.Value),
						}
						h.Event(0, ev)
						if done.Add(1) == goal {
							close(finished)
						}
					},
				})
			})
			<-finished
			require.NoError(b, stop()) // everything in hand is written
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkHeldTogether measures a replay as the demo runs it: three topics of
// four partitions, weeks of sparse events, held within ten minutes.
func BenchmarkHeldTogether(b *testing.B) {
	br := newFake(b)
	c := br.connect(b)
	topics := []string{br.raw("a"), br.raw("b"), br.raw("c")}
	br.setup(b, c, 1, topics...)
	raw := strings.Repeat("x", 500)
	span := 28 * 24 * time.Hour
	const batch = 6000
	for n := 0; n < b.N; n += batch {
		for k, topic := range topics {
			var recs []stream.Record
			for i := n; i < min(n+batch, b.N); i++ {
				if i%3 == k {
					recs = append(recs, stream.Record{Key: fmt.Appendf(nil, "role/%d", i%300), Value: binary.BigEndian.AppendUint64([]byte(raw), uint64(i))})
				}
			}
			require.NoError(b, c.Produce(b.Context(), topic, recs))
		}
	}
	for _, topic := range topics {
		for p := range 4 {
			require.NoError(b, c.ProduceTo(b.Context(), topic, p, []stream.Record{{Headers: []stream.Header{{Key: stream.ControlHeader, Value: []byte(stream.EndValue)}}}}))
		}
	}
	var done atomic.Int64
	finished := make(chan struct{})
	goal := int64(b.N)
	b.ResetTimer()
	o := EnrichOptions{HoldTogether: true, IdleAfter: 2 * time.Second, Transform: func(rec *stream.Record, h stream.SubHandler) {
		i := binary.BigEndian.Uint64(rec.Value[len(rec.Value)-8:])
		h.Event(0, &schemas.Event{
			Time:       epoch.Add(-span).UnixNano() + int64(span)/goal*int64(i),
			IdentityId: string(rec.Key), Operation: "s3:GetObject", Raw: string(rec.Value),
		})
		if done.Add(1) == goal {
			close(finished)
		}
	}}
	for _, t := range topics {
		o.RawTopics = append(o.RawTopics, RawTopic{Name: t, Disorder: time.Minute})
	}
	stop := start(b, func(ctx context.Context) error { return c.RunEnrich(ctx, o) })
	<-finished
	require.NoError(b, stop())
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
