package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// migration is one numbered file of DDL.
type migration struct {
	version    uint32
	name       string
	sum        string
	statements []string
}

// migrationsTable remembers what was applied.
const migrationsTable = `CREATE TABLE IF NOT EXISTS migrations
(
    version UInt32,
    name String,
    sha256 String,
    applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree
ORDER BY version`

// readMigrations reads migrations/NNNN_name.sql, numbered from 1 without gaps.
func readMigrations(fsys fs.FS) ([]migration, error) {
	names, err := fs.Glob(fsys, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	out := make([]migration, 0, len(names))
	for i, path := range names {
		text, err := fs.ReadFile(fsys, path)
		if err != nil {
			return nil, err
		}
		file := strings.TrimSuffix(strings.TrimPrefix(path, "migrations/"), ".sql")
		number, name, ok := strings.Cut(file, "_")
		n, err := strconv.ParseUint(number, 10, 32)
		if !ok || err != nil || n != uint64(i+1) {
			return nil, fmt.Errorf("%s: want NNNN_name.sql numbered from 0001 without gaps", path)
		}
		sum := sha256.Sum256(text)
		out = append(out, migration{uint32(n), name, hex.EncodeToString(sum[:]), splitStatements(string(text))})
	}
	return out, nil
}

// splitStatements cuts at semicolons that end a line. Statements of ours hold
// none within a string or comment's line end; a test reads them all.
func splitStatements(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ";\n") {
		part = strings.TrimSuffix(strings.TrimSpace(part), ";")
		if !onlyComments(part) {
			out = append(out, part)
		}
	}
	return out
}

func onlyComments(sql string) bool {
	for line := range strings.SplitSeq(sql, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			return false
		}
	}
	return true
}

// Migrate creates the database and applies the migrations that it lacks, in
// order. It may be run again, also after it was interrupted: each statement says
// IF NOT EXISTS, and a migration is remembered after its last one.
func (d *DB) Migrate(ctx context.Context) error {
	all, err := readMigrations(schemas.Migrations)
	if err != nil {
		return err
	}
	if err := d.bare.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+d.cfg.Database); err != nil {
		return fmt.Errorf("create database %s: %w", d.cfg.Database, d.describe(err))
	}
	if err := d.conn.Exec(ctx, migrationsTable); err != nil {
		return fmt.Errorf("create table migrations: %w", d.describe(err))
	}
	done, err := d.applied(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if _, ok := done[m.version]; ok {
			continue
		}
		for _, sql := range m.statements {
			if err := d.conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("migration %04d %s: %w", m.version, m.name, d.describe(err))
			}
		}
		if err := d.conn.Exec(ctx, fmt.Sprintf("INSERT INTO migrations (version, name, sha256) VALUES (%d, '%s', '%s')", m.version, m.name, m.sum)); err != nil {
			return fmt.Errorf("remember migration %04d: %w", m.version, d.describe(err))
		}
		d.log.Info().Uint32("version", m.version).Str("name", m.name).Msg("migrated")
	}
	return nil
}

// applied reads which migrations the database has, by version with checksum.
func (d *DB) applied(ctx context.Context) (map[uint32]string, error) {
	rows, err := d.conn.Query(ctx, "SELECT version, sha256 FROM migrations FINAL ORDER BY version")
	if err != nil {
		return nil, d.describe(err)
	}
	done := map[uint32]string{}
	for rows.Next() {
		var version uint32
		var sum string
		if err := rows.Scan(&version, &sum); err != nil {
			return nil, errors.Join(d.describe(err), rows.Close())
		}
		done[version] = sum
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, d.describe(err)
	}
	return done, nil
}

// ErrSchema says that the tables are not what this program expects.
var ErrSchema = errors.New("clickhouse schema differs")

// CheckSchema compares the database with what this program writes and reads. The
// error wraps ErrSchema and names every difference: migrations that are missing,
// changed or newer, and columns that are missing. It changes nothing.
func (d *DB) CheckSchema(ctx context.Context) error {
	all, err := readMigrations(schemas.Migrations)
	if err != nil {
		return err
	}
	var diffs []string
	done, err := d.applied(ctx)
	switch code := codeOf(err); {
	case code == codeUnknownTable || code == codeUnknownDatabase:
		return fmt.Errorf("%w: database %s is empty: run `lapwing migrate`", ErrSchema, d.cfg.Database)
	case err != nil:
		return err
	}
	for _, m := range all {
		switch sum, ok := done[m.version]; {
		case !ok:
			diffs = append(diffs, fmt.Sprintf("migration %04d %s is missing: run `lapwing migrate`", m.version, m.name))
		case sum != m.sum:
			diffs = append(diffs, fmt.Sprintf("migration %04d %s was applied in another version", m.version, m.name))
		}
		delete(done, m.version)
	}
	for _, v := range slices.Sorted(maps.Keys(done)) {
		diffs = append(diffs, fmt.Sprintf("migration %04d is newer than this program", v))
	}
	missing, err := d.missingColumns(ctx)
	if err != nil {
		return err
	}
	if diffs = append(diffs, missing...); len(diffs) > 0 {
		return fmt.Errorf("%w: %s", ErrSchema, strings.Join(diffs, "; "))
	}
	return nil
}

// missingColumns lists the columns that writers fill and a table lacks.
func (d *DB) missingColumns(ctx context.Context) ([]string, error) {
	have := map[string]bool{}
	rows, err := d.conn.Query(ctx, "SELECT table, name FROM system.columns WHERE database = currentDatabase()")
	if err != nil {
		return nil, d.describe(err)
	}
	for rows.Next() {
		var table, name string
		if err := rows.Scan(&table, &name); err != nil {
			return nil, errors.Join(d.describe(err), rows.Close())
		}
		have[table+"."+name] = true
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, d.describe(err)
	}
	var missing []string
	for table, names := range map[string][]string{"alerts": columnNames(alertColumns()), "events": columnNames(eventColumns()), "identities": columnNames(identityColumns())} {
		for _, name := range names {
			if !have[table+"."+name] {
				missing = append(missing, fmt.Sprintf("column %s.%s is missing", table, name))
			}
		}
	}
	slices.Sort(missing)
	return missing, nil
}
