package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestTheKindOfAnIdentityByOneMoreEvent(t *testing.T) {
	declared := &schemas.Declared{Managed: true}
	for _, c := range []struct {
		is          string
		known, says string
		calls       uint32
		declared    *schemas.Declared
		want        string
	}{
		{"a machine hardly known may turn out a person", "service_account", "human", matureCalls - 1, nil, "human"},
		{"what was declared a person is one", "workload", "human", matureCalls, declared, "human"},
		{"a person may turn out a machine", "human", "service_account", matureCalls, nil, "service_account"},
		{"one sort of machine may turn out another", "service_account", "ci_pipeline", matureCalls, nil, "ci_pipeline"},
		{"an event that tells nothing changes nothing", "service_account", "", 1, nil, "service_account"},
		{"a person stays one where an event tells nothing", "human", "", matureCalls, nil, "human"},
		{"declared of no kind, it has none", "workload", "", matureCalls, declared, ""},
	} {
		p := &Profile{group: kindOf(c.known), calls: c.calls}
		assert.Equal(t, c.want, p.kindBy(&schemas.Event{IdentityKind: c.says, Declared: c.declared}), c.is)
	}
}

func TestShortIDs(t *testing.T) {
	for id, want := range map[string]string{
		"aws:111122223333:role/ci-deploy": "role/ci-deploy",
		"aws:111122223333:web/oidc.eks.eu-west-1.amazonaws.com/id/A1B2:sts.amazonaws.com:system:serviceaccount:apps:ledger": "system:serviceaccount:apps:ledger",
		"aws:111122223333:web/token.actions.githubusercontent.com:sts.amazonaws.com:repo:acme/app:ref:refs/heads/main":      "repo:acme/app:ref:refs/heads/main",
		"aws:111122223333:web/idp.example": "web/idp.example",
	} {
		assert.Equal(t, want, shortID(id), id)
	}
}
