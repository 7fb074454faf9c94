package app

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
)

// newEncoder writes JSON, a value a line, as its texts are: what scripts read is no
// HTML, in which & and < would have to be escaped.
func newEncoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

// encodeLines writes a list as NDJSON.
func encodeLines[T any](w io.Writer, list []T) error {
	b := bufio.NewWriterSize(w, 1<<16)
	enc := newEncoder(b)
	for i := range list {
		if err := enc.Encode(&list[i]); err != nil {
			return err
		}
	}
	return b.Flush()
}

// newTable draws a table for people, its header as it is given.
func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = 0
	t.AppendHeader(header)
	return t
}
