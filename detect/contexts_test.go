package detect

import "testing"

// CloudTrail names the directory's user in some calls of a session and services that
// speak for it in others: neither is another person behind the credential.
func TestOneSessionKeepsItsPerson(t *testing.T) {
	m := newMember(1, random(1))
	person := func(provider string, chain ...string) string {
		ev := m.event(fleetStart.UnixNano(), "s3:GetObject")
		ev.CredentialType, ev.CloudProvider, ev.Delegation = "session", provider, chain
		call := &Call{Event: ev}
		call.sights[Credential].hash = 1
		_, said, _ := contextOf(ev, call)
		return said[0]
	}
	for _, c := range []struct {
		name     string
		provider string
		chain    []string
		want     string
	}{
		{"the source identity alone", "aws", []string{"alice"}, "alice"},
		{"with the directory's user", "aws", []string{"906769b6-userid", "alice"}, "alice"},
		{"through a service", "aws", []string{"alice", "cloudformation.amazonaws.com"}, "alice"},
		{"through a service in China", "aws", []string{"ec2.amazonaws.com.cn"}, ""},
		{"through AWS itself", "aws", []string{"AWS Internal"}, ""},
		{"an agent's chain", "", []string{"alice", "agent"}, "alice"},
	} {
		if got := person(c.provider, c.chain...); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
