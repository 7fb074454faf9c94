// Package schemas holds Lapwing's contracts: what goes over Kafka (Event and
// Control, Protobuf; Alert, OCSF JSON), what the inventory file may say
// (Inventory), and what ClickHouse stores (migrations and hunts, embedded).
//
// It imports nothing else of ours, and its tests hold the contracts against
// each other: every event field has a column, every alert validates against
// its JSON Schema, every hunt runs.
package schemas
