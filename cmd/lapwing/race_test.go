//go:build race

package main

// memoryFactor is how many times the memory of a usual build one with the race
// detector may take: it keeps shadow words of what is read and written.
const memoryFactor = 3
