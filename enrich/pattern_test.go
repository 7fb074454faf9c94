package enrich

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"s3:GetObject", "s3:GetObject", true},
		{"s3:GetObject", "s3:getobject", true},
		{"s3:GetObject", "s3:GetObjectAcl", false},
		{"s3:*", "s3:PutObject", true},
		{"s3:*", "s3", false},
		{"*", "", true},
		{"*", "anything at all", true},
		{"GET /v1/orders/*", "GET /v1/orders/7/items", true},
		{"GET /v1/orders/*", "GET /v1/Orders/7", false},
		{"GET *", "POST /v1", false},
		{"*/items", "GET /v1/items", true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*c", "a-c-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"**", "x", true},
		{"", "", true},
		{"", "x", false},
	} {
		p := compilePattern(c.pattern)
		if got := p.match(c.text); got != c.want {
			t.Errorf("%q on %q: got %v", c.pattern, c.text, got)
		}
	}
}

// naiveMatch is the definition of a pattern, written without any cleverness.
func naiveMatch(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	if pattern[0] == '*' {
		for i := 0; i <= len(s); i++ {
			if naiveMatch(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	}
	return s != "" && pattern[0] == s[0] && naiveMatch(pattern[1:], s[1:])
}

func TestPatternsEqualTheNaiveReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[abA/ ]{0,8}`), 1, 8).Draw(t, "texts")
		list := rapid.SliceOfN(rapid.StringMatching(`[abA/ *]{0,6}`), 1, 5).Draw(t, "patterns")
		m := compileMatcher(list)
		for _, s := range texts {
			want := slices.ContainsFunc(list, func(p string) bool {
				if strings.Contains(p, " ") {
					return naiveMatch(p, s)
				}
				return naiveMatch(strings.ToLower(p), strings.ToLower(s))
			})
			if got := m.match(s); got != want {
				t.Fatalf("%q on %q: got %v, want %v", list, s, got, want)
			}
		}
	})
}

func TestLongListsAreShortenedForPeople(t *testing.T) {
	got := enumerate([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
	if want := "a, b, c, d, e, f and 2 more"; got != want {
		t.Errorf("got %q", got)
	}
}
