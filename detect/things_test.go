package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestLongNamesAreCutWhereItMattersLeast(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want string
	}{
		{"short", 10, "short"},
		{
			"/SUBSCRIPTIONS/7C1D3A52-90AA-4B21-B6E2-1B3C5D7E9F01/RESOURCEGROUPS/RG-APP/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-ORDERS/ACCESSPOLICIES/ADD", 120,
			"/SUBSCRIPTIONS/7C1D3A52-90AA-4…/RESOURCEGROUPS/RG-APP/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-ORDERS/ACCESSPOLICIES/ADD",
		},
		{"arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/payments/gateway/signing-key-AbCdEf", 60, "arn:aws:secrets…:prod/payments/gateway/signing-key-AbCdEf"},
		{"ééééééééé", 9, "é…ééé"},
	} {
		got := clipMiddle(c.name, c.n)
		assert.Equal(t, c.want, got)
		assert.LessOrEqual(t, len(got), max(c.n, 1)+len("…"))
	}
}

func TestOneThingIsNamedOnce(t *testing.T) {
	for _, c := range []struct {
		says      string
		resources []string
		want      string
	}{
		{"nothing", nil, ""},
		{"in capitals and in its own spelling", []string{"/SUBSCRIPTIONS/A/VAULTS/KV", "/subscriptions/a/vaults/kv"}, " on /subscriptions/a/vaults/kv"},
		{"by its name and its id", []string{"sp-terraform", "44ee2711-b3e9-4c0a-910e-98fe5e5d66cc"}, " on sp-terraform"},
		{"with its bucket", []string{"arn:aws:s3:::a/b.json", "arn:aws:s3:::a"}, " on arn:aws:s3:::a/b.json"},
		{"by its id only", []string{"44ee2711-b3e9-4c0a-910e-98fe5e5d66cc"}, " on 44ee2711-b3e9-4c0a-910e-98fe5e5d66cc"},
		{"two", []string{"user/a", "policy/b"}, " on user/a and 1 more"},
	} {
		assert.Equal(t, c.want, touched(&schemas.Event{Operation: "x:Do", Resources: c.resources}), c.says)
	}
	assert.Empty(t, touched(&schemas.Event{Operation: "GET /v1/orders", Resources: []string{"/v1/orders"}}), "a route is its own resource")
	assert.Equal(t, "secrets", target(&schemas.Event{Service: "secretsmanager"}, "secrets"), "a service is no thing")
}

func TestTitlesNameThingsAndCallsShortly(t *testing.T) {
	for long, short := range map[string]string{
		"arn:aws:s3:::acme-orders-prod":                     "acme-orders-prod",
		"arn:aws:iam::111122223333:role/admin":              "role/admin",
		"secret/prod/orders/db":                             "secret/prod/orders/db",
		"/subscriptions/a/resourceGroups/rg/vaults/kv-data": "vaults/kv-data",
		"projects/acme/zones/europe-west1-b/disks/db":       "disks/db",
	} {
		assert.Equal(t, short, titled(long))
	}
	for long, short := range map[string]string{
		"ssm:SendCommand": "ssm:SendCommand",
		"secretmanager:google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion": "secretmanager:AccessSecretVersion",
		"compute:microsoft.compute/virtualmachines/runcommand/action":                          "compute:virtualmachines/runcommand",
		"insights:microsoft.insights/diagnosticsettings/delete":                                "insights:diagnosticsettings/delete",
		"okta:user.mfa.factor.reset_all":                                                       "okta:user.mfa.factor.reset_all",
		"k8s:create pods/exec":                                                                 "k8s:create pods/exec",
		"vault:delete sys/audit/{name}":                                                        "vault:delete sys/audit/{name}",
		"POST /v1/admin/users":                                                                 "POST /v1/admin/users",
		"entra:Add app role assignment to service principal":                                   "entra:Add app role assignment to service principal",
	} {
		assert.Equal(t, short, shortOperation(long))
	}
}

func TestAGrantNamesWhatAndWhom(t *testing.T) {
	for _, c := range []struct {
		says       string
		operation  string
		to         []string
		resources  []string
		attributes map[string]string
		want       string
	}{
		{"nothing is known", "vault:update sys/policies/acl/{name}", nil, nil, nil, "privileges"},
		{"a role of a cluster", "k8s:create clusterrolebindings", []string{"system:serviceaccount:apps:default"}, nil, map[string]string{"role": "ClusterRole/cluster-admin"}, "cluster-admin to apps/default"},
		{"a managed policy", "iam:AttachUserPolicy", []string{"user:svc-monitor", "policy:AdministratorAccess"}, nil, nil, "AdministratorAccess to svc-monitor"},
		{"an inline policy", "iam:PutRolePolicy", []string{"role:etl"}, nil, map[string]string{"requestParameters.policyDocument": `{"Statement":[{"Effect":"Allow","Action":["s3:*","iam:PassRole","kms:Decrypt"],"Resource":"x"}]}`}, "s3:*, iam:PassRole and 1 more to etl"},
		{"an inline policy of one statement", "iam:PutRolePolicy", []string{"role:etl"}, nil, map[string]string{"requestParameters.policyDocument": `{"Statement":{"Effect":"Allow","Action":"s3:GetObject"}}`}, "s3:GetObject to etl"},
		{"a policy that is cut", "iam:PutRolePolicy", []string{"role:etl"}, nil, map[string]string{"requestParameters.policyDocument": `{"Statement":[{"Eff`}, "privileges to etl"},
		{"a policy that allows everything", "iam:PutRolePolicy", []string{"role:etl", "policy:*"}, nil, nil, "every right to etl"},
		{"a role of Google Cloud", "cloudresourcemanager:SetIamPolicy", []string{"user:evil@example.com", "roles/owner"}, nil, nil, "roles/owner to evil@example.com"},
		{"a role of Azure", "authorization:microsoft.authorization/roleassignments/write", []string{"Owner", "user:cd2ee0f0-4f63-458b-bb76-60c383a954bc"}, nil, nil, "Owner to cd2ee0f0-4f63-458b-bb76-60c383a954bc"},
		{"a permission of an application", "entra:Add app role assignment to service principal", []string{"5dbb1b67-0b60-4f46-87b6-eae8c7cfe1a2"}, []string{"Office 365 Exchange Online", "5dbb1b67-0b60-4f46-87b6-eae8c7cfe1a2"},
			map[string]string{"target.0.AppRole.Value": "full_access_as_app", "target.0.AppRole.Value.old": "none"}, "full_access_as_app to Office 365 Exchange Online"},
		{"a person's consent", "entra:Consent to application", []string{"9b8c7d6e-2222-4333-9444-fedcbafedcba"}, []string{"PDF Helper", "9b8c7d6e-2222-4333-9444-fedcbafedcba"},
			map[string]string{"target.0.ConsentAction.Permissions": "[] => [[Id: x, ClientId: y, Scope: Mail.ReadWrite Mail.Send offline_access]]"}, "Mail.ReadWrite, Mail.Send and 1 more to PDF Helper"},
		{"an administrator's privilege", "okta:user.account.privilege.grant", []string{"eve@example.com"}, nil, map[string]string{"debugData.privilegeGranted": "Super administrator"}, "Super administrator to eve@example.com"},
		{"delegation over a whole domain", "admin:AUTHORIZE_API_CLIENT_ACCESS", []string{"1170"}, nil, map[string]string{"API_SCOPES": "https://mail.google.com/"}, "https://mail.google.com/ to 1170"},
		{"another account", "lambda:AddPermission", []string{"999988887777"}, nil, nil, "privileges to account 999988887777"},
		{"everybody", "storage:storage.setIamPermissions", []string{"public", "roles/storage.objectViewer"}, nil, nil, "roles/storage.objectViewer to everybody"},
	} {
		ev := &schemas.Event{Operation: c.operation, Grantees: c.to, Resources: c.resources, Attributes: c.attributes}
		assert.Equal(t, c.want, grantOf(ev).words("privileges", shownThing), c.says)
	}
	assert.Equal(t, " to everybody (roles/viewer)", grantOf(&schemas.Event{Grantees: []string{"public", "roles/viewer"}}).exposed(40))
}

func TestALogsNameStandsForANumber(t *testing.T) {
	for _, c := range []struct{ says, id, principal, want string }{
		{"an application of Entra", "entra:app/f339ff0a-9e94-4b38-b981-decb762bd5f0", "Workday HR Sync", "Workday HR Sync"},
		{"one that its log calls by the number too", "entra:app/f339ff0a-9e94-4b38-b981-decb762bd5f0", "f339ff0a-9e94-4b38-b981-decb762bd5f0", ""},
		{"a user of Okta", "okta:user/00u1ab2CDe3fgh4I5j6", "svc-workday@example.com", "svc-workday@example.com"},
		{"a role that has a name", "aws:111122223333:role/etl-orders", "arn:aws:sts::111122223333:assumed-role/etl-orders/x", ""},
		{"a consumer whose name has digits", "kong:consumer/partner2024", "partner2024", ""},
	} {
		assert.Equal(t, c.want, loggedName(&schemas.Event{IdentityId: c.id, Principal: c.principal}), c.says)
	}
	f := factsOf(&schemas.Event{IdentityId: "entra:app/f339ff0a-9e94-4b38-b981-decb762bd5f0", Principal: "Workday HR Sync"}, "")
	assert.True(t, f.same(&schemas.Event{IdentityId: "entra:app/f339ff0a-9e94-4b38-b981-decb762bd5f0"}, ""), "a record without the name changes nothing")
	assert.Equal(t, "Workday HR Sync", display("entra:app/f339ff0a-9e94-4b38-b981-decb762bd5f0", f))
}

func TestWhatKeepsNoLogIsNotCalledOne(t *testing.T) {
	for operation, did := range map[string]string{
		"cloudtrail:StopLogging":                    "tampered with logging",
		"wafv2:DeleteLoggingConfiguration":          "tampered with logging",
		"vault:delete sys/audit/{name}":             "tampered with logging",
		"organizations:LeaveOrganization":           "left its organisation",
		"guardduty:UpdateDetector":                  "weakened threat detection",
		"github:repository_secret_scanning.disable": "weakened threat detection",
		"wafv2:DeleteWebACL":                        "weakened a protection",
		"cloudwatch:DeleteAlarms":                   "silenced alarms",
	} {
		assert.Equal(t, did, watchOf(operation).did, operation)
	}
}

func TestWhatOthersBeganTodayIsNoHabit(t *testing.T) {
	assert.Empty(t, since(3, 0))
	assert.Empty(t, since(0, 2))
	assert.Equal(t, ", 2 of them only since the day before", since(3, 2))
	assert.Equal(t, ", all of them only since the day before", since(2, 2))
	assert.Equal(t, ", all of them only since the day before", since(2, 3))
	assert.Equal(t, ", but only since the day before", since(1, 1))
}
