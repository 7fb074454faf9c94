// Package kafka runs the stages of internal/stream on a Kafka cluster through
// segmentio/kafka-go: consumer groups by generation, its own fetch loop,
// idempotent producers that fence their predecessors, and snapshots of cells.
//
// docs/delivery.md tells the order of writes and what a crash at each point
// leaves behind.
package kafka
