package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/internal/certs"
)

func (p *process) startAlert() error {
	metrics := alerting.NewDeliveryMetrics(p.reg)
	if err := p.startDestination(alerting.Destination{Name: clickhouseDestination}, p.db.Alerts(), metrics); err != nil {
		return err
	}
	for _, d := range p.cfg.Destinations {
		ad := d.alerting()
		if d.TLS.CertFile != "" && d.TLS.KeyFile != "" {
			files, err := p.certs.of("destination " + d.Name)(certs.Files{Cert: d.TLS.CertFile, Key: d.TLS.KeyFile})
			if err != nil {
				return Usage(fmt.Errorf("destination %s: tls: %w", d.Name, err))
			}
			ad.TLS.Certificate = files.Client
		}
		sink, err := alerting.Open(ad)
		if err != nil {
			return Usage(err)
		}
		if err := p.startDestination(ad, sink, metrics); err != nil {
			return err
		}
	}
	return nil
}

// startDestination delivers to one destination, as a consumer group of its own.
func (p *process) startDestination(d alerting.Destination, sink alerting.Sink, metrics *alerting.DeliveryMetrics) error {
	// From the start, so that Prometheus sees the first of each.
	for _, result := range []string{"delivered", "filtered", "repeat", "retried", "refused"} {
		metrics.Alerts.WithLabelValues(d.Name, result)
	}
	p.life.onStop("destination "+d.Name, func(context.Context) error { return sink.Close() })
	name := RoleAlert + " " + d.Name
	p.goRole(name, func(ctx context.Context) error {
		return Deliver(ctx, p.kafka, d, sink, DeliverOptions{
			Group: p.groupName("alert-" + d.Name), Metrics: metrics, Log: p.log, OnReady: p.isReady(name),
		})
	})
	return nil
}

// groupName gives a consumer group of ours its prefix.
func (c *Config) groupName(name string) string {
	return strings.TrimSuffix(c.Kafka.Prefix, ".") + "-" + name
}

func (p *process) groupName(name string) string { return p.cfg.groupName(name) }
