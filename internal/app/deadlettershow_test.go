package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
)

func TestADeadLetterIsShownWithoutSecrets(t *testing.T) {
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	cfg := Defaults()
	cfg.Kafka.Brokers = []string{broker.Addr()}
	kc, err := kafka.Connect(t.Context(), kafka.Config{Brokers: cfg.Kafka.Brokers}, nil, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(kc.Close)
	require.NoError(t, kc.EnsureTopics(t.Context(), kafka.Topics("lapwing.", 1, nil)))
	const secret = "canary-9f2c41d8a07b"
	record := `{"password":"` + secret + `","path":"/v1"}` + "\x1b[2J"
	letters := []stream.Record{
		stream.DeadLetter(&stream.Record{Topic: "raw.kong", Partition: 2, Offset: 1041}, "enrich", 0, []byte("other"), errors.New("not JSON")),
		stream.DeadLetter(&stream.Record{Topic: "raw.kong", Partition: 2, Offset: 1042}, "enrich", 1, []byte(record), errors.New("password="+secret+": unexpected")),
	}
	require.NoError(t, kc.Produce(t.Context(), "lapwing.deadletter", letters))
	show := func(o DeadLetterShowOptions) string {
		var out bytes.Buffer
		require.NoError(t, DeadLetterShow(t.Context(), cfg, o, IO{Out: &out, Err: &out}))
		return out.String()
	}
	for _, which := range []string{"1", "raw.kong/2@1042", "raw.kong/2@1042#1", "raw.kong/2@1042 #1"} {
		got := show(DeadLetterShowOptions{Which: which})
		require.NotContains(t, got, secret)
		require.Contains(t, got, "reason      password=hmac:")
		require.Contains(t, got, "from        raw.kong/2@1042 #1")
		require.Contains(t, got, `"password":"hmac:`)
		require.NotContains(t, got, "\x1b")
	}
	require.Contains(t, show(DeadLetterShowOptions{Which: "1", Raw: true}), secret)
	var d deadLetter
	require.NoError(t, json.Unmarshal([]byte(show(DeadLetterShowOptions{Which: "0", JSON: true})), &d))
	require.Equal(t, "other", d.Value)
	require.Equal(t, time.UTC, d.Time.Location())

	for which, want := range map[string]string{
		"7": "no dead letter 7", "raw.kong/2@1042#5": "no dead letter raw.kong/2@1042#5", "raw.kong": `"raw.kong": want an offset`,
	} {
		err := DeadLetterShow(t.Context(), cfg, DeadLetterShowOptions{Which: which}, IO{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
		require.ErrorContains(t, err, want)
	}
}
