package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/ingest"
)

// formatSet is the table of formats and those of ingest.custom, whose mappings
// are read anew.
func (c *Config) formatSet() (*ingest.Set, error) {
	custom := make([]ingest.Format, 0, len(c.Ingest.Custom))
	for i, m := range c.Ingest.Custom {
		f, err := readMapping(m)
		if err != nil {
			return nil, fmt.Errorf("ingest.custom[%d]: %w", i, err)
		}
		custom = append(custom, f)
	}
	return ingest.NewSet(custom...)
}

// maxMapping bounds what is read of a mapping's file; the parser's bound is lower.
const maxMapping = 1 << 20

func readMapping(m CustomFormat) (ingest.Format, error) {
	if m.File == "" {
		return ingest.Format{}, errors.New("file: want the path of a mapping")
	}
	f, err := os.Open(filepath.Clean(m.File))
	if err != nil {
		return ingest.Format{}, fmt.Errorf("%s: %w", m.File, cause(err))
	}
	defer f.Close() //nolint:errcheck // opened for reading
	data, err := io.ReadAll(io.LimitReader(f, maxMapping))
	if err != nil {
		return ingest.Format{}, fmt.Errorf("%s: %w", m.File, cause(err))
	}
	return ingest.Custom(m.Name, m.File, data)
}

// customName is the format's name on the command line of the mapping in
// --mapping, whatever the mapping calls itself.
const customName = "custom"

// useMapping adds the mapping of --mapping to the configuration, and returns the
// format to read: the mapping's, where none is named.
func (c *Config) useMapping(format, file string) (string, error) {
	if file == "" {
		return format, nil
	}
	if format != ingest.AutoFormat && format != customName && slices.Contains(FormatNames(), format) {
		return "", Usagef("--format %s and --mapping %s: keep one, the mapping is a format itself", format, file)
	}
	f, err := readMapping(CustomFormat{File: file})
	if err != nil {
		return "", Usage(err)
	}
	c.Ingest.Custom = append(c.Ingest.Custom[:len(c.Ingest.Custom):len(c.Ingest.Custom)], CustomFormat{File: file})
	if format == ingest.AutoFormat || format == customName {
		return f.Name, nil
	}
	return format, nil
}

// unknownFormat is the error for a name that is no format's.
func unknownFormat(name string, set *ingest.Set) error {
	known := append([]string{ingest.AutoFormat}, set.Names()...)
	if near := nearest(name, known); near != "" {
		return Usagef("unknown format %q: did you mean %s?", name, near)
	}
	return Usagef("unknown format %q: want %s; other JSON needs a mapping (docs/sending-logs.md, Any JSON)", name, oneOf(known))
}

// disorderOf is how late records of a format usually come.
func disorderOf(set *ingest.Set, format string) time.Duration {
	for _, f := range set.Formats() {
		if f.Name == format {
			return f.Disorder
		}
	}
	return 0
}

// FormatNames lists the raw log formats, for help and completion.
func FormatNames() []string { return ingest.Table().Names() }

// FormatHelp is the list of formats as a help page shows it.
func FormatHelp() string {
	var b strings.Builder
	b.WriteString("Formats:")
	for _, f := range ingest.Formats() {
		fmt.Fprintf(&b, "\n  %-20s %s", f.Name, f.Title)
	}
	return b.String()
}
