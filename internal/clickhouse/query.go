package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Bounds of one question.
const (
	// MaxResultRows is how many rows an answer has at most; more are cut off.
	MaxResultRows = 10_000
	maxQueryTime  = 60 * time.Second
)

// Column is one column of an answer.
type Column struct {
	Name string
	// Type is ClickHouse's, such as "DateTime64(6, 'UTC')".
	Type string
}

// Result is the answer to a question, in memory.
type Result struct {
	Columns []Column
	// Rows hold Go values as clickhouse-go gives them: string, uint64, float64,
	// bool, time.Time, []string, map[string]string and the like.
	Rows [][]any
	// Truncated says that there was more than MaxResultRows.
	Truncated bool
	Elapsed   time.Duration
}

// Query answers one statement that only reads. The server is told to run it with
// readonly=1 and caps on time and result, so that a statement that writes, or
// reaches out to files, URLs or other servers, is refused there. params fill
// {name:Type} in the statement; see EscapeText.
func (d *DB) Query(ctx context.Context, sql string, params map[string]string) (*Result, error) {
	caps := clickhouse.Settings{"readonly": 1, "max_execution_time": int(maxQueryTime / time.Second), "max_result_rows": MaxResultRows + 1, "result_overflow_mode": "break"}
	res, err := d.query(ctx, sql, params, caps)
	if cannotSet(err, sql) {
		// The user's own profile is read only already (2): only the limits go with it.
		delete(caps, "readonly")
		if res, err = d.query(ctx, sql, params, caps); cannotSet(err, sql) {
			caps = nil
			res, err = d.query(ctx, sql, params, nil) // it lets nothing be set (1)
		}
	}
	if err == nil && len(res.Columns) == 0 {
		res.Columns = d.columnsOf(ctx, sql, params, caps)
	}
	return res, err
}

// columnsOf gives the columns of an answer without rows: over HTTP such an
// answer is empty. It gives none for what is no SELECT.
func (d *DB) columnsOf(ctx context.Context, sql string, params map[string]string, caps clickhouse.Settings) []Column {
	res, err := d.query(ctx, "DESCRIBE TABLE (\n"+strings.TrimSuffix(strings.TrimSpace(sql), ";")+"\n)", params, caps)
	if err != nil {
		return nil
	}
	names, types := res.Column("name"), res.Column("type")
	columns := make([]Column, min(len(names), len(types)))
	for i := range columns {
		columns[i] = Column{Format(names[i]), Format(types[i])}
	}
	return columns
}

// cannotSet says that the server refused our settings, and not those of the statement.
func cannotSet(err error, sql string) bool {
	code := codeOf(err)
	return (code == codeSettingConstraint || code == codeReadonly && strings.Contains(err.Error(), "Cannot modify")) && !strings.Contains(strings.ToLower(sql), "settings")
}

// unhurried hides its deadline from the driver, which would make a limit on the
// query's time of it, higher than ours and than a profile may allow. It still ends.
type unhurried struct{ context.Context }

func (unhurried) Deadline() (time.Time, bool) { return time.Time{}, false }

func (d *DB) query(ctx context.Context, sql string, params map[string]string, settings clickhouse.Settings) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, maxQueryTime+10*time.Second)
	defer cancel()
	opts := []clickhouse.QueryOption{clickhouse.WithSettings(settings)}
	if len(params) > 0 {
		opts = append(opts, clickhouse.WithParameters(params))
	}
	start := time.Now()
	rows, err := d.conn.Query(clickhouse.Context(unhurried{ctx}, opts...), sql)
	if err != nil {
		return nil, d.describe(err)
	}
	res := &Result{}
	err = res.read(rows)
	if err = errors.Join(err, rows.Close()); err != nil {
		return nil, d.describe(err)
	}
	res.Elapsed = time.Since(start)
	return res, nil
}

// read takes rows into memory, up to the bound.
func (res *Result) read(rows driver.Rows) error {
	types := rows.ColumnTypes()
	for _, t := range types {
		res.Columns = append(res.Columns, Column{t.Name(), t.DatabaseTypeName()})
	}
	for rows.Next() {
		if len(res.Rows) == MaxResultRows {
			res.Truncated = true
			break
		}
		dest := make([]any, len(types))
		for i, t := range types {
			dest[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i := range dest {
			dest[i] = reflect.ValueOf(dest[i]).Elem().Interface()
		}
		res.Rows = append(res.Rows, dest)
	}
	return rows.Err()
}

// Column returns the values of one column, or nil where there is none of that name.
func (res *Result) Column(name string) []any {
	for i, c := range res.Columns {
		if c.Name == name {
			out := make([]any, len(res.Rows))
			for j, row := range res.Rows {
				out[j] = row[i]
			}
			return out
		}
	}
	return nil
}

// Format writes one value for a person: times in RFC 3339, lists by commas.
func Format(v any) string {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer { // a Nullable column's
		if rv.IsNil() {
			return ""
		}
		v = rv.Elem().Interface()
	}
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		if v.Unix() == 0 {
			return ""
		}
		return v.UTC().Format(time.RFC3339)
	case []string:
		return strings.Join(v, ", ")
	case float64:
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", v), "0"), ".")
	case fmt.Stringer:
		return v.String()
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Slice:
		parts := make([]string, rv.Len())
		for i := range parts {
			parts[i] = Format(rv.Index(i).Interface())
		}
		return strings.Join(parts, ", ")
	default:
		return fmt.Sprint(v)
	}
}
