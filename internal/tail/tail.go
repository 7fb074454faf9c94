package tail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/safefile"
)

// Bounds of what is read and held.
const (
	maxFiles     = 100_000
	batchRecords = 5_000
	batchBytes   = 4 << 20
	// A file is no log when that many records at its start are of no format.
	maxUnknown = 20
	// So many records of a file that can't be sent are told of one by one.
	maxSaid = 5
)

// Record is one record of a file.
type Record struct {
	// Source names the log that the file belongs to: its path without the
	// marks of rotation. Records of one source are in its order.
	Source string
	Format string
	Value  []byte
}

// Config of a Tailer. Paths and Send are required.
type Config struct {
	// Paths are files and directories, which are read with all below them.
	Paths []string
	// Formats are those read; nil means those of the table.
	Formats *ingest.Set
	// Format is the name of one of them, or ingest.AutoFormat.
	Format string
	// Exclude are paths that are left out, with all below them.
	Exclude []string
	// Checkpoint is the file that remembers how far files were taken; "" keeps
	// it in memory only.
	Checkpoint string
	// MaxRecordBytes bounds a record; 0 means 1,000,000, which a broker with
	// its usual limits takes.
	MaxRecordBytes int
	// Settle is how long a file has to be left alone before a last line without
	// an end, or half a document, counts as it is; 0 means at once, which is
	// right for files that nobody writes to any more.
	Settle time.Duration
	// Send takes a batch; what is in it was delivered when it returns nil. It
	// keeps nothing of the batch.
	Send func(ctx context.Context, batch []Record) error
	// Skip is told of records that can't be sent, and of files that can't be
	// read to their end.
	Skip func(path string, record int, err error)
	// Again takes first what was skipped before: with another format, or formats
	// and topics that did not exist then, it may be sent now.
	Again bool
	// Now gives the time that Settle is measured by; nil means time.Now.
	Now func() time.Time
}

// Tailer reads files. It is for one goroutine.
type Tailer struct {
	cfg   Config
	marks *checkpoint
	batch []Record
	arena []byte
	// touched are the marks that move once the batch is sent.
	touched []*mark
	read    int64 // bytes of the batch
	saved   time.Time
	// progress is told of bytes that were sent.
	progress func(bytes int64)
	// Records and Skipped count what was sent and what was not.
	Records, Skipped int
}

// New reads the checkpoint. An unreadable one is an error: to read everything
// again is for the operator to decide, by removing it.
func New(cfg Config) (*Tailer, error) {
	if cfg.MaxRecordBytes <= 0 {
		cfg.MaxRecordBytes = 1_000_000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Formats == nil {
		cfg.Formats = ingest.Table()
	}
	marks, err := readCheckpoint(cfg.Checkpoint)
	if err != nil {
		return nil, err
	}
	return &Tailer{cfg: cfg, marks: marks}, nil
}

// Pass reads what is new in all files, and reports whether there was anything.
// A file that can't be read is skipped and told of. An error of Send ends the
// pass; what was not sent is read again by the next one.
func (t *Tailer) Pass(ctx context.Context) (some bool, err error) {
	files, err := t.files()
	if err != nil {
		return false, err
	}
	t.marks.begin(files)
	before := t.Records
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return t.Records > before, err
		}
		if err := t.file(ctx, f); err != nil {
			return t.Records > before, errors.Join(err, t.save(true))
		}
	}
	err = t.flush(ctx)
	t.cfg.Again = false // once is enough
	return t.Records > before, errors.Join(err, t.save(true))
}

// OnProgress has f told of the bytes of records that were sent.
func (t *Tailer) OnProgress(f func(bytes int64)) { t.progress = f }

// Size is how many bytes there are in all files, as they lie there.
func (t *Tailer) Size() int64 {
	files, err := t.files()
	if err != nil {
		return 0
	}
	var sum int64
	for _, f := range files {
		sum += f.info.Size()
	}
	return sum
}

// found is one file that is to be read.
type found struct {
	path string
	info fs.FileInfo
}

// files lists what is to be read, the longest untouched first: of a rotated
// log the older part comes before the newer one. A file that stands under
// several names, as links to a log do, is read under the first one.
func (t *Tailer) files() ([]found, error) {
	var out []found
	seen := map[string]bool{}
	add := func(path string, info fs.FileInfo) error {
		key := path
		if idsAreUnique {
			key = fileID(info)
		}
		if !info.Mode().IsRegular() || seen[key] {
			return nil
		}
		if len(out) == maxFiles {
			return fmt.Errorf("more than %d files: name fewer", maxFiles)
		}
		seen[key] = true
		out = append(out, found{path, info})
		return nil
	}
	for _, path := range t.cfg.Paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) && t.cfg.Settle > 0 {
			continue // it may come back: between two steps of a rotation
		}
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			if err := t.rotated(path, info, add); err != nil {
				return nil, err
			}
			if err := add(path, info); err != nil {
				return nil, err
			}
			continue
		}
		err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			case p != path && strings.HasPrefix(d.Name(), "."), t.excluded(p):
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			case d.IsDir() || temporary(d.Name()):
				return nil
			}
			info, err := os.Stat(p) // follows a link to a file
			if err != nil {
				return nil // it went away, or nowhere
			}
			return add(p, info)
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b found) int {
		if c := a.info.ModTime().Compare(b.info.ModTime()); c != 0 {
			return c
		}
		return -strings.Compare(a.path, b.path) // access.log.2, access.log.1, access.log
	})
	return out, nil
}

// rotated adds the file that a log was before it was rotated away while nobody
// looked, if it was not taken to its end and still lies beside it.
func (t *Tailer) rotated(path string, now fs.FileInfo, add func(string, fs.FileInfo) error) error {
	m := t.marks.bySource(source(path))
	if m == nil || m.File == fileID(now) {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil // then there is none
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && fileID(info) == m.File && info.Mode().IsRegular() {
			return add(filepath.Join(filepath.Dir(path), e.Name()), info)
		}
	}
	return nil
}

func (t *Tailer) excluded(path string) bool {
	for _, x := range append(slices.Clip(t.cfg.Exclude), t.cfg.Checkpoint) {
		if x == "" {
			continue
		}
		a, err := filepath.Abs(x)
		b, berr := filepath.Abs(path)
		if err == nil && berr == nil && a == b {
			return true
		}
	}
	return false
}

// temporary recognises files that are still being copied to where they lie.
func temporary(name string) bool {
	for _, end := range []string{".tmp", ".part", ".partial", ".swp", ".filepart", "~"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// source is a path without the marks of rotation: access.log for
// access.log.1, access.log-20260301.gz and access.log.
func source(path string) string {
	s := strings.TrimSuffix(path, ".gz")
	i := len(s)
	for i > 0 && (s[i-1] >= '0' && s[i-1] <= '9' || s[i-1] == '-') {
		i--
	}
	if i < len(s) && i > 1 && (s[i-1] == '.' || s[i] == '-') {
		s = strings.TrimSuffix(s[:i], ".")
	}
	return s
}

// file reads what is new in one file.
func (t *Tailer) file(ctx context.Context, f found) error {
	id := fileID(f.info)
	m := t.marks.byFile(id)
	if m != nil && m.done(f.info) && (!t.cfg.Again || !m.skips()) {
		return nil
	}
	in, _, err := safefile.Open(f.path)
	if err != nil {
		t.skip(f.path, 0, err)
		return nil
	}
	defer in.Close() //nolint:errcheck // opened for reading
	m, err = t.marks.resume(m, id, source(f.path), in)
	if err != nil {
		t.skip(f.path, 0, err)
		return nil
	}
	if t.cfg.Again && m.skips() {
		if err := t.again(ctx, m, in, f.path); err != nil {
			return err
		}
	}
	settled := t.cfg.Now().Sub(f.info.ModTime()) >= t.cfg.Settle
	r := t.cfg.Formats.NewReaderAt(in, t.cfg.Format, m.At)
	r.Limit(t.cfg.MaxRecordBytes)
	t.touch(m)
	unknown := 0
	for {
		if err := ctx.Err(); err != nil {
			t.drop()
			return err
		}
		rec, number, err := r.Next()
		var bad *ingest.RecordError
		if err != nil && !errors.As(err, &bad) {
			if !errors.Is(err, io.EOF) {
				t.skip(f.path, number, err)
			}
			m.left = f.info
			return nil
		}
		if r.Unfinished() && !settled {
			return nil // the rest is still to come
		}
		if bad != nil {
			m.skip(m.next)
			m.next = r.Position()
			if unknown++; unknown == maxUnknown && r.Format() == "" {
				t.skip(f.path, 0, fmt.Errorf("%w: left out after %d records", bad.Err, unknown))
				rest := m.next
				m.Rest, m.left = &rest, f.info
				return nil
			}
			if unknown <= maxSaid {
				t.skip(f.path, number, bad.Err)
			} else {
				t.Skipped++
			}
			continue
		}
		t.add(Record{Source: m.Source, Format: r.Format(), Value: rec})
		m.next = r.Position()
		if len(t.batch) >= batchRecords || t.read >= batchBytes {
			if err := t.flush(ctx); err != nil {
				return err
			}
			t.touch(m)
		}
	}
}

func (t *Tailer) touch(m *mark) {
	if len(t.touched) == 0 || t.touched[len(t.touched)-1] != m {
		t.touched = append(t.touched, m)
	}
}

// add keeps a copy of a record until the batch is sent.
func (t *Tailer) add(r Record) {
	if cap(t.arena)-len(t.arena) < len(r.Value) {
		t.arena = make([]byte, 0, max(len(r.Value), 256<<10))
	}
	at := len(t.arena)
	t.arena = append(t.arena, r.Value...)
	r.Value = t.arena[at:len(t.arena):len(t.arena)]
	t.batch = append(t.batch, r)
	t.read += int64(len(r.Value))
}

// flush sends the batch, and notes that the files were taken up to there.
func (t *Tailer) flush(ctx context.Context) error {
	if len(t.batch) > 0 {
		if err := t.cfg.Send(ctx, t.batch); err != nil {
			t.drop()
			return err
		}
	}
	t.Records += len(t.batch)
	if t.progress != nil {
		t.progress(t.read)
	}
	for _, m := range t.touched {
		m.At = m.next
		if m.left != nil {
			m.Size, m.Modified = m.left.Size(), m.left.ModTime()
		}
	}
	t.drop()
	return t.save(false)
}

// drop forgets the batch; what was not sent is read again.
func (t *Tailer) drop() {
	for _, m := range t.touched {
		m.next, m.left = m.At, nil
	}
	t.batch, t.arena, t.touched, t.read = t.batch[:0], t.arena[:0], t.touched[:0], 0
}

// save writes the checkpoint, once a second or when it must.
func (t *Tailer) save(must bool) error {
	if now := t.cfg.Now(); must || now.Sub(t.saved) >= time.Second {
		t.saved = now
		return t.marks.save()
	}
	return nil
}

func (t *Tailer) skip(path string, record int, err error) {
	t.Skipped++
	if t.cfg.Skip != nil {
		t.cfg.Skip(path, record, err)
	}
}

// Follow makes passes until ctx ends, then returns nil: whenever something
// below the paths changes and, where the file system sends no notices, every
// interval. retry is asked after an error of a pass, which it may wait out;
// when it returns an error, that ends Follow.
func (t *Tailer) Follow(ctx context.Context, interval time.Duration, retry func(ctx context.Context, err error) error) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	defer w.Close() //nolint:errcheck // nothing is lost by it
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		t.watch(w)
		if _, err := t.Pass(ctx); err != nil && ctx.Err() == nil {
			if err := retry(ctx, err); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-w.Events:
		case <-w.Errors: //nolint:errcheck // an overflow: the pass sees everything anyway
		}
	}
}

// watch asks for notices of the directories that the paths are in. What can't
// be watched is seen at the next interval.
func (t *Tailer) watch(w *fsnotify.Watcher) {
	for _, path := range t.cfg.Paths {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			_ = w.Add(filepath.Dir(path)) // as said above
			continue
		}
		n := 0
		_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil // as said above
			}
			if n++; n > 1000 {
				return filepath.SkipAll
			}
			return w.Add(p)
		})
	}
}
