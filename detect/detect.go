// Package detect judges events: it keeps a profile for each identity, panes of
// event time, calibrated tails, and turns what is unlike the past, unlike the
// peers or against a declared policy into alerts that explain themselves.
//
// The same log gives the same bytes: nothing here reads a clock, draws random
// numbers, or depends on the order of a map.
package detect
