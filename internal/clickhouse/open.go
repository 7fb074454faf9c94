package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/internal/certs"
)

// Protocols of Config.Protocol.
const (
	Native = "native"
	HTTP   = "http"
)

// Config says which ClickHouse, and as whom.
type Config struct {
	// Addr lists host:port of the servers, tried in order.
	Addr []string
	// Protocol is Native (the default, port 9000 or 9440) or HTTP (8123, 8443).
	Protocol string
	// Database is created by Migrate; empty means lapwing.
	Database string
	User     string
	Password string
	// TLS encrypts the connection; nil sends in clear.
	TLS *tls.Config
	// Token opens the embedded engine: it goes in place of the password.
	Token string
	// Tenant is put where a record names none, and is what hunts look at;
	// empty means default.
	Tenant string
	// MaxInserts bounds how many inserts run, and are held in memory, at once;
	// zero means 2.
	MaxInserts int
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

var databaseRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// DB is a connection pool to one ClickHouse. It is safe for concurrent use.
type DB struct {
	cfg  Config
	log  zerolog.Logger
	conn driver.Conn
	// bare names no database, so that it works before Migrate.
	bare    driver.Conn
	inserts chan struct{}
	// settings go with every insert; on nil there is no token either, which only
	// tests against a server that knows neither ask for.
	settings clickhouse.Settings
	metrics  *metrics
}

// Open connects and checks that the server answers and knows the user. The
// database need not exist yet: see Migrate and CheckSchema. Errors are one line
// and name the address, never the password.
func Open(ctx context.Context, cfg Config, log zerolog.Logger) (*DB, error) {
	if err := cfg.fill(); err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	d := &DB{
		cfg: cfg, log: log.With().Str("component", "clickhouse").Logger(), inserts: make(chan struct{}, cfg.MaxInserts), metrics: newMetrics(cfg.Metrics),
		settings: clickhouse.Settings{"async_insert": 0, "insert_deduplicate": 1, "deduplicate_blocks_in_dependent_materialized_views": 1},
	}
	var err error
	if d.conn, err = clickhouse.Open(cfg.options(cfg.Database)); err != nil {
		return nil, d.describe(err)
	}
	if d.bare, err = clickhouse.Open(cfg.options("")); err != nil {
		return nil, errors.Join(d.describe(err), d.conn.Close())
	}
	if err := d.bare.Ping(ctx); err != nil {
		return nil, errors.Join(d.describe(err), d.Close())
	}
	return d, nil
}

func (cfg *Config) fill() error {
	if len(cfg.Addr) == 0 {
		return errors.New("no address")
	}
	if cfg.Protocol == "" {
		cfg.Protocol = Native
	}
	if cfg.Protocol != Native && cfg.Protocol != HTTP {
		return fmt.Errorf("protocol %q: want %s or %s", cfg.Protocol, Native, HTTP)
	}
	if cfg.Database == "" {
		cfg.Database = "lapwing"
	}
	if !databaseRE.MatchString(cfg.Database) {
		return fmt.Errorf("database %q: want letters, digits and _", cfg.Database)
	}
	if cfg.User == "" {
		cfg.User = "default"
	}
	if cfg.Token != "" {
		cfg.Password = cfg.Token
	}
	if cfg.Tenant == "" {
		cfg.Tenant = "default"
	}
	if cfg.MaxInserts <= 0 {
		cfg.MaxInserts = 2
	}
	return nil
}

// options translates for the client. Blocks are not compressed on the way to the
// embedded engine: it is on this machine.
func (cfg *Config) options(database string) *clickhouse.Options {
	opt := &clickhouse.Options{
		Addr: cfg.Addr, Auth: clickhouse.Auth{Database: database, Username: cfg.User, Password: cfg.Password}, TLS: cfg.TLS, Protocol: clickhouse.Native,
		DialTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, MaxOpenConns: cfg.MaxInserts + 6, MaxIdleConns: cfg.MaxInserts + 2, ConnMaxLifetime: time.Hour,
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		ClientInfo:  clickhouse.ClientInfo{Products: []struct{ Name, Version string }{{Name: "lapwing"}}},
	}
	if cfg.Protocol == HTTP {
		opt.Protocol = clickhouse.HTTP
	}
	if cfg.Token != "" {
		opt.Compression = nil
	}
	return opt
}

// Close closes all connections.
func (d *DB) Close() error { return errors.Join(d.conn.Close(), d.bare.Close()) }

// Database is the name of the database in use.
func (d *DB) Database() string { return d.cfg.Database }

// Ping checks that the server answers.
func (d *DB) Ping(ctx context.Context) error { return d.describe(d.bare.Ping(ctx)) }

// Version is the server's own, such as "26.5.1".
func (d *DB) Version(ctx context.Context) (string, error) {
	var v string
	err := d.bare.QueryRow(ctx, "SELECT version()").Scan(&v)
	return v, d.describe(err)
}

// describe makes one clear line of an error: where, and what to do.
func (d *DB) describe(err error) error {
	if err == nil {
		return nil
	}
	where := strings.Join(d.cfg.Addr, ",")
	switch code := codeOf(err); code {
	case codeUnknownUser, codeWrongPassword, codeRequiredPassword, codeAuthenticationFailed:
		if d.cfg.Token != "" {
			return &serverError{fmt.Sprintf("clickhouse at %s: wrong token", where), code, err}
		}
		return &serverError{fmt.Sprintf("clickhouse at %s: wrong user or password for user %q: mind clickhouse.user and password", where, d.cfg.User), code, err}
	case codeUnknownTable, codeUnknownDatabase:
		return &serverError{fmt.Sprintf("clickhouse at %s: database %q has no such table: mind its name (SHOW TABLES lists those there are), or run `lapwing migrate`: %s", where, d.cfg.Database, firstLine(err)), code, err}
	case codeReadonly:
		return &serverError{fmt.Sprintf("clickhouse at %s: only statements that read are answered here: %s", where, firstLine(err)), code, err}
	case codeAccessDenied:
		return &serverError{fmt.Sprintf("clickhouse at %s: user %q lacks a right: %s: grant it (deploy/clickhouse/users.sql has all)", where, d.cfg.User, firstLine(err)), code, err}
	default:
		if why := d.handshake(err); why != "" {
			return &serverError{fmt.Sprintf("clickhouse at %s: %s", where, why), code, err}
		}
		return &serverError{fmt.Sprintf("clickhouse at %s: %s", where, firstLine(err)), code, err}
	}
}

// handshake words what went wrong before a server said anything, "" for what it
// does not know.
func (d *DB) handshake(err error) string {
	if why := certs.Explain(err, "clickhouse.tls"); why != "" {
		return why
	}
	if codeOf(err) == 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)) {
		if d.cfg.TLS != nil {
			return "it closes the connection without a word: the port may not speak TLS (clickhouse.tls.enabled), or another protocol (clickhouse.protocol)"
		}
		return "it closes the connection without a word: the port may want TLS (clickhouse.tls.enabled), or another protocol (clickhouse.protocol)"
	}
	return ""
}

// serverError is one line, with the server's exception behind it.
type serverError struct {
	line string
	code int32
	err  error
}

func (e *serverError) Error() string { return e.line }
func (e *serverError) Unwrap() error { return e.err }

// httpAnswer is how the client hands on what a server says over HTTP.
var httpAnswer = regexp.MustCompile(`\[HTTP \d+\] (?:response body: "Code: \d+\. (?:DB::Exception: )?|code: \d+, message: )(.*?)(?:\\n)*"?$`)

// firstLine is the error's first line, without the server's stack trace, and
// cut where it quotes data at length.
func firstLine(err error) string {
	s, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	if m := httpAnswer.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	if i := strings.Index(s, "Stack trace"); i > 0 {
		s = s[:i]
	}
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "…"
	}
	return strings.TrimSpace(s)
}
