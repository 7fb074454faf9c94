// Package enrich attaches to an event all that is known of its identity: the
// canonical id, what the inventory declares, the credential's life, the
// network and the place. It does no I/O per event and reads no clock.
package enrich
