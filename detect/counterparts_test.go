package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestADeletionFollowsWhatMakesSuchThings(t *testing.T) {
	for deletion, made := range map[string]string{
		"ec2:DeleteSnapshot":                                    "ec2:CreateSnapshot",
		"DELETE /v1/carts/{id}":                                 "POST /v1/carts",
		"compute:v1.compute.disks.delete":                       "compute:v1.compute.disks.insert",
		"iam:google.iam.admin.v1.DeleteServiceAccountKey":       "iam:google.iam.admin.v1.CreateServiceAccountKey",
		"storage:microsoft.storage/storageaccounts/delete":      "storage:microsoft.storage/storageaccounts/write",
		"insights:microsoft.insights/diagnosticsettings/delete": "insights:microsoft.insights/diagnosticsettings/write",
		"k8s:delete jobs":                                       "k8s:create jobs",
		"k8s:deletecollection jobs":                             "k8s:create jobs",
		"okta:user.lifecycle.delete":                            "okta:user.lifecycle.create",
		"github:org.remove_member":                              "github:org.add_member",
		"slack:private_channel_deleted":                         "slack:private_channel_created",
		"Exchange:Remove-InboxRule":                             "Exchange:New-InboxRule",
		"entra:Delete conditional access policy":                "entra:Add conditional access policy",
		"admin:DELETE_USER":                                     "admin:CREATE_USER",
	} {
		assert.True(t, anyMaker(deletion, func(op string) bool { return op == made }), "%s follows %s", deletion, made)
	}
	never := func(string) bool { return true }
	for _, op := range []string{"", "s3:GetObject", "k8s:get undeletedthings", "github:org.add_member"} {
		assert.False(t, anyMaker(op, never), op)
	}
}

func TestAPartOfTheCloudIsTheProvider(t *testing.T) {
	for id, want := range map[string]bool{
		"aws:service/lambda.amazonaws.com": true, "gcp:service/service-1@gcp-sa-pubsub": true, "azure:service/Microsoft.Insights/autoscaleSettings": true,
		"okta:system/spr1": true, "gcp:prod-1:sa/deployer": false, "k8s:prod/service/ledger": false, "entra:app/1": false, "": false,
	} {
		assert.Equal(t, want, provider(&schemas.Event{IdentityId: id}), id)
	}
}

func TestGranteesOfTheHouseAreOneKind(t *testing.T) {
	inside, outside := capability.GranteeInside, capability.GranteeOutside
	assert.Equal(t, granteeClass("user:ann", inside), granteeClass("user:bob", inside))
	assert.Equal(t, granteeClass("user:ann@example.com", inside), granteeClass("bob@example.com", inside))
	assert.NotEqual(t, granteeClass("user:eve@other.example", outside), granteeClass("user:mal@other.example", outside))
	assert.NotEqual(t, granteeClass("policy:Owner", inside), granteeClass("policy:Reader", inside))
}
