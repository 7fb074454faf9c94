package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/safefile"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// SimulateOptions configures Simulate.
type SimulateOptions struct {
	Seed       uint64
	Days       int
	Identities int
	Events     int
	// Learn are the first days, without attacks and hard cases; 0 is half.
	Learn int
	// Dir takes files; Kafka sends to the raw topics instead.
	Dir   string
	Kafka bool
}

// Files that Simulate writes beside one log a format.
const (
	simInventory = "inventory.yaml"
	simLabels    = "labels.json"
)

// simFile names the log file of a format.
func simFile(format string) string {
	if format == simulate.NGINX {
		return "nginx.log"
	}
	return format + ".ndjson"
}

// fleet makes the fleet. Its days are always the same ones, unless this
// machine's clock has not reached them: nobody believes events of the future.
func (o *SimulateOptions) fleet() (*simulate.Fleet, error) {
	cfg := simulate.Config{Seed: o.Seed, Days: o.Days, Identities: o.Identities, Events: o.Events, LearnDays: o.Learn}
	f, err := simulate.New(cfg)
	if now := time.Now(); err == nil && f.End().After(now) {
		cfg.Start = mondayBefore(now.AddDate(0, 0, -f.Days()))
		f, err = simulate.New(cfg)
	}
	return f, Usage(err)
}

// mondayBefore is the start of the week that t lies in, UTC.
func mondayBefore(t time.Time) time.Time {
	t = t.UTC()
	back := (int(t.Weekday()) + 6) % 7
	return time.Date(t.Year(), t.Month(), t.Day()-back, 0, 0, 0, 0, time.UTC)
}

// expected is about how many records the fleet will give, for a progress bar.
func (o *SimulateOptions) expected(f *simulate.Fleet) int64 {
	const perIdentityDay = 66
	if o.Events > 0 {
		return int64(o.Events)
	}
	return int64(perIdentityDay * f.Identities() * f.Days())
}

// Simulate writes labelled traffic to files or to Kafka: what the demo judges.
func Simulate(ctx context.Context, cfg Config, o SimulateOptions, std IO) error {
	fleet, err := o.fleet()
	if err != nil {
		return err
	}
	if o.Kafka {
		return simulateToKafka(ctx, cfg, fleet, std)
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil { //nolint:gosec // simulated logs hold nothing of anybody
		return err
	}
	n, err := simulateToFiles(ctx, fleet, o.Dir, std)
	if err != nil {
		return err
	}
	labels := fleet.Labels()
	if err := errors.Join(writeInventoryFile(fleet, filepath.Join(o.Dir, simInventory)), writeJSONFile(filepath.Join(o.Dir, simLabels), labels)); err != nil {
		return err
	}
	attacks := 0
	for _, l := range labels {
		if l.Kind == simulate.KindAttack {
			attacks++
		}
	}
	fmt.Fprintf(std.Err, "%s of %s over %d days, %d attacks labelled in %s\n", count(n, "event"), count(fleet.Identities(), "identity"), fleet.Days(), attacks, filepath.Join(o.Dir, simLabels))
	fmt.Fprintf(std.Err, "judge them: lapwing backtest --inventory %s %s\n", filepath.Join(o.Dir, simInventory), filepath.Join(o.Dir, "{cloudtrail.ndjson,kong.ndjson,nginx.log}"))
	return nil
}

func simulateToFiles(ctx context.Context, fleet *simulate.Fleet, dir string, std IO) (n int, err error) {
	type sink struct {
		f *os.File
		w *bufio.Writer
	}
	sinks := map[string]*sink{}
	defer func() {
		for _, s := range sinks {
			err = errors.Join(err, s.w.Flush(), s.f.Close())
		}
	}()
	bar := newProgress(std.Err, "simulating", 0, false)
	defer bar.finish()
	err = fleet.Records(func(r simulate.Record) error {
		s := sinks[r.Format]
		if s == nil {
			f, err := os.Create(filepath.Join(dir, simFile(r.Format)))
			if err != nil {
				return err
			}
			s = &sink{f, bufio.NewWriterSize(f, 1<<20)}
			sinks[r.Format] = s
		}
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		bar.add(1)
		_, err := s.w.Write(append(r.Value, '\n'))
		return err
	})
	return n, err
}

func simulateToKafka(ctx context.Context, cfg Config, fleet *simulate.Fleet, std IO) error {
	kc, err := newServices(&cfg).openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	bar := newProgress(std.Err, "sending", 0, false)
	defer bar.finish()
	f := &feed{kafka: kc, topics: rawTopicByFormat(&cfg), sent: bar.add}
	if err := f.run(ctx, fleet); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%s sent\n", count(f.total, "event"))
	return nil
}

// rawTopicByFormat gives the topic of each format, the first one configured.
func rawTopicByFormat(cfg *Config) map[string]string {
	topics := map[string]string{}
	for _, t := range cfg.RawTopics {
		if topics[t.Format] == "" {
			topics[t.Format] = t.Topic
		}
	}
	return topics
}

// writeInventoryFile writes what the fleet's organisation declares, in the form
// in which files of any size are read.
func writeInventoryFile(fleet *simulate.Fleet, path string) error {
	return safefile.Replace(path, safefile.Rules{Mode: newFileMode}, func(w io.Writer) error { return enrich.WriteInventory(w, fleet.Inventory()) })
}

func writeJSONFile(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644) //nolint:gosec // simulated data holds nothing of anybody
}

// feed sends a fleet's records to the raw topics, each partition followed by a
// record that ends it.
type feed struct {
	kafka  *kafka.Client
	topics map[string]string // format -> topic
	// resume goes on where an earlier run of the same fleet stopped: its
	// records are the same each time, so where nobody else writes, the end of
	// a partition says how far that run got.
	resume bool
	// sent is told how many records were acknowledged or skipped; may be nil.
	sent func(n int)

	// total counts the fleet's records.
	total int
	// ends, by topic and partition, is where each log stands after the feed.
	ends map[string][]int64
}

// Bounds of one produce request of a feed.
const (
	feedRecords = 4_000
	feedBytes   = 3 << 20
	feedAhead   = 4
)

type feedTopic struct {
	have  []int64 // ends at the start
	seq   []int64 // records generated so far
	batch []stream.Record
	bytes int
	skip  int
	out   chan []stream.Record
}

// run sends everything and returns once the brokers have acknowledged it.
func (f *feed) run(ctx context.Context, fleet *simulate.Fleet) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	topics := map[string]*feedTopic{}
	f.ends = map[string][]int64{}
	for format, name := range f.topics {
		have, err := f.kafka.Ends(ctx, name)
		if err != nil {
			return err
		}
		if !f.resume {
			clear(have)
		}
		t := &feedTopic{have: have, seq: make([]int64, len(have)), out: make(chan []stream.Record, feedAhead)}
		topics[format] = t
		f.ends[name] = t.seq
	}
	done := make(chan error, len(topics))
	for format, t := range topics {
		go func() {
			err := f.send(ctx, f.topics[format], t.out)
			if err != nil {
				cancel(err)
			}
			done <- err
		}()
	}
	err := fleet.Records(func(r simulate.Record) error {
		f.total++
		return f.add(ctx, topics[r.Format], []byte(r.Key), r.Value, nil)
	})
	for _, t := range topics {
		for p := range t.seq {
			if err == nil {
				err = f.add(ctx, t, endKey(p, len(t.seq)), nil, []stream.Header{{Key: stream.ControlHeader, Value: []byte(stream.EndValue)}})
			}
		}
		if err == nil {
			err = t.hand(ctx)
		}
		close(t.out)
	}
	errs := []error{err}
	for range topics {
		errs = append(errs, <-done)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return errors.Join(errs...)
}

// add sends a record unless an earlier run did.
func (f *feed) add(ctx context.Context, t *feedTopic, key, value []byte, headers []stream.Header) error {
	if t == nil {
		return errors.New("simulated records of a format without a raw topic: see raw_topics")
	}
	p := stream.Murmur2Partition(key, len(t.seq))
	t.seq[p]++
	if t.seq[p] <= t.have[p] {
		if t.skip++; t.skip >= feedRecords && f.sent != nil {
			f.sent(t.skip)
			t.skip = 0
		}
		return nil
	}
	buf := make([]byte, 0, len(key)+len(value))
	buf = append(append(buf, key...), value...)
	t.batch = append(t.batch, stream.Record{Key: buf[:len(key):len(key)], Value: buf[len(key):], Headers: headers})
	t.bytes += len(buf)
	if len(t.batch) >= feedRecords || t.bytes >= feedBytes {
		return t.hand(ctx)
	}
	return nil
}

// hand passes the batch to the sender.
func (t *feedTopic) hand(ctx context.Context) error {
	if len(t.batch) == 0 {
		return nil
	}
	select {
	case t.out <- t.batch:
		t.batch, t.bytes = nil, 0
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *feed) send(ctx context.Context, topic string, in <-chan []stream.Record) error {
	for batch := range in {
		if err := f.kafka.Produce(ctx, topic, batch); err != nil {
			return fmt.Errorf("%s: %w", topic, err)
		}
		if f.sent != nil {
			f.sent(len(batch))
		}
	}
	return nil
}

// endKey finds a key that lies in a partition.
func endKey(partition, of int) []byte {
	for i := 0; ; i++ {
		key := fmt.Appendf(nil, "end-%d", i)
		if stream.Murmur2Partition(key, of) == partition {
			return key
		}
	}
}
