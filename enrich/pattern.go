package enrich

import "strings"

// pattern is a compiled pattern in which * stands for any run of characters,
// also an empty one and across "/".
type pattern struct {
	text  string
	parts []string // between the stars; one part means an exact match
	fold  bool     // compare ASCII letters without case
}

// compilePattern never fails: every text is a pattern. Patterns of cloud
// operations ("s3:GetObject") ignore the case of letters as IAM does; paths
// and methods of gateways do not.
func compilePattern(text string) pattern {
	return pattern{text: text, parts: strings.Split(text, "*"), fold: strings.IndexByte(text, ' ') < 0}
}

func (p *pattern) match(s string) bool {
	parts := p.parts
	if len(parts) == 1 {
		return len(s) == len(parts[0]) && p.prefix(s, parts[0])
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !p.prefix(s, first) || !p.prefix(s[len(s)-len(last):], last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	// Between the fixed ends the leftmost place of each part is the best one.
	for _, part := range parts[1 : len(parts)-1] {
		at := p.index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}

// prefix reports whether s, at least as long as want unless it differs, begins
// with want.
func (p *pattern) prefix(s, want string) bool {
	if len(s) < len(want) {
		return false
	}
	if !p.fold {
		return s[:len(want)] == want
	}
	for i := range len(want) {
		if lower(s[i]) != lower(want[i]) {
			return false
		}
	}
	return true
}

func (p *pattern) index(s, part string) int {
	if !p.fold {
		return strings.Index(s, part)
	}
	for i := 0; i+len(part) <= len(s); i++ {
		if p.prefix(s[i:], part) {
			return i
		}
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// matcher is a list of patterns: the exact ones in a map for the usual case,
// then all of them in order.
type matcher struct {
	exact    map[string]struct{}
	patterns []pattern
	words    string // the list as a person reads it, shortened
}

func compileMatcher(list []string) *matcher {
	if list == nil {
		return nil
	}
	m := &matcher{exact: make(map[string]struct{}, len(list)), words: enumerate(list)}
	for _, text := range list {
		p := compilePattern(text)
		if len(p.parts) == 1 {
			m.exact[text] = struct{}{}
			if !p.fold {
				continue
			}
		}
		m.patterns = append(m.patterns, p)
	}
	return m
}

func (m *matcher) match(s string) bool {
	if _, ok := m.exact[s]; ok {
		return true
	}
	for i := range m.patterns {
		if m.patterns[i].match(s) {
			return true
		}
	}
	return false
}

// enumerate joins a list for an alert: at most six entries, then how many more.
func enumerate(list []string) string {
	const most = 6
	if len(list) == 0 {
		return "nothing"
	}
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + " and " + decimal(len(list)-most) + " more"
}
