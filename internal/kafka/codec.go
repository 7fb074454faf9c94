package kafka

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/segmentio/kafka-go/compress"
)

// codec is a compression by the number that record batches carry.
type codec int8

const (
	codecNone codec = 0
	codecLz4  codec = 3
	codecZstd codec = 4
)

func codecByName(name string) (codec, error) {
	switch name {
	case "", "zstd":
		return codecZstd, nil
	case "lz4":
		return codecLz4, nil
	case "none":
		return codecNone, nil
	}
	return 0, fmt.Errorf("kafka: unknown compression %q; zstd, lz4 and none are known", name)
}

// maxBatch bounds what one batch may grow to when decompressed.
const maxBatch = 256 << 20

// compressor compresses record batches; one goroutine at a time uses it.
type compressor struct {
	codec codec
	zstd  *zstd.Encoder
	lz4   *lz4.Writer
}

func newCompressor(c codec) (*compressor, error) {
	k := &compressor{codec: c}
	switch c {
	case codecZstd:
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, fmt.Errorf("kafka: zstd: %w", err)
		}
		k.zstd = enc
	case codecLz4:
		k.lz4 = lz4.NewWriter(nil)
		if err := k.lz4.Apply(lz4.BlockSizeOption(lz4.Block256Kb)); err != nil {
			return nil, fmt.Errorf("kafka: lz4: %w", err)
		}
	case codecNone:
	}
	return k, nil
}

// append compresses src onto dst.
func (k *compressor) append(dst, src []byte) ([]byte, error) {
	switch k.codec {
	case codecZstd:
		return k.zstd.EncodeAll(src, dst), nil
	case codecLz4:
		buf := bytes.NewBuffer(dst)
		k.lz4.Reset(buf)
		if _, err := k.lz4.Write(src); err != nil {
			return nil, fmt.Errorf("kafka: lz4: %w", err)
		}
		if err := k.lz4.Close(); err != nil {
			return nil, fmt.Errorf("kafka: lz4: %w", err)
		}
		return buf.Bytes(), nil
	case codecNone:
	}
	return append(dst, src...), nil
}

// decompressor is used by one goroutine at a time.
type decompressor struct{ zstd *zstd.Decoder }

func newDecompressor() (*decompressor, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBatch), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("kafka: zstd: %w", err)
	}
	return &decompressor{zstd: dec}, nil
}

func (d *decompressor) append(dst, src []byte, c codec) ([]byte, error) {
	switch c {
	case codecNone:
		return append(dst, src...), nil
	case codecZstd:
		out, err := d.zstd.DecodeAll(src, dst)
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		return out, nil
	case codecLz4:
	}
	other := compress.Compression(c).Codec()
	if other == nil {
		return nil, fmt.Errorf("unknown compression %d", c)
	}
	r := other.NewReader(bytes.NewReader(src))
	buf := bytes.NewBuffer(dst)
	n, err := io.Copy(buf, io.LimitReader(r, maxBatch+1))
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err == nil && n > maxBatch {
		err = fmt.Errorf("a batch of more than %d bytes", maxBatch)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", other.Name(), err)
	}
	return buf.Bytes(), nil
}
