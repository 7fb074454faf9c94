package alerting

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestContainmentIsProposedWithItsUndoing(t *testing.T) {
	for _, c := range []struct {
		name, id, credential, do, undo string
	}{
		{
			"an access key of a user: that key alone", "aws:123456789012:user/deploy", "AKIAIOSFODNN7EXAMPLE",
			"aws iam update-access-key --user-name deploy --access-key-id AKIAIOSFODNN7EXAMPLE --status Inactive",
			"aws iam update-access-key --user-name deploy --access-key-id AKIAIOSFODNN7EXAMPLE --status Active",
		},
		{
			"a role: its sessions end with it", "aws:123456789012:role/ci-deploy", "ASIAIOSFODNN7EXAMPLE",
			"aws iam attach-role-policy --role-name ci-deploy --policy-arn arn:aws:iam::aws:policy/AWSDenyAll",
			"aws iam detach-role-policy --role-name ci-deploy --policy-arn arn:aws:iam::aws:policy/AWSDenyAll",
		},
		{
			"a user in a session", "aws:123456789012:user/ops/deploy", "ASIAIOSFODNN7EXAMPLE",
			"aws iam attach-user-policy --user-name deploy --policy-arn arn:aws:iam::aws:policy/AWSDenyAll",
			"aws iam detach-user-policy --user-name deploy --policy-arn arn:aws:iam::aws:policy/AWSDenyAll",
		},
		{
			"a service account of Google", "gcp:prod-1:sa/deployer", "",
			"gcloud iam service-accounts disable deployer@prod-1.iam.gserviceaccount.com",
			"gcloud iam service-accounts enable deployer@prod-1.iam.gserviceaccount.com",
		},
		{
			"the default account of App Engine", "gcp:prod-1:sa/appspot", "",
			"gcloud iam service-accounts disable prod-1@appspot.gserviceaccount.com",
			"gcloud iam service-accounts enable prod-1@appspot.gserviceaccount.com",
		},
		{
			"an application of Entra", "entra:app/5a1f2c3d-1111-4222-8333-abcdefabcdef", "",
			"az ad sp update --id 5a1f2c3d-1111-4222-8333-abcdefabcdef --set accountEnabled=false",
			"az ad sp update --id 5a1f2c3d-1111-4222-8333-abcdefabcdef --set accountEnabled=true",
		},
		{
			"an entity of Vault", "vault:entity/c0ffee00-1111-4222-8333-abcdefabcdef", "",
			"vault write identity/entity/id/c0ffee00-1111-4222-8333-abcdefabcdef disabled=true",
			"vault write identity/entity/id/c0ffee00-1111-4222-8333-abcdefabcdef disabled=false",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := alert("a", 1)
			a.Actor.User.UID, a.Actor.User.CredentialUID = c.id, c.credential
			got, ok := Contain(&a)
			require.True(t, ok)
			require.Equal(t, c.do, got.Do)
			require.Equal(t, c.undo, got.Undo)
			require.NotEmpty(t, got.Stops)
			pd := (&pagerDutySink{}).event(&a).Payload.CustomDetails
			require.Equal(t, c.do, pd["contain"])
			require.Equal(t, c.undo, pd["contain_undo"])
		})
	}
}

func TestNothingIsProposedThatWouldNotHelp(t *testing.T) {
	for _, c := range []struct {
		name, id string
		spoil    func(*schemas.Lapwing)
	}{
		{"a system without such a switch", "k8s:payments/ledger", nil},
		{"a role that AWS manages", "aws:123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", nil},
		{"the root user", "aws:123456789012:root", nil},
		{"a service of AWS", "aws:service/lambda.amazonaws.com", nil},
		{"the account of Compute Engine, of which only the project's number is known", "gcp:123456789012:sa/compute", nil},
		{"an incident of several", "aws:123456789012:role/ci-deploy", func(l *schemas.Lapwing) { l.Identities = []string{"a", "b", "c"} }},
		{"an identity that fell silent", "aws:123456789012:role/ci-deploy", func(l *schemas.Lapwing) { l.Headline = "silence" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := alert("a", 1)
			a.Actor.User.UID = c.id
			if c.spoil != nil {
				c.spoil(&a.Unmapped.Lapwing)
			}
			_, ok := Contain(&a)
			require.False(t, ok)
		})
	}
}

// Names come from logs, and a responder pastes what the page says.
func FuzzContainmentNeverCarriesAShellsCharacters(f *testing.F) {
	f.Add("aws:123456789012:role/x;rm -rf ~", "AKIA$(id)")
	f.Add("aws:123456789012:user/--policy-arn", "AKIAIOSFODNN7EXAMPLE")
	f.Add("gcp:prod-1:sa/a`id`", "")
	f.Add("entra:app/5a1f2c3d-1111-4222-8333-abcdefabcdef\n", "")
	f.Fuzz(func(t *testing.T, id, credential string) {
		a := alert("a", 1)
		a.Actor.User.UID, a.Actor.User.CredentialUID = id, credential
		c, ok := Contain(&a)
		if !ok {
			return
		}
		for _, line := range []string{c.Do, c.Undo} {
			if strings.ContainsAny(line, "\n\r\t;&|<>$`\"'\\(){}[]*?~#!") {
				t.Fatalf("a shell would read more than words in %q", line)
			}
			for _, word := range strings.Fields(line) {
				if strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "--") {
					t.Fatalf("a name stands as an option in %q", line)
				}
			}
		}
	})
}
