package embedded

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Limits of the engine's endpoint.
const (
	maxStatement = 16 << 20
	maxBody      = 2 << 30
	maxRunning   = 8
	// listenerFD is where the child finds its listening socket.
	listenerFD = 3
)

// childConfig is what the parent tells the child, as one JSON line.
type childConfig struct {
	Library string `json:"library"`
	Dir     string `json:"dir"`
	Token   string `json:"token"`
	Hunter  string `json:"hunter"`
	// Memory bounds one query, in bytes.
	Memory int64 `json:"memory"`
}

// childReady is the child's one line of answer.
type childReady struct {
	Error   string  `json:"error,omitempty"`
	Version string  `json:"version,omitempty"`
	OpenMS  float64 `json:"open_ms,omitempty"`
}

// ServerCommand is the hidden command line argument by which a binary becomes
// the engine's process. It must then call ServeChDB and nothing else.
const ServerCommand = "chdb-server"

// ServeIfAsked serves the engine when args (os.Args) say so, and reports
// whether it did. A test binary calls it first in TestMain.
func ServeIfAsked(args []string) (asked bool, err error) {
	if len(args) < 2 || args[1] != ServerCommand {
		return false, nil
	}
	return true, ServeChDB(context.Background(), os.Stdin, os.Stdout)
}

// ServeChDB is the child's whole life: it reads its settings from in, opens the
// engine, says so on out, and serves the socket it inherited until in ends (the
// parent closed it, or is gone) or ctx does. It returns nil after a graceful end.
func ServeChDB(ctx context.Context, in io.Reader, out io.Writer) error {
	reader := bufio.NewReader(in)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the engine's process is started by lapwing itself, not by hand: no settings on standard input: %w", err)
	}
	var cfg childConfig
	if err := json.Unmarshal(line, &cfg); err != nil {
		return fmt.Errorf("settings on standard input: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, reader) // only its end matters
		cancel()
	}()

	start := time.Now()
	srv, ln, err := openServer(ctx, cfg)
	if err != nil {
		return errors.Join(err, say(out, childReady{Error: err.Error()}))
	}
	if err := say(out, childReady{Version: srv.version, OpenMS: float64(time.Since(start).Microseconds()) / 1000}); err != nil {
		return errors.Join(err, srv.close())
	}
	hs := &http.Server{Handler: srv, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- hs.Serve(ln) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
	defer done()
	return errors.Join(err, hs.Shutdown(stop), srv.close())
}

func say(out io.Writer, r childReady) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}

// server is the engine behind ClickHouse's HTTP interface.
type server struct {
	engine  *engine
	lock    *dirLock
	version string
	token   [sha256.Size]byte
	hunter  [sha256.Size]byte
	memory  int64
	running chan struct{}
}

func openServer(ctx context.Context, cfg childConfig) (*server, net.Listener, error) {
	if cfg.Token == "" {
		return nil, nil, errors.New("no token: the engine is never served without one")
	}
	f := os.NewFile(listenerFD, "listener")
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, nil, fmt.Errorf("inherited socket: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, nil, fmt.Errorf("inherited socket: %w", err)
	}
	lock, err := lockDir(ctx, cfg.Dir)
	if err != nil {
		return nil, nil, err
	}
	s := &server{
		lock: lock, token: sha256.Sum256([]byte(cfg.Token)), hunter: sha256.Sum256([]byte(cfg.Hunter)),
		memory: cfg.Memory, running: make(chan struct{}, maxRunning),
	}
	if cfg.Hunter == "" {
		s.hunter = s.token
	}
	if s.engine, err = openEngine(cfg.Library, filepath.Join(cfg.Dir, "data")); err != nil {
		return nil, nil, errors.Join(err, lock.release())
	}
	err = s.engine.ask("SELECT version()", "TSVRaw", nil, func(b []byte) error {
		s.version = strings.TrimSpace(string(b))
		return nil
	})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("first query: %w", err), s.close())
	}
	return s, ln, nil
}

// close ends the engine once no request runs any more.
func (s *server) close() error {
	for range maxRunning {
		s.running <- struct{}{}
	}
	s.engine.close()
	return s.lock.release()
}

// engineError is an error in ClickHouse's own words: "Code: 62. DB::Exception: …".
type engineError struct{ msg string }

func (e *engineError) Error() string { return e.msg }

var codeRE = regexp.MustCompile(`^Code: (\d+)\.`)

// code is the number in the message, or 0.
func (e *engineError) code() string {
	if m := codeRE.FindStringSubmatch(e.msg); m != nil {
		return m[1]
	}
	return "0"
}

func refuse(code int, name, format string, args ...any) error {
	return &engineError{fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), name)}
}

// ServeHTTP implements ClickHouse's HTTP interface: one statement in the query
// parameter, in the body, or the first in the one and its data in the other.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping":
		fmt.Fprintln(w, "Ok.")
		return
	case r.URL.Path != "/":
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead:
		http.Error(w, "only GET and POST", http.StatusMethodNotAllowed)
		return
	}
	hunter, ok := s.authenticate(r)
	if !ok {
		fail(w, http.StatusForbidden, refuse(516, "AUTHENTICATION_FAILED", "the embedded engine wants its token as password or in the header X-ClickHouse-Key (run.json in the data directory holds it)"))
		return
	}
	if r.Method != http.MethodPost && r.URL.Query().Get("query") == "" {
		fmt.Fprintln(w, "Ok.")
		return
	}
	req, err := readRequest(r, hunter)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	case <-r.Context().Done():
		return
	}
	if err := s.run(w, req); err != nil {
		fail(w, http.StatusInternalServerError, err)
	}
}

// authenticate compares in constant time what the request brings with both tokens.
func (s *server) authenticate(r *http.Request) (hunter, ok bool) {
	got := r.Header.Get("X-ClickHouse-Key")
	if _, password, basic := r.BasicAuth(); basic {
		got = password
	}
	if bearer, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		got = bearer
	}
	if p := r.URL.Query().Get("password"); got == "" && p != "" {
		got = p
	}
	sum := sha256.Sum256([]byte(got))
	full := subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
	read := subtle.ConstantTimeCompare(sum[:], s.hunter[:]) == 1
	return read && !full, full || read
}

// fail answers in ClickHouse's way: the code in a header, the text in the body.
func fail(w http.ResponseWriter, status int, err error) {
	var e *engineError
	if !errors.As(err, &e) {
		e = &engineError{"Code: 1001. DB::Exception: " + err.Error() + ". (STD_EXCEPTION)"}
	}
	w.Header().Set("X-ClickHouse-Exception-Code", e.code())
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, e.msg+"\n") // the client's loss
}

// caps hold every hunter's query, whatever it asked for.
func (s *server) caps() [][2]string {
	return [][2]string{
		{"max_execution_time", "60"}, {"max_memory_usage", strconv.FormatInt(s.memory, 10)}, {"max_result_bytes", strconv.Itoa(64 << 20)},
		{"max_rows_to_read", "2000000000"}, {"allow_introspection_functions", "0"}, {"allow_ddl", "0"}, {"readonly", "1"},
	}
}

// run executes a request in an engine session of its own.
func (s *server) run(w http.ResponseWriter, req *request) error {
	// The engine keeps what it needs of a thread in that thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sess, err := s.engine.session()
	if err != nil {
		return err
	}
	defer sess.close()
	settings := append([][2]string{{"max_memory_usage", strconv.FormatInt(s.memory, 10)}, {"max_execution_time", "600"}, {"max_result_bytes", strconv.Itoa(512 << 20)}}, req.settings...)
	if req.hunter {
		settings = append(settings, s.caps()...)
	}
	if req.database != "" {
		if err := sess.query("USE "+quoteName(req.database), "Null", nil, nil); err != nil {
			return err
		}
	}
	set := make([]string, len(settings))
	for i, kv := range settings {
		set[i] = kv[0] + " = " + quoteString(kv[1])
	}
	if err := sess.query("SET "+strings.Join(set, ", "), "Null", nil, nil); err != nil {
		return err
	}
	if req.insert.format != "" {
		return s.insertBody(w, sess, req)
	}
	return answer(w, sess, req)
}

// insertBody spools the data and has the engine read it.
func (s *server) insertBody(w http.ResponseWriter, sess *session, req *request) error {
	path, size, free, err := spool(req.data)
	if err != nil {
		return err
	}
	if size == 0 {
		return errors.Join(free(), emptyInsert(w, req.insert.format))
	}
	sql := insertFrom(req.insert, path)
	err = sess.query(sql, "Null", req.params, nil)
	if err = errors.Join(err, free()); err != nil {
		return err
	}
	w.Header().Set("X-ClickHouse-Format", req.format)
	w.WriteHeader(http.StatusOK)
	return nil
}

// insertFrom names the file in the statement, before its SETTINGS clause.
func insertFrom(in insertData, path string) string {
	head, tail := in.head, ""
	for _, t := range lexPrefix(in.head) {
		if t.word == "settings" {
			head, tail = in.head[:t.start], in.head[t.start:]
			break
		}
	}
	return head + " FROM INFILE " + quoteString(path) + " COMPRESSION 'none' " + tail + " FORMAT " + in.format
}

func emptyInsert(w http.ResponseWriter, format string) error {
	if format == "Values" {
		return refuse(108, "NO_DATA_TO_INSERT", "no data to insert")
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// answer runs a statement and writes what it gives.
func answer(w http.ResponseWriter, sess *session, req *request) error {
	format := req.format
	if own := outputFormat(req.toks); own != "" {
		format = own
	}
	return sess.query(req.sql, req.format, req.params, func(out []byte) error {
		body := out
		if strings.EqualFold(format, "Native") && req.revision > 0 {
			var buf bytes.Buffer
			if err := reencode(&buf, out, req.revision); err != nil {
				return err
			}
			body = buf.Bytes()
		}
		w.Header().Set("X-ClickHouse-Format", format)
		w.Header().Set("Content-Type", contentType(format))
		var dst io.Writer = w
		if req.compress {
			dst = newFrameWriter(w)
		} else {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(http.StatusOK)
		_, _ = dst.Write(body) // the client's loss: the statement has run
		return nil
	})
}

func contentType(format string) string {
	switch {
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8"
	case strings.HasPrefix(format, "Native"), strings.HasPrefix(format, "RowBinary"):
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}

func quoteString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func quoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}
