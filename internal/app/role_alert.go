package app

import (
	"context"
	"fmt"
	"strings"

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

func (p *process) startAlert() error {
	metrics := alerting.NewDeliveryMetrics(p.reg)
	if err := p.startDestination(alerting.Destination{Name: clickhouseDestination}, p.db.Alerts(), metrics); err != nil {
		return err
	}
	for _, d := range p.cfg.Destinations {
		sink, err := alerting.Open(d.alerting())
		if err != nil {
			return Usage(err)
		}
		if err := p.startDestination(d.alerting(), sink, metrics); err != nil {
			return err
		}
	}
	return nil
}

// startDestination delivers to one destination, as a consumer group of its own.
func (p *process) startDestination(d alerting.Destination, sink alerting.Sink, metrics *alerting.DeliveryMetrics) error {
	mem, err := p.kafka.Memory(p.roles, d.Name)
	if err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	if alerting.IsOnCall(d.Kind) {
		oncall := &alerting.OnCall{Sink: sink, Store: openAlerts{mem}, Log: p.log}
		if err := oncall.Start(p.roles); err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
		p.group.Go(func() error { return oncall.Run(p.roles) })
		sink = oncall
	}
	p.life.onStop("destination "+d.Name, func(context.Context) error { return sink.Close() })
	name := RoleAlert + " " + d.Name
	p.goRole(name, func(ctx context.Context) error {
		return p.kafka.RunConsumer(ctx, kafka.ConsumerOptions{
			Group: p.groupName("alert-" + d.Name),
			Topic: p.kafka.Topic("alerts"),
			NewHandler: func(int) (stream.Handler, error) {
				// The partition may have been another process's: what that one
				// delivered stands in the topic, not in our memory.
				mem, err := p.kafka.Memory(ctx, d.Name)
				if err != nil {
					return nil, err
				}
				del, err := alerting.NewDelivery(d, sink, memory{mem})
				if err != nil {
					return nil, err
				}
				del.Metrics, del.Log = metrics, p.log
				del.Dead = func(ctx context.Context, rec stream.Record, reason error) error {
					return p.kafka.Produce(ctx, p.kafka.Topic("deadletter"), []stream.Record{
						stream.DeadLetter(&rec, "alert "+d.Name, 0, rec.Value, reason),
					})
				}
				return del, nil
			},
			OnReady: p.isReady(name),
		})
	})
	return nil
}

// groupName gives a consumer group of ours its prefix.
func (c *Config) groupName(name string) string {
	return strings.TrimSuffix(c.Kafka.Prefix, ".") + "-" + name
}

func (p *process) groupName(name string) string { return p.cfg.groupName(name) }
