package app

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/schemas"
)

func TestAReportKeepsWhatLogsHoldFromBeingMarkup(t *testing.T) {
	sections := []reportSection{
		{name: "endpoints-in-use", title: "API inventory", question: "Which?", window: "all that was ever seen", result: &clickhouse.Result{
			Columns: []clickhouse.Column{{Name: "operation"}, {Name: "calls"}},
			Rows:    [][]any{{"GET /![x](https://evil.example)|<img>\n# h", uint64(7)}},
		}},
		{name: "stale-credentials", title: "Stale", question: "Which?", window: "the 30 days before the newest event", result: &clickhouse.Result{Columns: []clickhouse.Column{{Name: "a"}}}},
	}
	var out bytes.Buffer
	require.NoError(t, writeMarkdownReport(&out, "default", sections))
	text := out.String()
	require.Contains(t, text, "| [API inventory](#endpoints-in-use) | 1 |")
	require.Contains(t, text, "## Stale\n\nWhich? (Window: the 30 days before the newest event.)\n\nNone.")
	require.NotContains(t, text, "![x](")
	require.NotContains(t, text, "<img>")
	for line := range strings.SplitSeq(text, "\n") {
		require.NotEqual(t, "# h", line)
	}
}

func TestSectionsOfReportsAreHunts(t *testing.T) {
	for _, name := range discoverySections {
		hunt := name
		if r, ok := reportHunts[name]; ok {
			hunt = r.hunt
		}
		h, err := clickhouse.FindHunt(hunt)
		require.NoError(t, err)
		if lookBack[hunt] {
			require.True(t, slices.ContainsFunc(h.Params, func(p clickhouse.Param) bool { return p.Name == "days" }), hunt)
		}
	}
	for _, s := range identitySections {
		_, err := clickhouse.FindHunt(s.hunt)
		require.NoError(t, err)
	}
}

func TestAnIdentityIsFoundByAnySpelling(t *testing.T) {
	all := map[string]knownIdentity{
		"aws:123456789012:role/ci": {Identity: schemas.Identity{ID: "aws:123456789012:role/ci", Aliases: []string{"kong:consumer/ci"}}, Managed: true},
	}
	for name, want := range map[string]string{
		"aws:123456789012:role/ci":                           "aws:123456789012:role/ci",
		"arn:aws:iam::123456789012:role/service/ci":          "aws:123456789012:role/ci",
		"arn:aws:sts::123456789012:assumed-role/ci/session7": "aws:123456789012:role/ci",
		"kong:consumer/ci":                                   "aws:123456789012:role/ci",
		"arn:aws:iam::123456789012:user/bob":                 "aws:123456789012:user/bob",
	} {
		id, _ := findIdentity(all, name)
		require.Equal(t, want, id, name)
	}
}
