package embedded

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// param is a value for {name:Type} in a statement.
type param struct{ name, value string }

// request is one statement with everything it asks for.
type request struct {
	sql      string
	toks     []token
	insert   insertData
	data     io.Reader
	database string
	format   string
	revision uint64
	compress bool
	settings [][2]string
	params   []param
	// hunter holds the request to the read only rules.
	hunter bool
}

// transport are parameters of the interface itself, not settings of the engine.
var transport = map[string]bool{
	"query": true, "database": true, "default_format": true, "client_protocol_version": true, "password": true, "user": true, "quota_key": true, "query_id": true,
	"compress": true, "decompress": true, "buffer_size": true, "wait_end_of_query": true, "stacktrace": true, "close_session": true, "http_make_head_request": true,
}

// hunterSettings may be set by a hunter; the engine's caps are laid over them.
var hunterSettings = map[string]bool{
	"readonly": true, "max_execution_time": true, "max_memory_usage": true, "max_rows_to_read": true, "max_bytes_to_read": true, "max_result_rows": true, "max_result_bytes": true, "result_overflow_mode": true,
	"read_overflow_mode": true, "timeout_overflow_mode": true, "max_threads": true, "max_block_size": true, "join_use_nulls": true, "final": true, "session_timezone": true, "date_time_output_format": true, "date_time_input_format": true, "use_query_cache": true,
	"extremes": true, "output_format_json_quote_64bit_integers": true, "output_format_pretty_max_rows": true, "network_compression_method": true, "send_progress_in_http_headers": true,
}

var nameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// readRequest takes a request apart and holds a reader to its rules.
func readRequest(r *http.Request, hunter bool) (*request, error) {
	q := r.URL.Query()
	req := &request{sql: q.Get("query"), database: q.Get("database"), format: q.Get("default_format"), hunter: hunter || r.Method != http.MethodPost}
	if req.database == "" {
		req.database = r.Header.Get("X-ClickHouse-Database")
	}
	if req.format == "" {
		req.format = r.Header.Get("X-ClickHouse-Format")
	}
	if req.format == "" {
		req.format = "TabSeparated"
	}
	if !nameRE.MatchString(req.format) {
		return nil, refuse(73, "UNKNOWN_FORMAT", "format %q", req.format)
	}
	if v := q.Get("client_protocol_version"); v != "" {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return nil, refuse(36, "BAD_ARGUMENTS", "client_protocol_version %q", v)
		}
		req.revision = n
	}
	req.compress = q.Get("compress") == "1"
	if v := q.Get("readonly"); v == "1" || v == "2" {
		req.hunter = true
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return nil, refuse(48, "NOT_IMPLEMENTED", "external tables are not supported by the embedded engine")
	}
	if err := req.readSettings(q); err != nil {
		return nil, err
	}
	if err := req.readBody(r, q.Get("decompress") == "1"); err != nil {
		return nil, err
	}
	return req, req.check()
}

// readSettings takes settings and parameters from the query string, in the
// order of their names so that a request always does the same.
func (req *request) readSettings(q url.Values) error {
	for _, k := range slices.Sorted(maps.Keys(q)) {
		v := q.Get(k)
		switch name, isParam := strings.CutPrefix(k, "param_"); {
		case isParam:
			req.params = append(req.params, param{name, v})
		case transport[k]:
		case k == "session_id" || k == "session_timeout" || k == "session_check":
			return refuse(48, "NOT_IMPLEMENTED", "the embedded engine has no sessions across requests")
		case !nameRE.MatchString(k):
			return refuse(115, "UNKNOWN_SETTING", "setting %q", k)
		case req.hunter && !hunterSettings[k]:
			return refuse(164, "READONLY", "the setting %s is not open to hunters", k)
		case k != "readonly":
			req.settings = append(req.settings, [2]string{k, v})
		}
	}
	return nil
}

// limitReader fails, rather than ends, beyond a number of bytes: rows that are cut off
// must not pass for all there are.
type limitReader struct {
	r           io.Reader
	limit, left int64
}

func newLimitReader(r io.Reader, limit int64) *limitReader { return &limitReader{r, limit, limit} }

// Read implements io.Reader.
func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("more than %d bytes, unpacked", l.limit)
	}
	return n, err
}

// readBody finds the statement and the data that goes with it.
func (req *request) readBody(r *http.Request, framed bool) error {
	if r.Body == nil || r.Method != http.MethodPost {
		return nil
	}
	body := io.Reader(http.MaxBytesReader(nil, r.Body, maxBody))
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "", "identity":
	case "gzip":
		gz, err := gzip.NewReader(body)
		if err != nil {
			return refuse(354, "ZLIB_INFLATE_FAILED", "body: %v", err)
		}
		body = newLimitReader(gz, maxBody)
	default:
		return refuse(48, "NOT_IMPLEMENTED", "Content-Encoding %q: send gzip or none", enc)
	}
	if framed {
		body = newFrameReader(body)
	}
	if req.sql != "" {
		if req.insert = parseInsert(req.sql, true); req.insert.format != "" {
			req.data = body
			return nil
		}
	}
	head, err := io.ReadAll(io.LimitReader(body, maxStatement+1))
	if err != nil {
		return refuse(33, "CANNOT_READ_ALL_DATA", "body: %v", err)
	}
	if req.sql != "" && len(bytes.TrimSpace(head)) > 0 {
		req.sql += "\n"
	}
	req.sql += string(head)
	if req.insert = parseInsert(req.sql, false); req.insert.format != "" {
		inline := req.sql[min(req.insert.dataAt, len(req.sql)):]
		req.data = io.MultiReader(strings.NewReader(inline), body)
		return nil
	}
	if len(head) > maxStatement {
		return refuse(62, "SYNTAX_ERROR", "a statement of more than %d bytes", maxStatement)
	}
	return nil
}

// check reads the statement once more as a whole: one statement only, and for a
// reader nothing that writes or reaches outside.
func (req *request) check() error {
	if req.hunter {
		sql := req.sql
		if req.insert.format != "" {
			sql = req.insert.head
		}
		if err := guard(sql); err != nil {
			return refuse(164, "READONLY", "%v", err)
		}
		if strings.EqualFold(req.database, "system") {
			return refuse(164, "READONLY", "the database system is not open to hunters: name the table, such as system.columns")
		}
	}
	if req.insert.format != "" {
		return nil
	}
	toks, err := lex(req.sql)
	if err != nil {
		return refuse(62, "SYNTAX_ERROR", "%v", err)
	}
	if toks, err = trimEnd(toks); err != nil {
		return refuse(62, "SYNTAX_ERROR", "%v", err)
	}
	switch toks[0].word {
	case "set", "use":
		return refuse(48, "NOT_IMPLEMENTED", "%s has no effect beyond its request here: give settings and database as parameters", strings.ToUpper(toks[0].word))
	}
	req.sql, req.toks = req.sql[:toks[len(toks)-1].end], toks
	return nil
}
