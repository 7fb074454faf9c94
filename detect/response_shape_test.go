package detect

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestAShapeIsARoundedLogarithm(t *testing.T) {
	same := func(bytes uint64) {
		t.Helper()
		if got, want := shapeOf(bytes), uint8(min(math.Round(math.Log2(float64(bytes)+1)*shapeUnit), 1<<8-1)); got != want { //nolint:gosec // clamped
			t.Fatalf("%d bytes: %d, not %d", bytes, got, want)
		}
	}
	for bytes := range uint64(100_000) {
		same(bytes)
	}
	for step := range 40 * shapeUnit { // about each step
		at := uint64(math.Exp2((float64(step) + 0.5) / shapeUnit))
		for bytes := at - min(at, 20); bytes < at+20; bytes++ {
			same(bytes)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.Uint64().Draw(t, "bytes")
		if got, want := shapeOf(bytes), uint8(min(math.Round(math.Log2(float64(bytes)+1)*shapeUnit), 1<<8-1)); got != want { //nolint:gosec // clamped
			t.Fatalf("%d, not %d", got, want)
		}
	})
}
