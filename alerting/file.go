package alerting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

func checkFile(d Destination) error {
	if d.Path == "" {
		return errors.New("path: the file kind needs one")
	}
	return nil
}

// fileSink appends alerts as NDJSON. A line is on disk before its alert counts
// as delivered.
type fileSink struct {
	path string
	mu   sync.Mutex
	f    *os.File
}

func openFile(d Destination) (Sink, error) { return &fileSink{path: d.Path}, nil }

// Write implements Sink. Each call ends in one fsync.
func (s *fileSink) Write(_ context.Context, batch []schemas.Alert) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, len(batch))
	var buf bytes.Buffer
	for i := range batch {
		line, err := json.Marshal(&batch[i])
		if err != nil {
			errs[i] = stream.Permanent(err)
			continue
		}
		buf.Write(line)
		buf.WriteByte('\n')
	}
	if err := s.append(buf.Bytes()); err != nil {
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
	}
	return errs
}

func (s *fileSink) append(b []byte) error {
	if s.f == nil {
		f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if err := cutTornLine(f); err != nil {
			_ = f.Close()
			return fmt.Errorf("%s: %w", s.path, err)
		}
		s.f = f
	}
	end, err := s.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err = s.f.Write(b); err == nil {
		err = s.f.Sync()
	}
	if err != nil {
		// A part of a line (disk full) must not spoil the line that follows.
		_ = s.f.Truncate(end)
		_ = s.f.Close()
		s.f = nil
	}
	return err
}

// cutTornLine removes what a crash left after the last newline: that alert was
// never counted as delivered and comes again.
func cutTornLine(f *os.File) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for pos := end; pos > 0; {
		n := min(int64(len(buf)), pos)
		pos -= n
		if _, err := f.ReadAt(buf[:n], pos); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return f.Truncate(pos + int64(i) + 1)
		}
	}
	return f.Truncate(0)
}

// Close implements Sink.
func (s *fileSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	return err
}
