package sigma

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

// What CloudTrail says in parts, an event keeps as ARNs; rules ask for the parts.
func TestRulesAskForPartsOfWhoCalled(t *testing.T) {
	user := &schemas.Event{Principal: "arn:aws:iam::111122223333:user/team/svc", PrincipalType: "IAMUser"}
	nameless := &schemas.Event{Principal: "svc", PrincipalType: "IAMUser"}
	session := &schemas.Event{Principal: "arn:aws:sts::111122223333:assumed-role/deploy/build-7", PrincipalType: "AssumedRole", PrincipalIssuer: "arn:aws:iam::111122223333:role/ci/deploy"}
	service := &schemas.Event{Principal: "autoscaling.amazonaws.com", PrincipalType: "AWSService"}
	for _, c := range []struct {
		says, selection string
		ev              *schemas.Event
		want            bool
	}{
		{"a user by its name", "userIdentity.userName: svc", user, true},
		{"no user by a part of its name", "userIdentity.userName: sv", user, false},
		{"a user of a failed login, of which there is no ARN", "userIdentity.userName: svc", nameless, true},
		{"a session is no user", "userIdentity.userName: build-7", session, false},
		{"a session by the name of its role", "userIdentity.sessionContext.sessionIssuer.userName: deploy", session, true},
		{"a session by the kind of what issued it", "userIdentity.sessionContext.sessionIssuer.type: Role", session, true},
		{"a user has no issuer", "userIdentity.sessionContext.sessionIssuer.type: User", user, false},
		{"a service by its name", "userIdentity.invokedBy: autoscaling.amazonaws.com", service, true},
	} {
		c.ev.Id, c.ev.Format, c.ev.Time = "e1", "cloudtrail", 1_772_359_200_000_000_000
		set := load(t, rule("s: {"+c.selection+"}\ncondition: s"))
		assert.Equal(t, c.want, len(NewScanner(set).Scan(c.ev)) == 1, c.says)
	}
}
