package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestOneCallPagesByOneAlert(t *testing.T) {
	arrival := &openAlert{id: "a", lane: laneArrival}
	report := &openAlert{id: "r", lane: laneReport}
	for _, c := range []struct {
		says string
		did  func(*grown)
		want *openAlert
	}{
		{"nothing yet", func(*grown) {}, nil},
		{"what the call opened", func(g *grown) { g.of(arrival).opened = true }, arrival},
		{"what it pages by", func(g *grown) { g.of(arrival).page = true }, arrival},
		{"what it only counts in is no page", func(g *grown) { g.of(arrival).tell = true }, nil},
		{"a report takes nothing in", func(g *grown) { g.of(report).page = true }, nil},
	} {
		var g grown
		c.did(&g)
		assert.Equal(t, c.want, g.page(), c.says)
	}
}

func TestTheGravestOfACallHeadsItsAlert(t *testing.T) {
	place := part{found: found{meta: &networkPolicyCard, Finding: Finding{Way: WayDeclared}}, severity: schemas.SeverityMedium}
	deed := part{found: found{meta: &mintsCredentialCard, Finding: Finding{Way: WayConsequence}}, severity: schemas.SeverityHigh}
	a := &openAlert{id: "kept", meta: &networkPolicyCard, parts: []part{place, deed}}
	a.headedByGravest()
	assert.Equal(t, &mintsCredentialCard, a.meta)
	assert.Equal(t, &mintsCredentialCard, a.parts[0].meta)
	assert.Equal(t, "kept", a.id)
}
