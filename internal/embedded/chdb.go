//go:build (linux || darwin) && (amd64 || arm64) && !nochdb

package embedded

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// chdbSupported says that this build can open libchdb.
const chdbSupported = true

// engine is an open libchdb with its data directory. Its methods are safe for
// concurrent use; close must come last.
type engine struct {
	fn   chdbFuncs
	path string
	// keep holds the directory open: the engine shuts down with its last session.
	keep *session
}

// chdbFuncs are the C functions in use, as chdb.h declares them. A connection
// is a pointer to a handle; queries take the handle.
type chdbFuncs struct {
	connect   func(argc int32, argv **byte) uintptr
	closeConn func(conn uintptr)
	query     func(handle uintptr, q *byte, qLen uintptr, format *byte, formatLen uintptr,
		names **byte, nameLens *uintptr, values **byte, valueLens *uintptr, count uintptr) uintptr
	buffer  func(result uintptr) uintptr
	length  func(result uintptr) uintptr
	failure func(result uintptr) string
	destroy func(result uintptr)
	signals func(enabled int32)
}

// openEngine loads the library and opens the data directory.
func openEngine(library, path string) (*engine, error) {
	lib, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", library, err)
	}
	e := &engine{path: path}
	for name, fn := range map[string]any{
		"chdb_connect":                     &e.fn.connect,
		"chdb_close_conn":                  &e.fn.closeConn,
		"chdb_query_with_params_n":         &e.fn.query,
		"chdb_result_buffer":               &e.fn.buffer,
		"chdb_result_length":               &e.fn.length,
		"chdb_result_error":                &e.fn.failure,
		"chdb_destroy_query_result":        &e.fn.destroy,
		"chdb_set_signal_handlers_enabled": &e.fn.signals,
	} {
		if _, err := purego.Dlsym(lib, name); err != nil {
			return nil, fmt.Errorf("%s has no function %s: want chDB %s or newer", library, name, ChDBVersion)
		}
		purego.RegisterLibFunc(fn, lib, name)
	}
	// The engine's own crash handler waits minutes before it gives the signal
	// back. Without it a crash ends the process at once, and the parent starts
	// another.
	e.fn.signals(0)
	if e.keep, err = e.session(); err != nil {
		return nil, err
	}
	return e, nil
}

// close ends the engine after its last session.
func (e *engine) close() { e.keep.close() }

// ask runs a statement in the session that holds the directory open.
func (e *engine) ask(sql, format string, params []param, read func([]byte) error) error {
	return e.keep.query(sql, format, params, read)
}

// session opens a connection of its own: settings made in it stay in it. One
// session serves one goroutine at a time.
func (e *engine) session() (*session, error) {
	args := [][]byte{[]byte("clickhouse\x00"), []byte("--path=" + e.path + "\x00")}
	argv := make([]*byte, len(args)+1)
	for i, a := range args {
		argv[i] = &a[0]
	}
	conn := e.fn.connect(int32(len(args)), &argv[0]) //nolint:gosec // two
	runtime.KeepAlive(args)
	if conn == 0 {
		return nil, fmt.Errorf("the engine refused to open %s", e.path)
	}
	return &session{fn: &e.fn, conn: conn}, nil
}

// session is one connection to the engine.
type session struct {
	fn   *chdbFuncs
	conn uintptr
}

// close ends the session.
func (s *session) close() { s.fn.closeConn(s.conn) }

// query runs a statement and hands its answer to read, whose argument is valid
// only until it returns. Parameter values are in ClickHouse's escaped text form.
func (s *session) query(sql, format string, params []param, read func([]byte) error) error {
	handle := *(*uintptr)(ptr(s.conn))
	n := len(params)
	names, values := make([]*byte, n+1), make([]*byte, n+1)
	nameLens, valueLens := make([]uintptr, n+1), make([]uintptr, n+1)
	var keep [][]byte
	cstr := func(v string) *byte {
		b := append([]byte(v), 0)
		keep = append(keep, b)
		return &b[0]
	}
	for i, p := range params {
		names[i], nameLens[i] = cstr(p.name), uintptr(len(p.name))
		values[i], valueLens[i] = cstr(p.value), uintptr(len(p.value))
	}
	result := s.fn.query(handle, cstr(sql), uintptr(len(sql)), cstr(format), uintptr(len(format)),
		&names[0], &nameLens[0], &values[0], &valueLens[0], uintptr(n))
	runtime.KeepAlive(keep)
	if result == 0 {
		return errors.New("the engine gave no result")
	}
	defer s.fn.destroy(result)
	if msg := s.fn.failure(result); msg != "" {
		return &engineError{msg}
	}
	if read == nil {
		return nil
	}
	length := s.fn.length(result)
	if length == 0 {
		return read(nil)
	}
	return read(unsafe.Slice((*byte)(ptr(s.fn.buffer(result))), length)) //nolint:gosec // C's buffer, as long as C says, read before it is freed
}

// ptr makes a pointer of an address in C's memory, which Go's collector neither
// moves nor frees.
func ptr(addr uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) //nolint:gosec // see above
}
