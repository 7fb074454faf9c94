package app

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

// Raw topics that hold other records already get all of the simulated ones;
// only a resumed feed takes what is there for its own.
func TestSimulateSendsAllBesideWhatIsThere(t *testing.T) {
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	cfg := Defaults()
	cfg.Kafka.Brokers = []string{broker.Addr()}
	kc, err := kafka.Connect(t.Context(), kafka.Config{Brokers: cfg.Kafka.Brokers, Prefix: "lapwing."}, prometheus.NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(func() { kc.Close() })
	var raw []string
	for _, r := range cfg.RawTopics {
		raw = append(raw, r.Topic)
	}
	require.NoError(t, kc.EnsureTopics(t.Context(), kafka.Topics("lapwing.", 1, raw)))
	require.NoError(t, kc.Produce(t.Context(), raw[0], []stream.Record{{Key: []byte("a"), Value: []byte("{}")}, {Key: []byte("b"), Value: []byte("{}")}}))

	fleet, err := simulate.New(simulate.Config{Days: 3, Identities: 20, Events: 2000})
	require.NoError(t, err)
	partitions := 0
	size := func() (n int64) {
		partitions = 0
		for _, topic := range raw {
			ends, err := kc.Ends(t.Context(), topic)
			require.NoError(t, err)
			partitions += len(ends)
			for _, e := range ends {
				n += e
			}
		}
		return n
	}
	before := size()
	require.NoError(t, simulateToKafka(t.Context(), cfg, fleet, IO{Out: io.Discard, Err: io.Discard}))
	sent := size() - before

	resumed := &feed{kafka: kc, topics: rawTopicByFormat(&cfg), resume: true}
	require.NoError(t, resumed.run(t.Context(), fleet))
	require.Equal(t, int64(resumed.total+partitions), sent, "every record, and the end of each partition")
	require.Equal(t, before+sent, size(), "a resumed feed sends nothing twice")
}

// TestTheInventoryOfAFleetIsReadAsItIs: what is written is what the fleet declares,
// in the form of one entry after the other, which has no bound of size.
func TestTheInventoryOfAFleetIsReadAsItIs(t *testing.T) {
	fleet, err := simulate.New(simulate.Config{Seed: 1, Identities: 40, Days: 4})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), simInventory)
	require.NoError(t, writeInventoryFile(fleet, path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(text, []byte("identities:\n  - id: ")), "JSON of more than 32 MiB is not read")
	got, err := enrich.LoadInventory(path)
	require.NoError(t, err)
	want, err := json.Marshal(fleet.Inventory())
	require.NoError(t, err)
	read, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(read))
}
