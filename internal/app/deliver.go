package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// memory is what a destination remembers, in lapwing.alert-state.
type memory struct{ kafka.Memory }

// Remember implements alerting.Memory.
func (m memory) Remember(ctx context.Context, versions map[string]int) error {
	for id, v := range versions {
		if err := m.Memory.Remember(ctx, id, v); err != nil {
			return err
		}
	}
	return nil
}

// openPrefix starts the keys of the open alerts of an on-call destination.
const openPrefix = "open/"

// openAlerts keeps the open alerts of one on-call destination, those of the
// identities of one partition of lapwing.alerts.
type openAlerts struct {
	kafka.Memory
	partition, partitions int
}

// Load implements alerting.OpenStore.
func (o openAlerts) Load(context.Context) (map[string][]byte, error) {
	out := map[string][]byte{}
	o.Range(func(key string, value []byte) bool {
		if id, ok := strings.CutPrefix(key, openPrefix); ok && o.mine(value) {
			out[id] = value
		}
		return true
	})
	return out, nil
}

// mine tells an alert of this partition; what cannot be read is everybody's.
func (o openAlerts) mine(value []byte) bool {
	var a schemas.Alert
	return json.Unmarshal(value, &a) != nil || stream.Murmur2Partition(a.Actor.User.UID, o.partitions) == o.partition
}

// Put implements alerting.OpenStore.
func (o openAlerts) Put(ctx context.Context, id string, alert []byte) error {
	return o.Memory.Put(ctx, openPrefix+id, alert)
}

// delivering is the handler of one partition. While it lives, it repeats the
// open alerts of that partition where they have to be repeated.
type delivering struct {
	*alerting.Delivery
	stop func()
}

// Close implements io.Closer.
func (d *delivering) Close() error { d.stop(); return nil }

// keepOpen wraps the sink of a destination that forgets. What is open is read
// when the partition is taken up: another process may have had it.
func keepOpen(ctx context.Context, sink alerting.Sink, store openAlerts, log zerolog.Logger) (*alerting.OnCall, func(), error) {
	oncall := &alerting.OnCall{Sink: sink, Store: store, Log: log}
	if err := oncall.Start(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	repeated := make(chan struct{})
	go func() {
		defer close(repeated)
		_ = oncall.Run(ctx) // always nil
	}()
	return oncall, func() { cancel(); <-repeated }, nil
}

// DeliverOptions configures Deliver.
type DeliverOptions struct {
	// Group is the consumer group of this destination alone.
	Group   string
	Metrics *alerting.DeliveryMetrics
	Log     zerolog.Logger
	OnReady func()
}

// Deliver hands lapwing.alerts to one destination until ctx ends: in order,
// each version once as far as the destination can tell. The sink stays the
// caller's to close.
func Deliver(ctx context.Context, c *kafka.Client, d alerting.Destination, sink alerting.Sink, o DeliverOptions) error {
	partitions, err := c.Partitions(ctx, c.Topic("alerts"))
	if err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	return c.RunConsumer(ctx, kafka.ConsumerOptions{
		Group: o.Group,
		Topic: c.Topic("alerts"),
		NewHandler: func(partition int) (stream.Handler, error) {
			// The partition may have been another process's: what that one
			// delivered stands in the topic, not in our memory.
			mem, err := c.Memory(ctx, d.Name)
			if err != nil {
				return nil, err
			}
			out, stop := sink, func() {}
			if alerting.Forgets(d.Kind) {
				if out, stop, err = keepOpen(ctx, sink, openAlerts{mem, partition, partitions}, o.Log); err != nil {
					return nil, err
				}
			}
			del, err := alerting.NewDelivery(d, out, memory{mem})
			if err != nil {
				stop()
				return nil, err
			}
			del.Metrics, del.Log = o.Metrics, o.Log
			del.Dead = func(ctx context.Context, rec stream.Record, reason error) error {
				return c.Produce(ctx, c.Topic("deadletter"), []stream.Record{
					stream.DeadLetter(&rec, "alert "+d.Name, 0, rec.Value, reason),
				})
			}
			return &delivering{del, stop}, nil
		},
		OnReady: o.OnReady,
	})
}
