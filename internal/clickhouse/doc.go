// Package clickhouse writes events, alerts and identities to ClickHouse, keeps
// its tables current, and asks it questions. It is the one place that knows the
// client library; the same code serves a ClickHouse server (native or HTTP) and
// the embedded engine (HTTP).
//
// Every insert is idempotent. It carries a deduplication token that is a
// function of the batch alone, so a batch that is sent again after a crash, with
// the same rows, is stored once, in the rollup too. A batch is cut by day first
// and then by size, the same way each time, and each piece has its own token:
// one insert touches one partition, and is stored whole or not at all.
//
// What the server refuses for a row's own sake is found by halving the piece and
// handed back as rejected; every other failure is returned, to be tried again
// with the same token. Nothing is queued here: a slow ClickHouse slows its
// caller, and memory is bounded by MaxInserts pieces of at most 32 MiB.
package clickhouse
