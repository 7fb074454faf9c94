package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// Bounds of the receivers under bombs, and what the process may take beyond what it
// had: what is in flight, twice because of the garbage collector, and some room.
const (
	bombUnpacked = 256 << 20
	bombSenders  = 6
	mostUnpacked = 8 << 20
	mostInFlight = 32 << 20
	mostGrowth   = 2*mostInFlight + 64<<20
)

// zip packs n bytes of a text that repeats.
func zip(w *world, text string, n int) []byte {
	w.t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	require.NoError(w.t, err)
	block := []byte(strings.Repeat(text, 1+(1<<20)/len(text)))
	for n > 0 {
		k := min(n, len(block))
		_, err = z.Write(block[:k])
		require.NoError(w.t, err)
		n -= k
	}
	require.NoError(w.t, z.Close())
	return b.Bytes()
}

// peak is the most memory that a process ever had, in bytes.
func (p *lapwingProcess) peak(w *world) int {
	w.t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if os.IsNotExist(err) {
		w.t.Skip("no /proc here")
	}
	require.NoError(w.t, err)
	_, rest, ok := strings.Cut(string(text), "VmHWM:")
	require.True(w.t, ok)
	line, _, _ := strings.Cut(rest, "kB")
	kb, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(w.t, err)
	return kb << 10
}

// Records that cannot be events stand between those that can, in Kafka; bombs come
// to the receiver from several senders at once.
func (w *world) poison() {
	w.limits = fmt.Sprintf(", max_body: 16MiB, max_decompressed: %dMiB, max_in_flight: %dMiB", mostUnpacked>>20, mostInFlight>>20)
	w.configure()
	w.start()
	e := w.run(enrichRole)
	w.run(detectRole)
	w.run(sinkRoles)
	in := w.run(ingestRole)
	w.allUp()
	w.feed(w.slice())
	w.post(in, 20)

	zeros := zip(w, "\x00", bombUnpacked)
	// With an id, so that one which got through would be an event that nobody sent.
	lines := zip(w, strings.Replace(kongLine, `"request":{`, `"request":{"id":"b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0",`, 1)+"\n", bombUnpacked)
	w.poisonKafka(e, map[string][]byte{
		"truncated":         []byte(kongLine[:len(kongLine)/2]),
		"invalid UTF-8":     []byte("{\"request\":{\"\xff\xfe\":\"\xc3\x28\"},\"started_at\":\"\xff\"}"),
		"a clock of 2099":   []byte(strings.Replace(kongLine, "1767225600000", "4070908800000", 1)),
		"deep nesting":      []byte(strings.Repeat(`{"a":[`, 100_000)),
		"a gzip bomb":       zeros,
		"larger than taken": append([]byte(`{"request":{"uri":"`), bytes.Repeat([]byte("a"), 900<<10)...),
	})
	w.bombs(in, map[string][]byte{
		"zeros": zeros, "good lines, too many": lines,
		"a bomb in a bomb": packed(w, zeros),
	})
	had := len(w.posted)
	w.post(in, 50)
	require.Len(w.t, w.posted, had+50)
	for id, taken := range w.posted {
		require.True(w.t, taken, "request %s: others are served", id)
	}
	w.rest()
	w.judge(nil)
}

func packed(w *world, b []byte) []byte { return zip(w, string(b), len(b)) }

// poisonKafka writes records as a foreign producer may, among good ones, and expects
// each in the dead letters and no good one there.
func (w *world) poisonKafka(e *lapwingProcess, records map[string][]byte) {
	t := w.t
	before := e.peak(w)
	written := map[coordinates]string{}
	for _, name := range slices.Sorted(maps.Keys(records)) { // what the seed decides comes in one order
		value := records[name]
		res := w.oracle.ProduceSync(t.Context(), &kgo.Record{Topic: w.raw("kong"), Partition: int32(w.rng.IntN(2)), Value: value}) //nolint:gosec // two partitions
		require.NoError(t, res.FirstErr(), name)
		rec := res[0].Record
		written[coordinates{rec.Topic, rec.Partition, rec.Offset}] = name
		w.fault("%s in %s/%d", name, rec.Topic, rec.Partition)
		w.feed(w.slice() / 4)
	}
	w.await("the feed in lapwing.events", func() bool { return w.arrived() >= len(w.acked) })
	dead := map[coordinates]string{}
	w.await("every poisoned record in the dead letters", func() bool {
		clear(dead)
		for _, recs := range w.readAll(w.prefix + "deadletter") {
			for _, rec := range recs {
				h := headers(rec)
				p, _ := strconv.Atoi(h[stream.DeadPartition]) // 0 would be somebody else's
				o, _ := strconv.ParseInt(h[stream.DeadOffset], 10, 64)
				dead[coordinates{h[stream.DeadTopic], int32(p), o}] = h[stream.DeadError] //nolint:gosec // two partitions
			}
		}
		return len(dead) >= len(written)
	})
	for at, name := range written {
		require.NotEmpty(t, dead[at], "%s is a dead letter and says why", name)
	}
	require.Len(t, dead, len(written), "nothing else is a dead letter")
	grown := e.peak(w) - before
	t.Logf("enrich grew by %d MB", grown>>20)
	require.Less(t, grown, memoryFactor*mostGrowth, "enrich unpacks no bomb")
}

func headers(rec *kgo.Record) map[string]string {
	h := map[string]string{}
	for _, one := range rec.Headers {
		h[one.Key] = string(one.Value)
	}
	return h
}

// bombs sends each from several senders at once, announced as gzip and not.
func (w *world) bombs(in *lapwingProcess, bodies map[string][]byte) {
	t := w.t
	before := in.peak(w)
	refusals := []int{http.StatusRequestEntityTooLarge, http.StatusBadRequest, http.StatusUnsupportedMediaType}
	type answer struct {
		name   string
		status int
		err    error
	}
	answers := make(chan answer, 2*bombSenders*len(bodies))
	var wg sync.WaitGroup
	for name, body := range bodies {
		for i := range bombSenders {
			wg.Go(func() {
				for _, encoding := range []string{"gzip", ""}[:1+i%2] {
					status, err := send(in.ingest, encoding, body)
					answers <- answer{name, status, err}
				}
			})
			w.result.Faults(1 + i%2)
		}
	}
	wg.Wait()
	close(answers)
	for a := range answers {
		require.NoError(t, a.err, a.name)
		// 429 and 503 come where the others hold what there is; a sender comes again.
		require.Contains(t, append(refusals, http.StatusTooManyRequests, http.StatusServiceUnavailable), a.status, a.name)
	}
	for name, body := range bodies {
		status, err := send(in.ingest, "gzip", body)
		require.NoError(t, err, name)
		require.Contains(t, refusals, status, "%s, alone", name)
		w.result.Faults(1)
	}
	w.healed = time.Now()
	grown := in.peak(w) - before
	t.Logf("the receiver grew by %d MB while bombs of %d MB came from %d senders at once", grown>>20, bombUnpacked>>20, bombSenders*len(bodies))
	require.Less(t, grown, memoryFactor*mostGrowth, "the receiver's memory is bounded")
}

func send(base, encoding string, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/ingest/kong", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close() //nolint:errcheck // only the status matters
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
