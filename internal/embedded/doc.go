// Package embedded runs a broker and a ClickHouse engine without installing
// either, for `lapwing demo` and `lapwing up`. In production Lapwing talks to
// an Apache Kafka and a ClickHouse of their own through the same code.
//
// # The broker
//
// StartBroker runs franz-go's kfake in this process, on one loopback address,
// with its log kept in a directory. What it acknowledged is in the page cache
// of the operating system, so it survives kill -9 of this process, as it does
// with Apache Kafka's defaults; BrokerConfig.Sync adds an fsync a batch against
// loss of power. It is one node and knows no replication.
//
// # The engine
//
// ClickHouse comes as a shared library, libchdb, opened at run time through
// purego: no cgo, and nothing is linked when the library is absent. It runs in
// a child process, so that neither its memory nor a crash can take the pipeline
// down. The child is this same binary with one hidden argument (ServerCommand),
// which must call Serve. Parent and child share three things:
//
//   - file descriptor 3, a listening loopback socket. The parent keeps it open,
//     so the address outlives the child: when the engine dies it is started
//     again, and requests meanwhile wait in the socket's queue.
//   - the child's standard input, which carries one JSON line of settings (so
//     that no token is ever in an argument list) and then only tells, by ending,
//     that the parent has closed it or is gone. On Linux the kernel also kills
//     the child when its parent dies.
//   - the child's standard output, which carries one JSON line: ready, or why not.
//
// The child speaks ClickHouse's own HTTP interface, so clickhouse-go (Protocol:
// HTTP), curl and other tools work on it. Each request gets an engine session of
// its own, which costs about 0.2 ms: settings and parameters of one request are
// never seen by another, and requests run side by side. libchdb writes Native
// blocks of revision 0, while clickhouse-go announces a newer one and expects
// block headers; answers in Native are therefore decoded and encoded again. The
// parser of libchdb cuts inline binary data, so the body of an INSERT goes to an
// anonymous memory file (a temporary one where there is none) that the statement
// reads FROM INFILE.
//
// Every request but /ping needs a token. There are two: the full one, and the
// hunter's, whose statements pass a guard (one statement; SELECT, WITH, SHOW,
// DESCRIBE or EXPLAIN; no function that reads files, URLs or other servers) and
// then run with the engine's own readonly=1 under caps on time, memory and rows.
// A request with readonly=1 or 2, or by GET, is held to the same rules.
//
// A build with the tag nochdb leaves the engine out and is a static binary.
package embedded
