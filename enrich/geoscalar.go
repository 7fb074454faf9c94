package enrich

import (
	"strings"

	"github.com/oschwald/maxminddb-golang/v2/mmdbdata"
)

// Bounds of the texts of a database, in bytes: of those that are read, and of an
// organisation's name, which goes into every event of its addresses.
const (
	maxGeoText      = 4096
	maxOrganisation = 256
)

// scalar is a value of a database that may come as text or as a number. What is
// neither, or a text of more than maxGeoText, counts as none, and costs nothing.
type scalar struct {
	value any // string, float64 or nil
}

// UnmarshalMaxMindDBCursor makes scalar a mmdbdata.CursorUnmarshaler.
func (s *scalar) UnmarshalMaxMindDBCursor(c mmdbdata.Cursor) (mmdbdata.Cursor, error) {
	kind, err := c.Kind()
	if err != nil {
		return mmdbdata.Cursor{}, err
	}
	s.value = nil
	switch kind {
	case mmdbdata.KindString:
		text, next, err := c.ReadStringMaxSize(maxGeoText)
		if err != nil {
			return c.Skip()
		}
		s.value = text
		return next, nil
	case mmdbdata.KindFloat32, mmdbdata.KindFloat64:
		n, next, err := c.ReadFloat()
		s.value = n
		return next, err
	case mmdbdata.KindUint16, mmdbdata.KindUint32, mmdbdata.KindUint64:
		n, next, err := c.ReadUint()
		s.value = float64(n)
		return next, err
	case mmdbdata.KindInt32:
		n, next, err := c.ReadInt32()
		s.value = float64(n)
		return next, err
	default:
		return c.Skip()
	}
}

// text gives a text, "" for anything else.
func (s scalar) text() string {
	text, _ := s.value.(string)
	return text
}

// number gives a number, also one that is written as a text.
func (s scalar) number() (float64, bool) {
	switch v := s.value.(type) {
	case float64:
		return v, true
	case string:
		return parseFloat(v)
	}
	return 0, false
}

// organisation gives a name as it goes into events: at most maxOrganisation
// bytes, without control characters and those that turn the direction of
// writing.
func organisation(name string) string {
	if len(name) > maxOrganisation {
		name = strings.ToValidUTF8(name[:maxOrganisation], "")
	}
	if !hasControl(name) {
		return name
	}
	return strings.Map(func(r rune) rune {
		if steers(r) {
			return -1
		}
		return r
	}, name)
}
