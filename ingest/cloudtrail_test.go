package ingest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

const trailRole = `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEROLEID:build-4711","arn":"arn:aws:sts::111122223333:assumed-role/ci-deploy/build-4711","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEKEYID0001","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEROLEID","arn":"arn:aws:iam::111122223333:role/ci/ci-deploy","accountId":"111122223333","userName":"ci-deploy"},"webIdFederationData":{"federatedProvider":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com","attributes":{}},"attributes":{"creationDate":"2026-03-01T09:58:00Z","mfaAuthenticated":"false"}}},"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-central-1","sourceIPAddress":"203.0.113.7","userAgent":"[aws-sdk-go/1.44.1 (go1.22; linux; amd64)]","requestParameters":{"bucketName":"artifacts","Host":"artifacts.s3.eu-central-1.amazonaws.com","key":"release/app.tar.gz"},"responseElements":null,"additionalEventData":{"SignatureVersion":"SigV4","bytesTransferredIn":0,"bytesTransferredOut":48213,"x-amz-id-2":"abc"},"requestID":"REQ123","eventID":"3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f","readOnly":true,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::artifacts/release/app.tar.gz"},{"accountId":"111122223333","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::artifacts"}],"eventType":"AwsApiCall","managementEvent":false,"recipientAccountId":"111122223333","eventCategory":"Data","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"artifacts.s3.eu-central-1.amazonaws.com"}}`

// trailWith returns an IAM user's record with these further members.
func trailWith(source, name, rest string) string {
	return `{"eventVersion":"1.09","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/deploy","accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"deploy"},"eventTime":"2026-03-01T10:00:00Z","eventSource":"` + source + `.amazonaws.com","eventName":"` + name + `","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.15","recipientAccountId":"111122223333"` + rest + `}`
}

func trailEvent(source, name string) *schemas.Event {
	return &schemas.Event{
		Time: at("2026-03-01T10:00:00Z"), Principal: "arn:aws:iam::111122223333:user/deploy", PrincipalType: "IAMUser",
		CredentialId: "AKIAIOSFODNN7EXAMPLE", CredentialType: "access_key", Operation: source + ":" + name, Service: source,
		Outcome: success, SrcIp: "203.0.113.7", UserAgent: "aws-cli/2.15", CloudProvider: "aws", Region: "us-east-1", Account: "111122223333",
	}
}

func trailIdentity(identity, rest string) string {
	return `{"userIdentity":` + identity + `,"eventTime":"2026-03-01T10:00:00.5Z","eventSource":"sts.amazonaws.com","eventName":"GetCallerIdentity","awsRegion":"us-east-1","recipientAccountId":"111122223333"` + rest + `}`
}

func identityEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{Time: at("2026-03-01T10:00:00.5Z"), Operation: "sts:GetCallerIdentity", Service: "sts", Outcome: success, CloudProvider: "aws", Region: "us-east-1", Account: "111122223333"}
	mutate(ev)
	return ev
}

// trailSession returns a record of a role's session.
func trailSession(name, context, rest string) string {
	return trailIdentity(`{"type":"AssumedRole","principalId":"AROA1:`+name+`","arn":"arn:aws:sts::111122223333:assumed-role/app/`+name+`","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEKEYID0004","sessionContext":{`+context+`}`+rest+`}`, ``)
}

func sessionEvent(name string, mutate func(*schemas.Event)) *schemas.Event {
	return identityEvent(func(ev *schemas.Event) {
		ev.Principal, ev.PrincipalType, ev.PrincipalIssuer = "arn:aws:sts::111122223333:assumed-role/app/"+name, "AssumedRole", "arn:aws:iam::111122223333:role/app"
		ev.CredentialId, ev.CredentialType, ev.SessionId = "ASIAEXAMPLEKEYID0004", "session", name
		mutate(ev)
	})
}

func changed(ev *schemas.Event, mutate func(*schemas.Event)) *schemas.Event {
	mutate(ev)
	return ev
}

func cloudtrailSamples() []sample {
	return []sample{
		{"an assumed role reads an object", "cloudtrail", trailRole, &schemas.Event{
			Id: "3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f", Time: at("2026-03-01T10:00:00Z"),
			Principal: "arn:aws:sts::111122223333:assumed-role/ci-deploy/build-4711", PrincipalType: "AssumedRole", PrincipalIssuer: "arn:aws:iam::111122223333:role/ci/ci-deploy",
			CredentialId: "ASIAEXAMPLEKEYID0001", CredentialType: "session", SessionId: "build-4711",
			Operation: "s3:GetObject", Service: "s3", Outcome: success, RequestId: "REQ123", BytesOut: 48213,
			Resources: []string{"arn:aws:s3:::artifacts/release/app.tar.gz", "arn:aws:s3:::artifacts"}, ReadOnly: schemas.ReadOnly_READ_ONLY_TRUE,
			SrcIp: "203.0.113.7", UserAgent: "[aws-sdk-go/1.44.1 (go1.22; linux; amd64)]", CloudProvider: "aws", Region: "eu-central-1", Account: "111122223333",
			CredentialIssued: at("2026-03-01T09:58:00Z"),
		}, map[string]string{"eventCategory": "Data", "requestParameters.key": "release/app.tar.gz", "tlsDetails.tlsVersion": "TLSv1.3", "session.federatedProvider": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"}},
		{"an IAM user is refused", "cloudtrail", trailWith("iam", "ListUsers", `,"errorCode":"AccessDenied","errorMessage":"User: arn:aws:iam::111122223333:user/deploy is not authorized to perform: iam:ListUsers","readOnly":true`), changed(trailEvent("iam", "ListUsers"), func(ev *schemas.Event) {
			ev.Outcome, ev.ErrorCode, ev.ErrorMessage = denied, "AccessDenied", "User: arn:aws:iam::111122223333:user/deploy is not authorized to perform: iam:ListUsers"
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
		}), nil},
		{"EC2 says that a caller is not authorized", "cloudtrail", trailWith("ec2", "RunInstances", `,"errorCode":"Client.UnauthorizedOperation"`), changed(trailEvent("ec2", "RunInstances"), func(ev *schemas.Event) {
			ev.Outcome, ev.ErrorCode = denied, "Client.UnauthorizedOperation"
		}), nil},
		{"a call fails for another reason", "cloudtrail", trailWith("s3", "GetBucketPolicy", `,"errorCode":"NoSuchBucketPolicy","readOnly":false`), changed(trailEvent("s3", "GetBucketPolicy"), func(ev *schemas.Event) {
			ev.Outcome, ev.ErrorCode, ev.ReadOnly = failed, "NoSuchBucketPolicy", schemas.ReadOnly_READ_ONLY_FALSE
		}), nil},
		{"a secret of another account is read by name", "cloudtrail", trailWith("secretsmanager", "GetSecretValue", `,"requestParameters":{"secretId":"prod/db"},"resources":[{"accountId":"444455556666","type":"AWS::SecretsManager::Secret","ARN":"arn:aws:secretsmanager:us-east-1:444455556666:secret:prod/db-AbCdEf"}]`), changed(trailEvent("secretsmanager", "GetSecretValue"), func(ev *schemas.Event) {
			ev.TargetAccount = "444455556666"
			ev.Resources = []string{"arn:aws:secretsmanager:us-east-1:444455556666:secret:prod/db-AbCdEf", "secret/prod/db"}
		}), nil},
		{"a service acts for itself", "cloudtrail", trailIdentity(`{"type":"AWSService","invokedBy":"lambda.amazonaws.com"}`, `,"sourceIPAddress":"lambda.amazonaws.com","userAgent":"lambda.amazonaws.com"`), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.UserAgent = "lambda.amazonaws.com", "AWSService", "lambda.amazonaws.com"
		}), map[string]string{"sourceIPAddress": "lambda.amazonaws.com"}},
		{"the root user with a second factor", "cloudtrail", trailIdentity(`{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEKEYID0002","sessionContext":{"attributes":{"creationDate":"2026-03-01T09:00:00Z","mfaAuthenticated":"true"}}}`, ``), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.Mfa = "arn:aws:iam::111122223333:root", "Root", true
			ev.CredentialId, ev.CredentialType, ev.SessionId = "ASIAEXAMPLEKEYID0002", "session", "ASIAEXAMPLEKEYID0002"
			ev.CredentialIssued = at("2026-03-01T09:00:00Z")
		}), nil},
		{"a principal of another account", "cloudtrail", trailIdentity(`{"type":"AWSAccount","principalId":"AROAOTHER:sess","accountId":"444455556666"}`, ``), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.Account, ev.TargetAccount = "AROAOTHER:sess", "AWSAccount", "444455556666", "111122223333"
		}), nil},
		{"nobody", "cloudtrail", trailIdentity(`{"type":"AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL"}`, ``), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.Account, ev.TargetAccount, ev.Anonymous = "ANONYMOUS_PRINCIPAL", "AWSAccount", "ANONYMOUS_PRINCIPAL", "111122223333", true
		}), nil},
		{"a federated user", "cloudtrail", trailIdentity(`{"type":"FederatedUser","principalId":"111122223333:alice","arn":"arn:aws:sts::111122223333:federated-user/alice","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEKEYID0003","sessionContext":{"sessionIssuer":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/broker","accountId":"111122223333","userName":"broker"}}}`, ``), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.PrincipalIssuer = "arn:aws:sts::111122223333:federated-user/alice", "FederatedUser", "arn:aws:iam::111122223333:user/broker"
			ev.CredentialId, ev.CredentialType, ev.SessionId = "ASIAEXAMPLEKEYID0003", "session", "ASIAEXAMPLEKEYID0003"
		}), nil},
		{"a web identity assumes a role", "cloudtrail", trailIdentity(`{"type":"WebIdentityUser","principalId":"cognito-identity.amazonaws.com:us-east-1:pool:sub","userName":"us-east-1:sub","identityProvider":"cognito-identity.amazonaws.com"}`, ``), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType = "cognito-identity.amazonaws.com:us-east-1:pool:sub", "WebIdentityUser"
		}), map[string]string{"userIdentity.identityProvider": "cognito-identity.amazonaws.com"}},
		{"a SAML user", "cloudtrail", trailIdentity(`{"type":"SAMLUser","principalId":"idp-hash:alice","userName":"alice@example.com","identityProvider":"idp"}`, ``), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType = "idp-hash:alice", "SAMLUser"
		}), nil},
		{"an Identity Center user", "cloudtrail", trailIdentity(`{"type":"IdentityCenterUser","accountId":"111122223333","onBehalfOf":{"userId":"544894e8-80c1-707f-60e3-3ba6510dfac1","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1"},"credentialId":"cred-77"}`, ``), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType = "544894e8-80c1-707f-60e3-3ba6510dfac1", "IdentityCenterUser"
			ev.CredentialId, ev.CredentialType, ev.SessionId = "cred-77", "session", "cred-77"
		}), nil},
		{"a session shows who is behind it, and a service that spoke for it", "cloudtrail", trailIdentity(`{"type":"AssumedRole","principalId":"AROA1:x","arn":"arn:aws:sts::111122223333:assumed-role/app/x","accountId":"111122223333","accessKeyId":"ASIAEXAMPLEKEYID0004","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/app"},"sourceIdentity":"alice@example.com","attributes":{"mfaAuthenticated":"false"}},"invokedBy":"athena.amazonaws.com"}`, ``), identityEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.PrincipalIssuer = "arn:aws:sts::111122223333:assumed-role/app/x", "AssumedRole", "arn:aws:iam::111122223333:role/app"
			ev.CredentialId, ev.CredentialType, ev.SessionId = "ASIAEXAMPLEKEYID0004", "session", "x"
			ev.Delegation = []string{"alice@example.com", "athena.amazonaws.com"}
		}), nil},
		{"an instance's session", "cloudtrail", trailSession("i-0123456789abcdef0", `"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/app"},"attributes":{"creationDate":"2026-03-01T09:00:00Z","mfaAuthenticated":"false"},"ec2RoleDelivery":"2.0"`, ``), sessionEvent("i-0123456789abcdef0", func(ev *schemas.Event) {
			ev.Workload, ev.CredentialIssued = "i-0123456789abcdef0", at("2026-03-01T09:00:00Z")
		}), map[string]string{"session.ec2RoleDelivery": "2.0"}},
		{"a function's session", "cloudtrail", trailSession("report", `"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/app"}`, `,"inScopeOf":{"issuerType":"AWS::Lambda::Function","credentialsIssuedTo":"arn:aws:lambda:us-east-1:111122223333:function:report"}`), sessionEvent("report", func(ev *schemas.Event) {
			ev.Workload = "arn:aws:lambda:us-east-1:111122223333:function:report"
		}), map[string]string{"userIdentity.inScopeOf.issuerType": "AWS::Lambda::Function"}},
		{"a pod's session", "cloudtrail", trailSession("eks-prod-ledger-7d9-5f0a3f6e-8a43-4be1-9a26-2f6d9f1f77aa", `"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/app"}`, ``), sessionEvent("eks-prod-ledger-7d9-5f0a3f6e-8a43-4be1-9a26-2f6d9f1f77aa", func(ev *schemas.Event) {
			ev.Workload = "eks-prod-ledger-7d9-5f0a3f6e-8a43-4be1-9a26-2f6d9f1f77aa"
		}), nil},
		{"a session of a web identity", "cloudtrail", trailSession("run", `"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/app"},"webIdFederationData":{"federatedProvider":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/E1","attributes":{"oidc.eks:aud":"sts.amazonaws.com","oidc.eks:sub":"system:serviceaccount:payments:ledger","oidc.eks:scope":"read write"}}`, ``), sessionEvent("run", func(ev *schemas.Event) {
			ev.Workload, ev.OauthClient, ev.Scopes = "system:serviceaccount:payments:ledger", "sts.amazonaws.com", []string{"read", "write"}
		}), map[string]string{"session.webIdentity.oidc.eks:sub": "system:serviceaccount:payments:ledger"}},
		{"a session by a client certificate", "cloudtrail", trailSession("00f3", `"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/app"},"sourceIdentity":"CN=printer-7"`, ``), sessionEvent("00f3", func(ev *schemas.Event) {
			ev.ClientCertificate, ev.Delegation = "CN=printer-7", []string{"CN=printer-7"}
		}), nil},
		{"a role acts on behalf of a person", "cloudtrail", trailSession("q", `"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/app"}`, `,"onBehalfOf":{"userId":"544894e8-80c1-707f-60e3-3ba6510dfac1","identityStoreArn":"arn:aws:identitystore::111122223333:identitystore/d-1"}`), sessionEvent("q", func(ev *schemas.Event) {
			ev.ActingAs, ev.Delegation = "544894e8-80c1-707f-60e3-3ba6510dfac1", []string{"544894e8-80c1-707f-60e3-3ba6510dfac1"}
		}), map[string]string{"userIdentity.onBehalfOf.identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"}},
		{"a call through an endpoint of a VPC is refused by it", "cloudtrail", trailWith("s3", "GetObject", `,"eventType":"AwsVpceEvent","errorCode":"VpceAccessDenied","vpcEndpointId":"vpce-1","vpcEndpointAccountId":"111122223333"`), changed(trailEvent("s3", "GetObject"), func(ev *schemas.Event) {
			ev.Outcome, ev.ErrorCode = denied, "VpceAccessDenied"
		}), map[string]string{"vpcEndpointId": "vpce-1", "eventType": "AwsVpceEvent"}},
		{"keys in lower case, as some lakes write them", "cloudtrail", `{"eventtime":"2026-03-01T10:00:00Z","eventsource":"ec2.amazonaws.com","eventname":"StopInstances","awsregion":"us-east-1","recipientAccountId":"111122223333"}`, &schemas.Event{
			Time: at("2026-03-01T10:00:00Z"), Operation: "ec2:StopInstances", Service: "ec2", CloudProvider: "aws", Region: "us-east-1", Account: "111122223333", Outcome: success, PrincipalType: "Unknown", Anonymous: true,
		}, nil},
		{"an event of EventBridge", "cloudtrail", `{"version":"0","id":"7a6e","detail-type":"AWS API Call via CloudTrail","source":"aws.iam","account":"111122223333","time":"2026-03-01T10:00:01Z","region":"us-east-1","resources":[],"detail":` + trailWith("iam", "ListUsers", "") + `}`, trailEvent("iam", "ListUsers"), nil},
		{"a console login fails", "cloudtrail", trailWith("signin", "ConsoleLogin", `,"errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"},"additionalEventData":{"MFAUsed":"Yes"}`), changed(trailEvent("signin", "ConsoleLogin"), func(ev *schemas.Event) {
			ev.Outcome, ev.ErrorMessage, ev.Mfa = denied, "Failed authentication", true
		}), nil},
	}
}

func TestGranteesAreRead(t *testing.T) {
	policy := func(statement string) string {
		return `{\"Version\":\"2012-10-17\",\"Statement\":` + strings.ReplaceAll(statement, `"`, `\"`) + `}`
	}
	for _, tt := range []struct {
		name, service, call, request string
		want                         []string
	}{
		{"a managed policy is attached to a user", "iam", "AttachUserPolicy", `{"userName":"bob","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`, []string{"user:bob", "policy:AdministratorAccess"}},
		{"a policy with a path is attached to a role", "iam", "AttachRolePolicy", `{"roleName":"app","policyArn":"arn:aws:iam::111122223333:policy/team/Deploy"}`, []string{"role:app", "policy:Deploy"}},
		{"detaching gives nothing", "iam", "DetachUserPolicy", `{"userName":"bob","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`, nil},
		{"an inline policy allows everything", "iam", "PutUserPolicy", `{"userName":"bob","policyDocument":"` + policy(`[{"Effect":"Allow","Action":"*","Resource":"*"}]`) + `"}`, []string{"user:bob", "policy:*"}},
		{"a percent-encoded inline policy allows everything", "iam", "PutRolePolicy", `{"roleName":"app","policyDocument":"%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%5B%22*%22%5D%2C%22Resource%22%3A%22*%22%7D%7D"}`, []string{"role:app", "policy:*"}},
		{"an inline policy allows all of one service", "iam", "CreatePolicyVersion", `{"policyDocument":"` + policy(`[{"Effect":"Allow","Action":["iam:*"],"Resource":["*"]}]`) + `"}`, []string{"policy:iam:*"}},
		{"an inline policy that denies gives nothing", "iam", "PutGroupPolicy", `{"policyDocument":"` + policy(`[{"Effect":"Deny","Action":"*","Resource":"*"}]`) + `"}`, nil},
		{"a role trusts another account", "iam", "UpdateAssumeRolePolicy", `{"roleName":"app","policyDocument":"` + policy(`[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"sts:AssumeRole"}]`) + `"}`, []string{"444455556666"}},
		{"a role trusts its own account", "iam", "CreateRole", `{"roleName":"app","assumeRolePolicyDocument":"` + policy(`[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:root"]},"Action":"sts:AssumeRole"}]`) + `"}`, nil},
		{"a role trusts a service", "iam", "CreateRole", `{"roleName":"app","assumeRolePolicyDocument":"` + policy(`[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]`) + `"}`, []string{"ec2.amazonaws.com"}},
		{"a user joins a group", "iam", "AddUserToGroup", `{"userName":"bob","groupName":"admins"}`, []string{"user:bob", "group:admins"}},
		{"a key is made for another user", "iam", "CreateAccessKey", `{"userName":"bob"}`, []string{"user:bob"}},
		{"a bucket gets a public canned ACL", "s3", "PutBucketAcl", `{"bucketName":"b","x-amz-acl":["public-read"]}`, []string{"public"}},
		{"a bucket keeps a private ACL", "s3", "PutBucketAcl", `{"bucketName":"b","x-amz-acl":["private"]}`, nil},
		{"an ACL names all users", "s3", "PutBucketAcl", `{"bucketName":"b","AccessControlPolicy":{"AccessControlList":{"Grant":[{"Grantee":{"xsi:type":"Group","URI":"http://acs.amazonaws.com/groups/global/AllUsers"},"Permission":"READ"}]}}}`, []string{"public"}},
		{"a bucket policy opens to everyone", "s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}}`, []string{"public"}},
		{"a bucket policy opens to everyone in the organisation", "s3", "PutBucketPolicy", `{"bucketName":"b","bucketPolicy":{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}}`, nil},
		{"a condition names the outside account", "sns", "SetTopicAttributes", `{"topicArn":"arn:aws:sns:us-east-1:111122223333:t","attributeName":"Policy","attributeValue":"` + policy(`[{"Effect":"Allow","Principal":"*","Action":"sns:Publish","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"444455556666"}}}]`) + `"}`, []string{"444455556666"}},
		{"a condition that narrows nothing", "s3", "PutBucketPolicy", `{"bucketPolicy":{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}}]}}`, []string{"public"}},
		{"a snapshot is shared with an account", "ec2", "ModifySnapshotAttribute", `{"snapshotId":"snap-1","createVolumePermission":{"add":{"items":[{"userId":"444455556666"}]}}}`, []string{"444455556666"}},
		{"a snapshot is shared with all", "ec2", "ModifySnapshotAttribute", `{"snapshotId":"snap-1","createVolumePermission":{"add":{"items":[{"group":"all"}]}}}`, []string{"public"}},
		{"a snapshot is no longer shared", "ec2", "ModifySnapshotAttribute", `{"snapshotId":"snap-1","createVolumePermission":{"remove":{"items":[{"group":"all"}]}}}`, nil},
		{"a database snapshot is shared with all", "rds", "ModifyDBSnapshotAttribute", `{"dBSnapshotIdentifier":"s","attributeName":"restore","valuesToAdd":["all"]}`, []string{"public"}},
		{"a port opens to the world", "ec2", "AuthorizeSecurityGroupIngress", `{"groupId":"sg-1","ipPermissions":{"items":[{"fromPort":22,"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`, []string{"public"}},
		{"a way out opens to the world", "ec2", "AuthorizeSecurityGroupEgress", `{"groupId":"sg-1","ipPermissions":{"items":[{"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}`, nil},
		{"anyone may call a function", "lambda", "AddPermission20150331v2", `{"functionName":"f","principal":"*","action":"lambda:InvokeFunctionUrl","functionUrlAuthType":"NONE"}`, []string{"public"}},
		{"an account may call a function", "lambda", "AddPermission20150331v2", `{"functionName":"f","principal":"444455556666"}`, []string{"444455556666"}},
		{"a function's URL needs no credential", "lambda", "CreateFunctionUrlConfig", `{"functionName":"f","authType":"NONE"}`, []string{"public"}},
		{"a key grant", "kms", "CreateGrant", `{"keyId":"k","granteePrincipal":"arn:aws:iam::444455556666:role/x"}`, []string{"arn:aws:iam::444455556666:role/x"}},
		{"a portfolio is shared with an account", "servicecatalog", "CreatePortfolioShare", `{"portfolioId":"p","accountId":"444455556666"}`, []string{"444455556666"}},
		{"an account may reach an endpoint service", "ec2", "ModifyVpcEndpointServicePermissions", `{"ModifyVpcEndpointServicePermissionsRequest":{"ServiceId":"s","AddAllowedPrincipals":{"content":"arn:aws:iam::444455556666:root","tag":1}}}`, []string{"444455556666"}},
		{"several accounts may reach an endpoint service", "ec2", "ModifyVpcEndpointServicePermissions", `{"ModifyVpcEndpointServicePermissionsRequest":{"AddAllowedPrincipals":[{"content":"arn:aws:iam::444455556666:root","tag":1},{"content":"arn:aws:iam::555566667777:root","tag":2}]}}`, []string{"444455556666", "555566667777"}},
		{"an account may no longer reach an endpoint service", "ec2", "ModifyVpcEndpointServicePermissions", `{"ModifyVpcEndpointServicePermissionsRequest":{"RemoveAllowedPrincipals":{"content":"arn:aws:iam::444455556666:root"}}}`, nil},
		{"a resource policy of a service unknown", "schemas", "PutResourcePolicy", `{"registryName":"r","policy":"` + policy(`[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"schemas:*","Resource":"*"}]`) + `"}`, []string{"444455556666"}},
		{"a key policy keeps its own account", "kms", "PutKeyPolicy", `{"keyId":"k","policy":"` + policy(`[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]`) + `"}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := parseOne(t, "cloudtrail", trailWith(tt.service, tt.call, `,"requestParameters":`+tt.request))
			if diff := cmp.Diff(tt.want, ev.Grantees); diff != "" {
				t.Errorf("grantees (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCloudTrailKeepsTheIDThatWasLogged(t *testing.T) {
	for _, c := range []struct{ name, id, want string }{
		{"a UUID, as AWS writes it", "3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f", "3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f"},
		{"another source's spelling", "evt-42", "evt-42"},
		{"none", "", ""},
		{"one too long to be an id", strings.Repeat("x", maxEventID+1), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := New("cloudtrail", Options{Hasher: testHasher})
			require.NoError(t, err)
			var got idOf
			p.Parse([]byte(`{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/a","accountId":"111122223333","userName":"a"},"eventID":"`+c.id+`"}`), &got)
			require.NoError(t, got.bad)
			require.Equal(t, c.want, got.id)
		})
	}
}

// idOf keeps what a handler was given: an id or the reason why not.
type idOf struct {
	id  string
	bad error
}

func (h *idOf) Event(_ int, ev *schemas.Event) { h.id = ev.Id }
func (h *idOf) Bad(_ int, _ []byte, err error) { h.bad = err }
