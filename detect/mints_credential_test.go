package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestForWhomACredentialIsMade(t *testing.T) {
	const id = "aws:111122223333:user/billing"
	for _, c := range []struct {
		name string
		ev   *schemas.Event
		want string
	}{
		{"who gets it", &schemas.Event{Grantees: []string{"user:admin"}, Resources: []string{"arn:aws:iam::111122223333:user/x"}}, "admin"},
		{"a policy is nobody", &schemas.Event{Grantees: []string{"policy:AdministratorAccess", "user:admin"}}, "admin"},
		{"what is touched", &schemas.Event{Resources: []string{"projects/-/serviceAccounts/admin@prod-1"}}, "admin@prod-1"},
		{"the caller by name", &schemas.Event{Resources: []string{"arn:aws:iam::111122223333:user/billing"}}, itself},
		{"nobody is named", &schemas.Event{}, itself},
	} {
		c.ev.IdentityId = id
		assert.Equal(t, c.want, beneficiary(c.ev), c.name)
	}
}
