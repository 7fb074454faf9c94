// Package tail reads log files as records, once or as they grow. It remembers
// how far each file was taken, and follows files that are rotated, truncated
// or compressed, so that what was taken once is not taken again.
package tail
