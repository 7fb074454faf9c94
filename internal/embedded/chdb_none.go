//go:build !((linux || darwin) && (amd64 || arm64)) || nochdb

package embedded

// chdbSupported says that this build can open libchdb.
const chdbSupported = false

type engine struct{}

func openEngine(string, string) (*engine, error) { return nil, ErrNoLibrary }

func (*engine) close() {}

func (*engine) session() (*session, error) { return nil, ErrNoLibrary }

func (*engine) ask(string, string, []param, func([]byte) error) error { return ErrNoLibrary }

type session struct{}

func (*session) close() {}

func (*session) query(string, string, []param, func([]byte) error) error { return ErrNoLibrary }
