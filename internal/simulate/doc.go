// Package simulate makes labelled traffic of a fleet of non-human identities:
// what they do on ordinary days, attacks, and benign events that look like
// attacks. The bytes are those that CloudTrail, Kong's http-log plugin and
// NGINX write. It also scores alerts against its labels.
//
// Everything is a pure function of Config: each identity and each hour of it
// has a random stream of its own, so that an attack on one identity changes
// nothing of the others, and every run writes the same bytes. Memory is bounded
// by the number of identities, not of events.
//
// The package knows nothing of the detectors: it has its own list of
// operations, written from what the services log, and no threshold.
package simulate
