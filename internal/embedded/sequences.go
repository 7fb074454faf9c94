package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/internal/safefile"
)

// kfake writes what it knows of its producers' sequences when it is closed, and
// does not gather it from the log after kill -9, as Apache Kafka does: a batch that
// was stored and not yet acknowledged would be stored again when its producer sends
// it again. So the file is made from the log before it is loaded, and removed
// afterwards; of what is left by a broker that was closed, that counts which the
// log does not tell.
const sequencesFile = "seq_windows.json"

// sequences is that file, of kfake's format 1.
type sequences struct {
	Version int           `json:"version"`
	Windows []seqWindow   `json:"windows"`
	at      map[seqID]int // place in Windows
}

type seqID struct {
	producer  int64
	topic     string
	partition int32
}

// seqWindow holds the last five batches of a producer in a partition.
type seqWindow struct {
	PID     int64       `json:"pid"`
	Topic   string      `json:"topic"`
	Part    int32       `json:"partition"`
	Entries [5]seqEntry `json:"entries"`
	Count   uint8       `json:"count"`
	At      uint8       `json:"at"` // where the next entry goes
	Epoch   int16       `json:"epoch"`
	Seen    bool        `json:"seen"`
	NextSeq int32       `json:"next_seq"`
}

type seqEntry struct {
	FirstSeq int32 `json:"first_seq"`
	NextSeq  int32 `json:"next_seq"`
	Offset   int64 `json:"offset"`
}

// recoverSequences makes the file of a broker in dir, in one step. A file that is
// there may be whole, broken, or older than the log, if a start was cut short. A
// folder without logs is left alone.
func recoverSequences(dir string) error {
	name := filepath.Join(dir, sequencesFile)
	old, err := os.ReadFile(name) //nolint:gosec // in the broker's own folder
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parts, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s := &sequences{Version: 1, Windows: []seqWindow{}, at: make(map[seqID]int)}
	for _, p := range parts {
		if err := s.readPartition(filepath.Join(dir, "partitions"), p.Name()); err != nil {
			return err
		}
	}
	s.merge(old)
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return safefile.Replace(name, safefile.Rules{Mode: 0o600}, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// merge takes from a file what the log does not tell: producers whose batches are
// deleted, and those that began a new epoch since. A file that is not whole says
// nothing.
func (s *sequences) merge(file []byte) {
	var old sequences
	if json.Unmarshal(file, &old) != nil || old.Version != s.Version {
		return
	}
	for i := range old.Windows {
		w := &old.Windows[i]
		at, ok := s.at[seqID{w.PID, w.Topic, w.Part}]
		switch {
		case !ok:
			s.Windows = append(s.Windows, *w)
		case w.Epoch > s.Windows[at].Epoch || w.Epoch == s.Windows[at].Epoch && w.last() >= s.Windows[at].last():
			s.Windows[at] = *w
		}
	}
}

// last is the offset of the last batch, or -1 where there is none.
func (w *seqWindow) last() int64 {
	n := uint8(len(w.Entries))
	if w.Count == 0 || w.At >= n {
		return -1
	}
	return w.Entries[(w.At+n-1)%n].Offset
}

// forgetSequences removes the file once the broker has read it.
func forgetSequences(dir string) error {
	if err := os.Remove(filepath.Join(dir, sequencesFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readPartition reads the batches of one partition, in the order of offsets.
func (s *sequences) readPartition(dir, name string) error {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return nil
	}
	topic, err := url.PathUnescape(name[:i])
	if err != nil {
		return fmt.Errorf("folder %s: %w", name, err)
	}
	partition, err := strconv.ParseInt(name[i+1:], 10, 32)
	if err != nil {
		return fmt.Errorf("folder %s: %w", name, err)
	}
	files, err := os.ReadDir(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	var bases []int64
	for _, f := range files {
		if text, ok := strings.CutSuffix(f.Name(), ".dat"); ok {
			if base, err := strconv.ParseInt(text, 10, 64); err == nil {
				bases = append(bases, base)
			}
		}
	}
	slices.Sort(bases)
	for _, base := range bases {
		if err := s.readSegment(filepath.Join(dir, name, strconv.FormatInt(base, 10)+".dat"), topic, int32(partition)); err != nil {
			return err
		}
	}
	return nil
}

// The fields of a record batch, by their offset in it.
const (
	batchLengthAt     = 8
	batchAttributesAt = 21
	batchLastDeltaAt  = 23
	batchProducerAt   = 43
	batchEpochAt      = 51
	batchSequenceAt   = 53
	batchHeaderBytes  = 61

	controlBatch = 0x20
)

// readSegment reads the batches' headers of one file, up to one that is not whole.
func (s *sequences) readSegment(name, topic string, partition int32) error {
	f, err := os.Open(name) //nolint:gosec // in the broker's own folder
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var head [batchHeaderBytes]byte
	for at := int64(0); at+batchHeaderBytes <= info.Size(); {
		if _, err := f.ReadAt(head[:], at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		size := int64(binary.BigEndian.Uint32(head[batchLengthAt:])) + batchLengthAt + 4
		if size < batchHeaderBytes || at+size > info.Size() {
			return nil
		}
		at += size
		s.add(head[:], topic, partition)
	}
	return nil
}

// add takes one stored batch into its producer's window.
func (s *sequences) add(head []byte, topic string, partition int32) {
	id := seqID{int64(binary.BigEndian.Uint64(head[batchProducerAt:])), topic, partition} //nolint:gosec // two's complement
	first := int32(binary.BigEndian.Uint32(head[batchSequenceAt:]))                       //nolint:gosec // two's complement
	if id.producer < 0 || first < 0 || binary.BigEndian.Uint16(head[batchAttributesAt:])&controlBatch != 0 {
		return
	}
	i, ok := s.at[id]
	if !ok {
		i = len(s.Windows)
		s.at[id] = i
		s.Windows = append(s.Windows, seqWindow{PID: id.producer, Topic: topic, Part: partition})
	}
	w := &s.Windows[i]
	if epoch := int16(binary.BigEndian.Uint16(head[batchEpochAt:])); !w.Seen || w.Epoch != epoch { //nolint:gosec // two's complement
		w.Seen, w.Epoch, w.At, w.Count, w.Entries = true, epoch, 0, 0, [5]seqEntry{}
	}
	// Compaction may have taken records of it; the last one's number it leaves.
	records := int64(binary.BigEndian.Uint32(head[batchLastDeltaAt:])) + 1
	w.NextSeq = int32((int64(first) + records) % math.MaxInt32)                        //nolint:gosec // below MaxInt32
	w.Entries[w.At] = seqEntry{first, w.NextSeq, int64(binary.BigEndian.Uint64(head))} //nolint:gosec // offsets are not negative
	w.At = (w.At + 1) % uint8(len(w.Entries))
	w.Count = min(w.Count+1, uint8(len(w.Entries)))
}
