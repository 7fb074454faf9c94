package capability

import (
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attributes of an event.
type attributes = map[string]string

// sentence is one fact about an operation: what it can do, and how severe the
// gravest of it is.
type sentence struct {
	is        string
	operation string
	with      schemas.Event // the rest of the event
	want      Set
	severity  int // 0: nothing grave
}

func judge(t *testing.T, format, provider string, sentences []sentence) {
	t.Helper()
	c, err := New()
	require.NoError(t, err)
	for i := range sentences {
		tc := &sentences[i]
		t.Run(tc.is, func(t *testing.T) {
			ev := &tc.with
			ev.Format, ev.CloudProvider, ev.Operation = format, provider, tc.operation
			got := c.Event(ev)
			assert.Equal(t, tc.want.String(), (got.Set &^ (ReadsIdentities | SpawnsCompute)).String())
			if tc.severity == 0 {
				assert.False(t, got.Set.Any(Grave))
			} else {
				assert.Equal(t, schemas.SeverityName(tc.severity), schemas.SeverityName(got.Severity(Grave)))
			}
		})
	}
}

const (
	medium   = schemas.SeverityMedium
	high     = schemas.SeverityHigh
	critical = schemas.SeverityCritical
)

func TestAmazon(t *testing.T) {
	asked := func(a attributes) schemas.Event { return schemas.Event{Account: own, Attributes: a} }
	judge(t, "cloudtrail", "aws", []sentence{
		{is: "a machine's start script is changed", operation: "ec2:ModifyInstanceAttribute", with: asked(attributes{"requestParameters.userData": "<sensitiveDataRemoved>"}), want: Administers | RunsCode, severity: high},
		{is: "a machine's size is changed", operation: "ec2:ModifyInstanceAttribute", with: asked(attributes{"requestParameters.instanceType.value": "m5.large"}), want: Administers},
		{is: "a machine's start script is read", operation: "ec2:DescribeInstanceAttribute", with: asked(attributes{"requestParameters.attribute": "userData"}), want: Lists | ReadsSecret, severity: medium},
		{is: "another attribute of a machine is read", operation: "ec2:DescribeInstanceAttribute", with: asked(attributes{"requestParameters.attribute": "instanceType"}), want: Lists},
		{is: "versions are no longer kept", operation: "s3:PutBucketVersioning", with: asked(attributes{"requestParameters.VersioningConfiguration.Status": "Suspended"}), want: Writes | DestroysData, severity: high},
		{is: "versions are kept", operation: "s3:PutBucketVersioning", with: asked(attributes{"requestParameters.VersioningConfiguration.Status": "Enabled"}), want: Writes},
		{is: "findings of the security tools are hidden", operation: "securityhub:BatchUpdateFindings", with: asked(attributes{"requestParameters.Workflow.Status": "SUPPRESSED"}), want: Writes | DisablesLogging, severity: medium},
		{is: "findings of the security tools are worked on", operation: "securityhub:BatchUpdateFindings", with: asked(attributes{"requestParameters.Workflow.Status": "NOTIFIED"}), want: Writes},
		{is: "what a topic says is mailed to somebody", operation: "sns:Subscribe", with: asked(attributes{"requestParameters.protocol": "email"}), want: Writes | ExportsData, severity: medium},
		{is: "a queue hears a topic", operation: "sns:Subscribe", with: asked(attributes{"requestParameters.protocol": "sqs"}), want: Writes},
		{is: "the old firewall's rules are deleted", operation: "waf:DeleteWebACL", want: Deletes | DisablesLogging, severity: high},
		{is: "a stack acts with a role that it is given", operation: "cloudformation:CreateStack", with: asked(attributes{"requestParameters.roleARN": "arn:aws:iam::111122223333:role/deploy"}), want: Writes | RunsCode, severity: medium},
		{is: "a stack acts as its caller", operation: "cloudformation:CreateStack", with: asked(attributes{"requestParameters.stackName": "web"}), want: Writes},
		{is: "a container gets a role", operation: "ecs:RegisterTaskDefinition", with: asked(attributes{"requestParameters.taskRoleArn": "arn:aws:iam::111122223333:role/app"}), want: Writes | RunsCode, severity: medium},
		{is: "a build does something else than its project says", operation: "codebuild:StartBuild", with: asked(attributes{"requestParameters.buildspecOverride": "version: 0.2"}), want: Writes | RunsCode, severity: medium},
		{is: "a build as always", operation: "codebuild:StartBuild", want: Writes},
		{is: "a machine with a role and somebody's key", operation: "glue:CreateDevEndpoint", want: Writes | RunsCode, severity: medium},
		{is: "a bucket may become public", operation: "s3:PutBucketPublicAccessBlock", with: asked(attributes{"requestParameters.PublicAccessBlockConfiguration.BlockPublicPolicy": "false"}), want: Writes | ExposesResource, severity: high},
		{is: "a bucket is closed", operation: "s3:PutBucketPublicAccessBlock", with: asked(attributes{"requestParameters.PublicAccessBlockConfiguration.BlockPublicPolicy": "true"}), want: Writes},
		{is: "the detector is turned off", operation: "guardduty:UpdateDetector", with: asked(attributes{"requestParameters.enable": "false"}), want: Writes | DisablesLogging, severity: critical},
		{is: "a token of single sign-on is ordinary", operation: "sso-oauth:CreateToken", want: Reads},
		{is: "a file system's backups are turned off", operation: "elasticfilesystem:PutBackupPolicy", with: asked(attributes{"requestParameters.backupPolicy.status": "DISABLED"}), want: Writes | DestroysData, severity: medium},
		{is: "a file system is backed up", operation: "elasticfilesystem:PutBackupPolicy", with: asked(attributes{"requestParameters.backupPolicy.status": "ENABLED"}), want: Writes},
		{is: "what models are asked is logged", operation: "bedrock:PutModelInvocationLoggingConfiguration", want: Writes},
		{is: "what is scanned for malware changes", operation: "guardduty:UpdateMalwareScanSettings", want: Writes | DisablesLogging, severity: medium},
		{is: "a backup plan is edited", operation: "backup:UpdateBackupPlan", want: Writes},
		{is: "how long what was deleted is kept changes", operation: "rbin:UpdateRule", with: asked(attributes{"requestParameters.retentionPeriod.retentionPeriodValue": "1"}), want: Writes | DestroysData, severity: medium},
		{is: "a rule of the recycle bin is described anew", operation: "rbin:UpdateRule", with: asked(attributes{"requestParameters.description": "x"}), want: Writes},
		{is: "a customer's attributes grant nothing", operation: "cognito-idp:AdminUpdateUserAttributes", want: Administers},
		{is: "a setting of a service grants nothing", operation: "ssm:UpdateServiceSetting", want: Writes},
		{is: "a user is named anew", operation: "sso-directory:UpdateUserName", want: Administers},
		{is: "clusters may be public", operation: "elasticmapreduce:PutBlockPublicAccessConfiguration", with: asked(attributes{"requestParameters.blockPublicAccessConfiguration.blockPublicSecurityGroupRules": "false"}), want: Writes | ExposesResource, severity: medium},
		{is: "clusters may not be public", operation: "elasticmapreduce:PutBlockPublicAccessConfiguration", with: asked(attributes{"requestParameters.blockPublicAccessConfiguration.blockPublicSecurityGroupRules": "true"}), want: Writes},
		{is: "a machine's metadata is read without a session, as by default", operation: "ec2:ModifyInstanceMetadataOptions", with: asked(attributes{"requestParameters.ModifyInstanceMetadataOptionsRequest.HttpTokens": "optional"}), want: Administers},
		{is: "traffic is copied to elsewhere", operation: "ec2:ModifyTrafficMirrorSession", want: Administers | ExportsData, severity: high},
		{is: "traffic is copied", operation: "ec2:CreateTrafficMirrorSession", want: Writes | ExportsData, severity: high},
		{is: "the search for sensitive data is paused", operation: "macie2:UpdateMacieSession", with: asked(attributes{"requestParameters.status": "PAUSED"}), want: Writes | DisablesLogging, severity: high},
		{is: "its findings are published less often", operation: "macie2:UpdateMacieSession", with: asked(attributes{"requestParameters.findingPublishingFrequency": "SIX_HOURS"}), want: Writes},
		{is: "the search for sensitive data is turned off, as older logs name it", operation: "macie:DisableMacie", want: Administers | DisablesLogging, severity: high},
		{is: "a database gets another password", operation: "rds:ModifyDBInstance", with: asked(attributes{"requestParameters.masterUserPassword": "****"}), want: Administers | MintsCredential, severity: medium},
		{is: "a database may be deleted", operation: "rds:ModifyDBInstance", with: asked(attributes{"requestParameters.deletionProtection": "false"}), want: Administers | DestroysData, severity: high},
		{is: "a database may not be deleted", operation: "rds:ModifyDBCluster", with: asked(attributes{"requestParameters.deletionProtection": "true"}), want: Administers},
		{is: "a database is no longer backed up", operation: "rds:ModifyDBInstance", with: asked(attributes{"requestParameters.backupRetentionPeriod": "0"}), want: Administers | DestroysData, severity: high},
		{is: "a database is backed up for ten days", operation: "rds:ModifyDBInstance", with: asked(attributes{"requestParameters.backupRetentionPeriod": "10"}), want: Administers},
		{is: "a table may be deleted", operation: "dynamodb:UpdateTable", with: asked(attributes{"requestParameters.deletionProtectionEnabled": "false"}), want: Writes | DestroysData, severity: high},
		{is: "objects go after a day", operation: "s3:PutBucketLifecycle", with: asked(attributes{"requestParameters.LifecycleConfiguration.Rule.0.Expiration.Days": "1"}), want: Writes | DestroysData, severity: high},
		{is: "objects are copied to another account", operation: "s3:PutBucketReplication", with: asked(attributes{"requestParameters.ReplicationConfiguration.Rule.Destination.Account": other}), want: Writes | ExposesResource, severity: high},
		{is: "objects are copied to another bucket", operation: "s3:PutBucketReplication", with: asked(attributes{"requestParameters.ReplicationConfiguration.Rule.Destination.Bucket": "arn:aws:s3:::copy"}), want: Writes | ExposesResource, severity: medium},
		{is: "objects go after ninety days", operation: "s3:PutBucketLifecycle", with: asked(attributes{"requestParameters.LifecycleConfiguration.Rule.Expiration.Days": "90"}), want: Writes | DestroysData, severity: medium},
		{is: "a service in another case", operation: "IAM:CreateAccessKey", want: Writes | MintsCredential, severity: high},
	})
}

func TestGoogleCloud(t *testing.T) {
	policy := func(grantees ...string) schemas.Event {
		return schemas.Event{Account: "prod-1", Principal: "ann@example.com", Grantees: grantees}
	}
	judge(t, "gcp-audit", "gcp", []sentence{
		{is: "a service account's key is made", operation: "iam:google.iam.admin.v1.CreateServiceAccountKey", want: Writes | MintsCredential, severity: high},
		{is: "a secret's value is read", operation: "secretmanager:google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion", want: Reads | ReadsSecret, severity: high},
		{is: "an older version of an API is the same", operation: "secretmanager:google.cloud.secretmanager.v1beta2.SecretManagerService.AccessSecretVersion", want: Reads | ReadsSecret, severity: high},
		{is: "a short-lived token is ordinary", operation: "iamcredentials:GenerateAccessToken", want: Reads},
		{is: "signing in to a machine is a deployer's day", operation: "oslogin:google.cloud.oslogin.v1.OsLoginService.CheckPolicy", want: Reads},
		{is: "decrypting is ordinary", operation: "cloudkms:Decrypt", want: Reads},
		{is: "a public key is public", operation: "cloudkms:GetPublicKey", want: Reads},
		{is: "an owner is made", operation: "cloudresourcemanager:SetIamPolicy", with: policy("user:bob@example.com", "policy:roles/owner"), want: Administers | GrantsPrivilege, severity: critical},
		{is: "an outsider is made an owner", operation: "cloudresourcemanager:SetIamPolicy", with: policy("user:eve@gmail.com", "policy:roles/owner"), want: Administers | GrantsPrivilege | ExposesResource, severity: critical},
		{is: "a viewer of the house is little", operation: "cloudresourcemanager:SetIamPolicy", with: policy("user:bob@example.com", "policy:roles/viewer"), want: Administers | GrantsPrivilege, severity: medium},
		{is: "a bucket is opened to all", operation: "storage:storage.setIamPermissions", with: policy("public", "policy:roles/storage.objectViewer"), want: Administers | GrantsPrivilege | ExposesResource, severity: critical},
		{is: "a bucket for an account of the project is housekeeping", operation: "storage:storage.setIamPermissions", with: policy("gcp:prod-1:sa/app", "policy:roles/storage.objectViewer"), want: Administers},
		{is: "a bucket for another project's account exposes", operation: "storage:storage.setIamPermissions", with: policy("serviceAccount:x@other.iam.gserviceaccount.com", "policy:roles/storage.objectViewer"), want: Administers | GrantsPrivilege | ExposesResource, severity: high},
		{is: "an agent of Google's own is no outsider", operation: "pubsub:google.iam.v1.IAMPolicy.SetIamPolicy", with: policy("serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com", "policy:roles/pubsub.publisher"), want: Administers},
		{is: "a disk image is shared with an outsider", operation: "compute:v1.compute.images.setIamPolicy", with: policy("user:eve@gmail.com", "policy:roles/compute.imageUser"), want: Administers | ExposesResource, severity: high},
		{is: "a firewall is opened to the internet", operation: "compute:v1.compute.firewalls.insert", with: policy("public"), want: Administers | ExposesResource, severity: high},
		{is: "a firewall for one network is a change", operation: "compute:v1.compute.firewalls.insert", want: Administers},
		{is: "metadata of a machine can start code", operation: "compute:v1.compute.instances.setMetadata", want: Administers | RunsCode, severity: high},
		{is: "a sink is deleted", operation: "logging:google.logging.v2.ConfigServiceV2.DeleteSink", want: Deletes | DisablesLogging, severity: critical},
		{is: "auditing is taken out of a policy", operation: "cloudresourcemanager:SetIamPolicy", with: schemas.Event{Attributes: attributes{"serviceData.policyDelta.auditConfigDeltas.0.action": "REMOVE"}}, want: Administers | GrantsPrivilege | DisablesLogging, severity: critical},
		{is: "workload identity may come from elsewhere", operation: "iam:google.iam.v1.WorkloadIdentityPools.CreateWorkloadIdentityPoolProvider", want: Writes | ChangesTrust, severity: high},
		{is: "a key's version is destroyed", operation: "cloudkms:DestroyCryptoKeyVersion", want: Deletes | DestroysData, severity: critical},
		{is: "a bucket is deleted", operation: "storage:storage.buckets.delete", want: Deletes | DestroysData, severity: high},
		{is: "an object deleted is a delete", operation: "storage:storage.objects.delete", want: Deletes},
		{is: "everybody with an account may do anything in a cluster again", operation: "container:google.container.v1.ClusterManager.SetLegacyAbac", with: schemas.Event{Attributes: attributes{"request.enabled": "true"}}, want: Administers | GrantsPrivilege, severity: high},
		{is: "data are copied by a schedule", operation: "bigquerydatatransfer:google.cloud.bigquery.datatransfer.v1.DataTransferService.CreateTransferConfig", want: Writes | ExportsData, severity: medium},
		{is: "a database is exported", operation: "cloudsql:cloudsql.instances.export", want: Reads | ExportsData, severity: high},
		{is: "a query is a read", operation: "bigquery:google.cloud.bigquery.v2.JobService.InsertJob", want: Reads},
		{is: "a query's job that exports exports", operation: "bigquery:google.cloud.bigquery.v2.JobService.InsertJob", with: schemas.Event{Attributes: attributes{"metadata.jobChange.job.jobConfig.type": "EXPORT"}}, want: Reads | ExportsData, severity: medium},
		{is: "a statement that exports exports", operation: "bigquery:google.cloud.bigquery.v2.JobService.InsertJob", with: schemas.Event{Attributes: attributes{"metadata.jobInsertion.job.jobConfig.queryConfig.statementType": "EXPORT_DATA"}}, want: Reads | ExportsData, severity: medium},
		{is: "a statement drops a table", operation: "bigquery:google.cloud.bigquery.v2.JobService.InsertJob", with: schemas.Event{Attributes: attributes{"metadata.jobChange.job.jobConfig.queryConfig.statementType": "DROP_TABLE"}}, want: Reads | DestroysData, severity: medium},
		{is: "a statement drops a schema", operation: "bigquery:google.cloud.bigquery.v2.JobService.InsertJob", with: schemas.Event{Attributes: attributes{"metadata.jobInsertion.job.jobConfig.queryConfig.statementType": "DROP_SCHEMA"}}, want: Reads | DestroysData, severity: high},
		{is: "rows are deleted every day", operation: "bigquery:google.cloud.bigquery.v2.JobService.InsertJob", with: schemas.Event{Attributes: attributes{"metadata.jobInsertion.job.jobConfig.queryConfig.statementType": "DELETE"}}, want: Reads},
		{is: "a build runs what its steps say", operation: "cloudbuild:google.devtools.cloudbuild.v1.CloudBuild.CreateBuild", want: Writes | RunsCode, severity: medium},
		{is: "a token is signed as another account", operation: "iamcredentials:SignJwt", want: Reads | MintsCredential, severity: medium},
		{is: "versions of objects are no longer kept", operation: "storage:storage.buckets.update", with: schemas.Event{Attributes: attributes{"request.versioning.enabled": "false"}}, want: Administers | DestroysData, severity: high},
		{is: "a database may be deleted", operation: "cloudsql:cloudsql.instances.update", with: schemas.Event{Attributes: attributes{"request.body.settings.deletionProtectionEnabled": "false"}}, want: Administers | DestroysData, severity: high},
		{is: "an unknown method follows its verb", operation: "newthing:google.cloud.newthing.v1.Gadgets.DeleteGadget", want: Deletes},
		{is: "an unknown resource of an old API, too", operation: "newthing:v1.newthing.gadgets.aggregatedList", want: Lists},
		{is: "a cluster's method is the cluster's operation", operation: "io:io.k8s.core.v1.pods.exec.create", want: Writes | RunsCode, severity: high},
		{is: "a group of a cluster's API says nothing", operation: "io:io.k8s.authorization.rbac.v1.clusterrolebindings.list", want: Lists},
		{is: "a cluster's operation is the cluster's", operation: "k8s:create pods/exec", want: Writes | RunsCode, severity: high},
	})
}

func TestAzure(t *testing.T) {
	judge(t, "azure-activity", "azure", []sentence{
		{is: "the shared key of a log workspace is made anew", operation: "operationalinsights:microsoft.operationalinsights/workspaces/regeneratesharedkey/action", want: Writes | MintsCredential, severity: high},
		{is: "a connected cluster's credential is read", operation: "kubernetes:microsoft.kubernetes/connectedclusters/listclusterusercredential/action", want: Reads | ReadsSecret, severity: high},
		{is: "a database's key is read", operation: "documentdb:microsoft.documentdb/databaseaccounts/readonlykeys/action", want: Reads | ReadsSecret, severity: high},
		{is: "an assignment that denies is deleted", operation: "authorization:microsoft.authorization/denyassignments/delete", want: Administers | GrantsPrivilege, severity: high},
		{is: "a subscription moves to another tenant", operation: "subscription:microsoft.subscription/changetenantrequest/write", want: Administers | ChangesTrust, severity: schemas.SeverityCritical},
		{is: "the directory's own logs are no longer sent", operation: "aadiam:microsoft.aadiam/diagnosticsettings/delete", want: Deletes | DisablesLogging, severity: schemas.SeverityCritical},
		{is: "a backup is no longer made", operation: "dataprotection:microsoft.dataprotection/backupvaults/backupinstances/stopprotection/action", want: Administers | DestroysData, severity: high},
		{is: "what was deleted is kept no longer, as by default", operation: "storage:microsoft.storage/storageaccounts/blobservices/write", with: schemas.Event{Attributes: attributes{"properties.requestbody.properties.deleteRetentionPolicy.enabled": "false"}}, want: Writes},
		{is: "versions are not kept, as by default", operation: "storage:microsoft.storage/storageaccounts/blobservices/write", with: schemas.Event{Attributes: attributes{"properties.requestbody.properties.isVersioningEnabled": "false"}}, want: Writes},
		{is: "a storage account is reached without encryption", operation: "storage:microsoft.storage/storageaccounts/write", with: schemas.Event{Attributes: attributes{"properties.requestbody.properties.supportsHttpsTrafficOnly": "false"}}, want: Writes | ExposesResource, severity: medium},
		{is: "a storage account takes its keys, as by default", operation: "storage:microsoft.storage/storageaccounts/write", with: schemas.Event{Attributes: attributes{"properties.requestbody.properties.allowSharedKeyAccess": "true"}}, want: Writes},
		{is: "an alert is dealt with", operation: "security:microsoft.security/locations/alerts/resolve/action", want: Writes},
		{is: "an alert is dismissed", operation: "security:microsoft.security/locations/alerts/dismiss/action", want: Reads | DisablesLogging, severity: medium},
		{is: "a link that lets anybody in to a machine", operation: "network:microsoft.network/bastionhosts/createshareablelinks/action", want: Administers | ExposesResource, severity: high},
		{is: "a file of a function's code is written", operation: "web:microsoft.web/sites/hostruntime/vfs/write", want: Writes | RunsCode, severity: high},
		{is: "an owner is assigned", operation: "authorization:microsoft.authorization/roleassignments/write", with: schemas.Event{Grantees: []string{"user:b", "policy:Owner"}}, want: Administers | GrantsPrivilege, severity: critical},
		{is: "a reader is little", operation: "authorization:microsoft.authorization/roleassignments/write", with: schemas.Event{Grantees: []string{"user:b", "policy:Reader"}}, want: Administers | GrantsPrivilege, severity: medium},
		{is: "spelling in capitals is the same", operation: "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE", with: schemas.Event{Grantees: []string{"user:b", "policy:User Access Administrator"}}, want: Administers | GrantsPrivilege, severity: critical},
		{is: "keys of a storage account are read", operation: "storage:microsoft.storage/storageaccounts/listkeys/action", want: Reads | ReadsSecret, severity: high},
		{is: "keys of anything are secrets", operation: "newthing:microsoft.newthing/gadgets/listkeys/action", want: Reads | ReadsSecret, severity: high},
		{is: "an administrator's rights are taken over all", operation: "authorization:microsoft.authorization/elevateaccess/action", want: Administers | GrantsPrivilege, severity: critical},
		{is: "what one resource says over another counts", operation: "network:microsoft.network/networksecuritygroups/providers/microsoft.insights/diagnosticsettings/delete", want: Deletes | DisablesLogging, severity: critical},
		{is: "a port is opened to the internet", operation: "network:microsoft.network/networksecuritygroups/securityrules/write", with: schemas.Event{Grantees: []string{"public"}}, want: Administers | ExposesResource, severity: high},
		{is: "another rule of a network is a change", operation: "network:microsoft.network/networksecuritygroups/securityrules/write", want: Administers},
		{is: "a disk can be downloaded", operation: "compute:microsoft.compute/disks/begingetaccess/action", want: Writes | ExportsData, severity: high},
		{is: "a command runs in a machine", operation: "compute:microsoft.compute/virtualmachines/runcommand/action", want: Writes | RunsCode, severity: high},
		{is: "a vault's key is purged", operation: "keyvault:microsoft.keyvault/vaults/keys/purge/action", want: Deletes | DestroysData, severity: critical},
		{is: "a backup is deleted", operation: "recoveryservices:microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/delete", want: Deletes | DestroysData, severity: high},
		{is: "policies judge all the time", operation: "authorization:microsoft.authorization/policies/audit/action", want: Reads},
		{is: "a blob is read", operation: "storage:GetBlob", want: Reads},
		{is: "an unknown write is a write", operation: "newthing:microsoft.newthing/gadgets/write", want: Writes},
		{is: "an unknown action follows its word", operation: "newthing:microsoft.newthing/gadgets/restart/action", want: Writes},
		{is: "an unknown delete is a delete", operation: "newthing:microsoft.newthing/gadgets/delete", want: Deletes},
	})
	judge(t, "azure-keyvault", "azure", []sentence{
		{is: "a vault's secret is read", operation: "keyvault:SecretGet", want: Reads | ReadsSecret, severity: high},
		{is: "secrets are listed", operation: "keyvault:SecretList", want: Lists},
		{is: "unwrapping a key is ordinary", operation: "keyvault:KeyUnwrap", want: Reads},
		{is: "a public key of a vault is public", operation: "keyvault:KeyGet", want: Reads},
		{is: "a vault's secret is backed up", operation: "keyvault:SecretBackup", want: Reads | ReadsSecret, severity: high},
		{is: "an unknown noun and verb", operation: "keyvault:GadgetDelete", want: Deletes},
	})
}

func TestEntra(t *testing.T) {
	has := func(a attributes) schemas.Event { return schemas.Event{Principal: "ann@example.com", Attributes: a} }
	judge(t, "entra-audit", "azure", []sentence{
		{is: "a global administrator is made", operation: "entra:Add member to role", with: has(attributes{"target.0.Role.DisplayName": "Global Administrator"}), want: Administers | GrantsPrivilege, severity: critical},
		{is: "a lesser administrator is made", operation: "entra:Add member to role", with: has(attributes{"target.1.Role.DisplayName": "Application Administrator"}), want: Administers | GrantsPrivilege, severity: high},
		{is: "a role that reads weighs less", operation: "entra:Add member to role", with: has(attributes{"target.0.Role.DisplayName": "Reports Reader"}), want: Administers | GrantsPrivilege, severity: medium},
		{is: "through the office's log, too", operation: "AzureActiveDirectory:Add member to role.", with: has(attributes{"ModifiedProperties.Role.DisplayName": "Company Administrator"}), want: Administers | GrantsPrivilege, severity: critical},
		{is: "an application may read all mail", operation: "entra:Add app role assignment to service principal", with: has(attributes{"target.0.AppRole.Value": "Mail.ReadWrite"}), want: Administers | GrantsPrivilege, severity: high},
		{is: "an application may make administrators", operation: "entra:Add app role assignment to service principal", with: has(attributes{"target.0.AppRole.Value": "RoleManagement.ReadWrite.Directory"}), want: Administers | GrantsPrivilege, severity: critical},
		{is: "an application may read its own profile", operation: "entra:Add app role assignment to service principal", with: has(attributes{"target.0.AppRole.Value": "User.Read"}), want: Administers | GrantsPrivilege, severity: medium},
		{is: "a consent gives mail away", operation: "entra:Consent to application", with: has(attributes{"target.0.ConsentAction.Permissions": "[] => [[Id: x, Scope: Mail.Read offline_access]]"}), want: Administers | GrantsPrivilege, severity: high},
		{is: "a secret is added to an application", operation: "entra:Update application – Certificates and secrets management", want: Writes | MintsCredential, severity: high},
		{is: "an outside issuer may speak for an application", operation: "entra:Update application", with: has(attributes{"target.0.FederatedIdentityCredentials": "[{\"Issuer\":\"https://token.example\"}]"}), want: Writes | ChangesTrust, severity: high},
		{is: "an application's name changes", operation: "entra:Update application", with: has(attributes{"target.0.DisplayName": "x"}), want: Writes},
		{is: "a domain is federated", operation: "entra:Set federation settings on domain", want: Administers | ChangesTrust, severity: critical},
		{is: "a conditional access policy is deleted", operation: "entra:Delete conditional access policy", want: Administers | ChangesTrust, severity: high},
		{is: "a guest is invited", operation: "entra:Invite external user", want: Writes | MintsCredential, severity: medium},
		{is: "a member leaves a role", operation: "entra:Remove member from role", want: Deletes},
		{is: "a user's profile changes", operation: "entra:Update user", want: Writes},
		{is: "an unknown activity follows its verb", operation: "entra:Delete gadget", want: Deletes},
	})
	judge(t, "entra-signin", "azure", []sentence{{is: "signing in is a read", operation: "signin:servicePrincipal", want: Reads}})
	judge(t, "entra-graph-activity", "azure", []sentence{
		{is: "a permission is given over Graph", operation: "POST /v1.0/servicePrincipals/{id}/appRoleAssignedTo", want: Writes | GrantsPrivilege, severity: high},
		{is: "a secret is added over Graph", operation: "POST /v1.0/applications/{id}/addPassword", want: Writes | MintsCredential, severity: high},
		{is: "mail is read over Graph", operation: "GET /v1.0/users/{id}/messages", want: Reads},
	})
}

func TestOffice(t *testing.T) {
	ann := func(grantees ...string) schemas.Event {
		return schemas.Event{Principal: "ann@example.com", Grantees: grantees}
	}
	judge(t, "o365", "azure", []sentence{
		{is: "a rule forwards outside", operation: "Exchange:New-InboxRule", with: ann("drop@evil.example"), want: Writes | ExposesResource, severity: high},
		{is: "a rule forwards to a colleague", operation: "Exchange:New-InboxRule", with: ann("bob@example.com"), want: Writes},
		{is: "a rule that forwards to nobody gives nothing", operation: "Exchange:New-InboxRule", want: Writes},
		{is: "settings of a mailbox give nothing", operation: "Exchange:Set-Mailbox", want: Administers},
		{is: "an application forwards a mailbox outside", operation: "Exchange:Set-Mailbox", with: schemas.Event{Grantees: []string{"drop@evil.example"}, Resources: []string{"bob@example.com"}}, want: Administers | ExposesResource, severity: high},
		{is: "an application forwards a mailbox to a colleague", operation: "Exchange:Set-Mailbox", with: schemas.Event{Grantees: []string{"ann@example.com"}, Resources: []string{"bob@example.com"}}, want: Administers},
		{is: "a rule hides what it deletes", operation: "Exchange:New-InboxRule", with: schemas.Event{Principal: "ann@example.com", Grantees: []string{"bob@example.com"}, Attributes: attributes{"Parameters.DeleteMessage": "True"}}, want: Writes | DisablesLogging, severity: high},
		{is: "rights to a mailbox are given", operation: "Exchange:Add-MailboxPermission", with: ann("bob"), want: Administers | GrantsPrivilege, severity: high},
		{is: "an application may be anybody", operation: "Exchange:New-ManagementRoleAssignment", with: schemas.Event{Attributes: attributes{"Parameters.Role": "ApplicationImpersonation"}}, want: Administers | GrantsPrivilege, severity: critical},
		{is: "auditing is turned off", operation: "Exchange:Set-AdminAuditLogConfig", with: schemas.Event{Attributes: attributes{"Parameters.UnifiedAuditLogIngestionEnabled": "False"}}, want: Administers | DisablesLogging, severity: critical},
		{is: "auditing is turned on", operation: "Exchange:Set-AdminAuditLogConfig", with: schemas.Event{Attributes: attributes{"Parameters.UnifiedAuditLogIngestionEnabled": "True"}}, want: Administers},
		{is: "a search is exported", operation: "SecurityComplianceCenter:SearchExported", want: Reads | ExportsData, severity: high},
		{is: "a link is open to anyone", operation: "SharePoint:AnonymousLinkCreated", with: ann("public"), want: Administers | ExposesResource, severity: high},
		{is: "mail is read", operation: "Exchange:MailItemsAccessed", want: Reads},
		{is: "a file is opened", operation: "SharePoint:FileAccessed", want: Reads},
		{is: "an unknown cmdlet follows its verb", operation: "Exchange:Remove-Gadget", want: Deletes},
		{is: "an unknown event ends in its verb", operation: "SharePoint:GadgetModified", want: Writes},
	})
}

func TestKubernetes(t *testing.T) {
	judge(t, "k8s-audit", "", []sentence{
		{is: "a secret is read", operation: "k8s:get secrets", want: Reads | ReadsSecret, severity: medium},
		{is: "all secrets are listed", operation: "k8s:list secrets", want: Lists | ReadsSecret, severity: high},
		{is: "a configuration is read", operation: "k8s:get configmaps", want: Reads},
		{is: "a lease is renewed", operation: "k8s:update leases", want: Writes},
		{is: "a command runs in a pod", operation: "k8s:create pods/exec", want: Writes | RunsCode, severity: high},
		{is: "a command runs over websockets", operation: "k8s:get pods/exec", want: Writes | RunsCode, severity: high},
		{is: "a log is read", operation: "k8s:get pods/log", want: Reads},
		{is: "a token of an account is made", operation: "k8s:create serviceaccounts/token", want: Writes | MintsCredential, severity: medium},
		{is: "an administrator of the cluster is bound", operation: "k8s:create clusterrolebindings", with: schemas.Event{Grantees: []string{"system:serviceaccount:a:b"}, Attributes: attributes{"role": "ClusterRole/cluster-admin"}}, want: Administers | GrantsPrivilege, severity: critical},
		{is: "another role is bound", operation: "k8s:create clusterrolebindings", with: schemas.Event{Grantees: []string{"system:serviceaccount:a:b"}, Attributes: attributes{"role": "ClusterRole/view"}}, want: Administers | GrantsPrivilege, severity: medium},
		{is: "a role is bound to anybody", operation: "k8s:create rolebindings", with: schemas.Event{Grantees: []string{"public"}, Attributes: attributes{"role": "Role/view"}}, want: Administers | GrantsPrivilege | ExposesResource, severity: critical},
		{is: "a role is bound to all who signed in", operation: "k8s:create rolebindings", with: schemas.Event{Grantees: []string{"group:system:authenticated"}}, want: Administers | GrantsPrivilege | ExposesResource, severity: critical},
		{is: "a role may do everything", operation: "k8s:create clusterroles", with: schemas.Event{Attributes: attributes{"requestObject.rules.0.verbs.0": "*"}}, want: Administers | GrantsPrivilege, severity: critical},
		{is: "another user is impersonated", operation: "k8s:impersonate users", want: Administers | GrantsPrivilege, severity: high},
		{is: "a webhook may change everything", operation: "k8s:create mutatingwebhookconfigurations", want: Administers | ChangesTrust, severity: high},
		{is: "a pod is started", operation: "k8s:create pods", want: Writes},
		{is: "a privileged pod is started", operation: "k8s:create pods", with: schemas.Event{Attributes: attributes{"requestObject.spec.containers.1.securityContext.privileged": "true"}}, want: Writes | RunsCode, severity: high},
		{is: "a pod has the node's disk", operation: "k8s:create pods", with: schemas.Event{Attributes: attributes{"requestObject.spec.volumes.0.hostPath.path": "/"}}, want: Writes | RunsCode, severity: high},
		{is: "a pod has a harmless path of the node", operation: "k8s:create pods", with: schemas.Event{Attributes: attributes{"requestObject.spec.volumes.0.hostPath.path": "/opt/app/cache"}}, want: Writes},
		{is: "a namespace is deleted", operation: "k8s:delete namespaces", want: Deletes | DestroysData, severity: high},
		{is: "a token is checked", operation: "k8s:create tokenreviews", want: Reads},
		{is: "a custom resource follows its verb", operation: "k8s:watch certificates.cert-manager.io", want: Reads},
		{is: "a path follows its verb", operation: "k8s:get /version", want: Reads},
	})
}

func TestVault(t *testing.T) {
	judge(t, "vault", "", []sentence{
		{is: "a secret is read", operation: "vault:read secret/data/{path}", want: Reads | ReadsSecret, severity: medium},
		{is: "a secret of another mount is read", operation: "vault:read team/{path}", with: schemas.Event{Attributes: attributes{"mount_type": "kv"}}, want: Reads | ReadsSecret, severity: medium},
		{is: "names of secrets are listed", operation: "vault:list secret/metadata/{path}", want: Lists},
		{is: "logging in is a read", operation: "vault:update auth/approle/login", want: Reads},
		{is: "renewing a token is a read", operation: "vault:update auth/token/renew-self", want: Reads},
		{is: "decrypting is ordinary", operation: "vault:update transit/decrypt/{name}", want: Reads},
		{is: "a policy is written", operation: "vault:update sys/policies/acl/{name}", want: Administers | GrantsPrivilege, severity: high},
		{is: "a way to log in is added", operation: "vault:update sys/auth/{name}", want: Administers | ChangesTrust, severity: high},
		{is: "the whole store is copied out", operation: "vault:read sys/storage/raft/snapshot", want: Reads | ExportsData, severity: high},
		{is: "a store is put in the place of this one", operation: "vault:update sys/storage/raft/snapshot-force", want: Administers | DestroysData, severity: critical},
		{is: "another cluster is let in to replicate all", operation: "vault:update sys/replication/performance/primary/secondary-token", want: Administers | MintsCredential, severity: critical},
		{is: "an audit device is removed", operation: "vault:delete sys/audit/{name}", want: Deletes | DisablesLogging, severity: critical},
		{is: "a root token is generated", operation: "vault:update sys/generate-root/attempt", want: Administers | MintsCredential, severity: critical},
		{is: "a child token is ordinary", operation: "vault:update auth/token/create", want: Writes},
		{is: "an orphan token outlives its maker", operation: "vault:update auth/token/create-orphan", want: Writes | MintsCredential, severity: high},
		{is: "a token may do everything", operation: "vault:update auth/token/create", with: schemas.Event{Attributes: attributes{"response.auth.policies.0": "root"}}, want: Writes | MintsCredential, severity: critical},
		{is: "a key of transit is taken out", operation: "vault:read transit/export/{name}", want: Reads | ReadsSecret, severity: high},
		{is: "an unknown route follows its verb", operation: "vault:delete gadgets/{name}", want: Deletes},
	})
}

func TestCodeHosts(t *testing.T) {
	judge(t, "github", "", []sentence{
		{is: "an owner joins the organisation", operation: "github:org.add_member", with: schemas.Event{Attributes: attributes{"permission": "admin"}}, want: Administers | GrantsPrivilege, severity: high},
		{is: "a member joins the organisation", operation: "github:org.add_member", with: schemas.Event{Attributes: attributes{"permission": "read"}}, want: Administers | GrantsPrivilege, severity: medium},
		{is: "a deploy key is added", operation: "github:deploy_key.create", want: Writes | MintsCredential, severity: high},
		{is: "a token is given access", operation: "github:personal_access_token.access_granted", want: Writes | MintsCredential, severity: high},
		{is: "a member is added", operation: "github:org.add_member", want: Administers | GrantsPrivilege, severity: medium},
		{is: "a webhook is a way out", operation: "github:hook.create", want: Writes | ExposesResource, severity: medium},
		{is: "a repository is made public", operation: "github:repo.access", with: schemas.Event{Grantees: []string{"public"}}, want: Administers | ExposesResource, severity: critical},
		{is: "a repository is made private", operation: "github:repo.access", want: Administers},
		{is: "a branch loses its protection", operation: "github:protected_branch.destroy", want: Administers | ChangesTrust, severity: high},
		{is: "the audit log is no longer sent", operation: "github:audit_log_streaming.destroy", want: Administers | DisablesLogging, severity: critical},
		{is: "scanning for secrets is off", operation: "github:repository_secret_scanning.disable", want: Administers | DisablesLogging, severity: high},
		{is: "a secret of Actions is changed", operation: "github:repo.update_actions_secret", want: Administers},
		{is: "a clone is a read", operation: "github:git.clone", want: Reads},
		{is: "a push is a write", operation: "github:git.push", want: Writes},
		{is: "an unknown event follows its verb", operation: "github:gadget.remove_part", want: Deletes},
		{is: "a file is read over the API", operation: "GET /repos/:owner/:repo/contents/*path", want: Reads},
		{is: "a deploy key is added over the API", operation: "POST /repos/:owner/:repo/keys", want: Writes | MintsCredential, severity: high},
	})
	judge(t, "gitlab-audit", "", []sentence{
		{is: "a project is made public", operation: "gitlab:project_visibility_level_updated", with: schemas.Event{Grantees: []string{"public"}}, want: Administers | ExposesResource, severity: critical},
		{is: "a project's token is made", operation: "gitlab:project_access_token_created", want: Writes | MintsCredential, severity: high},
		{is: "a maintainer is added", operation: "gitlab:add user_access", with: schemas.Event{Attributes: attributes{"details.as": "Maintainer"}}, want: Administers | GrantsPrivilege, severity: high},
		{is: "an unknown event ends in its verb", operation: "gitlab:gadget_destroyed", want: Deletes},
	})
}

func TestServices(t *testing.T) {
	judge(t, "okta", "", []sentence{
		{is: "an administrator is made", operation: "okta:user.account.privilege.grant", want: Administers | GrantsPrivilege, severity: high},
		{is: "a super administrator is made", operation: "okta:user.account.privilege.grant", with: schemas.Event{Attributes: attributes{"debugData.privilegeGranted": "Super administrator"}}, want: Administers | GrantsPrivilege, severity: critical},
		{is: "an API token is made", operation: "okta:system.api_token.create", want: Writes | MintsCredential, severity: high},
		{is: "factors are reset", operation: "okta:user.mfa.factor.reset_all", want: Administers | ChangesTrust, severity: high},
		{is: "a rule of a policy is changed", operation: "okta:policy.rule.update", want: Administers | ChangesTrust, severity: high},
		{is: "an identity provider is added", operation: "okta:system.idp.lifecycle.create", want: Administers | ChangesTrust, severity: schemas.SeverityCritical},
		{is: "a token is granted all the time", operation: "okta:app.oauth2.token.grant.access_token", want: Reads},
		{is: "a session starts", operation: "okta:user.session.start", want: Reads},
		{is: "an unknown event follows its verb", operation: "okta:gadget.lifecycle.delete", want: Deletes},
	})
	judge(t, "google-workspace", "", []sentence{
		{is: "an application may act for the whole domain", operation: "admin:AUTHORIZE_API_CLIENT_ACCESS", want: Administers | GrantsPrivilege, severity: critical},
		{is: "a document is open to anyone with the link", operation: "drive:change_document_visibility", with: schemas.Event{Grantees: []string{"public"}}, want: Administers | ExposesResource, severity: high},
		{is: "a document is shared with a colleague", operation: "drive:change_user_access", with: schemas.Event{Principal: "ann@example.com", Grantees: []string{"bob@example.com"}}, want: Administers},
		{is: "a document is shared outside", operation: "drive:change_user_access", with: schemas.Event{Principal: "ann@example.com", Grantees: []string{"eve@other.example"}}, want: Administers | ExposesResource, severity: medium},
		{is: "mail is forwarded out", operation: "user_accounts:email_forwarding_out_of_domain", want: Writes | ExposesResource, severity: high},
		{is: "an application is given all mail", operation: "token:authorize", with: schemas.Event{Attributes: attributes{"scope": "https://mail.google.com/, openid"}}, want: Administers | GrantsPrivilege, severity: high},
		{is: "a message is read", operation: "gmail:gmail.users.messages.get", want: Reads},
		{is: "a file is downloaded", operation: "drive:download", want: Reads},
		{is: "an unknown event begins with its verb", operation: "admin:DELETE_GADGET", want: Deletes},
	})
	judge(t, "slack-audit", "", []sentence{
		{is: "an application is installed", operation: "slack:app_installed", want: Administers | GrantsPrivilege, severity: medium},
		{is: "an application may read history", operation: "slack:app_installed", with: schemas.Event{Attributes: attributes{"entity.app.scopes.1": "channels:history"}}, want: Administers | GrantsPrivilege, severity: high},
		{is: "everything is exported", operation: "slack:manual_export_started", want: Writes | ExportsData, severity: high},
		{is: "a file is downloaded", operation: "slack:file_downloaded", want: Reads},
		{is: "an unknown action ends in its verb", operation: "slack:gadget_deleted", want: Deletes},
	})
	judge(t, "cloudflare-audit", "", []sentence{
		{is: "a token is made", operation: "cloudflare:token_create", want: Writes | MintsCredential, severity: high},
		{is: "logs are no longer pushed", operation: "cloudflare:logpush_job_delete", want: Administers | DisablesLogging, severity: critical},
		{is: "a record is set", operation: "cloudflare:rec_set", want: Writes},
		{is: "a record is deleted, as every day", operation: "cloudflare:dns.record.delete", want: Writes},
		{is: "a member is added", operation: "cloudflare:account.member.create", want: Administers | GrantsPrivilege, severity: high},
	})
	judge(t, "openai-audit", "", []sentence{
		{is: "a key is made", operation: "openai:api_key.created", want: Writes | MintsCredential, severity: high},
		{is: "a statement selects", operation: "snowflake:SELECT", want: Reads},
		{is: "a statement unloads", operation: "snowflake:UNLOAD", want: Reads | ExportsData, severity: medium},
		{is: "a user is made by a statement", operation: "snowflake:CREATE_USER", want: Administers | MintsCredential, severity: high},
		{is: "a login fails", operation: "openai:login.failed", want: Reads},
	})
	judge(t, "anthropic-activity", "", []sentence{
		{is: "a service key is made", operation: "anthropic:service_key_created", want: Writes | MintsCredential, severity: high},
		{is: "an unknown activity ends in its verb", operation: "anthropic:gadget_deleted", want: Deletes},
	})
	judge(t, "keycloak", "", []sentence{
		{is: "a role is mapped", operation: "keycloak:CREATE REALM_ROLE_MAPPING", want: Administers | GrantsPrivilege, severity: high},
		{is: "a token is exchanged", operation: "keycloak:TOKEN_EXCHANGE", want: Reads},
	})
	judge(t, "auth0", "", []sentence{
		{is: "a token is exchanged", operation: "auth0:seccft", want: Reads},
		{is: "a role is given over the API", operation: "POST /api/v2/roles/{id}/users", want: Writes | GrantsPrivilege, severity: high},
	})
}

func TestToolsOfAgents(t *testing.T) {
	judge(t, "mcp", "", []sentence{
		{is: "a shell is a shell", operation: "desktop/execute_command", want: Writes | RunsCode, severity: high},
		{is: "in any spelling", operation: "desktop/runCommand", want: Writes | RunsCode, severity: high},
		{is: "a secret is read", operation: "vault/get_secret", want: Reads | ReadsSecret, severity: high},
		{is: "a table is dropped", operation: "db/drop_table", want: Deletes | DestroysData, severity: high},
		{is: "a search is a read", operation: "crm/search_contacts", want: Reads},
		{is: "tools are listed", operation: "files/tools/list", want: Reads},
		{is: "a page is fetched", operation: "web/fetch", want: Reads},
		{is: "an unknown tool follows its verb", operation: "crm/delete_contact", want: Deletes},
		{is: "a shellfish is no shell", operation: "shop/list_shellfish", want: Lists},
	})
}

// What calls AI models, whoever serves them and whichever log says so.
func TestCallsOfModels(t *testing.T) {
	c, err := New()
	require.NoError(t, err)
	for _, tc := range []struct {
		is, format, provider, operation string
		tokens                          uint64
		want                            Set
		severity                        int
	}{
		{is: "Amazon Bedrock", format: "cloudtrail", provider: "aws", operation: "bedrock:ConverseStream", want: Reads | InvokesModel, severity: medium},
		{is: "its models are listed", format: "cloudtrail", provider: "aws", operation: "bedrock:ListFoundationModels", want: Lists},
		{is: "its terms are accepted", format: "cloudtrail", provider: "aws", operation: "bedrock:CreateFoundationModelAgreement", want: Administers | InvokesModel, severity: high},
		{is: "its log of what was said is deleted", format: "cloudtrail", provider: "aws", operation: "bedrock:DeleteModelInvocationLoggingConfiguration", want: Deletes | DisablesLogging},
		{is: "Vertex AI", format: "gcp-audit", provider: "gcp", operation: "aiplatform:google.cloud.aiplatform.v1.PredictionService.StreamRawPredict", want: Reads | InvokesModel, severity: medium},
		{is: "Azure OpenAI", format: "azure-activity", provider: "azure", operation: "cognitiveservices:ChatCompletions_Create", want: Reads | InvokesModel, severity: medium},
		{is: "a deployment of Azure OpenAI is made", format: "azure-activity", provider: "azure", operation: "cognitiveservices:microsoft.cognitiveservices/accounts/deployments/write", want: Administers | InvokesModel, severity: medium},
		{is: "OpenAI's API at a gateway", operation: "POST /v1/chat/completions", want: Reads | InvokesModel, severity: medium},
		{is: "Azure OpenAI's at a gateway", operation: "POST /openai/deployments/{id}/embeddings", want: Reads | InvokesModel, severity: medium},
		{is: "Bedrock's at a gateway", operation: "POST /model/{id}/invoke-with-response-stream", want: Reads | InvokesModel, severity: medium},
		{is: "Gemini's at a gateway", operation: "POST /v1beta/models/gemini-1.5-pro:generateContent", want: Reads | InvokesModel, severity: medium},
		{is: "its answers are counted", operation: "POST /v1/answers", tokens: 7, want: Writes | InvokesModel, severity: medium},
		{is: "OpenTelemetry's name of it", format: "otlp", operation: "openai/chat", want: Reads | InvokesModel, severity: medium},
		{is: "completions of another kind", operation: "POST /v1/courses/{id}/completions", want: Reads},
		{is: "a model of cars", operation: "GET /v1/models/{id}", want: Reads},
	} {
		ev := &schemas.Event{Format: tc.format, CloudProvider: tc.provider, Operation: tc.operation, TokensOut: tc.tokens}
		got := c.Event(ev)
		assert.Equal(t, tc.want.String(), (got.Set &^ ReadsIdentities).String(), tc.is)
		if tc.severity > 0 {
			assert.Equal(t, tc.severity, got.Severity(InvokesModel), tc.is)
		}
	}
}

func TestAnOwnAccountIsInside(t *testing.T) {
	c, err := New()
	require.NoError(t, err)
	share := func(to string) *schemas.Event {
		return &schemas.Event{Format: "cloudtrail", Operation: "ec2:ModifySnapshotAttribute", Account: own, Grantees: []string{to}}
	}
	assert.Equal(t, GranteeOutside, c.Event(share(other)).Grantee, "another account")
	c.Own = func(account string) bool { return account == other }
	assert.Equal(t, GranteeInside, c.Event(share(other)).Grantee, "another account of the same organisation")
	assert.Equal(t, GranteeOutside, c.Event(share("777788889999")).Grantee, "a stranger's")
}

func TestWhatAParameterTells(t *testing.T) {
	c, err := New()
	require.NoError(t, err)
	for _, tc := range []struct {
		is, operation, name, value string
		told                       Set
		parameter                  string
	}{
		{is: "a parameter that makes a call grave is told", operation: "s3:PutBucketVersioning", name: "requestParameters.VersioningConfiguration.Status", value: "Suspended", told: DestroysData, parameter: "Status Suspended"},
		{is: "one that does not is none", operation: "s3:PutBucketVersioning", name: "requestParameters.VersioningConfiguration.Status", value: "Enabled"},
		{is: "what the name says already needs no parameter", operation: "rds:DeleteDBInstance", name: "requestParameters.deletionProtection", value: "false"},
		{is: "below high severity it is the same call", operation: "elasticfilesystem:PutBackupPolicy", name: "requestParameters.backupPolicy.status", value: "DISABLED"},
		{is: "a long value is cut", operation: "s3:PutObject", name: "requestParameters.x-amz-server-side-encryption-customer-algorithm", value: strings.Repeat("x", 100), told: DestroysData,
			parameter: "x-amz-server-side-encryption-customer-algorithm " + strings.Repeat("x", 57) + "…"},
	} {
		t.Run(tc.is, func(t *testing.T) {
			ev := &schemas.Event{Format: "cloudtrail", Operation: tc.operation, Account: own, Attributes: attributes{tc.name: tc.value}}
			got := c.Event(ev)
			assert.Equal(t, tc.told.String(), got.Told.String())
			assert.Equal(t, tc.parameter, got.Parameter(ev))
		})
	}
}
