package clickhouse

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFormatWritesValuesForPeople(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	var none *time.Time
	text, number := "a", 1.5
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"a time", at, "2026-07-01T12:00:00Z"},
		{"a time of a Nullable column", &at, "2026-07-01T12:00:00Z"},
		{"no time of a Nullable column", none, ""},
		{"the zero time, which stands for none", time.Unix(0, 0), ""},
		{"a text of a Nullable column", &text, "a"},
		{"a number of a Nullable column", &number, "1.5"},
		{"nothing", nil, ""},
		{"a list of times", []time.Time{at, at}, "2026-07-01T12:00:00Z, 2026-07-01T12:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Format(c.value)) })
	}
}
