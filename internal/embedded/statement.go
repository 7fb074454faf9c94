package embedded

import (
	"errors"
	"fmt"
	"strings"
)

// token is one lexical element of a statement. text is the source's own
// spelling; word is lower case and empty for anything but a bare word.
type token struct {
	text string
	word string
	// quoted marks `identifier`, "identifier" and 'string'.
	quoted bool
	start  int
	end    int
}

// lex cuts ClickHouse SQL into tokens, without comments and blanks. What it
// can't read to its end (an open quote or comment) is an error, so that nothing
// can hide behind a difference between two readings.
func lex(sql string) ([]token, error) {
	var out []token
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case c <= ' ' || c == 0x7f:
			i++
		case strings.HasPrefix(sql[i:], "--"), strings.HasPrefix(sql[i:], "#!"), strings.HasPrefix(sql[i:], "# "):
			nl := strings.IndexByte(sql[i:], '\n')
			if nl < 0 {
				return out, nil
			}
			i += nl + 1
		case strings.HasPrefix(sql[i:], "/*"):
			end, err := commentEnd(sql, i)
			if err != nil {
				return nil, err
			}
			i = end
		case c == '\'' || c == '"' || c == '`':
			end, err := quoteEnd(sql, i)
			if err != nil {
				return nil, err
			}
			out = append(out, token{text: sql[i:end], quoted: true, start: i, end: end})
			i = end
		case c == '$' && heredocTag(sql[i:]) != "":
			tag := heredocTag(sql[i:])
			n := strings.Index(sql[i+len(tag):], tag)
			if n < 0 {
				return nil, fmt.Errorf("the string opened by %s at byte %d is not closed", tag, i)
			}
			end := i + 2*len(tag) + n
			out = append(out, token{text: sql[i:end], quoted: true, start: i, end: end})
			i = end
		case isWordByte(c):
			end := i
			for end < len(sql) && isWordByte(sql[end]) {
				end++
			}
			out = append(out, token{text: sql[i:end], word: strings.ToLower(sql[i:end]), start: i, end: end})
			i = end
		default:
			out = append(out, token{text: sql[i : i+1], start: i, end: i + 1})
			i++
		}
	}
	return out, nil
}

// commentEnd returns the end of the nested comment that starts at i.
func commentEnd(sql string, i int) (int, error) {
	depth := 0
	for j := i; j < len(sql)-1; j++ {
		switch sql[j : j+2] {
		case "/*":
			depth++
			j++
		case "*/":
			depth--
			j++
			if depth == 0 {
				return j + 1, nil
			}
		}
	}
	return 0, fmt.Errorf("the comment at byte %d is not closed", i)
}

// quoteEnd returns the end of the quoted text that starts at i. A quote is
// escaped by a backslash or by doubling it.
func quoteEnd(sql string, i int) (int, error) {
	q := sql[i]
	for j := i + 1; j < len(sql); j++ {
		switch sql[j] {
		case '\\':
			j++
		case q:
			if j+1 < len(sql) && sql[j+1] == q {
				j++
				continue
			}
			return j + 1, nil
		}
	}
	return 0, fmt.Errorf("the quote at byte %d is not closed", i)
}

// heredocTag returns the $tag$ that s starts with, or nothing.
func heredocTag(s string) string {
	for i := 1; i < len(s); i++ {
		if s[i] == '$' {
			return s[:i+1]
		}
		if !isWordByte(s[i]) {
			return ""
		}
	}
	return ""
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// trimEnd drops semicolons at the end and refuses a second statement.
func trimEnd(toks []token) ([]token, error) {
	for len(toks) > 0 && toks[len(toks)-1].text == ";" {
		toks = toks[:len(toks)-1]
	}
	for _, t := range toks {
		if t.text == ";" && !t.quoted {
			return nil, fmt.Errorf("more than one statement (a semicolon at byte %d)", t.start)
		}
	}
	if len(toks) == 0 {
		return nil, errors.New("empty statement")
	}
	return toks, nil
}

// outputFormat returns the name in the statement's own FORMAT clause, or nothing.
// The clause is the last one, save for settings: else format is a column's name.
func outputFormat(toks []token) string {
	depth, format := 0, ""
	for i, t := range toks {
		switch {
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case depth == 0 && t.word == "format" && i+1 < len(toks) && toks[i+1].word != "" && (i+2 == len(toks) || toks[i+2].word == "settings"):
			format = toks[i+1].text
		}
	}
	return format
}

// insertData says how a statement takes its rows: format is empty when it does
// not insert rows from a body. head is the statement up to FORMAT, and dataAt is
// where, in sql, inline data starts.
type insertData struct {
	head   string
	format string
	dataAt int
}

// parseInsert reads the head of a statement. hasBody says that the data comes
// separately, so that FORMAT must be the statement's last clause. Inline VALUES
// need no body: the engine's parser reads them.
func parseInsert(sql string, hasBody bool) insertData {
	toks := lexPrefix(sql)
	if len(toks) < 3 || toks[0].word != "insert" {
		return insertData{}
	}
	depth := 0
	for i := 1; i < len(toks); i++ {
		switch t := toks[i]; {
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case depth > 0:
		case t.word == "select", t.word == "with", t.word == "infile":
			return insertData{}
		case t.word == "values":
			if !hasBody || i+1 < len(toks) {
				return insertData{}
			}
			return insertData{head: sql[:t.start], format: "Values", dataAt: t.end}
		case t.word == "format" && i+1 < len(toks) && toks[i+1].word != "":
			at := toks[i+1].end
			if !hasBody {
				at += dataOffset(sql[at:])
			}
			return insertData{head: sql[:t.start], format: toks[i+1].text, dataAt: at}
		}
	}
	return insertData{}
}

// lexPrefix lexes as far as it can: data that follows FORMAT is no SQL.
func lexPrefix(sql string) []token {
	const head = 64 << 10
	if len(sql) > head {
		sql = sql[:head]
	}
	if toks, err := lex(sql); err == nil {
		return toks
	}
	// An open quote lies in the data; the head ends at FORMAT's own line.
	if nl := strings.IndexByte(sql, '\n'); nl > 0 {
		if toks, err := lex(sql[:nl]); err == nil {
			return toks
		}
	}
	return nil
}

// dataOffset skips what may stand between a format's name and inline data: one
// semicolon, blanks, and one line end.
func dataOffset(s string) int {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == ';' || s[i] == '\r') {
		i++
	}
	if i < len(s) && s[i] == '\n' {
		i++
	}
	return i
}
