package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// reencode reads Native blocks of revision 0, as libchdb writes them, and
// writes them as a client of that revision expects them.
func reencode(w io.Writer, native []byte, revision uint64) error {
	reader := chproto.NewReader(bytes.NewReader(native))
	for {
		block := proto.Block{ServerContext: &column.ServerContext{Revision: revision, Timezone: time.UTC}}
		if err := block.Decode(reader, 0); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("decode the engine's answer: %w", err)
		}
		var buf chproto.Buffer
		if err := block.Encode(&buf, revision); err != nil {
			return fmt.Errorf("encode the answer at revision %d: %w", revision, err)
		}
		if _, err := w.Write(buf.Buf); err != nil {
			return err
		}
	}
}

// frameSize is how much is put into one compressed frame.
const frameSize = 1 << 20

// frameWriter writes ClickHouse's compressed frames (LZ4), asked for by compress=1.
type frameWriter struct {
	w  io.Writer
	cw *compress.Writer
}

func newFrameWriter(w io.Writer) *frameWriter {
	return &frameWriter{w, compress.NewWriter(compress.LevelZero, compress.LZ4)}
}

// Write implements io.Writer.
func (f *frameWriter) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		part := p[done:min(done+frameSize, len(p))]
		if err := f.cw.Compress(part); err != nil {
			return done, err
		}
		if _, err := f.w.Write(f.cw.Data); err != nil {
			return done, err
		}
		done += len(part)
	}
	return len(p), nil
}

// frameReader reads compressed frames, sent with decompress=1.
type frameReader struct{ r *compress.Reader }

func newFrameReader(r io.Reader) *frameReader { return &frameReader{compress.NewReader(r)} }

// Read implements io.Reader: the end between two frames is io.EOF itself, which
// the frame reader wraps.
func (f *frameReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
