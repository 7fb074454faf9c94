package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

func createTopic(t *testing.T, addr, topic string) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 10 * time.Second}
	res, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}}})
	require.NoError(t, err)
	require.NoError(t, res.Errors[topic])
}

func produce(ctx context.Context, addr, topic string, n int) error {
	client := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 10 * time.Second}
	for i := range n {
		res, err := client.Produce(ctx, &kafka.ProduceRequest{Topic: topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes(fmt.Appendf(nil, "v%d", i))})})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func endOffset(t *testing.T, addr, topic string) int64 {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 10 * time.Second}
	res, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(0)}}})
	require.NoError(t, err)
	return res.Topics[topic][0].LastOffset
}

func TestBrokerKeepsItsLogOverARestart(t *testing.T) {
	dir := t.TempDir()
	b, err := StartBroker(t.Context(), BrokerConfig{Dir: dir})
	require.NoError(t, err)
	createTopic(t, b.Addr(), "raw.kong")
	require.NoError(t, produce(t.Context(), b.Addr(), "raw.kong", 10))
	require.NoError(t, b.Close())
	require.NoError(t, b.Close(), "twice is fine")

	b, err = StartBroker(t.Context(), BrokerConfig{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	require.Equal(t, int64(10), endOffset(t, b.Addr(), "raw.kong"))
}

func TestBrokerListensOnLoopbackOnly(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":9092", "192.0.2.1:9092", "nonsense"} {
		_, err := StartBroker(t.Context(), BrokerConfig{Listen: listen})
		require.Error(t, err, listen)
	}
}

// Who gives up waits no longer for a directory that another process has.
func TestBrokerStopsWaitingForItsDirectory(t *testing.T) {
	dir := t.TempDir()
	b, err := StartBroker(t.Context(), BrokerConfig{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	ctx, cancel := context.WithCancelCause(t.Context())
	told := errors.New("told to stop")
	cancel(told)
	_, err = StartBroker(ctx, BrokerConfig{Dir: dir})
	require.ErrorIs(t, err, told)
	require.NotErrorIs(t, err, ErrInUse)
}

// TestBrokerVictim is the process that TestBrokerSurvivesKill kills.
func TestBrokerVictim(t *testing.T) {
	dir := os.Getenv("LAPWING_TEST_BROKER")
	if dir == "" {
		t.Skip("runs only as the child of TestBrokerSurvivesKill")
	}
	b, err := StartBroker(t.Context(), BrokerConfig{Dir: dir})
	require.NoError(t, err)
	createTopic(t, b.Addr(), "t")
	require.NoError(t, produce(context.Background(), b.Addr(), "t", 200))
	fmt.Println("acknowledged")
	select {}
}

func TestBrokerSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	victim := exec.Command(os.Args[0], "-test.run=^TestBrokerVictim$")
	victim.Env = append(os.Environ(), "LAPWING_TEST_BROKER="+dir)
	out, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	line := make([]byte, len("acknowledged"))
	_, err = out.Read(line)
	require.NoError(t, err)
	require.Equal(t, "acknowledged", string(line))
	require.NoError(t, victim.Process.Kill())
	_ = victim.Wait() // killed

	b, err := StartBroker(t.Context(), BrokerConfig{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	require.Equal(t, int64(200), endOffset(t, b.Addr(), "t"))
}
