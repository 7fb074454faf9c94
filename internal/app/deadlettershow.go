package app

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// DeadLetterShowOptions says which dead letter is shown, and how.
type DeadLetterShowOptions struct {
	// Which is an offset in lapwing.deadletter, or the coordinates TOPIC/PARTITION@OFFSET
	// of what was refused, with #INDEX for one of several.
	Which string
	// Raw shows the bytes as they came, secrets included.
	Raw  bool
	JSON bool
}

var coordinatesRE = regexp.MustCompile(`^(.+)/(\d{1,9})@(\d{1,18})(?: ?#(\d{1,9}))?$`)

// matcher tells the dead letters that Which names, and the offset to begin at.
func (o *DeadLetterShowOptions) matcher() (from int64, want func(d *deadLetter) bool, err error) {
	if n, err := strconv.ParseInt(o.Which, 10, 64); err == nil && n >= 0 {
		return n, func(d *deadLetter) bool { return d.Offset == n }, nil
	}
	m := coordinatesRE.FindStringSubmatch(o.Which)
	if m == nil {
		return 0, nil, Usagef("%q: want an offset as `lapwing deadletter list` shows it, or TOPIC/PARTITION@OFFSET such as raw.kong/2@1041", o.Which)
	}
	part, _ := strconv.Atoi(m[2])               // digits
	offset, _ := strconv.ParseInt(m[3], 10, 64) // digits
	index := -1
	if m[4] != "" {
		index, _ = strconv.Atoi(m[4]) // digits
	}
	return 0, func(d *deadLetter) bool {
		return d.Topic == m[1] && d.Partition == part && d.RawOffset == offset && (index < 0 || d.Index == index)
	}, nil
}

// DeadLetterShow shows what was refused, each with its reason and record. Secrets
// are replaced by their hash unless the bytes as they came are asked for.
func DeadLetterShow(ctx context.Context, cfg Config, o DeadLetterShowOptions, std IO) error {
	from, want, err := o.matcher()
	if err != nil {
		return err
	}
	hasher := cfg.Secrets.newHasher()
	if cfg.Secrets.HMACKey == "" {
		// Nothing is compared with what is shown: any key will do.
		hasher = ingest.NewHasher([]byte(fileKey))
	}
	kc, err := newServices(&cfg).openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	n := 0
	err = kc.Scan(ctx, kc.Topic("deadletter"), kafka.ScanOptions{Partition: -1, From: from}, func(rec *stream.Record) error {
		d := readDeadLetter(rec)
		if !want(&d) {
			if from > 0 && d.Offset > from {
				return kafka.ErrStop
			}
			return nil
		}
		n++
		return showDeadLetter(std.Out, &d, hasher, o.Raw, o.JSON)
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("no dead letter %s: `lapwing deadletter list` shows those there are", o.Which)
	}
	return err
}

func showDeadLetter(w io.Writer, d *deadLetter, hasher *ingest.Hasher, raw, asJSON bool) error {
	if !raw {
		d.Value, d.Error = ingest.Redact(hasher, d.value), ingest.Redact(hasher, []byte(d.Error))
	}
	if asJSON {
		return newEncoder(w).Encode(d)
	}
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", what, oneLine(fmt.Sprintf(format, args...)))
	}
	line("dead letter", "%d", d.Offset)
	line("refused at", "%s by %s", d.Time.Format(time.RFC3339), d.Stage)
	line("from", "%s/%d@%d #%d", d.Topic, d.Partition, d.RawOffset, d.Index)
	line("reason", "%s", d.Error)
	switch {
	case d.Truncated > 0:
		line("record", "%s, of which the first %s were kept: it cannot be replayed", fileSize(int64(d.Truncated)), fileSize(int64(len(d.value))))
	case d.Whole:
		line("record", "%s, the whole raw record, for %s that was refused", fileSize(int64(len(d.value))), count(max(d.Count, 1), "sub-record"))
	default:
		line("record", "%s", fileSize(int64(len(d.value))))
	}
	how := "secrets replaced; --raw shows the bytes as they came"
	if raw {
		how = "as it came: it may hold secrets"
	}
	line("shown", "%s", how)
	b.WriteByte('\n')
	for l := range strings.SplitSeq(strings.TrimRight(d.Value, "\n"), "\n") {
		b.WriteString(oneLine(l))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}
