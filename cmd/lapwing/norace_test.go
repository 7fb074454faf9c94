//go:build !race

package main

// memoryFactor is 1: only the race detector takes more.
const memoryFactor = 1
