package embedded

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readStatements are the first words of statements that only read.
var readStatements = []string{"select", "with", "show", "describe", "desc", "explain", "exists", "values"}

// outsideFunctions read or write files, other servers or programs, or look into
// the process. Names are matched as words before a parenthesis, with any suffix
// that ClickHouse gives its variants (s3Cluster, fileCluster, urlCluster).
var outsideFunctions = []string{
	"arrowflight", "azureblobstorage", "catboostevaluate", "cluster", "clusterallreplicas", "cosn", "deltalake", "executable", "file", "filesystem", "fuzzjson", "fuzzquery", "gcs", "hdfs", "hive", "hudi",
	"iceberg", "input", "jdbc", "kql", "loop", "meilisearch", "merge", "mongodb", "mysql", "odbc", "oss", "paimon", "postgresql", "prometheusquery", "python", "redis", "remote", "remotesecure",
	"s3", "s3queue", "sqlite", "url", "ytsaurus", "mergetreeindex", "mergetreeprojection", "mergetreetextindex", "timeseriesdata", "timeseriesmetrics", "timeseriestags", "timeseriesselector",
	"getserversetting", "getmacro", "hascolumnintable", "dictionary",
}

// outsidePrefixes cover the variants by cluster, cloud and local path.
var outsidePrefixes = []string{"file", "url", "s3", "hdfs", "iceberg", "deltalake", "hudi", "azureblobstorage", "remote", "paimon", "dictget", "gcs"}

// outsideExempt are harmless functions whose names only start that way.
var outsideExempt = map[string]bool{"urlhash": true, "urlhierarchy": true, "urlpathhierarchy": true}

// systemTables are those of the database system that hunters may read: what is
// there, and what the engine can. The others show other people's queries, the
// server's settings and its disks. INFORMATION_SCHEMA is open as a whole.
var systemTables = map[string]bool{
	"aggregate_function_combinators": true, "collations": true, "columns": true, "data_type_families": true, "databases": true, "formats": true, "functions": true, "keywords": true, "numbers": true, "numbers_mt": true, "one": true, "parts": true,
	"settings": true, "table_engines": true, "table_functions": true, "tables": true, "time_zones": true, "zeros": true,
}

// shown are the words that may follow SHOW.
var shown = map[string]bool{
	"changed": true, "columns": true, "create": true, "databases": true, "extended": true, "fields": true, "full": true, "functions": true, "index": true, "indexes": true, "indices": true, "keys": true, "setting": true, "settings": true, "tables": true, "temporary": true,
}

// beforeTable are the words after which a table, or a database, is named.
var beforeTable = map[string]bool{"from": true, "join": true, "table": true, "describe": true, "desc": true, "exists": true, "create": true, "view": true, "dictionary": true, "database": true, "in": true}

// afterFrom are the words that end a list of tables.
var afterFrom = map[string]bool{
	"select": true, "where": true, "prewhere": true, "group": true, "order": true, "having": true, "limit": true, "settings": true, "format": true, "union": true, "intersect": true, "except": true, "window": true, "qualify": true, "offset": true, "with": true,
}

// guard refuses any statement that does more than read the tables of this
// database. It is the first of two locks: the engine's readonly=1 is the other.
func guard(sql string) error {
	toks, err := lex(sql)
	if err != nil {
		return err
	}
	if toks, err = trimEnd(toks); err != nil {
		return err
	}
	first := toks[0].word
	for i := 0; first == "" && i+1 < len(toks) && toks[i].text == "("; i++ {
		first = toks[i+1].word
	}
	if !slices.Contains(readStatements, first) {
		return fmt.Errorf("only SELECT, WITH, SHOW, DESCRIBE, EXPLAIN and EXISTS are open to hunters, not %q", firstWords(toks))
	}
	for i, t := range toks {
		// The engine takes several characters beyond ASCII for blanks, which
		// would hide the words around them from what follows.
		if !t.quoted && strings.IndexFunc(t.text, func(r rune) bool { return r >= 0x80 }) >= 0 {
			return fmt.Errorf("%q holds a character beyond ASCII: put it in quotes", t.text)
		}
		if i+2 < len(toks) && t.word == "into" && toks[i+1].word == "outfile" {
			return errors.New("INTO OUTFILE is not open to hunters")
		}
		// EXPLAIN and WITH may lead into a statement that writes.
		if t.word == "insert" && i+1 < len(toks) && toks[i+1].word == "into" {
			return errors.New("INSERT is not open to hunters")
		}
		if i+1 < len(toks) && toks[i+1].text == "(" {
			if t.quoted && t.text[0] != '\'' && strings.ContainsRune(t.text, '\\') {
				return fmt.Errorf("a function's name with escapes, %s, is not open to hunters", t.text)
			}
			if name := functionName(t); isOutside(name) {
				return fmt.Errorf("the function %s is not open to hunters: it reaches outside the database", name)
			}
		}
	}
	return guardNames(toks, first)
}

// guardNames refuses what a table may be called to reach out of this database: other
// system tables, names that only the engine would put together, and paths. The engine
// looks for a file where it knows no table of that name, and so tells which files
// there are, though it opens none.
func guardNames(toks []token, first string) error {
	from := []bool{false} // by depth: whether a list of tables is open
	for i, t := range toks {
		var prev, next token
		if i > 0 {
			prev = toks[i-1]
		}
		if i+1 < len(toks) {
			next = toks[i+1]
		}
		depth := len(from) - 1
		switch {
		case t.text == "(":
			from = append(from, false)
		case t.text == ")" && depth > 0:
			from = from[:depth]
		case t.word == "from" || t.word == "join":
			from[depth] = true
		case afterFrom[t.word]:
			from[depth] = false
		case t.text == ":" && next.word == "identifier":
			return errors.New("a parameter that is a name ({…:Identifier}) is not open to hunters")
		case t.quoted && strings.HasPrefix(t.text, "$"):
			// A heredoc is a string.
		case t.quoted && t.text[0] != '\'' && strings.ContainsRune(t.text, '\\'):
			return fmt.Errorf("a name with escapes, %s, is not open to hunters", t.text)
		}
		if t.quoted && (beforeTable[prev.word] || prev.text == "." || prev.text == "," && from[depth]) && strings.ContainsAny(t.text, `/\.`) {
			return fmt.Errorf("%s is no table of this database: names with a slash or a dot are not open to hunters", t.text)
		}
		if next.text == "." && i+2 < len(toks) && plainName(t) == "system" {
			if name := plainName(toks[i+2]); !systemTables[name] {
				return fmt.Errorf("system.%s is not open to hunters: of system they read columns, tables, databases, functions, settings and data_type_families", name)
			}
		}
	}
	if first == "show" {
		for i, t := range toks {
			if t.word == "show" && i+1 < len(toks) && !shown[toks[i+1].word] || t.word == "processlist" {
				return fmt.Errorf("of SHOW only tables, databases, columns, indexes, functions, settings and CREATE are open to hunters, not %q", firstWords(toks))
			}
		}
	}
	if first == "exists" {
		for _, t := range toks[1:] {
			if t.text != "." && !nameRE.MatchString(strings.Trim(t.text, "`\"")) {
				return fmt.Errorf("EXISTS takes the name of a table of letters, digits and _, not %s", t.text)
			}
		}
	}
	return nil
}

// plainName is an identifier without its quotes, in lower case; nothing for a string.
func plainName(t token) string {
	if t.quoted && t.text[0] == '\'' {
		return ""
	}
	return strings.ToLower(strings.Trim(t.text, "`\""))
}

// functionName is the word that stands before a parenthesis, quoted or not.
func functionName(t token) string {
	if t.quoted && (t.text[0] == '`' || t.text[0] == '"') {
		return strings.ToLower(strings.Trim(t.text, "`\""))
	}
	return t.word
}

func isOutside(name string) bool {
	if slices.Contains(outsideFunctions, name) {
		return true
	}
	for _, p := range outsidePrefixes {
		if strings.HasPrefix(name, p) && !outsideExempt[name] {
			return true
		}
	}
	return false
}

func firstWords(toks []token) string {
	var b strings.Builder
	for i, t := range toks {
		if i == 3 || b.Len() > 40 {
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	return b.String()
}
