package simulate

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var (
	roles    = []string{"service", "lambda", "etl", "notebook", "controller"}
	machines = []string{"service", "lambda", "etl", "backup", "monitor", "weekly", "notebook", "vendor", "controller"}
	keyed    = []string{"legacy-key"}
	partners = []string{"partner"}
	gateway  = []string{"partner", "internal", "saas"}
	readers  = []string{"reader"}
	edges    = []string{"edge-user", "edge-json"}
)

// attacks is everything that can be played, each at most once in a fleet, on
// an identity of its own.
var attacks = []attack{
	// Declared policy.
	{name: "key-from-unapproved-country", intrinsic: true, no: 4, kinds: partners, fits: fixedPlace, network: "foreign", client: "own", title: "A partner's key is used from a country that its policy does not name; operations and client are its own.",
		play: func(a *act) {
			d := a.f.declare(a.id)
			d.managed = true
			d.allowed.Countries = countriesOf(a.id.nets)
			a.ip = pool(kindHosting, "FI")[a.d.IntN(2)] + 4711
			for range 4 {
				a.make(a.usual(), with{gap: 70})
			}
		}},
	{name: "unapproved-cloud-region", no: 4, kinds: []string{"service", "notebook", "etl"}, fits: inProduction, network: "usual", client: "own", title: "A role limited to two regions starts instances in a third.",
		play: func(a *act) {
			d := a.f.declare(a.id)
			d.managed = true
			d.allowed.Regions = []string{a.id.region, "us-east-1"}
			a.do("ec2:DescribeImages", with{region: "ap-southeast-1"})
			a.do("ec2:RunInstances", with{n: 2, gap: 40, region: "ap-southeast-1", params: `{"instancesSet":{"items":[{"imageId":"ami-$img","minCount":4,"maxCount":4}]},"instanceType":"g5.12xlarge"}`})
		}},
	{name: "revoked-access-key", no: 5, kinds: keyed, fits: inProduction, network: "usual", client: "own", title: "A key that was declared revoked days ago was never switched off, and is used.",
		play: func(a *act) { a.deadKey(3*24*time.Hour, faultNone) }},
	{name: "revoked-gateway-key-refused", no: 5, kinds: partners, fits: busy, network: "foreign", client: "other", refused: true, title: "Somebody tries a partner's revoked key again and again; the gateway refuses it.",
		play: func(a *act) { a.deadKey(5*24*time.Hour, faultUnauthenticated) }},
	{name: "expired-gateway-key", no: 5, kinds: []string{"saas"}, fits: inProduction, network: "usual", client: "own", title: "An integration goes on with a key whose expiry has passed; the gateway does not check.",
		play: func(a *act) {
			d := a.f.declare(a.id)
			d.managed = true
			old := a.id.keyAt(a.t)
			d.credentials = []schemas.KnownCredential{{Ref: old, Type: "api_key", Issued: a.moment(a.f.start - 200*dayMS), Expires: a.moment(a.t - 60*secMS)}}
			// From the expiry on, every call of it is the attack; these are listed.
			for range 3 {
				a.make(a.usual(), with{gap: 300, key: old})
			}
			a.id.keys = append(a.id.keys, key{ref: string(appendUUID(nil, hash(a.id.seed, 404))), from: a.t})
			d.credentials = append(d.credentials, schemas.KnownCredential{Ref: a.id.keys[1].ref, Type: "api_key", Issued: a.moment(a.t)})
			a.quiet(a.first-60*secMS, a.t)
		}},
	{name: "offboarded-integration", no: 5, kinds: []string{"edge-user"}, fits: inProduction, network: "usual", client: "own", title: "The warehouse of a former partner, offboarded days or weeks before, calls once more.",
		play: func(a *act) {
			left := a.f.judged - 2*dayMS
			a.quiet(left, a.f.end)
			d := a.f.declare(a.id)
			d.managed, d.offboarded = true, a.moment(left+hourMS)
			a.make(a.usual(), with{n: 6, gap: 25})
		}},
	{name: "job-outside-its-window", no: 6, kinds: []string{"backup", "etl"}, fits: nightly, network: "usual", client: "own", title: "A nightly job with a declared window runs in the middle of the day.",
		play: func(a *act) {
			d := a.f.declare(a.id)
			d.managed = true
			d.allowed.Schedule = &schemas.Schedule{Timezone: "UTC", Windows: []string{"Mon-Sun 00:00-11:30"}}
			a.id.noTail = true
			a.atHour(14)
			ops := a.own(true)
			for i := range 5 {
				a.make(ops[i%len(ops)], with{gap: 15})
			}
		}},
	{name: "call-out-of-scope", no: 7, kinds: partners, fits: busy, network: "usual", title: "A partner calls an API that its scopes do not name, with success.",
		play: func(a *act) {
			a.scoped()
			a.do("GET /v1/reports/{u}/download", with{n: 2, gap: 50})
			a.do("GET /v1/payouts?page={p}", with{n: 2, gap: 30})
		}},
	{name: "call-out-of-scope-refused", no: 7, kinds: []string{"saas"}, fits: inProduction, refused: true, title: "An integration tries an API outside its scopes and is refused.",
		play: func(a *act) {
			a.scoped()
			a.do("GET /v1/admin/users?page={p}", with{n: 3, gap: 40, fault: faultDenied})
		}},
	{name: "reader-writes-declared", no: 7, kinds: readers, fits: inProduction, title: "A consumer declared read-only changes stock levels.",
		play: func(a *act) {
			d := a.f.declare(a.id)
			d.managed = true
			d.allowed.Operations = []string{"GET *"}
			a.do("PUT /v1/products/{n}/stock", with{n: 5, gap: 30})
		}},
	{name: "staging-role-in-production", no: 8, kinds: []string{"service", "lambda", "etl", "ci-deploy"}, fits: inStaging, network: "usual", client: "own", title: "A staging role reads buckets of the production account.",
		play: func(a *act) {
			a.f.declare(a.id).managed = true
			a.do("s3:ListObjects", with{account: accountProd, gap: 15, params: `{"bucketName":"harborline-orders-export","Host":"harborline-orders-export.s3.$region.amazonaws.com","list-type":"2"}`})
			a.do("s3:GetObject", with{n: 4, gap: 12, account: accountProd, params: `{"bucketName":"harborline-orders-export","Host":"harborline-orders-export.s3.$region.amazonaws.com","key":"$key"}`})
		}},
	{name: "staging-consumer-in-production", no: 8, kinds: []string{"internal", "saas", "agent"}, fits: inStaging, network: "usual", client: "own", title: "A staging consumer calls the production host.",
		play: func(a *act) {
			a.f.declare(a.id).managed = true
			a.make(a.usual(), with{n: 5, gap: 20, account: hostProd})
		}},
	{name: "budget-burst", no: 9, kinds: gateway, fits: busy, network: "usual", client: "own", title: "A consumer with a budget of 60 calls a minute makes several hundred in one.",
		play: func(a *act) {
			a.budget(60, 80)
			a.make(a.usual(), with{n: 480, gap: 6, dense: true})
		}},
	{name: "budget-sustained", no: 9, kinds: gateway, fits: busy, network: "usual", client: "own", title: "A consumer with a budget of 30 calls a minute makes 45 for an hour.",
		play: func(a *act) {
			a.budget(30, 60)
			o := a.usual()
			for range 60 {
				a.make(o, with{n: 45, gap: 1, dense: true})
				a.t += 14 * secMS
			}
		}},

	// New sensitive operations.
	{name: "secrets-read", no: 13, kinds: []string{"etl", "monitor", "weekly", "notebook"}, fits: busy, network: "usual", client: "own", title: "A data job that never read a secret lists them and reads several of other teams.",
		play: func(a *act) {
			a.do("secretsmanager:ListSecrets", with{gap: 25})
			for i := range 5 {
				a.do("secretsmanager:GetSecretValue", with{gap: 12, params: `{"secretId":"prod/` + domains[(a.id.index+i*5)%len(domains)] + `/db"}`})
			}
		}},
	{name: "one-secret-read", no: 13, kinds: []string{"monitor", "vendor", "controller"}, fits: busy, title: "One single secret is read, by an identity that never read any.",
		play: func(a *act) {
			a.do("secretsmanager:GetSecretValue", with{params: `{"secretId":"prod/payments/signing"}`})
		}},
	{name: "parameters-decrypted-refused", no: 13, kinds: []string{"monitor", "vendor", "backup"}, fits: busy, refused: true, title: "A reader tries to fetch decrypted parameters and a secret, and is refused.",
		play: func(a *act) {
			a.do("ssm:GetParametersByPath", with{n: 2, fault: faultDenied, params: `{"path":"/production/","recursive":true,"withDecryption":true}`})
			a.do("secretsmanager:GetSecretValue", with{n: 2, fault: faultDenied, params: `{"secretId":"prod/payments/db"}`})
		}},
	{name: "access-key-minted", no: 13, kinds: []string{"service", "lambda", "controller"}, fits: busy, title: "A service's role makes an access key for an administrator's user.",
		play: func(a *act) {
			a.do("iam:ListUsers", with{})
			a.do("iam:CreateAccessKey", with{params: `{"userName":"breakglass-admin"}`, resp: `{"accessKey":{"userName":"breakglass-admin","accessKeyId":"AKIA$KEY16","status":"Active"}}`})
		}},
	{name: "user-with-login-made", no: 13, kinds: []string{"legacy-key", "notebook"}, fits: inProduction, network: "foreign", client: "other", title: "With a leaked key a new user is made, given a password and administrator's rights.",
		play: func(a *act) {
			a.do("iam:CreateUser", with{params: `{"userName":"support-sync"}`})
			a.do("iam:CreateLoginProfile", with{params: `{"userName":"support-sync","passwordResetRequired":false}`})
			a.do("iam:AttachUserPolicy", with{params: `{"userName":"support-sync","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`})
		}},
	{name: "admin-policy-attached", no: 13, kinds: roles, fits: busy, network: "usual", client: "own", title: "A workload attaches the administrator's policy to its own role.",
		play: func(a *act) {
			a.do("iam:AttachRolePolicy", with{params: `{"roleName":"$stem","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`})
		}},
	{name: "admin-policy-refused", no: 13, kinds: machines, fits: busy, client: "own", refused: true, title: "A workload tries to give itself more rights and is refused.",
		play: func(a *act) {
			a.do("iam:PutRolePolicy", with{n: 1, fault: faultDenied, params: `{"roleName":"$stem","policyName":"x","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"}`})
			a.do("iam:AttachRolePolicy", with{n: 2, fault: faultDenied, params: `{"roleName":"$stem","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`})
		}},
	{name: "snapshot-shared-outside", no: 13, kinds: []string{"backup", "service", "lambda"}, fits: busy, network: "usual", client: "own", title: "A volume's snapshot is shared with an account outside the organisation.",
		play: func(a *act) {
			a.do("ec2:ModifySnapshotAttribute", with{n: 2, params: `{"snapshotId":"$snap","createVolumePermission":{"add":{"items":[{"userId":"` + accountForeign + `"}]}},"attributeType":"CREATE_VOLUME_PERMISSION"}`})
		}},
	{name: "database-snapshot-shared", no: 13, kinds: []string{"backup", "etl", "notebook"}, fits: inProduction, network: "foreign", title: "A database snapshot may be restored by a foreign account.",
		play: func(a *act) {
			a.do("rds:DescribeDBSnapshots", with{})
			a.do("rds:ModifyDBSnapshotAttribute", with{params: `{"dBSnapshotIdentifier":"orders-prod-final","attributeName":"restore","valuesToAdd":["` + accountForeign + `"]}`})
		}},
	{name: "bucket-opened", no: 13, kinds: roles, fits: busy, title: "A bucket's public access block is taken off and its policy opened to everybody.",
		play: func(a *act) {
			a.do("s3:DeleteBucketPublicAccessBlock", with{params: `{"bucketName":"harborline-$stem-export","publicAccessBlock":""}`})
			a.do("s3:PutBucketPolicy", with{params: `{"bucketName":"harborline-$stem-export","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::harborline-$stem-export/*"}]},"policy":""}`})
		}},
	{name: "function-code-overwritten", no: 13, kinds: []string{"legacy-key", "service", "etl"}, fits: busy, title: "An identity that deploys nothing overwrites a function's code.",
		play: func(a *act) {
			a.do("lambda:ListFunctions20150331", with{})
			a.do("lambda:UpdateFunctionCode20150331v2", with{params: `{"functionName":"fn-checkout-1","zipFile":"HIDDEN_DUE_TO_SECURITY_REASONS","publish":false,"dryRun":false}`})
		}},
	{name: "remote-command", no: 13, kinds: []string{"monitor", "service", "lambda", "vendor"}, fits: busy, title: "A shell command is sent to many instances at once.",
		play: func(a *act) {
			a.do("ssm:SendCommand", with{n: 2, gap: 45, params: `{"documentName":"AWS-RunShellScript","targets":[{"key":"tag:env","values":["production"]}],"parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","interactive":false}`})
		}},
	{name: "container-entered", no: 13, kinds: []string{"ci-deploy"}, fits: busy, network: "foreign", client: "other", title: "With a pipeline's session somebody opens a shell in a running container.",
		play: func(a *act) { a.do("ecs:ExecuteCommand", with{n: 2, gap: 90}) }},
	{name: "trust-changed", no: 13, kinds: []string{"service", "lambda", "notebook"}, fits: busy, title: "A role's trust policy is changed to let a foreign account in.",
		play: func(a *act) {
			a.do("iam:UpdateAssumeRolePolicy", with{params: `{"roleName":"$stem","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::` + accountForeign + `:root\"},\"Action\":\"sts:AssumeRole\"}]}"}`})
		}},
	{name: "trail-stopped", no: 13, kinds: []string{"service", "legacy-key", "controller", "lambda"}, fits: inProduction, title: "The organisation's trail is stopped.",
		play: func(a *act) {
			a.do("cloudtrail:DescribeTrails", with{})
			a.do("cloudtrail:StopLogging", with{})
		}},
	{name: "trail-stop-refused", no: 13, kinds: roles, fits: busy, refused: true, title: "An attempt to stop the trail and to remove the threat detector is refused.",
		play: func(a *act) {
			a.do("cloudtrail:StopLogging", with{fault: faultDenied})
			a.do("guardduty:DeleteDetector", with{fault: faultDenied})
		}},
	{name: "objects-mass-deleted", no: 13, kinds: []string{"etl", "service", "legacy-key"}, fits: busy, network: "usual", client: "own", title: "An identity that only adds objects deletes hundreds, then the bucket's tables.",
		play: func(a *act) {
			a.do("s3:DeleteObject", with{n: 240, gap: 4, dense: true})
			a.do("dynamodb:DeleteTable", with{n: 2, gap: 20})
		}},
	{name: "backups-deleted", no: 13, kinds: []string{"service", "notebook", "lambda"}, fits: busy, title: "Database snapshots and a key are scheduled for deletion by an application's role.",
		play: func(a *act) {
			a.do("rds:DeleteDBSnapshot", with{n: 3, gap: 15, params: `{"dBSnapshotIdentifier":"orders-prod-$date"}`})
			a.do("kms:ScheduleKeyDeletion", with{})
		}},
	{name: "federation-token", no: 13, kinds: keyed, fits: busy, client: "other", title: "A long-lived key is turned into a federation session and a console login.",
		play: func(a *act) { a.do("sts:GetFederationToken", with{n: 2, gap: 60}) }},
	{name: "gateway-key-minted", no: 13, kinds: []string{"partner", "internal", "saas"}, fits: busy, title: "A consumer makes itself a new API key at the administration API.",
		play: func(a *act) {
			a.do("GET /v1/admin/api-keys", with{})
			a.do("POST /v1/admin/api-keys", with{n: 2})
		}},
	{name: "gateway-roles-changed", no: 13, kinds: []string{"internal", "partner", "agent"}, fits: busy, title: "A consumer gives a user administrator's roles.",
		play: func(a *act) { a.do("PUT /v1/admin/users/{n}/roles", with{n: 2, gap: 30}) }},
	{name: "debug-endpoint-read", no: 13, kinds: []string{"internal", "agent", "partner"}, fits: busy, network: "usual", title: "The environment of a service is read at a forgotten debug endpoint, then a secret.",
		play: func(a *act) {
			a.do("GET /internal/debug/env", with{n: 2})
			a.do("GET /v1/admin/secrets/{s}", with{n: 2})
		}},
	{name: "reader-deletes", no: 7, kinds: []string{"reader"}, fits: busy, title: "A feed that only ever read starts to delete customers.",
		play: func(a *act) { a.do("DELETE /v1/customers/{n}", with{n: 14, gap: 9}) }},
	{name: "edge-invoices-deleted", no: 13, kinds: edges, fits: busy, title: "A warehouse system deletes invoices one after the other.",
		play: func(a *act) { a.do("DELETE /v2/invoices/{n}", with{n: 40, gap: 6}) }},
	{name: "customer-export", no: 13, kinds: edges, fits: busy, title: "The whole customer list is exported, which this identity never did.",
		play: func(a *act) { a.do("GET /v2/export/customers", with{n: 3, gap: 120}) }},

	// Volume.
	{name: "partner-burst", no: 14, kinds: partners, fits: busy, network: "usual", client: "own", title: "A partner's key sends several hundred times its usual load for ten minutes.",
		play: func(a *act) {
			ops := a.own(true)
			for i := range 10 {
				a.make(ops[i%len(ops)], with{n: 180, gap: 3, dense: true})
			}
		}},
	{name: "partner-burst-low", no: 14, kinds: partners, fits: busy, network: "usual", client: "own", title: "A partner's key sends 200 reads in three quarters of an hour, some tens of times what is usual.",
		play: func(a *act) {
			ops := a.own(true)
			for i := range 200 {
				a.make(ops[i%len(ops)], with{gap: 12})
			}
		}},
	{name: "login-burst", no: 14, kinds: []string{"mobile"}, fits: busy, network: "foreign", client: "own", title: "Credential stuffing through the app's key: sessions are opened by the hundred, nearly all refused.",
		play: func(a *act) {
			a.do("POST /v1/sessions", with{n: 400, gap: 2, dense: true, fault: faultUnauthenticated})
			a.do("POST /v1/sessions", with{n: 6})
		}},
	{name: "hourly-becomes-secondly", no: 15, kinds: []string{"hourly-poster"}, network: "usual", client: "own", title: "A service that posts once an hour posts every second, for twenty minutes.",
		play: func(a *act) { a.make(a.own(false)[0], with{n: 1200, gap: 1, dense: true}) }},

	// Places.
	{name: "new-country-key", intrinsic: true, no: 16, kinds: []string{"partner", "saas"}, fits: fixedPlace, network: "foreign", client: "own", title: "A gateway key is used from a country where it never was, for ordinary reads.",
		play: func(a *act) {
			a.ip = a.abroad()
			ops := a.own(true)
			for i := range 8 {
				a.make(ops[i%len(ops)], with{gap: 110})
			}
		}},
	{name: "new-country-access-key", intrinsic: true, no: 16, kinds: keyed, fits: busy, network: "foreign", client: "own", title: "An access key of a data centre is used from abroad with its own client.",
		play: func(a *act) {
			a.ip = a.abroad()
			ops := a.own(true)
			for i := range 6 {
				a.make(ops[i%len(ops)], with{gap: 60})
			}
		}},
	{name: "two-far-places", intrinsic: true, no: 16, kinds: []string{"partner", "saas", "edge-user"}, fits: fixedPlace, network: "foreign", client: "own", title: "Within half an hour one credential is used at home and on another continent, in turns.",
		play: func(a *act) {
			far := pool(kindISP, "BR", "JP", "AU")[a.d.IntN(4)] + 2345
			ops := a.own(true)
			for i := range 8 {
				w := with{gap: 200, ip: far}
				if i%2 == 1 {
					w.ip = a.id.source(a.id.nets, int((a.t-a.f.start)/hourMS), 0, 0)
				}
				a.make(ops[i%len(ops)], w)
			}
		}},
	{name: "role-session-abroad", intrinsic: true, no: 16, kinds: []string{"service", "lambda", "etl"}, fits: busy, network: "foreign", client: "own", title: "A workload's session credentials are used outside of the cloud, for its usual reads.",
		play: func(a *act) {
			a.ip = a.abroad()
			a.make(a.usual(), with{n: 6, gap: 45})
			a.do("sts:GetCallerIdentity", with{})
		}},
	{name: "key-on-a-rented-server", intrinsic: true, no: 17, kinds: keyed, fits: busy, network: "foreign", client: "other", title: "A long-lived key turns up on a rented server with a command line client, which looks around.",
		play: func(a *act) {
			a.do("sts:GetCallerIdentity", with{})
			a.do("iam:ListUsers", with{gap: 8})
			a.do("s3:ListBuckets", with{gap: 8})
			a.do("iam:ListAttachedUserPolicies", with{gap: 8})
			a.do("ec2:DescribeInstances", with{gap: 8, fault: faultDenied})
		}},
	{name: "gateway-key-elsewhere", intrinsic: true, no: 17, kinds: gateway, fits: fixedPlace, network: "foreign", client: "other", title: "A gateway key is used from a network that is not its own, by another program, beside the usual traffic.",
		play: func(a *act) {
			ops := a.own(true)
			for i := range 12 {
				a.make(ops[i%len(ops)], with{gap: 50})
			}
		}},
	{name: "key-in-the-office", intrinsic: true, no: 17, kinds: keyed, fits: busy, network: "known", client: "other", title: "A server's key is used from the office network with another client.",
		play: func(a *act) {
			a.do("sts:GetCallerIdentity", with{})
			a.do("s3:ListBuckets", with{gap: 20})
			a.make(a.usual(), with{n: 4, gap: 30})
		}},

	// Persons.
	{name: "person-with-a-role", intrinsic: true, no: 18, kinds: []string{"service", "etl", "lambda"}, fits: busy, network: "known", title: "An engineer uses a workload's role from a laptop, over the office network.",
		play: func(a *act) {
			a.agent = a.pick(foreignAgents["laptop"])
			a.label.Client = "other"
			a.do("sts:GetCallerIdentity", with{gap: 40})
			a.do("s3:ListBuckets", with{gap: 60})
			a.make(a.usual(), with{n: 4, gap: 45})
		}},
	{name: "browser-with-a-key", intrinsic: true, no: 18, kinds: []string{"partner", "edge-user", "saas"}, fits: fixedPlace, network: "foreign", client: "other", title: "A machine's credential is used with a browser, from a home.",
		play: func(a *act) {
			a.agent = a.pick(foreignAgents["browser"])
			a.ip = pool(kindISP, "US", "GB")[a.d.IntN(8)] + 7000
			ops := a.own(true)
			for i := range 9 {
				a.make(ops[i%len(ops)], with{gap: 35})
			}
		}},
	{name: "console-with-a-key", intrinsic: true, no: 18, kinds: []string{"legacy-key", "vendor"}, fits: busy, network: "foreign", client: "other", title: "The console is used with a machine's identity.",
		play: func(a *act) {
			a.agent = a.pick(foreignAgents["browser"])
			a.do("s3:ListBuckets", with{})
			a.do("ec2:DescribeInstances", with{})
			a.do("iam:ListUsers", with{})
			a.do("monitoring:DescribeAlarms", with{})
		}},

	// Absence.
	{name: "dormant-key-wakes", no: 19, kinds: keyed, network: "foreign", client: "other", title: "A key that has been quiet since the first week is used again, from elsewhere.",
		play: func(a *act) {
			a.f.declare(a.id).managed = true
			a.quiet(a.earlyDays(), a.f.end)
			a.later(0.6)
			a.do("sts:GetCallerIdentity", with{})
			a.do("s3:ListBuckets", with{})
			a.make(a.usual(), with{n: 3})
		}},
	{name: "dormant-role-wakes", no: 19, kinds: []string{"notebook", "service", "weekly"}, fits: inProduction, network: "usual", client: "own", title: "A role unused for seven months according to the inventory does its old work again.",
		play: func(a *act) {
			a.quiet(a.f.start, a.f.end)
			d := a.f.declare(a.id)
			d.managed, d.lastUsed = true, a.moment(a.f.start-210*dayMS)
			a.make(a.usual(), with{n: 5, gap: 30})
		}},
	{name: "dormant-partner-wakes", no: 19, kinds: []string{"partner", "reader"}, fits: inProduction, network: "usual", client: "own", title: "A partner that stopped calling weeks ago calls again, as it used to.",
		play: func(a *act) {
			a.quiet(a.earlyDays(), a.f.end)
			a.later(0.65)
			a.make(a.usual(), with{n: 6, gap: 40})
		}},
	{name: "heartbeat-stops", intrinsic: true, no: 20, kinds: []string{"heartbeat"}, network: "usual", client: "own", title: "A heartbeat every few minutes stops for good.",
		play: func(a *act) { a.silence(40 * hourMS) }},
	{name: "heartbeat-pauses", intrinsic: true, no: 20, kinds: []string{"edge-cron", "heartbeat"}, network: "usual", client: "own", title: "A regular caller is silent for five hours.",
		play: func(a *act) { a.silence(5 * hourMS) }},
	{name: "scraper-stops", intrinsic: true, no: 20, kinds: []string{"monitor"}, fits: frequent, network: "usual", client: "own", title: "A monitoring role that polls day and night stops.",
		play: func(a *act) { a.silence(18 * hourMS) }},

	// Probing, walking, carrying away.
	{name: "permissions-probed", no: 22, kinds: machines, fits: busy, refused: true, title: "A score of actions is tried one after the other, all refused.",
		play: func(a *act) { a.probe(24, 8) }},
	{name: "permissions-probed-slowly", no: 22, kinds: machines, fits: busy, network: "usual", client: "own", refused: true, title: "A dozen actions are tried over two hours, all refused.",
		play: func(a *act) { a.probe(12, 600) }},
	{name: "routes-probed", no: 22, kinds: []string{"partner", "reader", "saas"}, fits: busy, refused: true, title: "A gateway key tries routes that it has no right to.",
		play: func(a *act) {
			for _, name := range []string{"GET /v1/admin/users?page={p}", "GET /v1/admin/tenants", "GET /v1/admin/audit", "GET /v1/payouts?page={p}", "GET /v1/customers/export", "GET /v1/admin/api-keys", "GET /v1/orders/export?from={d}", "GET /internal/debug/env", "GET /v1/documents/{n}", "GET /v1/webhooks", "GET /v1/templates", "GET /internal/debug/heap", "GET /v1/metrics/daily?date={d}"} {
				a.do(name, with{gap: 12, fault: faultDenied})
			}
		}},
	{name: "orders-walked", no: 23, kinds: partners, fits: busy, network: "usual", client: "own", title: "Order numbers are walked one by one, five hundred in a quarter of an hour.",
		play: func(a *act) {
			a.do("GET /v1/orders/{n}", with{n: 500, gap: 2, object: 2_000_000 + uint64(a.d.IntN(100000)), walk: 1})
		}},
	{name: "customers-walked-slowly", no: 23, kinds: []string{"internal"}, fits: busy, network: "usual", title: "Customer numbers are walked one by one, 160 in an hour and a half.",
		play: func(a *act) {
			a.do("GET /v1/customers/{n}", with{n: 160, gap: 34, object: 3_000_000 + uint64(a.d.IntN(100000)), walk: 1})
		}},
	{name: "invoices-walked", no: 23, kinds: edges, fits: busy, network: "foreign", title: "Invoices are fetched by counting up, many of them missing.",
		play: func(a *act) {
			base := 5_000_000 + uint64(a.d.IntN(100000))
			for i := range 150 {
				w := with{gap: 5, object: base + uint64(i)}
				if i%3 == 1 {
					w.fault = faultMissing
				}
				a.do("GET /v2/invoices/{n}", w)
			}
		}},
	{name: "bucket-carried-away", no: 24, kinds: []string{"etl", "service", "legacy-key"}, fits: readsObjects, network: "usual", client: "own", title: "Forty objects of a gigabyte and a half each are read, where a few hundred kilobytes are usual.",
		play: func(a *act) { a.do("s3:GetObject", with{n: 40, gap: 25, bytes: 1_500_000_000}) }},
	{name: "reports-carried-away", no: 24, kinds: []string{"saas", "internal", "partner"}, fits: busy, network: "usual", client: "own", title: "Answers of forty megabytes, at an hour's pace that would not stand out.",
		play: func(a *act) { a.make(a.own(true)[0], with{n: 12, gap: 60, bytes: 40_000_000}) }},
	{name: "edge-carried-away", no: 24, kinds: edges, fits: busy, title: "A quarter of a gigabyte leaves in each of a few answers.",
		play: func(a *act) { a.make(a.own(true)[0], with{n: 5, gap: 150, bytes: 260_000_000}) }},
}
