package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Bounds of one insert and of the search for rows that the server refuses.
const (
	maxRows  = 25_000
	maxBytes = 32 << 20
	// Beyond these the cause is taken to be the table, not the rows.
	maxRefused = 100
	maxHalves  = 1_000
)

// send inserts one block under one token.
func send[T any](ctx context.Context, d *DB, table, token string, b *block[T]) (err error) {
	if b.rows == 0 {
		return nil
	}
	start := time.Now()
	defer func() {
		d.metrics.seconds.WithLabelValues(table).Observe(time.Since(start).Seconds())
		if err == nil {
			d.metrics.rows.WithLabelValues(table).Add(float64(b.rows))
		} else if !isRowError(err) {
			d.metrics.failures.WithLabelValues(table).Inc()
		}
	}()
	settings := make(clickhouse.Settings, len(d.settings)+1)
	for k, v := range d.settings {
		settings[k] = v
	}
	if token != "" && d.settings != nil {
		settings["insert_deduplication_token"] = token
	}
	opts := []clickhouse.QueryOption{clickhouse.WithSettings(settings)}
	names, typed, fillers := b.columns()
	if d.cfg.Protocol == HTTP {
		opts = append(opts, clickhouse.WithColumnNamesAndTypes(typed))
	}
	ctx = clickhouse.Context(ctx, opts...)
	batch, err := d.conn.PrepareBatch(ctx, "INSERT INTO "+table+" ("+strings.Join(names, ", ")+")")
	if err != nil {
		return d.describe(err)
	}
	for i, f := range fillers {
		if err := f.send(batch.Column(i)); err != nil {
			return errors.Join(fmt.Errorf("column %s: %w", names[i], err), batch.Abort())
		}
	}
	if err := batch.Send(); err != nil {
		return d.describe(err)
	}
	return nil
}

// acquire waits for one of the places for inserts: back-pressure.
func (d *DB) acquire(ctx context.Context) (release func(), err error) {
	select {
	case d.inserts <- struct{}{}:
		d.metrics.running.Inc()
		return func() { d.metrics.running.Dec(); <-d.inserts }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refused is a row that the server will never take.
type refused struct {
	row int
	err error
}

// halver finds the rows of a piece that the server refuses, by halving. insert
// sends rows [lo, hi) of the piece under a token.
type halver struct {
	token   string
	rows    int
	insert  func(token string, lo, hi int) error
	refused []refused
	inserts int
}

// run inserts rows [lo, hi), and its halves where a row is to blame. A half's
// token names its range, so that a repetition after a crash halves alike and
// stores nothing twice.
func (h *halver) run(lo, hi int) error {
	if h.inserts++; h.inserts > maxHalves {
		return fmt.Errorf("gave up looking for the rows that ClickHouse refuses after %d inserts", maxHalves)
	}
	token := h.token
	if token != "" && hi-lo < h.rows {
		token = fmt.Sprintf("%s/rows%d-%d", h.token, lo, hi)
	}
	err := h.insert(token, lo, hi)
	if err == nil || !isRowError(err) {
		return err
	}
	if hi-lo == 1 {
		if h.refused = append(h.refused, refused{lo, err}); len(h.refused) > maxRefused {
			return fmt.Errorf("more than %d rows of one insert are refused, so the table is taken to be at fault: %w", maxRefused, err)
		}
		return nil
	}
	mid := lo + (hi-lo)/2
	if err := h.run(lo, mid); err != nil {
		return err
	}
	return h.run(mid, hi)
}
