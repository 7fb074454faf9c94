package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/internal/tail"
)

// IngestOptions configures IngestFiles.
type IngestOptions struct {
	// Format is a name of ingest.Formats, or "auto".
	Format string
	// Topic is where all records go; empty means the topic of their format.
	Topic string
	// Follow goes on until the command is stopped.
	Follow bool
	// Checkpoint remembers how far files were taken; empty means
	// ingest-checkpoint.json in the data directory.
	Checkpoint string
	// Skipped takes again what was skipped before.
	Skipped bool
	Paths   []string
}

// Times of following files: how often a file system is looked at that sends no
// notices, how long a file is left alone before half a record counts as whole,
// and how long to wait before Kafka is tried again.
const (
	followInterval = time.Second
	followSettle   = 5 * time.Second
	followRetry    = 5 * time.Second
)

// IngestFiles puts the records of files into raw topics, each once: a second
// run goes on where the first one ended. Records arrive at least once: after a
// crash, those of the last second may come again.
func IngestFiles(ctx context.Context, cfg Config, o IngestOptions, std IO) error {
	set, err := cfg.formatSet()
	if err != nil {
		return Usage(err)
	}
	if o.Format != ingest.AutoFormat && !slices.Contains(set.Names(), o.Format) {
		return unknownFormat(o.Format, set)
	}
	kc, err := newServices(&cfg).openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	if o.Checkpoint == "" {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return err
		}
		o.Checkpoint = filepath.Join(cfg.DataDir, "ingest-checkpoint.json")
	}
	release, err := tail.Lock(o.Checkpoint)
	if err != nil {
		if errors.Is(err, tail.ErrInUse) {
			return fmt.Errorf("%w: end it first, or name another --checkpoint for other files", err)
		}
		return err
	}
	defer release() //nolint:errcheck // the process ends with it
	send := fileSender{topic: o.Topic, raw: cfg.RawTopics, produce: kc.Produce}
	tc := tail.Config{
		Paths: o.Paths, Formats: set, Format: o.Format, Checkpoint: o.Checkpoint,
		MaxRecordBytes: int(cfg.Ingest.MaxRecord), Send: send.send, Exclude: []string{cfg.DataDir}, Again: o.Skipped,
	}
	if o.Follow {
		tc.Settle = followSettle
	}
	var bar *progress
	tc.Skip = func(path string, record int, err error) {
		bar.clear()
		where := path
		if record > 0 {
			where = fmt.Sprintf("%s: record %d", path, record)
		}
		fmt.Fprintf(std.Err, "%s: %s\n", oneLine(where), oneLine(rootCause(err)))
	}
	t, err := tail.New(tc)
	if err != nil {
		return err
	}
	if o.Follow {
		fmt.Fprint(std.Err, followText(o.Paths, t.Size()))
		err = t.Follow(ctx, followInterval, func(ctx context.Context, err error) error {
			if stream.IsPermanent(err) {
				return err
			}
			fmt.Fprintf(std.Err, "lapwing: %s; trying again in %s\n", oneLine(err.Error()), followRetry)
			select {
			case <-ctx.Done():
			case <-time.After(followRetry):
			}
			return nil
		})
	} else {
		bar = newProgress(std.Err, "sending", t.Size(), true)
		t.OnProgress(func(n int64) { bar.add(int(n)) })
		_, err = t.Pass(ctx)
		bar.finish()
	}
	fmt.Fprintf(std.Err, "%s sent, %d skipped\n", count(t.Records, "record"), t.Skipped)
	if err == nil && t.Records == 0 && t.Skipped == 0 {
		fmt.Fprintf(std.Err, "nothing new: %s remembers what was taken, also what was skipped; --skipped takes that again, another --checkpoint all of it\n", o.Checkpoint)
	}
	if err == nil && t.Skipped > 0 && t.Records == 0 {
		return errReported
	}
	return err
}

// followText says what is followed, and what is waited for; bytes is the size
// of what is there.
func followText(paths []string, bytes int64) string {
	var there, missing []string
	for _, p := range paths {
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, oneLine(p))
			continue
		}
		there = append(there, oneLine(p))
	}
	var b strings.Builder
	if len(there) > 0 {
		fmt.Fprintf(&b, "following %s (%s so far); Ctrl-C ends it\n", strings.Join(there, ", "), fileSize(bytes))
	}
	for _, p := range missing {
		fmt.Fprintf(&b, "waiting for %s, which does not exist yet; Ctrl-C ends it\n", p)
	}
	return b.String()
}

// fileSender sends the records of files to the topics of their formats.
type fileSender struct {
	topic   string
	raw     []RawTopicConfig
	produce func(ctx context.Context, topic string, recs []stream.Record) error
}

func (s *fileSender) send(ctx context.Context, batch []tail.Record) error {
	byTopic := map[string][]stream.Record{}
	for _, r := range batch {
		topic, err := s.topicOf(r.Format)
		if err != nil {
			return stream.Permanent(err)
		}
		byTopic[topic] = append(byTopic[topic], stream.Record{Key: []byte(r.Source), Value: r.Value})
	}
	for _, topic := range sortedNames(byTopic) {
		if err := s.produce(ctx, topic, byTopic[topic]); err != nil {
			return fmt.Errorf("%s: %w", topic, err)
		}
	}
	return nil
}

func (s *fileSender) topicOf(format string) (string, error) {
	if s.topic != "" {
		return s.topic, nil
	}
	for _, t := range s.raw {
		if t.Format == format {
			return t.Topic, nil
		}
	}
	return "", errors.New("no raw topic is configured for " + format + ": add it to raw_topics, or name one with --topic")
}
