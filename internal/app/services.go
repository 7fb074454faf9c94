package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/internal/kafka"
)

// services finds what commands such as hunt and identity talk to: what the
// configuration names, else the Lapwing that `up` runs in the data directory.
type services struct {
	cfg *Config
	log zerolog.Logger
	run *running
}

func newServices(cfg *Config) *services { return &services{cfg: cfg, log: zerolog.Nop()} }

func (s *services) running() (running, error) {
	if s.run == nil {
		r, err := readRunning(s.cfg.DataDir)
		if err != nil {
			return r, err
		}
		s.run = &r
	}
	return *s.run, nil
}

// openKafka connects to Kafka; the caller closes it.
func (s *services) openKafka(ctx context.Context) (*kafka.Client, error) {
	k := s.cfg.Kafka
	if len(k.Brokers) == 0 {
		r, err := s.running()
		if err != nil {
			return nil, err
		}
		if len(r.Kafka) == 0 {
			return nil, fmt.Errorf("%s names no Kafka", runFile)
		}
		k.Brokers, k.TLS, k.SASL = r.Kafka, ClientTLS{}, SASLConfig{}
	}
	cfg, err := k.client(0, openCerts)
	if err != nil {
		return nil, err
	}
	return kafka.Connect(ctx, cfg, nil, s.log)
}

// openClickHouse connects to ClickHouse, read only where the engine knows
// hunters; the caller closes it.
func (s *services) openClickHouse(ctx context.Context, readOnly bool) (*clickhouse.DB, error) {
	cfg := *s.cfg
	token := ""
	if len(cfg.ClickHouse.Addr) == 0 {
		r, err := s.running()
		if err != nil {
			return nil, err
		}
		if r.ClickHouse == nil {
			return nil, errors.New("this Lapwing runs on a ClickHouse of its own configuration: give the same --config")
		}
		cfg.ClickHouse.Addr, cfg.ClickHouse.Protocol, cfg.ClickHouse.TLS = r.ClickHouse.Addr, r.ClickHouse.Protocol, ClientTLS{}
		token = r.ClickHouse.Token
		if readOnly {
			token = r.ClickHouse.Hunter
		}
	}
	cc, err := cfg.clickhouse(token, openCerts)
	if err != nil {
		return nil, err
	}
	return clickhouse.Open(ctx, cc, s.log)
}
