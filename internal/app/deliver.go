package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
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

// openAlerts keeps the open alerts of one on-call destination.
type openAlerts struct{ kafka.Memory }

// Load implements alerting.OpenStore.
func (o openAlerts) Load(context.Context) (map[string][]byte, error) {
	out := map[string][]byte{}
	o.Range(func(key string, value []byte) bool {
		if id, ok := strings.CutPrefix(key, openPrefix); ok {
			out[id] = value
		}
		return true
	})
	return out, nil
}

// Put implements alerting.OpenStore.
func (o openAlerts) Put(ctx context.Context, id string, alert []byte) error {
	return o.Memory.Put(ctx, openPrefix+id, alert)
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
	mem, err := c.Memory(ctx, d.Name)
	if err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	if alerting.IsOnCall(d.Kind) {
		oncall := &alerting.OnCall{Sink: sink, Store: openAlerts{mem}, Log: o.Log}
		if err := oncall.Start(ctx); err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
		repeated := make(chan struct{})
		go func() {
			defer close(repeated)
			_ = oncall.Run(ctx) // always nil
		}()
		defer func() { <-repeated }()
		sink = oncall
	}
	return c.RunConsumer(ctx, kafka.ConsumerOptions{
		Group: o.Group,
		Topic: c.Topic("alerts"),
		NewHandler: func(int) (stream.Handler, error) {
			// The partition may have been another process's: what that one
			// delivered stands in the topic, not in our memory.
			mem, err := c.Memory(ctx, d.Name)
			if err != nil {
				return nil, err
			}
			del, err := alerting.NewDelivery(d, sink, memory{mem})
			if err != nil {
				return nil, err
			}
			del.Metrics, del.Log = o.Metrics, o.Log
			del.Dead = func(ctx context.Context, rec stream.Record, reason error) error {
				return c.Produce(ctx, c.Topic("deadletter"), []stream.Record{
					stream.DeadLetter(&rec, "alert "+d.Name, 0, rec.Value, reason),
				})
			}
			return del, nil
		},
		OnReady: o.OnReady,
	})
}
