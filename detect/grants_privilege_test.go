package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestWhoGivesItselfRights(t *testing.T) {
	for _, c := range []struct {
		name string
		ev   *schemas.Event
		want bool
	}{
		{"its role gets them", &schemas.Event{Grantees: []string{"policy:Reader", "role:infra"}}, true},
		{"its role is changed", &schemas.Event{Resources: []string{"arn:aws:iam::111122223333:role/infra"}}, true},
		{"another's role", &schemas.Event{Grantees: []string{"role:app"}}, false},
		{"a policy of the same name", &schemas.Event{Grantees: []string{"policy:infra"}, Resources: []string{"arn:aws:iam::111122223333:policy/infra"}}, false},
		{"nobody is named", &schemas.Event{}, false},
	} {
		c.ev.IdentityId = "aws:111122223333:role/infra"
		assert.Equal(t, c.want, givesItself(c.ev), c.name)
	}
}
