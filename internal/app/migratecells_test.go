package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// plant is enrich and detect on a broker of their own.
type plant struct {
	cfg    Config
	kc     *kafka.Client
	topics map[string]string // by format
}

func newPlant(t *testing.T, cells int, fleet *simulate.Fleet) *plant {
	t.Helper()
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	cfg.Kafka.Brokers = []string{broker.Addr()}
	cfg.Kafka.Replication = 1
	cfg.Monitor.Listen = ""
	cfg.Secrets.HMACKey = fileKey
	cfg.Enrich.KeepRaw = false
	cfg.Enrich.IdleAfter = schemas.Duration(time.Hour)
	cfg.Detect.Cells = cells
	// One partition a topic: the order of its records is that of the fleet.
	cfg.RawTopics = nil
	for _, format := range []string{simulate.CloudTrail, simulate.Kong, simulate.NGINX} {
		cfg.RawTopics = append(cfg.RawTopics, RawTopicConfig{Topic: "raw." + format, Format: format, Partitions: 1})
	}
	cfg.Inventory.File = t.TempDir() + "/inventory.yaml"
	require.NoError(t, writeInventoryFile(fleet, cfg.Inventory.File))
	p := &plant{cfg: cfg, topics: rawTopicByFormat(&cfg)}
	kcfg, err := cfg.Kafka.client(0, openCerts)
	require.NoError(t, err)
	p.kc, err = kafka.Connect(t.Context(), kcfg, nil, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(p.kc.Close)
	require.NoError(t, p.kc.EnsureTopics(t.Context(), cfg.topics()))
	return p
}

func (p *plant) send(t *testing.T, records []simulate.Record) {
	t.Helper()
	byTopic := map[string][]stream.Record{}
	for _, r := range records {
		topic := p.topics[r.Format]
		byTopic[topic] = append(byTopic[topic], stream.Record{Key: []byte(r.Key), Value: r.Value})
	}
	for topic, recs := range byTopic {
		require.NoError(t, p.kc.Produce(t.Context(), topic, recs))
	}
}

// judge runs enrich and detect until everything sent was judged, and stops them.
func (p *plant) judge(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	proc := newProcess(ctx, p.cfg, plantLog(t))
	require.NoError(t, proc.connect(ctx, false))
	require.NoError(t, proc.verify(ctx))
	var mu sync.Mutex
	at := map[int]int64{}
	proc.hooks = hooks{onPosition: func(cell int, next, _ int64) {
		mu.Lock()
		defer mu.Unlock()
		at[cell] = next
	}}
	require.NoError(t, proc.start([]string{RoleEnrich, RoleDetect}))
	require.Eventually(t, func() bool {
		for _, topic := range p.topics {
			ends, err := p.kc.Ends(ctx, topic)
			if err != nil {
				return false
			}
			done, err := p.kc.Committed(ctx, p.cfg.groupName(RoleEnrich), topic)
			if err != nil {
				return false // the group is not there yet
			}
			for i := range ends {
				if ends[i] > max(done[i], 0) {
					return false
				}
			}
		}
		return true
	}, 2*time.Minute, 50*time.Millisecond, "enriched")
	ends, err := p.kc.Ends(ctx, "lapwing.events")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		for cell := range p.cfg.Detect.Cells {
			if at[cell] < ends[cell] {
				return false
			}
		}
		return true
	}, 2*time.Minute, 50*time.Millisecond, "judged")
	stop()
	require.NoError(t, proc.wait())
}

// facts are the alerts that state facts, with their greatest version, and of the
// others how many there are.
func (p *plant) facts(t *testing.T) (certain map[string]string, odds int) {
	t.Helper()
	certain = map[string]string{}
	rest := map[string]bool{}
	require.NoError(t, p.kc.Scan(t.Context(), "lapwing.alerts", kafka.ScanOptions{Partition: -1}, func(rec *stream.Record) error {
		var a schemas.Alert
		require.NoError(t, json.Unmarshal(rec.Value, &a))
		if w := a.Unmapped.Lapwing.Way; w == "declared" || w == "consequence" {
			certain[a.FindingInfo.UID] = a.Actor.User.UID + " " + a.FindingInfo.Analytic.UID
		} else {
			rest[a.FindingInfo.UID] = true
		}
		return nil
	}))
	return certain, len(rest)
}

// coordinates counts the events by where they came from, and checks that each
// stands in the cell of its identity as far as the cells are those in force.
func (p *plant) coordinates(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	require.NoError(t, p.kc.Scan(t.Context(), "lapwing.events", kafka.ScanOptions{Partition: -1}, func(rec *stream.Record) error {
		if !stream.IsControl(rec) {
			var ev schemas.Event
			require.NoError(t, ev.UnmarshalVT(rec.Value))
			out[fmt.Sprintf("%s/%d/%d/%d", ev.RawTopic, ev.RawPartition, ev.RawOffset, ev.RawIndex)]++
		}
		return nil
	}))
	return out
}

var errInterrupted = errors.New("interrupted")

func TestMigrateCellsKeepsState(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the pipeline several times")
	}
	fleet, err := simulate.New(simulate.Config{Seed: 3, Days: 12, Identities: 40, Events: 12_000})
	require.NoError(t, err)
	var all []simulate.Record
	require.NoError(t, fleet.Records(func(r simulate.Record) error {
		r.Value = slices.Clone(r.Value)
		all = append(all, r)
		return nil
	}))
	third := len(all) / 3

	p := newPlant(t, 1, fleet)
	p.send(t, all[:third])
	p.judge(t)

	var said bytes.Buffer
	std := IO{Out: &said, Err: &said}
	migrate := func(to int, after func(string) error) error {
		m, err := newCellMigration(t.Context(), p.cfg, to, std)
		require.NoError(t, err)
		defer m.kc.Close()
		m.after = after
		return m.change(t.Context(), false)
	}

	t.Run("another number is refused and the command named", func(t *testing.T) {
		_, err := p.kc.CheckLayout(t.Context(), 3)
		require.ErrorIs(t, err, kafka.ErrLayout)
		require.ErrorContains(t, err, "the number of cells is 1, but detect.cells is 3: set detect.cells to 1, or run `lapwing migrate --cells 3`")
		err = p.kc.RunDetect(t.Context(), kafka.DetectOptions{Cells: 3, NewCell: func(int) stream.Cell { return nil }})
		require.ErrorIs(t, err, kafka.ErrLayout)
		err = p.kc.RunEnrich(t.Context(), kafka.EnrichOptions{
			Cells: 3, RawTopics: []kafka.RawTopic{{Name: "raw.kong"}}, Transform: func(*stream.Record, stream.SubHandler) {},
		})
		require.ErrorIs(t, err, kafka.ErrLayout)
	})

	t.Run("a dry run changes nothing", func(t *testing.T) {
		said.Reset()
		require.NoError(t, MigrateCells(t.Context(), p.cfg, MigrateCellsOptions{Cells: 3, DryRun: true}, std))
		require.Equal(t, "1 cell now, 3 wanted\n"+
			"lapwing.events   gets 2 partitions more\nlapwing.alerts   gets 2 partitions more\nlapwing.state    gets 2 partitions more\n", said.String())
		l, err := p.kc.CheckLayout(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, kafka.Layout{Cells: 1}, l)
	})

	// Interrupted after each step in turn: nobody may run, and a change taken back
	// leaves everything as it was.
	for i, step := range []string{"noted", "partitions added", "levelled", "judged", "moved cell 0", "moved cell 1", "moved"} {
		err := migrate(3, func(s string) error {
			if s == step {
				return errInterrupted
			}
			return nil
		})
		require.ErrorIs(t, err, errInterrupted, step)
		_, err = p.kc.CheckLayout(t.Context(), 1)
		require.ErrorContains(t, err, "being changed from 1 to 3, or that was interrupted: run `lapwing migrate --cells 3` again to finish, or `lapwing migrate --cells 1` to leave it as it was", step)
		if i%2 == 0 {
			require.NoError(t, migrate(1, nil), step)
			_, err = p.kc.CheckLayout(t.Context(), 1)
			require.NoError(t, err, step)
		}
	}
	// Taken back, it runs on as before.
	p.send(t, all[third:third+500])
	p.judge(t)

	require.NoError(t, migrate(3, nil))
	require.ErrorContains(t, func() error { _, err := p.kc.CheckLayout(t.Context(), 1); return err }(), "set detect.cells to 3")
	p.cfg.Detect.Cells = 3
	p.send(t, all[third+500:2*third])
	p.judge(t)

	require.NoError(t, migrate(2, nil))
	p.cfg.Detect.Cells = 2
	p.send(t, all[2*third:])
	p.judge(t)

	always := newPlant(t, 2, fleet)
	always.send(t, all)
	always.judge(t)

	for place, n := range p.coordinates(t) {
		require.Equal(t, 1, n, place)
	}
	require.Equal(t, len(always.coordinates(t)), len(p.coordinates(t)), "each event once")
	got, odds := p.facts(t)
	want, wantOdds := always.facts(t)
	require.GreaterOrEqual(t, len(want), 5)
	require.Equal(t, want, got, "what states facts is what a fleet of 2 cells finds")
	t.Logf("%d events; %d alerts that state facts are the same; %d state odds, %d with 2 cells from the start", len(p.coordinates(t)), len(want), odds, wantOdds)
}

func plantLog(t *testing.T) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
}
