package receive

import (
	"io"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/ingest"
)

// What the receivers ask the table of formats.

// reader cuts a body as a format of the table is cut.
func (s *Server) reader(r io.Reader, format string) *ingest.Reader {
	return s.cfg.Formats.NewReader(r, format)
}

// detect finds a record's format by its content.
func (s *Server) detect(record []byte) (format string, ok bool) { return s.cfg.Formats.Detect(record) }

// known lists the formats that have a topic, in the order of the table.
func (s *Server) known() string {
	var out []string
	for _, f := range s.cfg.Formats.Names() {
		if s.topics[f] != "" {
			out = append(out, f)
		}
	}
	var others []string
	for f := range s.topics {
		if !slices.Contains(out, f) {
			others = append(others, f)
		}
	}
	slices.Sort(others)
	return strings.Join(append(out, others...), ", ")
}
