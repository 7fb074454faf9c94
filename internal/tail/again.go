package tail

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/lapwing-sec/lapwing/ingest"
)

// maxSkips bounds the places of skipped records that are remembered of a file.
const maxSkips = 1000

// skips reports whether anything of the file was skipped.
func (m *mark) skips() bool { return len(m.Skipped) > 0 || m.Rest != nil }

// skip remembers the place of a record that can't be sent.
func (m *mark) skip(at ingest.Position) {
	if len(m.Skipped) < maxSkips && !slices.Contains(m.Skipped, at) {
		m.Skipped = append(m.Skipped, at)
	}
}

// again sends what was skipped of a file and can be sent now. What still can't
// be, stays remembered; where all from a place on was left out, the usual
// reading goes on from there.
func (t *Tailer) again(ctx context.Context, m *mark, in io.ReadSeeker, path string) error {
	places := m.Skipped
	var left []ingest.Position
	for i, at := range places {
		if err := ctx.Err(); err != nil {
			t.drop()
			return err
		}
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return err
		}
		r := t.cfg.Formats.NewReaderAt(in, t.cfg.Format, at)
		r.Limit(t.cfg.MaxRecordBytes)
		rec, number, err := r.Next()
		if err != nil {
			left = append(left, at)
			if i < maxSaid {
				var bad *ingest.RecordError
				if errors.As(err, &bad) {
					err = bad.Err
				}
				t.skip(path, number, err)
			} else {
				t.Skipped++
			}
			continue
		}
		t.add(Record{Source: m.Source, Format: r.Format(), Value: rec})
		if len(t.batch) >= batchRecords || t.read >= batchBytes {
			if err := t.flush(ctx); err != nil {
				return err
			}
			m.Skipped = append(slices.Clone(left), places[i+1:]...)
		}
	}
	if err := t.flush(ctx); err != nil {
		return err
	}
	m.Skipped = left
	if m.Rest != nil {
		// All from there on, the records behind it that were not read among them.
		m.At, m.next, m.Rest = *m.Rest, *m.Rest, nil
	}
	_, err := in.Seek(0, io.SeekStart)
	return err
}
