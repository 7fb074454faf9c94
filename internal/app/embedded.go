package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/kafka"
)

// EngineCommand is the hidden command by which this binary becomes the
// embedded ClickHouse's process.
const EngineCommand = embedded.ServerCommand

// ServeEngine is the whole life of that process.
func ServeEngine(ctx context.Context, std IO) error {
	return embedded.ServeChDB(ctx, std.In, std.Out)
}

// connectEmbedded starts what the configuration does not name, the broker and
// the ClickHouse engine, in dir, and connects to both. It returns what
// run.json says of them.
func (p *process) connectEmbedded(ctx context.Context, dir string) (running, error) {
	var run running
	var broker *embedded.Broker
	var engine *embedded.ClickHouse
	// Both outlive the signal that ends the roles: they are stopped last. One that comes
	// while they start, or wait for a directory that is in use, ends that.
	life, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	started := context.AfterFunc(ctx, giveUp)
	var g errgroup.Group
	if len(p.cfg.Kafka.Brokers) == 0 {
		g.Go(func() (err error) {
			broker, err = embedded.StartBroker(ctx, embedded.BrokerConfig{
				Dir: filepath.Join(dir, brokerDir), Listen: p.cfg.Embedded.KafkaListen, Log: p.log,
			})
			return err
		})
	}
	if len(p.cfg.ClickHouse.Addr) == 0 {
		g.Go(func() (err error) {
			engine, err = embedded.StartClickHouse(life, embedded.ClickHouseConfig{
				Dir: filepath.Join(dir, engineDir), Listen: p.cfg.Embedded.ClickHouseListen, Log: p.log,
			})
			return err
		})
	}
	err := g.Wait()
	started()
	if broker != nil {
		p.life.onStop("embedded broker", func(context.Context) error { return broker.Close() })
		p.ownBroker = true
		p.cfg.Kafka.Brokers = []string{broker.Addr()}
		p.cfg.Kafka.TLS, p.cfg.Kafka.SASL, p.cfg.Kafka.Replication = ClientTLS{}, SASLConfig{}, 1
	}
	if engine != nil {
		p.life.onStop("embedded ClickHouse", func(context.Context) error { return engine.Close() })
	}
	switch {
	case errors.Is(err, embedded.ErrNoLibrary):
		err = Usage(err)
	case err != nil && strings.Contains(err.Error(), embedded.ErrInUse.Error()): // the engine's process says it in words
		err = fmt.Errorf("a Lapwing runs in %s already: use its commands (lapwing alert list), stop it, or choose another directory with --dir", absolute(dir))
	}
	if err != nil {
		return run, err
	}
	if err := p.connect(ctx, engine == nil); err != nil {
		return run, err
	}
	run.Kafka = p.cfg.Kafka.Brokers
	if engine == nil {
		return run, nil
	}
	p.cfg.ClickHouse.Addr, p.cfg.ClickHouse.Protocol = []string{engine.Addr()}, "http"
	p.cfg.ClickHouse.TLS, p.cfg.ClickHouse.User, p.cfg.ClickHouse.Password = ClientTLS{}, "default", ""
	run.ClickHouse = &runningDatabase{
		Addr: p.cfg.ClickHouse.Addr, Protocol: "http", Token: engine.Token(), Hunter: engine.HunterToken(),
	}
	cc, err := p.cfg.clickhouse(engine.Token(), openCerts)
	if err != nil {
		return run, err
	}
	return run, p.openClickHouse(ctx, cc)
}

// clickhouse gives the settings of the ClickHouse adapter; token opens an embedded
// engine, and open reads certificate files.
func (c *Config) clickhouse(token string, open certOpener) (clickhouse.Config, error) {
	ch := &c.ClickHouse
	t, err := ch.TLS.client(open)
	if err != nil {
		return clickhouse.Config{}, &ConfigError{Key: "clickhouse", Problem: err.Error()}
	}
	return clickhouse.Config{
		Addr: ch.Addr, Protocol: ch.Protocol, Database: ch.Database,
		User: ch.User, Password: ch.Password.Reveal(), TLS: t, Token: token, Tenant: c.Tenant,
	}, nil
}

// topics lists the topics of this installation as they should be.
func (c *Config) topics() []kafka.Topic {
	var raw []string
	for _, t := range c.RawTopics {
		raw = append(raw, t.Topic)
	}
	topics := kafka.Topics(c.Kafka.Prefix, c.Detect.Cells, raw)
	for i := range topics {
		// One process reads all of the embedded broker: more than one partition for
		// each of forty formats is nothing but work at the start.
		if len(c.Kafka.Brokers) == 0 && slices.Contains(raw, topics[i].Name) {
			topics[i].Partitions = 1
		}
		for _, t := range c.RawTopics {
			if t.Topic == topics[i].Name && t.Partitions > 0 {
				topics[i].Partitions = t.Partitions
			}
		}
	}
	return topics
}
