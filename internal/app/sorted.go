package app

import (
	"maps"
	"slices"
)

// sortedNames lists a map's keys in order.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
