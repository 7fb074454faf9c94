package kafka

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// Config says how to reach the brokers.
type Config struct {
	// Brokers are host:port addresses; any one that answers is enough.
	Brokers []string
	// TLS is nil for plain text.
	TLS *tls.Config
	// SASL is left zero for none.
	SASL SASL
	// ClientID is shown in the brokers' logs and metrics; default "lapwing".
	ClientID string
	// Prefix begins the name of every topic of ours; default "lapwing.".
	Prefix string
	// Compression of what is written: "zstd" (default), "lz4" or "none".
	Compression string
	// SessionTimeout after which the group gives a silent member's partitions
	// to others; default 30 s.
	SessionTimeout time.Duration
	// HeartbeatInterval bounds how late a member hears that its group
	// rebalances (heartbeat.interval.ms): the others wait for it that long. At
	// most a tenth of SessionTimeout; default 250 ms.
	HeartbeatInterval time.Duration
	// RequestTimeout bounds one attempt of one request; default 10 s.
	RequestTimeout time.Duration
	// DrainTimeout bounds what a Run function still does once its context has
	// ended: write what it holds, commit, snapshot. Default 20 s.
	DrainTimeout time.Duration
	// FetchWait is how long a broker may hold a fetch that it has nothing for
	// (fetch.max.wait.ms); default 250 ms.
	FetchWait time.Duration
	// Replication is the replication factor of topics that EnsureTopics
	// creates; default 1, -1 for the brokers' default.
	Replication int

	// Dial replaces the network: a proxy, or a test's. Default TCP, 5 s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// lagEvery replaces the pace at which lag is measured, in tests.
	lagEvery time.Duration
}

// SASL names a mechanism and its credentials.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or empty.
	Mechanism string
	User      string
	Password  string
}

// RawTopic is a topic of records as their source wrote them.
type RawTopic struct {
	Name   string
	Format string
	// Disorder is how far behind the newest event a record of this format
	// usually comes; the partition's watermark trails by it.
	Disorder time.Duration
}

// EnrichOptions configures RunEnrich.
type EnrichOptions struct {
	// Group is the consumer group; default "lapwing-enrich".
	Group     string
	RawTopics []RawTopic
	// Cells is the configured number of cells; 0 takes the one in force.
	Cells int
	// Transform parses and enriches one raw record and hands every sub-record
	// to h before it returns. It is called concurrently for different
	// partitions and keeps nothing of rec.
	Transform func(rec *stream.Record, h stream.SubHandler)
	// IdleAfter without input a raw partition no longer holds back the clock;
	// default 1 min.
	IdleAfter time.Duration
	// MaxAhead is how far a raw partition may run ahead, in event time, of the
	// slowest of its topic; default 1 h.
	MaxAhead time.Duration
	// HoldTogether keeps the raw partitions of all topics that this process
	// owns within HoldWithin of each other, for replays.
	HoldTogether bool
	// HoldWithin defaults to 10 min.
	HoldWithin time.Duration
	// LogsAhead is how far the logs may be ahead of this machine's clock besides the
	// hour that any may: of simulated ones. Default 0.
	LogsAhead time.Duration
	// WatermarkEvery is the pace of watermark records; default 1 s.
	WatermarkEvery time.Duration
	// CommitEvery is the pace of commits; default 1 s.
	CommitEvery time.Duration
	// OnReady is called when partitions are being processed, and again after
	// each rebalance; may be nil.
	OnReady func()
}

// DetectOptions configures RunDetect.
type DetectOptions struct {
	// Group is the consumer group; default "lapwing-detect".
	Group string
	// Cells is the configured number of cells; 0 takes the one in force.
	Cells int
	// Migrating runs the cells of the layout in force although a change of it was
	// begun.
	Migrating bool
	// NewCell makes the empty state of one cell.
	NewCell func(cell int) stream.Cell
	// SnapshotEvery and SnapshotEvents: a snapshot is due when either is
	// reached; defaults 15 min and 5 million.
	SnapshotEvery  time.Duration
	SnapshotEvents int64
	// AcceptReset goes on where a log no longer reaches the stored state:
	// state of a log that is gone is dropped, missing events are skipped. What
	// was lost is logged.
	AcceptReset bool
	// OnPosition, when not nil, is told each cell's position after everything
	// before it was applied and its alerts were acknowledged. end is the log's
	// end as last seen.
	OnPosition func(cell int, next, end int64)
	// OnStopped, when not nil, is told of a cell whose log does not reach its
	// state, with an error that wraps stream.ErrReset and says what to do. That
	// cell stands still until partitions are assigned anew; the others go on, and
	// OnReady is not called while one stands still. When it is nil, RunDetect
	// returns the error.
	OnStopped func(cell int, err error)
	// OnRestoring, when not nil, is told how far a cell that was taken over has
	// replayed its log, up to the end as of the take-over. OnReady is not called
	// before every cell is there.
	OnRestoring func(cell int, next, end int64)
	// WithCell, when not nil, is handed each cell when this process has taken
	// it over (with a function that runs f between two records), and nil when
	// it gives the cell up.
	WithCell func(cell int, run func(f func(stream.Cell)))
	OnReady  func()
}

// StoreOptions configures RunStore.
type StoreOptions struct {
	// Group is the consumer group; default "lapwing-store".
	Group    string
	Inserter stream.Inserter
	// MaxRows and MaxWait end a batch; defaults 50,000 and 1 s.
	MaxRows int
	MaxWait time.Duration
	// MaxBytes ends a batch as well; default 32 MiB.
	MaxBytes int
	OnReady  func()
}

// ConsumerOptions configures RunConsumer.
type ConsumerOptions struct {
	Group string
	// Topic is the full name of the topic.
	Topic string
	// NewHandler makes the handler of one partition, each time this process
	// takes the partition up. A handler that is an io.Closer is closed when the
	// partition is given up.
	NewHandler func(partition int) (stream.Handler, error)
	// MaxRecords bounds one call of Handle; default 500.
	MaxRecords int
	OnReady    func()
}
