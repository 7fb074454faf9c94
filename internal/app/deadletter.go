package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// DeadLetterOptions says which dead letters are meant.
type DeadLetterOptions struct {
	// Stage, Topic keep those of one stage or topic, when not empty.
	Stage, Topic string
	// Contains keeps those whose reason holds this text.
	Contains string
	// From and To bound the offset in lapwing.deadletter; To 0 is the end.
	From, To int64
	// Limit bounds how many are taken; 0 is no bound.
	Limit int
	JSON  bool
	// Wide shows all columns, also where the terminal has less room.
	Wide bool
	// DryRun only says what a replay would do.
	DryRun bool
}

// deadLetter is one record that was refused.
type deadLetter struct {
	Offset    int64     `json:"offset"`
	Time      time.Time `json:"time"`
	Topic     string    `json:"topic"`
	Partition int       `json:"partition"`
	RawOffset int64     `json:"raw_offset"`
	Index     int       `json:"index"`
	Stage     string    `json:"stage"`
	Error     string    `json:"error"`
	// Whole says that value is the whole raw record.
	Whole bool `json:"whole,omitempty"`
	// Count is how many refused sub-records a whole raw record stands for.
	Count int `json:"count,omitempty"`
	// Truncated is the full length of a value that was cut.
	Truncated int    `json:"truncated,omitempty"`
	Value     string `json:"value"`

	key, value []byte
}

func readDeadLetter(rec *stream.Record) deadLetter {
	number := func(name string) int {
		n, err := strconv.Atoi(string(rec.Header(name)))
		if err != nil {
			return 0
		}
		return n
	}
	return deadLetter{
		Offset: rec.Offset, Time: rec.Time.UTC(),
		Topic: string(rec.Header(stream.DeadTopic)), Partition: number(stream.DeadPartition),
		RawOffset: int64(number(stream.DeadOffset)), Index: number(stream.DeadIndex),
		Stage: string(rec.Header(stream.DeadStage)), Error: string(rec.Header(stream.DeadError)),
		Whole: rec.Header(stream.DeadWhole) != nil, Count: number(stream.DeadCount), Truncated: number(stream.DeadTruncated),
		Value: strings.ToValidUTF8(string(rec.Value), "\uFFFD"),
		key:   append([]byte(nil), rec.Key...), value: append([]byte(nil), rec.Value...),
	}
}

func (o *DeadLetterOptions) wants(d *deadLetter) bool {
	return (o.Stage == "" || d.Stage == o.Stage) && (o.Topic == "" || d.Topic == o.Topic) &&
		(o.Contains == "" || strings.Contains(d.Error, o.Contains)) && (o.To == 0 || d.Offset < o.To)
}

// eachDeadLetter hands those that are meant to fn.
func eachDeadLetter(ctx context.Context, kc *kafka.Client, o *DeadLetterOptions, fn func(d deadLetter) error) error {
	n := 0
	return kc.Scan(ctx, kc.Topic("deadletter"), kafka.ScanOptions{Partition: -1, From: o.From}, func(rec *stream.Record) error {
		d := readDeadLetter(rec)
		if !o.wants(&d) {
			return nil
		}
		if o.Limit > 0 && n == o.Limit {
			return kafka.ErrStop
		}
		n++
		return fn(d)
	})
}

// row shows a dead letter in a table; whoever may write to the topic chose its
// texts.
func (d *deadLetter) row() []string {
	from := fmt.Sprintf("%s/%d@%d #%d", clipText(oneLine(d.Topic), maxCell), d.Partition, d.RawOffset, d.Index)
	return []string{strconv.FormatInt(d.Offset, 10), d.Time.Format(time.DateTime), clipText(oneLine(d.Stage), maxCell), from, clipText(oneLine(d.Error), maxCell)}
}

// DeadLetterList shows what was refused, and why.
func DeadLetterList(ctx context.Context, cfg Config, o DeadLetterOptions, std IO) error {
	kc, err := newServices(&cfg).openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	enc := newEncoder(std.Out)
	g := grid{
		header: []string{"offset", "refused at", "stage", "from", "reason"},
		spare:  []string{"refused at"},
	}
	n := 0
	err = eachDeadLetter(ctx, kc, &o, func(d deadLetter) error {
		n++
		if o.JSON {
			return enc.Encode(d)
		}
		g.add(d.row()...)
		return nil
	})
	if err != nil {
		return err
	}
	if !o.JSON {
		if err := g.write(std.Out, std.Err, widthFor(std.Out, o.Wide)); err != nil {
			return err
		}
	}
	fmt.Fprintln(std.Err, count(n, "dead letter"))
	return nil
}

// DeadLetterReplay puts what was refused back to the stage that refused it. Dead
// letters stay: a second replay sends them a second time.
func DeadLetterReplay(ctx context.Context, cfg Config, o DeadLetterOptions, std IO) (err error) {
	s := newServices(&cfg)
	kc, err := s.openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	r := replayer{dryRun: o.DryRun, done: map[string]int{}, strange: map[string]int{}, alerts: kc.Topic("alerts"), produce: kc.Produce}
	for _, t := range cfg.RawTopics {
		r.raw = append(r.raw, t.Topic)
	}
	var db *clickhouse.DB
	r.insert = func(ctx context.Context, token string, recs []stream.Record) ([]stream.Rejected, error) {
		if db == nil {
			var err error
			if db, err = s.openClickHouse(ctx, false); err != nil {
				return nil, err
			}
		}
		return db.Events().Insert(ctx, token, recs)
	}
	defer func() {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	last := int64(-1)
	err = eachDeadLetter(ctx, kc, &o, func(d deadLetter) error {
		if err := r.replay(ctx, d); err != nil {
			return fmt.Errorf("dead letter %d: %w", d.Offset, err)
		}
		last = d.Offset
		return nil
	})
	if err != nil && last >= 0 {
		err = fmt.Errorf("%w; everything up to dead letter %d is done: go on with --from-offset %d", err, last, last+1)
	}
	return r.report(std.Err, err)
}

// replayer puts dead letters back to the stage that refused them.
type replayer struct {
	dryRun bool
	// raw are the topics that enrich reads, alerts is the one of alerts. A dead
	// letter names where it came from, and whoever wrote it chose that name.
	raw    []string
	alerts string

	produce func(ctx context.Context, topic string, recs []stream.Record) error
	// insert stores events; see stream.Inserter.
	insert func(ctx context.Context, token string, recs []stream.Record) ([]stream.Rejected, error)

	done       map[string]int // by destination
	strange    map[string]int // by stage and topic that the stage does not read
	cut, whole int
}

func (r *replayer) replay(ctx context.Context, d deadLetter) error {
	if d.Truncated > 0 {
		r.cut++
		return nil
	}
	if d.Topic == "" {
		return errors.New("it names no topic")
	}
	recs := []stream.Record{{Key: d.key, Value: d.value}}
	switch {
	case d.Stage == RoleStore:
		// Back in its topic detect would judge the event a second time. The token
		// makes a repetition harmless while ClickHouse remembers it.
		if !r.dryRun {
			token := fmt.Sprintf("deadletter/%s/%d/%d", d.Topic, d.Partition, d.RawOffset)
			rejected, err := r.insert(ctx, token, recs)
			if err != nil {
				return err
			}
			if len(rejected) > 0 {
				return fmt.Errorf("ClickHouse refuses it again: %w", rejected[0].Err)
			}
		}
		r.done["ClickHouse"]++
	case d.Stage == RoleEnrich, d.Stage == RoleAlert, strings.HasPrefix(d.Stage, RoleAlert+" "):
		if d.Stage == RoleEnrich && !slices.Contains(r.raw, d.Topic) || d.Stage != RoleEnrich && d.Topic != r.alerts {
			r.strange[fmt.Sprintf("stage %s reads no topic %q", oneLine(d.Stage), d.Topic)]++
			return nil
		}
		// Alerts have an id and a version: who had them drops them.
		if !r.dryRun {
			if err := r.produce(ctx, d.Topic, recs); err != nil {
				return err
			}
		}
		r.done[d.Topic]++
		if d.Whole {
			r.whole++
		}
	default:
		return fmt.Errorf("stage %q is not known to this version: replay others with --stage", d.Stage)
	}
	return nil
}

func (r *replayer) report(w io.Writer, err error) error {
	verb := "sent to"
	if r.dryRun {
		verb = "would go to"
	}
	for _, name := range sortedNames(r.done) {
		fmt.Fprintf(w, "%s %s %s\n", count(r.done[name], "record"), verb, name)
	}
	if r.whole > 0 {
		fmt.Fprintf(w, "%s of them whole: what was good in them comes again\n", count(r.whole, "raw record"))
	}
	for _, what := range sortedNames(r.strange) {
		err = errors.Join(err, fmt.Errorf("%s not sent: %s; if it did, name the topic under raw_topics", count(r.strange[what], "record"), what))
	}
	if r.cut > 0 {
		err = errors.Join(err, fmt.Errorf("%s not sent: they were cut when they were refused", count(r.cut, "record")))
	}
	if err == nil && len(r.done) == 0 {
		fmt.Fprintln(w, "nothing to replay")
	}
	return err
}
