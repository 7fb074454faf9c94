package tail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/safefile"
)

// headBytes is how much of a file's start tells it from another one; less than
// minHead is not enough to take two files for the same.
const (
	headBytes = 1024
	minHead   = 128
)

// checkpointMode: the checkpoint names files that not everybody may list.
const checkpointMode = 0o600

// maxMarks bounds the files that are remembered: all that a pass may see, and
// some that were there before, of which copies may come. The longest untouched
// of the latter are forgotten first.
const maxMarks = maxFiles + 20_000

// mark remembers one file.
type mark struct {
	// File is the file's id on its file system, so that it is known under
	// another name.
	File string `json:"file"`
	// Source is the log it belongs to.
	Source string `json:"source"`
	// Head is the hash of its first HeadBytes bytes, unpacked: a copy has the
	// same, and a file that was written anew another one.
	Head      string          `json:"head"`
	HeadBytes int             `json:"head_bytes"`
	At        ingest.Position `json:"at"`
	// Size and Modified are those of the file when it was read to its end.
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	// Skipped are the places of the records that could not be sent, the first
	// maxSkips of them, and Rest that from which on all were left out.
	Skipped []ingest.Position `json:"skipped,omitempty"`
	Rest    *ingest.Position  `json:"rest,omitempty"`

	// Of what is in the batch: the place behind it, and the file as it was if
	// it was read to its end.
	next ingest.Position
	left fs.FileInfo

	pass int // the last one that saw the file
}

// done reports whether the file was read to its end and left alone since.
func (m *mark) done(info fs.FileInfo) bool {
	return !m.Modified.IsZero() && m.Size == info.Size() && m.Modified.Equal(info.ModTime())
}

// checkpoint is what is remembered of all files.
type checkpoint struct {
	path  string
	Files []*mark `json:"files"`
	ids   map[string]*mark
	heads map[string]*mark
	// lengths are those of heads that are shorter than headBytes.
	lengths map[int]bool
	saved   []byte
	most    int // marks that are kept
	pass    int // the present one
}

func readCheckpoint(path string) (*checkpoint, error) {
	c := &checkpoint{path: path, most: maxMarks, ids: map[string]*mark{}, heads: map[string]*mark{}, lengths: map[int]bool{}}
	if path == "" {
		return c, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w: remove it to read every file from its start", path, err)
	}
	c.Files = slices.DeleteFunc(c.Files, func(m *mark) bool { return m == nil }) // as JSON's null
	for _, m := range c.Files {
		m.next = m.At
		c.know(m)
	}
	return c, nil
}

// save writes the checkpoint, if it is another than the one that lies there.
func (c *checkpoint) save() error {
	c.forget()
	if c.path == "" {
		return nil
	}
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if bytes.Equal(b, c.saved) {
		return nil
	}
	err = safefile.Replace(c.path, safefile.Rules{Mode: checkpointMode}, func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	c.saved = b
	return nil
}

// begin starts a pass over files, whose marks are kept whatever their number:
// without them the files would be sent again, and by every pass.
func (c *checkpoint) begin(files []found) {
	c.pass++
	for _, f := range files {
		if m := c.ids[fileID(f.info)]; m != nil {
			m.pass = c.pass
		}
	}
}

// forget drops the longest untouched marks above the bound, but none of a file
// that this pass saw.
func (c *checkpoint) forget() {
	extra := len(c.Files) - c.most
	if extra <= 0 {
		return
	}
	slices.SortStableFunc(c.Files, func(a, b *mark) int { return a.Modified.Compare(b.Modified) })
	c.Files = slices.DeleteFunc(c.Files, func(m *mark) bool {
		if extra == 0 || m.pass == c.pass {
			return false
		}
		extra--
		if c.ids[m.File] == m {
			delete(c.ids, m.File)
		}
		if c.heads[m.Head] == m {
			delete(c.heads, m.Head)
		}
		return true
	})
}

// know makes a mark findable. Of files with the same head the last one counts.
func (c *checkpoint) know(m *mark) {
	c.ids[m.File] = m
	if m.HeadBytes >= minHead {
		c.heads[m.Head] = m
		if m.HeadBytes < headBytes {
			c.lengths[m.HeadBytes] = true
		}
	}
}

func (c *checkpoint) byFile(id string) *mark { return c.ids[id] }

// bySource returns the mark of a source that was touched last.
func (c *checkpoint) bySource(name string) (last *mark) {
	for _, m := range c.Files {
		if m.Source == name && (last == nil || !m.Modified.Before(last.Modified)) {
			last = m
		}
	}
	return last
}

// resume returns the mark from which to read an open file: its own if it is
// still the file that it was, that of the file it is a copy of, or a new one.
func (c *checkpoint) resume(m *mark, id, name string, in io.ReadSeeker) (*mark, error) {
	head, err := readHead(in)
	if err != nil {
		return nil, err
	}
	// A file that had next to nothing in it when it was seen first, as gzip's
	// has, may turn out to be a copy; one that was truncated is new.
	unknown := m == nil || m.HeadBytes < minHead && m.At == ingest.Position{}
	if m != nil && !m.startsLike(head) {
		// Truncated, or another file that got the same id.
		m.At, m.next, m.Head, m.HeadBytes, m.Modified = ingest.Position{}, ingest.Position{}, "", 0, time.Time{}
		m.Skipped, m.Rest = nil, nil
	}
	if m == nil {
		m = &mark{File: id, Source: name, pass: c.pass}
		c.Files = append(c.Files, m)
	}
	if unknown {
		if other := c.copied(head); other != nil {
			m.At, m.next = other.At, other.At // perhaps compressed
			m.Skipped, m.Rest, other.Skipped, other.Rest = other.Skipped, other.Rest, nil, nil
		}
	}
	if len(head) > m.HeadBytes {
		m.HeadBytes, m.Head = len(head), hash(head)
	}
	c.know(m)
	return m, nil
}

// copied returns the mark of a file that starts like this: the most of them
// are longer than the head that is kept. A mark that has grown out of a shorter
// head is still found by it, and counts no more.
func (c *checkpoint) copied(head []byte) *mark {
	if m := c.heads[hash(head)]; m != nil && m.HeadBytes == len(head) && len(head) >= minHead {
		return m
	}
	if len(head) < headBytes {
		return nil
	}
	// A file that was shorter when it was read for the last time, by each length
	// that there is: files may be thousands.
	var longest *mark
	for n := range c.lengths {
		if m := c.heads[hash(head[:n])]; m != nil && m.HeadBytes == n && (longest == nil || n > longest.HeadBytes) {
			longest = m
		}
	}
	return longest
}

// startsLike reports whether a file with that head is this one, or has grown
// out of it.
func (m *mark) startsLike(head []byte) bool {
	return len(head) >= m.HeadBytes && hash(head[:m.HeadBytes]) == m.Head || m.HeadBytes == 0
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// readHead returns the start of a file, unpacked, and goes back to it.
func readHead(in io.ReadSeeker) ([]byte, error) {
	b, err := readUpTo(in, headBytes)
	if err == nil && len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b {
		if _, err = in.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		z, zerr := gzip.NewReader(in)
		if zerr != nil {
			return nil, fmt.Errorf("gzip: %w", zerr)
		}
		b, err = readUpTo(z, headBytes)
	}
	if err != nil {
		return nil, err
	}
	_, err = in.Seek(0, io.SeekStart)
	return b, err
}

func readUpTo(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return b[:n], err
}
