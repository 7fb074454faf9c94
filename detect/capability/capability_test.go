package capability

import (
	"strconv"
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const own, other = "111122223333", "444455556666"

func TestClassify(t *testing.T) {
	const (
		yes = schemas.ReadOnly_READ_ONLY_TRUE
		no  = schemas.ReadOnly_READ_ONLY_FALSE
	)
	for _, tc := range []struct {
		is        string
		operation string
		readOnly  schemas.ReadOnly
		grantees  []string
		target    string
		want      Set
		severity  int // of the grave classes, 0 when there is none
	}{
		{is: "a secret's value is read", operation: "secretsmanager:GetSecretValue", readOnly: yes, want: Reads | ReadsSecret, severity: schemas.SeverityHigh},
		{is: "describing a secret reads none", operation: "secretsmanager:DescribeSecret", readOnly: yes, want: Lists},
		{is: "listing secrets reads none", operation: "secretsmanager:ListSecrets", readOnly: yes, want: Lists},
		{is: "an ordinary parameter is configuration", operation: "ssm:GetParameter", readOnly: yes, target: "/app/log-level", want: Reads},
		{is: "a parameter called a password is a secret", operation: "ssm:GetParameter", readOnly: yes, target: "/app/DB-Password", want: Reads | ReadsSecret, severity: schemas.SeverityMedium},
		{is: "a Windows administrator's password is a secret", operation: "ec2:GetPasswordData", readOnly: yes, want: Reads | ReadsSecret, severity: schemas.SeverityHigh},
		{is: "a key is turned into a console session", operation: "signin:GetSigninToken", readOnly: no, want: Reads | MintsCredential, severity: schemas.SeverityMedium},
		{is: "the code that moves a domain away is read", operation: "route53domains:RetrieveDomainAuthCode", readOnly: yes, want: Reads | ReadsSecret, severity: schemas.SeverityHigh},
		{is: "the account's mail address is changed, and with it its root", operation: "account:StartPrimaryEmailUpdate", readOnly: no, want: Writes | ChangesTrust, severity: schemas.SeverityCritical},
		{is: "an account is closed", operation: "account:CloseAccount", readOnly: no, want: Writes | DestroysData, severity: schemas.SeverityCritical},
		{is: "a second factor no longer has to be there", operation: "sso:PutMfaDeviceManagementForDirectory", readOnly: no, want: Writes | ChangesTrust, severity: schemas.SeverityHigh},
		{is: "the list of revoked certificates is turned off", operation: "rolesanywhere:DisableCrl", readOnly: no, want: Administers | ChangesTrust, severity: schemas.SeverityHigh},
		{is: "a session in a build machine", operation: "codebuild:StartSandboxConnection", readOnly: no, want: Writes | RunsCode, severity: schemas.SeverityHigh},
		{is: "findings are hidden by a rule", operation: "securityhub:CreateAutomationRule", readOnly: no, want: Writes | DisablesLogging, severity: schemas.SeverityHigh},
		{is: "what was deleted is kept no longer", operation: "rbin:DeleteRule", readOnly: no, want: Deletes | DestroysData, severity: schemas.SeverityHigh},
		{is: "a table bucket is deleted", operation: "s3tables:DeleteTableBucket", readOnly: no, want: Deletes | DestroysData, severity: schemas.SeverityHigh},
		{is: "a resource policy of any service gives to an outside account", operation: "schemas:PutResourcePolicy", readOnly: no, grantees: []string{other}, want: Writes | ExposesResource, severity: schemas.SeverityHigh},
		{is: "a resource policy of any service gives to an own role", operation: "schemas:PutResourcePolicy", readOnly: no, grantees: []string{"arn:aws:iam::" + own + ":role/app"}, want: Writes},
		{is: "a verb not every service has is no reading", operation: "gadgets:ReplicateGadget", readOnly: no, want: Writes},
		{is: "assuming a role is ordinary", operation: "sts:AssumeRole", readOnly: yes, want: Reads},
		{is: "signing in is no write, though its source says so", operation: "signin:ConsoleLogin", readOnly: no, want: Reads},
		{is: "an access key is minted", operation: "iam:CreateAccessKey", readOnly: no, want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "a console password is minted", operation: "iam:UpdateLoginProfile", readOnly: no, want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "an administrator policy is granted", operation: "iam:AttachUserPolicy", readOnly: no, grantees: []string{"policy:AdministratorAccess"}, want: Administers | GrantsPrivilege, severity: schemas.SeverityCritical},
		{is: "a lesser policy weighs less", operation: "iam:AttachRolePolicy", readOnly: no, grantees: []string{"policy:AmazonS3ReadOnlyAccess"}, want: Administers | GrantsPrivilege, severity: schemas.SeverityMedium},
		{is: "a role's trust is changed", operation: "iam:UpdateAssumeRolePolicy", readOnly: no, want: Writes | ChangesTrust, severity: schemas.SeverityHigh},
		{is: "a trust anchor is created", operation: "rolesanywhere:CreateTrustAnchor", readOnly: no, want: Writes | ChangesTrust, severity: schemas.SeverityHigh},
		{is: "a snapshot is shared with another account", operation: "ec2:ModifySnapshotAttribute", readOnly: no, grantees: []string{other}, want: Administers | ExposesResource, severity: schemas.SeverityCritical},
		{is: "a snapshot shared within the account is housekeeping", operation: "ec2:ModifySnapshotAttribute", readOnly: no, grantees: []string{own}, want: Administers},
		{is: "a snapshot shared with nobody we know is weaker", operation: "ec2:ModifySnapshotAttribute", readOnly: no, want: Administers | ExposesResource, severity: schemas.SeverityHigh},
		{is: "a bucket is opened to everybody", operation: "s3:PutBucketPolicy", readOnly: no, grantees: []string{"public"}, want: Writes | ExposesResource, severity: schemas.SeverityCritical},
		{is: "a bucket policy for an own role is housekeeping", operation: "s3:PutBucketPolicy", readOnly: no, grantees: []string{"arn:aws:iam::" + own + ":role/app"}, want: Writes},
		{is: "a bucket policy for an outside role exposes", operation: "s3:PutBucketPolicy", readOnly: no, grantees: []string{"arn:aws:iam::" + other + ":root"}, want: Writes | ExposesResource, severity: schemas.SeverityHigh},
		{is: "a function is opened to a service of the cloud", operation: "lambda:AddPermission20150331v2", readOnly: no, grantees: []string{"s3.amazonaws.com"}, want: Writes},
		{is: "a function is opened to another account", operation: "lambda:AddPermission20150331v2", readOnly: no, grantees: []string{other}, want: Writes | ExposesResource, severity: schemas.SeverityHigh},
		{is: "a port is opened to the internet", operation: "ec2:AuthorizeSecurityGroupIngress", readOnly: no, grantees: []string{"0.0.0.0/0"}, want: Administers | ExposesResource, severity: schemas.SeverityHigh},
		{is: "a port opened to one network exposes nothing", operation: "ec2:AuthorizeSecurityGroupIngress", readOnly: no, grantees: []string{"10.0.0.0/8"}, want: Administers},
		{is: "a port opened to nobody in particular exposes nothing", operation: "ec2:AuthorizeSecurityGroupIngress", readOnly: no, want: Administers},
		{is: "a database is made reachable from the internet", operation: "rds:ModifyDBInstance", readOnly: no, grantees: []string{"public"}, want: Administers | ExposesResource, severity: schemas.SeverityHigh},
		{is: "an ordinary change of a database", operation: "rds:ModifyDBInstance", readOnly: no, want: Administers},
		{is: "a command is sent to machines", operation: "ssm:SendCommand", readOnly: no, want: Writes | RunsCode, severity: schemas.SeverityHigh},
		{is: "a shell on a machine", operation: "ssm:StartSession", readOnly: no, want: Writes | RunsCode, severity: schemas.SeverityHigh},
		{is: "a key is pushed to a machine", operation: "ec2-instance-connect:SendSSHPublicKey", readOnly: no, want: Writes | RunsCode, severity: schemas.SeverityHigh},
		{is: "a function's code is replaced, API version in its name", operation: "lambda:UpdateFunctionCode20150331v2", readOnly: no, want: Writes | RunsCode, severity: schemas.SeverityHigh},
		{is: "invoking a function is ordinary", operation: "lambda:Invoke", readOnly: no, want: Writes},
		{is: "starting a machine starts a machine", operation: "ec2:RunInstances", readOnly: no, want: Writes | SpawnsCompute},
		{is: "a task of Fargate is a machine too", operation: "ecs:RunTask", readOnly: no, want: Writes | SpawnsCompute},
		{is: "so is a service that keeps tasks running", operation: "ecs:CreateService", readOnly: no, want: Writes | SpawnsCompute},
		{is: "the trail is stopped", operation: "cloudtrail:StopLogging", readOnly: no, want: Writes | DisablesLogging, severity: schemas.SeverityCritical},
		{is: "the detector is deleted", operation: "guardduty:DeleteDetector", readOnly: no, want: Deletes | DisablesLogging, severity: schemas.SeverityCritical},
		{is: "flow logs are deleted", operation: "ec2:DeleteFlowLogs", readOnly: no, want: Deletes | DisablesLogging, severity: schemas.SeverityHigh},
		{is: "DNS query logging is cut off", operation: "route53resolver:DisassociateResolverQueryLogConfig", readOnly: no, want: Administers | DisablesLogging, severity: schemas.SeverityHigh},
		{is: "the account leaves the organisation", operation: "organizations:LeaveOrganization", readOnly: no, want: Administers | DisablesLogging, severity: schemas.SeverityCritical},
		{is: "a key is scheduled for deletion", operation: "kms:ScheduleKeyDeletion", readOnly: no, want: Writes | DestroysData, severity: schemas.SeverityCritical},
		{is: "a snapshot is deleted", operation: "ec2:DeleteSnapshot", readOnly: no, want: Deletes | DestroysData, severity: schemas.SeverityMedium},
		{is: "one object deleted is a delete", operation: "s3:DeleteObject", readOnly: no, want: Deletes},
		{is: "an unknown service follows its verb", operation: "newthing:DescribeGadget", want: Lists},
		{is: "an unknown verb is a read unless the source says otherwise", operation: "newthing:FrobnicateGadget", want: Reads},
		{is: "an unknown verb that changes something is a write", operation: "newthing:FrobnicateGadget", readOnly: no, want: Writes},
		{is: "a verb must end where a word ends", operation: "newthing:Settle", want: Reads},
		{is: "an empty operation is a read", operation: "", want: Reads},

		{is: "reading orders is reading", operation: "GET /v1/orders/{id}", want: Reads},
		{is: "posting an order is writing", operation: "POST /v1/orders", want: Writes},
		{is: "deleting an order is deleting", operation: "DELETE /v1/orders/{id}", want: Deletes},
		{is: "a token exchange mints nothing", operation: "POST /oauth/token", want: Reads},
		{is: "a token refresh mints nothing", operation: "POST /auth/tokens/refresh", want: Reads},
		{is: "a search is a read", operation: "POST /v1/orders/search", want: Reads},
		{is: "an export's result is read", operation: "GET /v1/exports/{id}", want: Reads},
		{is: "an export is asked for", operation: "POST /v1/exports", want: Writes | ExportsData, severity: schemas.SeverityMedium},
		{is: "an export is drawn", operation: "GET /v1/customers/export", want: Reads | ExportsData, severity: schemas.SeverityMedium},
		{is: "an administrator's export weighs more", operation: "GET /admin/users/export", want: Reads | ExportsData | LooksInside, severity: schemas.SeverityHigh},
		{is: "a secret is read", operation: "GET /v1/secrets/{id}", want: Reads | ReadsSecret, severity: schemas.SeverityHigh},
		{is: "an environment file is read", operation: "GET /.env", want: Reads | ReadsSecret, severity: schemas.SeverityHigh},
		{is: "an API key is minted", operation: "POST /v1/api-keys", want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "underscores are hyphens", operation: "POST /v1/api_keys", want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "a consumer's key is minted at the gateway", operation: "POST /consumers/{id}/key-auth", want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "permissions are granted", operation: "PUT /v1/users/{id}/permissions", want: Writes | GrantsPrivilege, severity: schemas.SeverityHigh},
		{is: "an insurance policy is no privilege", operation: "POST /v1/policies", want: Writes},
		{is: "signing up a user is ordinary", operation: "POST /v1/users", want: Writes},
		{is: "an administrator makes a user", operation: "POST /admin/users", want: Administers | MintsCredential, severity: schemas.SeverityHigh},
		{is: "a webhook is a way out", operation: "POST /v1/webhooks", want: Writes | ExposesResource, severity: schemas.SeverityMedium},
		{is: "a command is run in a pod", operation: "POST /v1/pods/{id}/exec", want: Writes | RunsCode, severity: schemas.SeverityHigh},
		{is: "audit settings are changed", operation: "PUT /v1/audit-config", want: Writes | DisablesLogging, severity: schemas.SeverityHigh},
		{is: "reading the audit log is reading", operation: "GET /v1/audit-logs", want: Reads},
		{is: "a backup is deleted", operation: "DELETE /v1/backups/{id}", want: Deletes | DestroysData, severity: schemas.SeverityHigh},
		{is: "an administrator's page is looked at", operation: "GET /admin/users", want: Reads | LooksInside},
		{is: "an API's description", operation: "GET /swagger/v1/swagger.json", want: Reads | LooksInside},
		{is: "a service's metrics", operation: "GET /metrics", want: Reads | LooksInside},
		{is: "metrics are what an API sells", operation: "GET /v1/metrics", want: Reads},
		{is: "a campaign's metrics", operation: "GET /campaigns/{id}/metrics", want: Reads},
		{is: "a person's file of GraphQL says nothing by itself", operation: "GET /graphql", want: Reads},
		{is: "a debug page administers", operation: "GET /debug/vars", want: Administers},
		{is: "a health check is a read", operation: "GET /healthz", want: Reads},
		{is: "a custom verb counts", operation: "POST /v1/projects/{id}:setIamPolicy", want: Writes | GrantsPrivilege, severity: schemas.SeverityHigh},
		{is: "a method we don't know writes", operation: "FROB /v1/orders", want: Writes},

		{is: "capitals are hyphens", operation: "POST /v1/personalAccessTokens", want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "an extension says nothing", operation: "POST /admin/users.json", want: Administers | MintsCredential, severity: schemas.SeverityHigh},
		{is: "a key of OData is an id", operation: "DELETE /odata/Users({id})", want: Deletes | DestroysData, severity: schemas.SeverityMedium},
		{is: "a service account's key is minted", operation: "POST /v1/service_accounts/{id}/keys", want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "another's password is set", operation: "PUT /v1/users/{id}/password", want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "a second factor is switched off", operation: "POST /v1/users/{id}/mfa/disable", want: Writes | ChangesTrust, severity: schemas.SeverityHigh},
		{is: "a second factor is taken away", operation: "DELETE /v1/users/{id}/factors/{id}", want: Deletes | ChangesTrust, severity: schemas.SeverityHigh},
		{is: "enrolling a second factor is ordinary", operation: "POST /v1/users/{id}/mfa", want: Writes},
		{is: "where payouts go is changed", operation: "PUT /v1/settings/payout-account", want: Administers},
		{is: "the inside's configuration is read", operation: "GET /internal/config", want: Administers},
		{is: "a backup is drawn", operation: "GET /v1/backups/{id}/download", want: Reads | ExportsData, severity: schemas.SeverityMedium},
		{is: "an invoice is downloaded", operation: "GET /v1/invoices/{id}/download", want: Reads},

		{is: "gRPC names the procedure: a read", operation: "POST /acme.inventory.v1.Stock/GetLevel", want: Reads},
		{is: "gRPC: a list", operation: "POST /acme.inventory.v1.Stock/ListLevels", want: Lists},
		{is: "gRPC: a write", operation: "POST /acme.inventory.v1.Stock/Reserve", want: Writes},
		{is: "gRPC: a user is deleted", operation: "POST /acme.identity.v1.Users/DeleteUser", want: Deletes | DestroysData, severity: schemas.SeverityMedium},
		{is: "gRPC: a key is minted", operation: "POST /acme.identity.v1.Keys/CreateApiKey", want: Writes | MintsCredential, severity: schemas.SeverityHigh},
		{is: "gRPC: rights are granted", operation: "POST /google.iam.v1.IAMPolicy/SetIamPolicy", want: Administers | GrantsPrivilege, severity: schemas.SeverityHigh},
		{is: "gRPC: a secret is read", operation: "POST /acme.secrets.v1.Store/GetSecret", want: Reads | ReadsSecret, severity: schemas.SeverityHigh},
		{is: "gRPC: somebody is impersonated", operation: "POST /acme.auth.v1.Auth/ImpersonateUser", want: Administers | MintsCredential, severity: schemas.SeverityHigh},
		{is: "gRPC: a health check is a read", operation: "POST /grpc.health.v1.Health/Check", want: Reads},
		{is: "dots name the procedure: a delete", operation: "POST /rpc/users.delete", want: Deletes | DestroysData, severity: schemas.SeverityMedium},
		{is: "dots: a read by POST", operation: "POST /api/conversations.list", want: Lists},
		{is: "dots: a message", operation: "POST /api/chat.postMessage", want: Writes},
		{is: "capitals name the procedure: a delete", operation: "POST /api/deleteUser", want: Deletes | DestroysData, severity: schemas.SeverityMedium},
		{is: "capitals: a read", operation: "POST /soap/getOrderStatus", want: Reads},
		{is: "capitals without a verb are a thing", operation: "POST /v1/shoppingCarts", want: Writes},
		{is: "a file is no procedure", operation: "GET /static/app.update", want: Reads},

		{is: "search indexes are things", operation: "POST /v1/searchIndexes", want: Writes},
		{is: "items of a list are things", operation: "POST /v1/listItems", want: Writes},
		{is: "items of one list, too", operation: "POST /v1/lists/{id}/listItems", want: Writes},
		{is: "test runs are things", operation: "POST /v1/testRuns", want: Writes},
		{is: "check-ins are things", operation: "POST /v1/checkIns", want: Writes},
		{is: "tokens for downloads are things", operation: "POST /v1/downloadTokens", want: Writes},
		{is: "tokens for a login are things", operation: "POST /v1/loginTokens", want: Writes},
		{is: "keys to sign with are things", operation: "POST /v1/signKeys", want: Writes},
		{is: "templates of queries are things", operation: "POST /v1/queryTemplates", want: Writes},
		{is: "orders that are open are things", operation: "POST /api/openOrders", want: Writes},
		{is: "users for tests are things", operation: "POST /v1/testUsers", want: Writes},
		{is: "things of administrators are still theirs", operation: "POST /v1/admin/searchIndexes", want: Administers},
		{is: "a password is checked and none is read", operation: "POST /api/checkPassword", want: Writes},
		{is: "points to drop at are things", operation: "POST /v1/dropPoints", want: Writes},
		{is: "shipments sent by another are things", operation: "POST /api/dropShipments", want: Writes},
		{is: "items that were discarded are things", operation: "POST /api/discardedItems", want: Writes},
		{is: "users that were deleted are things", operation: "POST /v1/deletedUsers", want: Writes},
		{is: "marks of a deletion are things", operation: "POST /api/v2/deleteMarkers", want: Writes},
		{is: "hard disks are things", operation: "POST /api/hardDisk", want: Writes},

		{is: "capitals: get begins no thing", operation: "POST /v1/getOrders", want: Reads},
		{is: "capitals: a list without a version", operation: "POST /api/listOrders", want: Lists},
		{is: "capitals: one thing is searched for", operation: "POST /v1/findOrder", want: Reads},
		{is: "capitals: secrets are read, whatever else it may be", operation: "POST /v1/listSecrets", want: Writes | ReadsSecret, severity: schemas.SeverityHigh},
		{is: "capitals: a secret is shown", operation: "POST /api/viewSecret", want: Writes | ReadsSecret, severity: schemas.SeverityHigh},
		{is: "capitals: users are exported", operation: "POST /api/exportUsers", want: Writes | ExportsData, severity: schemas.SeverityMedium},
		{is: "capitals: an order is deleted", operation: "POST /v1/deleteOrder", want: Deletes},
		{is: "capitals: orders are deleted", operation: "POST /api/deleteOrders", want: Deletes},
		{is: "capitals: an address is one thing", operation: "POST /v1/deleteAddress", want: Deletes},
		{is: "capitals: many users are deleted", operation: "POST /v1/deleteUsers", want: Deletes | DestroysData, severity: schemas.SeverityMedium},
		{is: "capitals: a table is dropped", operation: "POST /v1/dropTable", want: Deletes | DestroysData, severity: schemas.SeverityHigh},
		{is: "capitals: all tables are dropped", operation: "POST /api/dropAllTables", want: Deletes | DestroysData, severity: schemas.SeverityHigh},
		{is: "capitals: a soft deletion", operation: "POST /api/softDeleteOrder", want: Deletes},
		{is: "gRPC: a thing is dropped", operation: "POST /acme.shop.v1.Points/DropPoint", want: Deletes | DestroysData, severity: schemas.SeverityHigh},
		{is: "dots: a reading that a plain name would not be", operation: "POST /api/files.view", want: Reads},
	} {
		t.Run(tc.is, func(t *testing.T) {
			c, err := New()
			require.NoError(t, err)
			for range 2 { // the second time from the cache
				got := c.Event(call(tc.operation, tc.readOnly, tc.grantees, tc.target))
				assert.Equal(t, tc.want.String(), (got.Set &^ ReadsIdentities).String())
				if tc.severity != 0 {
					assert.Equal(t, schemas.SeverityName(tc.severity), schemas.SeverityName(got.Severity(Grave)))
				}
			}
		})
	}
}

// call is an event as CloudTrail or a gateway gives it.
func call(operation string, readOnly schemas.ReadOnly, grantees []string, target string) *schemas.Event {
	ev := &schemas.Event{Operation: operation, ReadOnly: readOnly, Grantees: grantees, Account: own}
	if target != "" {
		ev.Resources = []string{target}
	}
	return ev
}

func TestWeakClassesSayThatParametersAreMissing(t *testing.T) {
	c, err := New()
	require.NoError(t, err)
	got := c.Event(call("ec2:ModifyImageAttribute", schemas.ReadOnly_READ_ONLY_FALSE, nil, ""))
	assert.Equal(t, ExposesResource, got.Weak)
	got = c.Event(call("ec2:ModifyImageAttribute", schemas.ReadOnly_READ_ONLY_FALSE, []string{other}, ""))
	assert.Zero(t, got.Weak)
	assert.Equal(t, GranteeOutside, got.Grantee)
}

func TestMinorClassesAreKeptApart(t *testing.T) {
	c, err := New()
	require.NoError(t, err)
	got := c.Event(call("ecs:RegisterTaskDefinition", schemas.ReadOnly_READ_ONLY_FALSE, nil, ""))
	assert.False(t, got.Set.Any(Grave), "a deployer does this every day")
	assert.Equal(t, RunsCode, got.Minor)
}

func TestEveryRowIsReadAndSaysItsSources(t *testing.T) {
	d, err := load()
	require.NoError(t, err)
	for _, name := range Files() {
		assert.Contains(t, text(name), "Facts were taken from:", name)
	}
	seen := map[Set]bool{}
	check := func(name string, e *entry) {
		assert.LessOrEqual(t, (e.set & Verbs).Len(), 1, "%s has two verb classes: %s", name, e.set)
		for rest := e.set; rest != 0; rest &= rest - 1 {
			seen[rest.First()] = true
			assert.NotZero(t, severity(e.sev, rest.Index()), name)
		}
	}
	for _, file := range familyFiles {
		assert.NotEmpty(t, d.actions[file.family], file.name)
		for name, e := range d.actions[file.family] {
			service, action, ok := strings.Cut(name, ":")
			require.True(t, ok && service != "" && action != "", name)
			check(file.name+" "+name, e)
		}
		for _, p := range d.patterns[file.family] {
			check(file.name+" "+p.service+":"+p.glob, p.entry)
		}
	}
	assert.Greater(t, len(d.actions[familyAWS]), 700, "several hundred actions by exact name")
	for rest := Grave; rest != 0; rest &= rest - 1 {
		assert.True(t, seen[rest.First()], "no action %s", rest.First())
	}
}

// The files are the whole table: no file is left out, and no row says again
// what another says of the same action.
func TestNoRowStandsTwice(t *testing.T) {
	read := map[string]bool{"verbs.tsv": true, "words.tsv": true, "grantees.tsv": true, "gateway.tsv": true, "apis.tsv": true}
	for _, file := range familyFiles {
		read[file.name] = true
		said := map[string]bool{}
		require.NoError(t, rows(file.name, 5, func(f []string) error {
			for action := range strings.SplitSeq(f[4], file.sep) {
				for _, one := range alternatives(strings.TrimSpace(action)) {
					for class := range strings.SplitSeq(f[0], ",") {
						if c, _ := Parse(class); c&Verbs != 0 {
							continue // two rows of other classes may agree on the verb
						}
						key := strings.Join([]string{class, f[2], f[3], strings.ToLower(one)}, " ")
						assert.False(t, said[key], "%s: %s stands twice", file.name, key)
						said[key] = true
					}
				}
			}
			return nil
		}))
	}
	for _, name := range Files() {
		assert.True(t, read[name], "%s is not read", name)
	}
}

func TestRepeatedLookupsAllocateNothing(t *testing.T) {
	c, err := New()
	require.NoError(t, err)
	grantees := []string{"arn:aws:iam::" + other + ":root", "policy:AdministratorAccess"}
	events := []*schemas.Event{
		call("s3:PutBucketPolicy", schemas.ReadOnly_READ_ONLY_FALSE, grantees, "bucket"),
		call("GET /v1/orders/{id}", schemas.ReadOnly_READ_ONLY_UNSPECIFIED, nil, ""),
		call("ssm:GetParameter", schemas.ReadOnly_READ_ONLY_TRUE, nil, "/app/log-level"),
		{
			Format: "entra-audit", Operation: "entra:Add member to role", Principal: "ann@example.com", Grantees: []string{"bob@example.com"},
			Attributes: map[string]string{"target.0.Role.DisplayName": "Global Administrator"},
		},
		{Format: "gcp-audit", CloudProvider: "gcp", Operation: "storage:storage.setIamPermissions", Account: "prod-1", Grantees: []string{"serviceAccount:a@prod-2.iam.gserviceaccount.com", "policy:roles/owner"}},
		{Format: "k8s-audit", Operation: "k8s:create pods", Attributes: map[string]string{"requestObject.spec.volumes.0.hostPath.path": "/var/lib/kubelet/pods"}},
	}
	run := func() {
		for _, ev := range events {
			c.Event(ev)
		}
	}
	run()
	assert.Zero(t, testing.AllocsPerRun(100, run))
}

func TestTheCacheIsBounded(t *testing.T) {
	c, err := New()
	require.NoError(t, err)
	for i := range MaxCached + 10 {
		c.Event(call("GET /x"+strconv.Itoa(i), 0, nil, ""))
	}
	assert.LessOrEqual(t, len(c.cache), MaxCached)
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{"s3:GetObject", "GET /v1/orders/{id}", "POST /a:b", "lambda:X20150331v2", ":", " ", "GET ", "GET /////", "é:É", "DELETE /v1/2024-01-01/backups", "k8s:create pods/exec", "microsoft.x/providers/microsoft.y/z/action", "a/b_shell_c", "io:io.k8s.v1.x", "google.a.B"} {
		f.Add(s, "", int32(0), "public", "x")
		f.Add(s, "gcp-audit", int32(1), "user:eve@gmail.com", "true")
		f.Add(s, "mcp", int32(2), "policy:roles/owner", "*")
	}
	c, err := New()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, operation, format string, readOnly int32, grantee, target string) {
		ev := call(operation, schemas.ReadOnly(readOnly), []string{grantee}, target)
		ev.Format, ev.Principal = format, "ann@example.com"
		ev.Attributes = map[string]string{"role": target, "requestParameters.userData": target, "mount_type": target}
		got := c.Event(ev)
		if n := got.Set.Verb().Len(); n != 1 {
			t.Fatalf("%q has %d verb classes: %s", operation, n, got.Set)
		}
		if got.Set.Any(got.Minor) {
			t.Fatalf("%q: %s both in and below the set", operation, got.Minor)
		}
		if again := c.Event(ev); again != got {
			t.Fatalf("%q: %v, then %v", operation, got, again)
		}
		for rest := got.Set & Grave; rest != 0; rest &= rest - 1 {
			if s := got.Severity(rest.First()); s < schemas.SeverityMedium || s > schemas.SeverityCritical {
				t.Fatalf("%q: severity %d of %s", operation, s, rest.First())
			}
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	c, err := New()
	require.NoError(b, err)
	b.ReportAllocs()
	ev := call("GET /v1/orders/{id}", 0, nil, "")
	for b.Loop() {
		c.Event(ev)
	}
}
