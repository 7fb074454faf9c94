package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestVastEgressIsHighWhateverTheCriticality(t *testing.T) {
	for _, c := range []struct {
		says            string
		observed, usual float64
		want            int
	}{
		{"18 GB where 163 kB is usual", 18e9, 163e3, schemas.SeverityHigh},
		{"far above but small", 900e6, 1e3, schemas.SeverityMedium},
		{"large but not far above", 18e9, 1e9, schemas.SeverityMedium},
	} {
		t.Run(c.says, func(t *testing.T) {
			e, err := New(Config{})
			assert.NoError(t, err)
			_, key := e.store.find("a")
			p := e.store.add("a", key)
			e.store.facts[p.self] = &facts{criticality: "low"}
			x := found{meta: &egressVolumeCard, Finding: explainEgress(nil, p, &Pane{Calls: 6}, &Score{Observed: c.observed, Expected: c.usual})}
			assert.Equal(t, c.want, e.severity(p, &x))
		})
	}
}
