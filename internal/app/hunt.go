package app

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Output formats of answers.
const (
	OutTable = "table"
	OutJSON  = "json"
	OutCSV   = "csv"
)

// OutFormats lists them.
func OutFormats() []string { return []string{OutTable, OutJSON, OutCSV} }

// HuntOptions configures HuntRun and HuntSQL.
type HuntOptions struct {
	// Params are name=value.
	Params []string
	// Output is a name of OutFormats.
	Output string
	// Wide shows all columns, also where the terminal has less room.
	Wide bool
}

// Or gives the options with JSON as output when --json asks for it.
func (o HuntOptions) Or(asJSON bool) HuntOptions {
	if asJSON {
		o.Output = OutJSON
	}
	return o
}

// HuntNames lists the named hunts, for completion.
func HuntNames() []string {
	hunts, err := clickhouse.ListHunts()
	if err != nil {
		return nil
	}
	var names []string
	for _, h := range hunts {
		names = append(names, h.Name)
	}
	return names
}

// HuntList shows the named hunts with their questions and parameters.
func HuntList(asJSON bool, std IO) error {
	hunts, err := clickhouse.ListHunts()
	if err != nil {
		return err
	}
	if asJSON {
		enc := newEncoder(std.Out)
		for _, h := range hunts {
			if err := enc.Encode(h); err != nil {
				return err
			}
		}
		return nil
	}
	for _, h := range hunts {
		if _, err := fmt.Fprintf(std.Out, "%s\n    %s\n", h.Name, h.Question); err != nil {
			return err
		}
		for _, p := range h.Params {
			state := "required"
			if !p.Required {
				state = "default " + orEmpty(p.Default)
			}
			fmt.Fprintf(std.Out, "      %s %s (%s): %s\n", p.Name, p.Type, state, p.Doc)
		}
	}
	return nil
}

func orEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return s
}

// HuntRun answers a named question.
func HuntRun(ctx context.Context, cfg Config, name string, o HuntOptions, std IO) error {
	params := map[string]string{}
	for _, p := range o.Params {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return Usagef("parameter %q: want name=value (see: lapwing hunt list)", p)
		}
		params[k] = v
	}
	h, err := clickhouse.FindHunt(name)
	if err != nil {
		return Usage(err)
	}
	return ask(ctx, cfg, o, std, func(db *clickhouse.DB) (*clickhouse.Result, error) {
		if err := resolveParams(ctx, db, cfg.Tenant, &h, params); err != nil {
			return nil, err
		}
		return db.RunHunt(ctx, name, params)
	})
}

// resolveParams puts whole ids in the place of what a person types: the
// beginning of an alert's, another spelling of an identity's. What there is
// not is an error: the hunt would answer it with no rows, as if nothing were
// wrong.
func resolveParams(ctx context.Context, db *clickhouse.DB, tenant string, h *clickhouse.Hunt, params map[string]string) error {
	if t := params["tenant"]; t != "" {
		tenant = t
	}
	for _, p := range h.Params {
		given := params[p.Name]
		if given == "" {
			continue
		}
		switch p.Name {
		case "alert":
			a, err := findAlert(ctx, db, tenant, given)
			if err != nil {
				return err
			}
			params[p.Name] = a.ID()
		case "identity":
			id, err := seenIdentity(ctx, db, tenant, given)
			if err != nil {
				return err
			}
			params[p.Name] = id
		}
	}
	return nil
}

// A name may be an id, another spelling of one, or an alias, best first; what
// only holds it is shown to who may have meant it.
const seenIdentitySQL = `SELECT id, multiIf(id = {name:String}, 0, id = {canonical:String}, 1, aliased, 2, 3) AS rank
FROM (
    SELECT identity_id AS id, has(aliases, {name:String}) OR has(aliases, {canonical:String}) AS aliased FROM identities_current WHERE tenant = {tenant:String}
    UNION ALL
    SELECT DISTINCT toString(identity_id), false FROM events_hourly WHERE tenant = {tenant:String}
)
WHERE rank < 3 OR positionCaseInsensitive(id, {name:String}) > 0
GROUP BY id, rank ORDER BY rank, id LIMIT 6`

// seenIdentity gives the id of an identity that ClickHouse knows, declared or
// seen, by any of its spellings.
func seenIdentity(ctx context.Context, db *clickhouse.DB, tenant, name string) (string, error) {
	res, err := db.Query(ctx, seenIdentitySQL, map[string]string{
		"tenant": clickhouse.EscapeText(tenant), "name": clickhouse.EscapeText(name), "canonical": clickhouse.EscapeText(enrich.Canonical(name)),
	})
	if err != nil {
		return "", err
	}
	near := map[string]knownIdentity{}
	for i, id := range res.Column("id") {
		if clickhouse.Format(res.Column("rank")[i]) != "3" {
			return clickhouse.Format(id), nil
		}
		near[clickhouse.Format(id)] = knownIdentity{}
	}
	return "", fmt.Errorf("no identity %q is declared or was seen: %slapwing identity list shows them", name, similar(near, name))
}

// HuntSQL answers one statement that only reads.
func HuntSQL(ctx context.Context, cfg Config, sql string, o HuntOptions, std IO) error {
	return ask(ctx, cfg, o, std, func(db *clickhouse.DB) (*clickhouse.Result, error) { return db.Query(ctx, sql, nil) })
}

func ask(ctx context.Context, cfg Config, o HuntOptions, std IO, question func(*clickhouse.DB) (*clickhouse.Result, error)) (err error) {
	write, ok := map[string]func(io.Writer, *clickhouse.Result) error{
		OutTable: func(w io.Writer, r *clickhouse.Result) error {
			return writeTable(w, std.Err, r, math.MaxInt, widthFor(w, o.Wide))
		},
		OutJSON: writeNDJSON,
		OutCSV:  writeCSV,
	}[o.Output]
	if !ok {
		return Usagef("output %q: want %s", o.Output, oneOf(OutFormats()))
	}
	db, err := newServices(&cfg).openClickHouse(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	res, err := question(db)
	if err != nil {
		return err
	}
	if err := write(std.Out, res); err != nil {
		return err
	}
	if o.Output == OutTable {
		fmt.Fprintf(std.Err, "%s in %s\n", count(len(res.Rows), "row"), res.Elapsed.Round(time.Millisecond))
	}
	if res.Truncated {
		fmt.Fprintf(std.Err, "only the first %d rows are shown\n", clickhouse.MaxResultRows)
	}
	return nil
}

// maxCell is how wide a table's cell may get.
const maxCell = 60

// widthFor is how wide a table may be, 0 for any width.
func widthFor(w io.Writer, wide bool) int {
	if wide {
		return 0
	}
	return terminalWidth(w)
}

// spareColumns are those of answers that are left out first where there is no
// room: what another column says as well, or what is asked for seldom.
var spareColumns = []string{
	"source", "sources", "anonymous_calls", "anonymous", "errors", "document", "runbook", "route", "countries", "activity", "first_seen", "team", "workloads", "sessions", "networks",
	"latitude", "longitude", "as_org", "session_id", "tenant", "denied", "kind",
}

// writeTable writes an answer for people, at most limit rows of it, no wider
// than width; 0 is any width.
func writeTable(w, said io.Writer, res *clickhouse.Result, limit, width int) error {
	g := grid{spare: spareColumns}
	for _, c := range res.Columns {
		g.header = append(g.header, c.Name)
	}
	for n, row := range res.Rows {
		if n == limit {
			break
		}
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = clipText(oneLine(clickhouse.Format(v)), maxCell)
		}
		g.rows = append(g.rows, cells)
	}
	err := g.write(w, said, width)
	if err == nil && len(res.Rows) > limit {
		_, err = fmt.Fprintf(w, "… %d more rows\n", len(res.Rows)-limit)
	}
	return err
}

// writeNDJSON writes one object a row, keys in the order of the columns.
func writeNDJSON(w io.Writer, res *clickhouse.Result) error {
	var line bytes.Buffer
	enc := newEncoder(&line)
	put := func(v any, after byte) error {
		if err := enc.Encode(v); err != nil {
			return err
		}
		line.Bytes()[line.Len()-1] = after // in place of the end of the line
		return nil
	}
	for _, row := range res.Rows {
		line.Reset()
		line.WriteByte('{')
		for i, v := range row {
			if err := put(res.Columns[i].Name, ':'); err != nil {
				return err
			}
			if err := put(jsonValue(v), ','); err != nil {
				return fmt.Errorf("column %s: %w", res.Columns[i].Name, err)
			}
		}
		if len(row) > 0 {
			line.Truncate(line.Len() - 1)
		}
		line.WriteString("}\n")
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// jsonValue gives what JSON can hold: no NaN, addresses as text.
func jsonValue(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case float32:
		return jsonValue(float64(v))
	case []float64: // of quantiles of nothing
		out := make([]any, len(v))
		for i := range v {
			out[i] = jsonValue(v[i])
		}
		return out
	case net.IP:
		return v.String()
	}
	return v
}

// writeCSV writes an answer for spreadsheets and other tools; see csvCell.
func writeCSV(w io.Writer, res *clickhouse.Result) error {
	c := csv.NewWriter(w)
	header := make([]string, len(res.Columns))
	for i, col := range res.Columns {
		header[i] = csvCell(col.Name)
	}
	if err := c.Write(header); err != nil {
		return err
	}
	for _, row := range res.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = csvCell(clickhouse.Format(v))
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// csvCell makes text from logs harmless: whoever sends requests writes user
// agents and paths. What steers a terminal is shown as its escape, and text that
// a spreadsheet would take for a formula gets an apostrophe; numbers get none.
func csvCell(s string) string {
	var b strings.Builder
	for _, r := range s {
		if schemas.Steers(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	s = b.String()
	if s == "" || !strings.ContainsRune("=+-@", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}
