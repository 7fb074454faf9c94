package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Memory remembers the last version of each alert that a destination has. It
// survives the process.
type Memory interface {
	// Delivered returns the last version remembered, 0 for none.
	Delivered(alertID string) int
	// Remember makes versions durable before it returns.
	Remember(ctx context.Context, versions map[string]int) error
}

// Delivery hands one partition of lapwing.alerts to one destination: in order,
// each version once, waiting as long as the destination is down. It is a
// stream.Handler.
type Delivery struct {
	// Name of the destination, for metrics and logs.
	Name        string
	Sink        Sink
	Memory      Memory
	MinSeverity int
	// OnCall passes pages and closings only.
	OnCall bool
	// Dead takes what the destination refuses for good, and what is no alert.
	Dead func(ctx context.Context, rec stream.Record, reason error) error
	// Sleep waits between attempts; nil means the wall clock.
	Sleep   func(ctx context.Context, d time.Duration) error
	Metrics *DeliveryMetrics
	Log     zerolog.Logger
}

// Bounds of the wait between attempts.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = time.Minute
)

// NewDelivery makes the delivery to d: its sink is opened, its filter set.
func NewDelivery(d Destination, sink Sink, mem Memory) (*Delivery, error) {
	minSev, err := d.minSeverity()
	if err != nil {
		return nil, fmt.Errorf("destination %q: %w", d.Name, err)
	}
	return &Delivery{Name: d.Name, Sink: sink, Memory: mem, MinSeverity: minSev, OnCall: IsOnCall(d.Kind)}, nil
}

// Handle implements stream.Handler. It returns nil only when every alert of
// recs is delivered, filtered or in the dead letter, and remembered.
func (d *Delivery) Handle(ctx context.Context, recs []stream.Record) error {
	var batch []schemas.Alert
	var from []stream.Record
	next := make(map[string]int)
	for _, rec := range recs {
		var a schemas.Alert
		if err := json.Unmarshal(rec.Value, &a); err != nil || a.ID() == "" || a.Version() < 1 {
			if err == nil {
				err = errors.New("no alert id or version")
			}
			if err := d.dead(ctx, rec, fmt.Errorf("not an alert: %w", err)); err != nil {
				return err
			}
			continue
		}
		known := max(d.Memory.Delivered(a.ID()), next[a.ID()])
		switch {
		case a.Version() <= known:
			d.count("repeat", 1)
		case !d.wants(&a):
			d.count("filtered", 1)
		default:
			next[a.ID()] = a.Version()
			batch = append(batch, a)
			from = append(from, rec)
		}
	}
	for len(batch) > 0 {
		n := d.round(batch)
		if err := d.deliver(ctx, batch[:n], from[:n]); err != nil {
			return err
		}
		batch, from = batch[n:], from[n:]
	}
	return nil
}

// round is how much of a batch is delivered before it is remembered. On call
// that is one version of an alert: if a page and its closing were delivered
// together, a crash before the memory of them would page again for what is over.
func (d *Delivery) round(batch []schemas.Alert) int {
	if !d.OnCall {
		return len(batch)
	}
	seen := make(map[string]bool, len(batch))
	for i := range batch {
		if seen[batch[i].ID()] {
			return i
		}
		seen[batch[i].ID()] = true
	}
	return len(batch)
}

func (d *Delivery) wants(a *schemas.Alert) bool {
	if a.SeverityID < d.MinSeverity {
		return false
	}
	// What paged once is ended, in whatever way: a report of a critical identity pages too.
	return !d.OnCall || a.Unmapped.Lapwing.Page || a.EndsPage() && a.Unmapped.Lapwing.Paged
}

func (d *Delivery) deliver(ctx context.Context, batch []schemas.Alert, from []stream.Record) error {
	for wait := firstWait; len(batch) > 0; {
		errs := d.Sink.Write(ctx, batch)
		if len(errs) != len(batch) {
			return fmt.Errorf("destination %s: %d results for %d alerts", d.Name, len(errs), len(batch))
		}
		done := make(map[string]int)
		var retry error
		n := 0
		for i, err := range errs {
			if err != nil && !stream.IsPermanent(err) {
				retry = err
				batch[n], from[n] = batch[i], from[i]
				n++
				continue
			}
			if err != nil {
				// Not remembered: once mended, a replay may deliver it.
				if err := d.dead(ctx, from[i], fmt.Errorf("destination %s refused alert %s version %d: %w", d.Name, batch[i].ID(), batch[i].Version(), err)); err != nil {
					return err
				}
				continue
			}
			d.count("delivered", 1)
			if d.Metrics != nil {
				d.Metrics.Delay.WithLabelValues(d.Name).Observe(max(0, time.Since(from[i].Time).Seconds()))
			}
			done[batch[i].ID()] = max(done[batch[i].ID()], batch[i].Version())
		}
		if len(done) > 0 {
			if err := d.Memory.Remember(ctx, done); err != nil {
				return fmt.Errorf("destination %s: remembering what was delivered: %w", d.Name, err)
			}
			wait = firstWait
		}
		batch, from = batch[:n], from[:n]
		if retry == nil {
			continue
		}
		d.count("retried", n)
		pause := wait/2 + rand.N(wait/2) //nolint:gosec // jitter between attempts needs no secrecy
		var ra *RetryAfterError
		if errors.As(retry, &ra) {
			pause = max(pause, ra.After)
		}
		d.Log.Warn().Str("destination", d.Name).Int("waiting", n).Dur("retry_in", pause).Err(retry).Msg("destination does not take alerts; they wait in Kafka")
		if err := d.sleep(ctx, pause); err != nil {
			return err
		}
		wait = min(2*wait, longestWait)
	}
	return nil
}

func (d *Delivery) dead(ctx context.Context, rec stream.Record, reason error) error {
	d.count("refused", 1)
	d.Log.Error().Str("destination", d.Name).Str("topic", rec.Topic).Int("partition", rec.Partition).Int64("offset", rec.Offset).Err(reason).Msg("alert goes to the dead letter")
	if d.Dead == nil {
		return nil
	}
	return d.Dead(ctx, rec, reason)
}

func (d *Delivery) sleep(ctx context.Context, pause time.Duration) error {
	if d.Sleep != nil {
		return d.Sleep(ctx, pause)
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (d *Delivery) count(result string, n int) {
	if d.Metrics != nil {
		d.Metrics.Alerts.WithLabelValues(d.Name, result).Add(float64(n))
	}
}

// DeliveryMetrics counts what happens to alerts on their way out.
type DeliveryMetrics struct {
	Alerts *prometheus.CounterVec
	Delay  *prometheus.HistogramVec
}

// NewDeliveryMetrics registers the metrics of all destinations.
func NewDeliveryMetrics(reg prometheus.Registerer) *DeliveryMetrics {
	m := &DeliveryMetrics{
		Alerts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lapwing_alert_deliveries_total",
			Help: "Alert versions by destination and result: delivered, filtered, repeat, retried, refused.",
		}, []string{"destination", "result"}),
		Delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lapwing_alert_delivery_seconds",
			Help:    "From an alert's record in Kafka to its destination's word that it has it.",
			Buckets: prometheus.ExponentialBuckets(0.01, 3, 12),
		}, []string{"destination"}),
	}
	reg.MustRegister(m.Alerts, m.Delay)
	return m
}
