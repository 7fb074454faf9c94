package simulate

import (
	"fmt"
	"strings"
)

// op is something that identities do: an action of the cloud's API, or a
// request at a gateway.
type op struct {
	name string // "s3:GetObject" or "GET /v1/orders/{n}"

	// Cloud.
	source, action string
	read           bool // CloudTrail's readOnly
	data           bool // a data event
	global         bool // logged in us-east-1 whatever the caller's region
	params, resp   template

	// Gateway.
	method  string
	path    template
	service int // index into apiServices

	size float64 // median bytes out; 0 is unknown
	wait float64 // median milliseconds
}

// What CloudTrail says of the actions used here: r reads, w writes, d is a data
// event, g is a global service. Parameters are what the service logs.
var cloudOps = []struct {
	name, flags, params, resp string
	size                      float64
}{
	{"sts:GetCallerIdentity", "r", "", "", 0},
	{"sts:AssumeRole", "r", `{"roleArn":"arn:aws:iam::$acct:role/$stem","roleSessionName":"$hex8","durationSeconds":3600}`, `{"credentials":{"accessKeyId":"ASIA$KEY16","sessionToken":"HIDDEN_DUE_TO_SECURITY_REASONS","expiration":"Jul 1, 2026, 1:00:00 PM"},"assumedRoleUser":{"assumedRoleId":"AROA$KEY17:$hex8","arn":"arn:aws:sts::$acct:assumed-role/$stem/$hex8"}}`, 0},
	{"sts:GetSessionToken", "r", `{"durationSeconds":43200}`, "", 0},
	{"sts:GetFederationToken", "w", `{"name":"support","durationSeconds":43200}`, "", 0},
	{"s3:GetObject", "rd", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$key"}`, "", 180000},
	{"s3:PutObject", "wd", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$key","x-amz-server-side-encryption":"aws:kms"}`, `{"x-amz-server-side-encryption":"aws:kms"}`, 0},
	{"s3:HeadObject", "rd", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$key"}`, "", 0},
	{"s3:DeleteObject", "wd", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","key":"$key"}`, "", 0},
	{"s3:ListObjects", "rd", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","list-type":"2","prefix":"$prefix"}`, "", 22000},
	{"s3:ListBuckets", "r", `{"Host":"s3.$region.amazonaws.com"}`, "", 0},
	{"s3:GetBucketLocation", "r", `{"bucketName":"$bucket","Host":"s3.$region.amazonaws.com","location":""}`, "", 0},
	{"s3:GetBucketVersioning", "r", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","versioning":""}`, "", 0},
	{"s3:GetBucketTagging", "r", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","tagging":""}`, "", 0},
	{"s3:GetBucketLifecycle", "r", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","lifecycle":""}`, "", 0},
	{"s3:GetBucketEncryption", "r", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","encryption":""}`, "", 0},
	{"s3:GetBucketPolicy", "r", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","policy":""}`, "", 0},
	{"s3:GetBucketAcl", "r", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","acl":""}`, "", 0},
	{"s3:GetBucketPublicAccessBlock", "r", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","publicAccessBlock":""}`, "", 0},
	{"s3:CreateBucket", "w", `{"bucketName":"$bucket-$hex8","CreateBucketConfiguration":{"LocationConstraint":"$region"}}`, "", 0},
	{"s3:PutBucketTagging", "w", `{"bucketName":"$bucket","tagging":""}`, "", 0},
	{"s3:PutBucketPolicy", "w", `{"bucketName":"$bucket","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::$acct:role/$stem"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::$bucket/*"}]},"policy":""}`, "", 0},
	{"s3:DeleteBucketPublicAccessBlock", "w", `{"bucketName":"$bucket","publicAccessBlock":""}`, "", 0},
	{"s3:PutBucketLifecycle", "w", `{"bucketName":"$bucket","lifecycle":"","LifecycleConfiguration":{"Rule":{"ID":"expire-tmp","Status":"Enabled","Filter":{"Prefix":"tmp/"},"Expiration":{"Days":30}}}}`, "", 0},
	{"s3:DeleteObjects", "wd", `{"bucketName":"$bucket","Host":"$bucket.s3.$region.amazonaws.com","delete":""}`, "", 0},
	{"s3:DeleteBucket", "w", `{"bucketName":"$bucket"}`, "", 0},
	{"kms:Decrypt", "r", `{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$bucket"}}`, "", 0},
	{"kms:GenerateDataKey", "r", `{"keyId":"arn:aws:kms:$region:$acct:key/$kms","keySpec":"AES_256"}`, "", 0},
	{"kms:DescribeKey", "r", `{"keyId":"arn:aws:kms:$region:$acct:key/$kms"}`, "", 0},
	{"kms:ListAliases", "r", `{"limit":100}`, "", 0},
	{"kms:GetKeyRotationStatus", "r", `{"keyId":"$kms"}`, "", 0},
	{"kms:ScheduleKeyDeletion", "w", `{"keyId":"$kms","pendingWindowInDays":7}`, "", 0},
	{"kms:CreateGrant", "w", `{"keyId":"arn:aws:kms:$region:$acct:key/$kms","operations":["Decrypt","GenerateDataKey"],"granteePrincipal":"ec2.amazonaws.com"}`, "", 0},
	{"secretsmanager:GetSecretValue", "r", `{"secretId":"$secret"}`, "", 0},
	{"secretsmanager:BatchGetSecretValue", "r", `{"filters":[{"key":"all","values":["prod"]}]}`, "", 0},
	{"secretsmanager:DescribeSecret", "r", `{"secretId":"$secret"}`, "", 0},
	{"secretsmanager:ListSecrets", "r", `{"maxResults":100}`, "", 0},
	{"secretsmanager:PutSecretValue", "w", `{"secretId":"$secret","clientRequestToken":"$uuid"}`, `{"arn":"arn:aws:secretsmanager:$region:$acct:secret:$secret"}`, 0},
	{"secretsmanager:DeleteSecret", "w", `{"secretId":"$secret","forceDeleteWithoutRecovery":true}`, "", 0},
	{"ssm:GetParameter", "r", `{"name":"/$env/$stem/config","withDecryption":false}`, "", 0},
	{"ssm:GetParametersByPath", "r", `{"path":"/$env/$stem/","recursive":true,"withDecryption":true}`, "", 0},
	{"ssm:DescribeParameters", "r", `{"maxResults":50}`, "", 0},
	{"ssm:DescribeInstanceInformation", "r", `{"maxResults":50}`, "", 0},
	{"ssm:ListCommands", "r", `{"maxResults":25}`, "", 0},
	{"ssm:SendCommand", "w", `{"documentName":"AWS-RunShellScript","instanceIds":["$inst"],"parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","interactive":false}`, `{"command":{"commandId":"$uuid","status":"Pending","documentName":"AWS-RunShellScript"}}`, 0},
	{"ssm:StartSession", "w", `{"target":"$inst"}`, `{"sessionId":"$hex8","tokenValue":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, 0},
	{"dynamodb:GetItem", "rd", `{"tableName":"$table","key":{"pk":"$n"},"consistentRead":false}`, "", 0},
	{"dynamodb:Query", "rd", `{"tableName":"$table","keyConditionExpression":"pk = :pk","limit":50}`, "", 0},
	{"dynamodb:PutItem", "wd", `{"tableName":"$table","key":{"pk":"$n"}}`, "", 0},
	{"dynamodb:UpdateItem", "wd", `{"tableName":"$table","key":{"pk":"$n"}}`, "", 0},
	{"dynamodb:BatchWriteItem", "wd", `{"requestItems":{"$table":[]}}`, "", 0},
	{"dynamodb:Scan", "rd", `{"tableName":"$table","limit":1000}`, "", 0},
	{"dynamodb:DescribeTable", "r", `{"tableName":"$table"}`, "", 0},
	{"dynamodb:ListTables", "r", `{"limit":100}`, "", 0},
	{"dynamodb:DescribeContinuousBackups", "r", `{"tableName":"$table"}`, "", 0},
	{"dynamodb:CreateBackup", "w", `{"tableName":"$table","backupName":"$table-$date"}`, "", 0},
	{"dynamodb:DeleteBackup", "w", `{"backupArn":"arn:aws:dynamodb:$region:$acct:table/$table/backup/$hex8"}`, "", 0},
	{"dynamodb:DeleteTable", "w", `{"tableName":"$table"}`, "", 0},
	{"dynamodb:ExportTableToPointInTime", "w", `{"tableArn":"arn:aws:dynamodb:$region:$acct:table/$table","s3Bucket":"$bucket","exportFormat":"DYNAMODB_JSON"}`, "", 0},
	{"sqs:GetQueueAttributes", "r", `{"queueUrl":"https://sqs.$region.amazonaws.com/$acct/$queue","attributeNames":["ApproximateNumberOfMessages"]}`, "", 0},
	{"sqs:ListQueues", "r", "", "", 0},
	{"sqs:PurgeQueue", "w", `{"queueUrl":"https://sqs.$region.amazonaws.com/$acct/$queue"}`, "", 0},
	{"sns:Publish", "wd", `{"topicArn":"arn:aws:sns:$region:$acct:$queue","message":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, "", 0},
	{"sns:ListTopics", "r", "", "", 0},
	{"sns:ListSubscriptions", "r", "", "", 0},
	{"ses:SendEmail", "w", `{"fromEmailAddress":"no-reply@harborline.example","destination":{"toAddresses":["HIDDEN_DUE_TO_SECURITY_REASONS"]}}`, `{"messageId":"$uuid"}`, 0},
	{"ses:GetSendQuota", "r", "", "", 0},
	{"ecr:GetAuthorizationToken", "r", "", "", 0},
	{"ecr:BatchCheckLayerAvailability", "r", `{"repositoryName":"$stem","layerDigests":["sha256:$hex32$hex32"]}`, "", 0},
	{"ecr:BatchGetImage", "r", `{"repositoryName":"$stem","imageIds":[{"imageTag":"latest"}]}`, "", 0},
	{"ecr:InitiateLayerUpload", "w", `{"repositoryName":"$stem"}`, `{"uploadId":"$uuid","partSize":10485760}`, 0},
	{"ecr:CompleteLayerUpload", "w", `{"repositoryName":"$stem","uploadId":"$uuid","layerDigests":["sha256:$hex32$hex32"]}`, "", 0},
	{"ecr:PutImage", "w", `{"repositoryName":"$stem","imageTag":"$hex8"}`, "", 0},
	{"ecr:DescribeImages", "r", `{"repositoryName":"$stem"}`, "", 0},
	{"ecr:DescribeRepositories", "r", `{"maxResults":100}`, "", 0},
	{"ecr:DescribeImageScanFindings", "r", `{"repositoryName":"$stem","imageId":{"imageTag":"$hex8"}}`, "", 0},
	{"ecr:GetLifecyclePolicy", "r", `{"repositoryName":"$stem"}`, "", 0},
	{"ecs:DescribeServices", "r", `{"cluster":"$cluster","services":["$stem"]}`, "", 0},
	{"ecs:DescribeTaskDefinition", "r", `{"taskDefinition":"$stem"}`, "", 0},
	{"ecs:DescribeTasks", "r", `{"cluster":"$cluster","tasks":["$hex32"]}`, "", 0},
	{"ecs:ListTasks", "r", `{"cluster":"$cluster","serviceName":"$stem"}`, "", 0},
	{"ecs:DescribeClusters", "r", `{"clusters":["$cluster"]}`, "", 0},
	{"ecs:RegisterTaskDefinition", "w", `{"family":"$stem","containerDefinitions":[{"name":"app","image":"$acct.dkr.ecr.$region.amazonaws.com/$stem:$hex8"}]}`, "", 0},
	{"ecs:UpdateService", "w", `{"cluster":"$cluster","service":"$stem","taskDefinition":"$stem:$n"}`, "", 0},
	{"ecs:RunTask", "w", `{"cluster":"$cluster","taskDefinition":"$stem-migrate:$n","launchType":"FARGATE"}`, "", 0},
	{"ecs:ExecuteCommand", "w", `{"cluster":"$cluster","task":"$hex32","command":"HIDDEN_DUE_TO_SECURITY_REASONS","interactive":true}`, "", 0},
	{"ecs:ListServices", "r", `{"cluster":"$cluster"}`, "", 0},
	{"lambda:GetFunction20150331v2", "r", `{"functionName":"$stem"}`, "", 0},
	{"lambda:ListFunctions20150331", "r", "", "", 0},
	{"lambda:GetFunctionConfiguration20150331v2", "r", `{"functionName":"$stem"}`, "", 0},
	{"lambda:UpdateFunctionCode20150331v2", "w", `{"functionName":"$stem","publish":true,"s3Bucket":"$bucket","s3Key":"$hex8.zip","dryRun":false}`, `{"functionName":"$stem","codeSha256":"$hex32","version":"$n"}`, 0},
	{"lambda:UpdateFunctionConfiguration20150331v2", "w", `{"functionName":"$stem","timeout":30}`, "", 0},
	{"lambda:PublishVersion20150331", "w", `{"functionName":"$stem"}`, "", 0},
	{"lambda:AddPermission20150331v2", "w", `{"functionName":"$stem","statementId":"invoke","action":"lambda:InvokeFunction","principal":"events.amazonaws.com"}`, "", 0},
	{"lambda:CreateFunction20150331", "w", `{"functionName":"$stem-$hex8","runtime":"python3.12","role":"arn:aws:iam::$acct:role/$stem","handler":"app.handler"}`, "", 0},
	{"logs:CreateLogStream", "w", `{"logGroupName":"/aws/lambda/$stem","logStreamName":"2026/06/[$$LATEST]$hex32"}`, "", 0},
	{"logs:CreateLogGroup", "w", `{"logGroupName":"/aws/lambda/$stem"}`, "", 0},
	{"logs:DescribeLogGroups", "r", `{"limit":50}`, "", 0},
	{"logs:DescribeLogStreams", "r", `{"logGroupName":"/aws/lambda/$stem","orderBy":"LastEventTime"}`, "", 0},
	{"logs:FilterLogEvents", "r", `{"logGroupName":"/aws/lambda/$stem","filterPattern":"ERROR"}`, "", 0},
	{"logs:StartQuery", "r", `{"logGroupName":"/aws/lambda/$stem","queryString":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, "", 0},
	{"logs:GetQueryResults", "r", `{"queryId":"$uuid"}`, "", 0},
	{"logs:PutRetentionPolicy", "w", `{"logGroupName":"/aws/lambda/$stem","retentionInDays":30}`, "", 0},
	{"logs:DeleteLogGroup", "w", `{"logGroupName":"/aws/lambda/$stem"}`, "", 0},
	{"monitoring:GetMetricData", "rd", `{"startTime":"Jun 15, 2026, 10:00:00 AM","endTime":"Jun 15, 2026, 10:05:00 AM","metricDataQueries":[{"id":"m1"}]}`, "", 0},
	{"monitoring:ListMetrics", "r", `{"namespace":"AWS/EC2"}`, "", 0},
	{"monitoring:DescribeAlarms", "r", `{"maxRecords":100}`, "", 0},
	{"monitoring:PutMetricData", "wd", `{"namespace":"Harborline/$stem"}`, "", 0},
	{"monitoring:PutMetricAlarm", "w", `{"alarmName":"$stem-errors","metricName":"Errors","threshold":10}`, "", 0},
	{"monitoring:GetDashboard", "r", `{"dashboardName":"$stem"}`, "", 0},
	{"tagging:GetResources", "r", `{"resourcesPerPage":100,"resourceTypeFilters":["ec2:instance"]}`, "", 0},
	{"ec2:DescribeInstances", "r", `{"maxResults":1000,"instancesSet":{},"filterSet":{}}`, "", 0},
	{"ec2:DescribeInstanceStatus", "r", `{"instancesSet":{"items":[{"instanceId":"$inst"}]},"filterSet":{}}`, "", 0},
	{"ec2:DescribeVolumes", "r", `{"volumeSet":{},"filterSet":{}}`, "", 0},
	{"ec2:DescribeSnapshots", "r", `{"ownersSet":{"items":[{"owner":"self"}]},"filterSet":{}}`, "", 0},
	{"ec2:DescribeImages", "r", `{"ownersSet":{"items":[{"owner":"self"}]},"filterSet":{}}`, "", 0},
	{"ec2:DescribeSubnets", "r", `{"subnetSet":{},"filterSet":{}}`, "", 0},
	{"ec2:DescribeVpcs", "r", `{"vpcSet":{},"filterSet":{}}`, "", 0},
	{"ec2:DescribeSecurityGroups", "r", `{"securityGroupSet":{},"filterSet":{}}`, "", 0},
	{"ec2:DescribeRegions", "r", `{"regionSet":{}}`, "", 0},
	{"ec2:DescribeAvailabilityZones", "r", `{"availabilityZoneSet":{}}`, "", 0},
	{"ec2:DescribeRouteTables", "r", `{"routeTableIdSet":{},"filterSet":{}}`, "", 0},
	{"ec2:DescribeNatGateways", "r", `{"DescribeNatGatewaysRequest":{"MaxResults":50}}`, "", 0},
	{"ec2:DescribeAddresses", "r", `{"publicIpsSet":{},"filterSet":{}}`, "", 0},
	{"ec2:DescribeNetworkInterfaces", "r", `{"networkInterfaceIdSet":{},"filterSet":{}}`, "", 0},
	{"ec2:DescribeTags", "r", `{"filterSet":{}}`, "", 0},
	{"ec2:DescribeInstanceTypes", "r", `{"DescribeInstanceTypesRequest":{"MaxResults":100}}`, "", 0},
	{"ec2:DescribeSpotPriceHistory", "r", `{"instanceTypeSet":{"items":[{"instanceType":"m6i.large"}]}}`, "", 0},
	{"ec2:DescribeLaunchTemplates", "r", `{"DescribeLaunchTemplatesRequest":{"MaxResults":50}}`, "", 0},
	{"ec2:DescribeReservedInstances", "r", `{"filterSet":{}}`, "", 0},
	{"ec2:DescribeFlowLogs", "r", `{"DescribeFlowLogsRequest":{}}`, "", 0},
	{"ec2:DescribeVpcEndpoints", "r", `{"DescribeVpcEndpointsRequest":{}}`, "", 0},
	{"ec2:DescribeKeyPairs", "r", `{"keyPairSet":{}}`, "", 0},
	{"ec2:GetConsoleOutput", "r", `{"instanceId":"$inst"}`, "", 0},
	{"ec2:GetPasswordData", "r", `{"instanceId":"$inst"}`, "", 0},
	{"ec2:CreateTags", "w", `{"resourcesSet":{"items":[{"resourceId":"$inst"}]},"tagSet":{"items":[{"key":"team","value":"$team"}]}}`, `{"requestId":"$uuid","_return":true}`, 0},
	{"ec2:CreateSnapshot", "w", `{"volumeId":"$vol","description":"nightly $date"}`, `{"requestId":"$uuid","snapshotId":"$snap","volumeId":"$vol","status":"pending"}`, 0},
	{"ec2:DeleteSnapshot", "w", `{"snapshotId":"$snap"}`, `{"requestId":"$uuid","_return":true}`, 0},
	{"ec2:CopySnapshot", "w", `{"sourceRegion":"$region","sourceSnapshotId":"$snap","encrypted":true}`, "", 0},
	{"ec2:ModifySnapshotAttribute", "w", `{"snapshotId":"$snap","createVolumePermission":{"add":{"items":[{"userId":"$acct"}]}},"attributeType":"CREATE_VOLUME_PERMISSION"}`, `{"requestId":"$uuid","_return":true}`, 0},
	{"ec2:RunInstances", "w", `{"instancesSet":{"items":[{"imageId":"ami-$img","minCount":1,"maxCount":1}]},"instanceType":"m6i.large","disableApiTermination":false}`, `{"requestId":"$uuid","reservationId":"r-$hex17"}`, 0},
	{"ec2:CreateFleet", "w", `{"CreateFleetRequest":{"Type":"instant","TargetCapacitySpecification":{"TotalTargetCapacity":1}}}`, "", 0},
	{"ec2:TerminateInstances", "w", `{"instancesSet":{"items":[{"instanceId":"$inst"}]}}`, "", 0},
	{"ec2:StopInstances", "w", `{"instancesSet":{"items":[{"instanceId":"$inst"}]},"force":false}`, "", 0},
	{"ec2:RebootInstances", "w", `{"instancesSet":{"items":[{"instanceId":"$inst"}]}}`, "", 0},
	{"ec2:CreateLaunchTemplate", "w", `{"CreateLaunchTemplateRequest":{"LaunchTemplateName":"$stem-$hex8"}}`, "", 0},
	{"ec2:DeleteLaunchTemplate", "w", `{"DeleteLaunchTemplateRequest":{"LaunchTemplateName":"$stem-$hex8"}}`, "", 0},
	{"ec2:AuthorizeSecurityGroupIngress", "w", `{"groupId":"sg-$hex17","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"groups":{},"ipRanges":{"items":[{"cidrIp":"10.20.0.0/16"}]}}]}}`, `{"requestId":"$uuid","_return":true}`, 0},
	{"ec2:RevokeSecurityGroupIngress", "w", `{"groupId":"sg-$hex17","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443}]}}`, "", 0},
	{"ec2:CreateKeyPair", "w", `{"keyName":"$hex8"}`, "", 0},
	{"autoscaling:DescribeAutoScalingGroups", "r", `{"maxRecords":100}`, "", 0},
	{"autoscaling:SetDesiredCapacity", "w", `{"autoScalingGroupName":"$stem","desiredCapacity":6}`, "", 0},
	{"elasticloadbalancing:DescribeTargetHealth", "r", `{"targetGroupArn":"arn:aws:elasticloadbalancing:$region:$acct:targetgroup/$stem/$hex8"}`, "", 0},
	{"elasticloadbalancing:DescribeLoadBalancers", "r", `{"pageSize":100}`, "", 0},
	{"elasticloadbalancing:RegisterTargets", "w", `{"targetGroupArn":"arn:aws:elasticloadbalancing:$region:$acct:targetgroup/$stem/$hex8","targets":[{"id":"10.20.4.7"}]}`, "", 0},
	{"elasticloadbalancing:DeregisterTargets", "w", `{"targetGroupArn":"arn:aws:elasticloadbalancing:$region:$acct:targetgroup/$stem/$hex8","targets":[{"id":"10.20.4.7"}]}`, "", 0},
	{"eks:DescribeCluster", "r", `{"name":"$cluster"}`, "", 0},
	{"eks:ListNodegroups", "r", `{"clusterName":"$cluster"}`, "", 0},
	{"rds:DescribeDBInstances", "r", `{"maxRecords":100}`, "", 0},
	{"rds:DescribeDBClusters", "r", `{"maxRecords":100}`, "", 0},
	{"rds:DescribeDBSnapshots", "r", `{"dBInstanceIdentifier":"$stem","snapshotType":"manual"}`, "", 0},
	{"rds:DescribeEvents", "r", `{"duration":60}`, "", 0},
	{"rds:CreateDBSnapshot", "w", `{"dBInstanceIdentifier":"$stem","dBSnapshotIdentifier":"$stem-$date"}`, "", 0},
	{"rds:DeleteDBSnapshot", "w", `{"dBSnapshotIdentifier":"$stem-$date"}`, "", 0},
	{"rds:ModifyDBSnapshotAttribute", "w", `{"dBSnapshotIdentifier":"$stem-$date","attributeName":"restore","valuesToAdd":["$acct"]}`, "", 0},
	{"backup:StartBackupJob", "w", `{"backupVaultName":"$stem","resourceArn":"arn:aws:ec2:$region:$acct:volume/$vol"}`, `{"backupJobId":"$uuid"}`, 0},
	{"backup:DescribeBackupJob", "r", `{"backupJobId":"$uuid"}`, "", 0},
	{"backup:ListRecoveryPointsByBackupVault", "r", `{"backupVaultName":"$stem"}`, "", 0},
	{"glue:StartJobRun", "w", `{"jobName":"$stem","arguments":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, `{"jobRunId":"jr_$hex32"}`, 0},
	{"glue:GetJobRun", "r", `{"jobName":"$stem","runId":"jr_$hex32"}`, "", 0},
	{"glue:GetTable", "r", `{"databaseName":"$team","name":"$table"}`, "", 0},
	{"glue:GetPartitions", "r", `{"databaseName":"$team","tableName":"$table"}`, "", 0},
	{"glue:BatchCreatePartition", "w", `{"databaseName":"$team","tableName":"$table"}`, "", 0},
	{"glue:GetDatabases", "r", "", "", 0},
	{"athena:StartQueryExecution", "w", `{"queryString":"HIDDEN_DUE_TO_SECURITY_REASONS","workGroup":"$team"}`, `{"queryExecutionId":"$uuid"}`, 0},
	{"athena:GetQueryExecution", "r", `{"queryExecutionId":"$uuid"}`, "", 0},
	{"athena:GetQueryResults", "r", `{"queryExecutionId":"$uuid","maxResults":1000}`, "", 0},
	{"athena:ListWorkGroups", "r", "", "", 0},
	{"redshift:DescribeClusters", "r", "", "", 0},
	{"redshift-data:ExecuteStatement", "w", `{"clusterIdentifier":"$team","database":"dwh","sql":"HIDDEN_DUE_TO_SECURITY_REASONS"}`, "", 0},
	{"redshift-data:DescribeStatement", "r", `{"id":"$uuid"}`, "", 0},
	{"sagemaker:DescribeEndpoint", "r", `{"endpointName":"$stem"}`, "", 0},
	{"sagemaker:ListTrainingJobs", "r", `{"maxResults":20}`, "", 0},
	{"sagemaker:CreateTrainingJob", "w", `{"trainingJobName":"$stem-$hex8","resourceConfig":{"instanceType":"ml.m5.xlarge","instanceCount":1}}`, "", 0},
	{"states:StartExecution", "w", `{"stateMachineArn":"arn:aws:states:$region:$acct:stateMachine:$stem","name":"$uuid"}`, "", 0},
	{"states:DescribeExecution", "r", `{"executionArn":"arn:aws:states:$region:$acct:execution:$stem:$uuid"}`, "", 0},
	{"events:PutEvents", "wd", `{"entries":[{"source":"$stem"}]}`, "", 0},
	{"events:ListRules", "r", "", "", 0},
	{"cloudformation:DescribeStacks", "r", `{"stackName":"$stem"}`, "", 0},
	{"cloudformation:CreateChangeSet", "w", `{"stackName":"$stem","changeSetName":"deploy-$hex8"}`, "", 0},
	{"cloudformation:ExecuteChangeSet", "w", `{"stackName":"$stem","changeSetName":"deploy-$hex8"}`, "", 0},
	{"cloudformation:ListStacks", "r", "", "", 0},
	{"cloudfront:CreateInvalidation", "wg", `{"distributionId":"E$KEY13","invalidationBatch":{"paths":{"items":["/*"]}}}`, "", 0},
	{"cloudfront:ListDistributions", "rg", "", "", 0},
	{"route53:ListHostedZones", "rg", "", "", 0},
	{"route53:ListResourceRecordSets", "rg", `{"hostedZoneId":"Z$KEY13"}`, "", 0},
	{"route53:ChangeResourceRecordSets", "wg", `{"hostedZoneId":"Z$KEY13","changeBatch":{"changes":[{"action":"UPSERT","resourceRecordSet":{"name":"$stem.harborline.example","type":"CNAME"}}]}}`, "", 0},
	{"acm:ListCertificates", "r", "", "", 0},
	{"acm:DescribeCertificate", "r", `{"certificateArn":"arn:aws:acm:$region:$acct:certificate/$uuid"}`, "", 0},
	{"organizations:ListAccounts", "rg", "", "", 0},
	{"organizations:DescribeOrganization", "rg", "", "", 0},
	{"ce:GetCostAndUsage", "rg", `{"granularity":"DAILY","metrics":["UnblendedCost"]}`, "", 0},
	{"support:DescribeTrustedAdvisorChecks", "rg", `{"language":"en"}`, "", 0},
	{"config:DescribeConfigRules", "r", "", "", 0},
	{"config:GetComplianceDetailsByConfigRule", "r", `{"configRuleName":"encrypted-volumes"}`, "", 0},
	{"guardduty:ListDetectors", "r", "", "", 0},
	{"guardduty:ListFindings", "r", `{"detectorId":"$hex32"}`, "", 0},
	{"guardduty:DeleteDetector", "w", `{"detectorId":"$hex32"}`, "", 0},
	{"securityhub:GetFindings", "r", `{"maxResults":100}`, "", 0},
	{"health:DescribeEvents", "rg", "", "", 0},
	{"servicequotas:ListServiceQuotas", "r", `{"serviceCode":"ec2"}`, "", 0},
	{"cloudtrail:LookupEvents", "r", `{"maxResults":50}`, "", 0},
	{"cloudtrail:DescribeTrails", "r", `{"trailNameList":[],"includeShadowTrails":true}`, "", 0},
	{"cloudtrail:GetTrailStatus", "r", `{"name":"org-trail"}`, "", 0},
	{"cloudtrail:StopLogging", "w", `{"name":"arn:aws:cloudtrail:$region:$acct:trail/org-trail"}`, "", 0},
	{"cloudtrail:DeleteTrail", "w", `{"name":"org-trail"}`, "", 0},
	{"cloudtrail:PutEventSelectors", "w", `{"trailName":"org-trail","eventSelectors":[{"readWriteType":"WriteOnly","includeManagementEvents":false}]}`, "", 0},
	{"iam:GetRole", "rg", `{"roleName":"$stem"}`, "", 0},
	{"iam:ListRoles", "rg", `{"maxItems":100}`, "", 0},
	{"iam:ListUsers", "rg", `{"maxItems":100}`, "", 0},
	{"iam:GetUser", "rg", "", "", 0},
	{"iam:ListRolePolicies", "rg", `{"roleName":"$stem"}`, "", 0},
	{"iam:ListAttachedRolePolicies", "rg", `{"roleName":"$stem"}`, "", 0},
	{"iam:ListAttachedUserPolicies", "rg", `{"userName":"$stem"}`, "", 0},
	{"iam:ListAccessKeys", "rg", `{"userName":"$stem"}`, "", 0},
	{"iam:GetAccountAuthorizationDetails", "rg", "", "", 0},
	{"iam:GetAccountSummary", "rg", "", "", 0},
	{"iam:GetPolicy", "rg", `{"policyArn":"arn:aws:iam::$acct:policy/$stem"}`, "", 0},
	{"iam:GetPolicyVersion", "rg", `{"policyArn":"arn:aws:iam::$acct:policy/$stem","versionId":"v3"}`, "", 0},
	{"iam:SimulatePrincipalPolicy", "rg", `{"policySourceArn":"arn:aws:iam::$acct:role/$stem","actionNames":["s3:GetObject"]}`, "", 0},
	{"iam:CreateRole", "wg", `{"roleName":"$stem-$hex8","assumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}`, "", 0},
	{"iam:AttachRolePolicy", "wg", `{"roleName":"$stem-$hex8","policyArn":"arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}`, "", 0},
	{"iam:PutRolePolicy", "wg", `{"roleName":"$stem-$hex8","policyName":"inline","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\"],\"Resource\":\"arn:aws:s3:::$bucket/*\"}]}"}`, "", 0},
	{"iam:CreatePolicyVersion", "wg", `{"policyArn":"arn:aws:iam::$acct:policy/$stem","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"sqs:SendMessage\"],\"Resource\":\"*\"}]}","setAsDefault":true}`, "", 0},
	{"iam:PassRole", "wg", `{"roleName":"$stem"}`, "", 0},
	{"iam:CreateUser", "wg", `{"userName":"svc-$hex8"}`, `{"user":{"userName":"svc-$hex8","arn":"arn:aws:iam::$acct:user/svc-$hex8"}}`, 0},
	{"iam:CreateAccessKey", "wg", `{"userName":"svc-$hex8"}`, `{"accessKey":{"userName":"svc-$hex8","accessKeyId":"AKIA$KEY16","status":"Active"}}`, 0},
	{"iam:UpdateAccessKey", "wg", `{"accessKeyId":"AKIA$KEY16","status":"Inactive","userName":"$stem"}`, "", 0},
	{"iam:DeleteAccessKey", "wg", `{"accessKeyId":"AKIA$KEY16","userName":"$stem"}`, "", 0},
	{"iam:CreateLoginProfile", "wg", `{"userName":"svc-$hex8","passwordResetRequired":false}`, "", 0},
	{"iam:AttachUserPolicy", "wg", `{"userName":"svc-$hex8","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`, "", 0},
	{"iam:UpdateAssumeRolePolicy", "wg", `{"roleName":"$stem","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}`, "", 0},
	{"iam:TagRole", "wg", `{"roleName":"$stem","tags":[{"key":"team","value":"$team"}]}`, "", 0},
}

type apiService struct {
	name, upstream string
}

var apiServices = []apiService{
	{"orders", "orders.core.svc"}, {"catalog", "catalog.core.svc"}, {"customers", "customers.core.svc"}, {"payments", "payments.core.svc"},
	{"shipments", "shipments.logistics.svc"}, {"pricing", "pricing.core.svc"}, {"search", "search.core.svc"}, {"documents", "documents.store.svc"},
	{"reports", "reports.data.svc"}, {"notifications", "notify.core.svc"}, {"sessions", "sessions.identity.svc"}, {"telemetry", "telemetry.platform.svc"},
	{"webhooks", "webhooks.platform.svc"}, {"tools", "agent-tools.ai.svc"}, {"platform", "platform-admin.svc"}, {"edge", "static.edge.svc"},
}

// Requests at the gateways: median bytes and milliseconds.
var apiOps = []struct {
	name, service string
	size, wait    float64
}{
	{"GET /v1/orders?status=open&page={p}", "orders", 9200, 48}, {"GET /v1/orders/{n}", "orders", 1800, 21}, {"POST /v1/orders", "orders", 640, 95},
	{"PATCH /v1/orders/{n}", "orders", 420, 60}, {"GET /v1/orders/{n}/items", "orders", 2600, 28}, {"POST /v1/orders/{n}/cancel", "orders", 300, 70},
	{"GET /v1/orders/{n}/history", "orders", 3100, 35}, {"GET /v1/orders/{n}/notes", "orders", 900, 22}, {"GET /v1/orders/export?from={d}", "orders", 240000, 900},
	{"DELETE /v1/orders/{n}", "orders", 80, 45},
	{"GET /v1/products?page={p}&limit=100", "catalog", 41000, 62}, {"GET /v1/products/{n}", "catalog", 2400, 14}, {"GET /v1/products/{n}/stock", "catalog", 310, 12},
	{"PUT /v1/products/{n}/stock", "catalog", 120, 31}, {"GET /v1/categories", "catalog", 8700, 11}, {"GET /v1/products/{n}/images", "catalog", 1500, 17},
	{"GET /v1/products/{n}/reviews", "catalog", 5200, 30}, {"GET /v1/brands", "catalog", 4100, 10}, {"GET /v1/products/changes?since={d}", "catalog", 18000, 70},
	{"GET /v1/customers/{n}", "customers", 1300, 19}, {"GET /v1/customers?email={s}", "customers", 1400, 33}, {"POST /v1/customers", "customers", 520, 77},
	{"PATCH /v1/customers/{n}", "customers", 480, 52}, {"GET /v1/customers/{n}/addresses", "customers", 900, 18}, {"GET /v1/customers/{n}/orders", "customers", 5100, 40},
	{"GET /v1/customers/{n}/consents", "customers", 350, 15}, {"DELETE /v1/customers/{n}", "customers", 60, 66}, {"GET /v1/customers/export", "customers", 5200000, 4200},
	{"POST /v1/payments", "payments", 760, 210}, {"GET /v1/payments/{u}", "payments", 1100, 24}, {"POST /v1/payments/{u}/capture", "payments", 610, 180},
	{"POST /v1/payments/{u}/refunds", "payments", 590, 190}, {"GET /v1/payouts?page={p}", "payments", 7300, 55}, {"GET /v1/payments/{u}/events", "payments", 2100, 26},
	{"GET /v1/shipments/{n}", "shipments", 1500, 20}, {"POST /v1/shipments", "shipments", 900, 130}, {"GET /v1/shipments/{n}/tracking", "shipments", 2300, 25},
	{"PUT /v1/shipments/{n}/status", "shipments", 150, 40}, {"GET /v1/carriers", "shipments", 1900, 9}, {"GET /v1/shipments/{n}/label", "shipments", 48000, 85},
	{"GET /v1/rates?zip={p}", "shipments", 1100, 44},
	{"GET /v1/prices?sku={n}", "pricing", 520, 10}, {"POST /v1/quotes", "pricing", 1300, 58}, {"GET /v1/quotes/{u}", "pricing", 1250, 16}, {"GET /v1/discounts", "pricing", 3300, 13},
	{"GET /v1/search?q={s}&page={p}", "search", 14000, 88}, {"GET /v1/suggest?q={s}", "search", 900, 9}, {"POST /v1/search/query", "search", 16000, 95},
	{"GET /v1/documents/{n}", "documents", 210000, 60}, {"GET /v1/documents?folder={n}", "documents", 6100, 40}, {"PUT /v1/documents/{n}", "documents", 180, 120},
	{"POST /v1/documents", "documents", 260, 160}, {"DELETE /v1/documents/{n}", "documents", 90, 55}, {"GET /v1/documents/{n}/meta", "documents", 700, 14},
	{"GET /v1/documents/{n}/versions", "documents", 2600, 22}, {"GET /v1/folders/{n}", "documents", 3400, 19},
	{"POST /v1/reports", "reports", 350, 240}, {"GET /v1/reports/{u}", "reports", 65000, 110}, {"GET /v1/reports/{u}/status", "reports", 180, 11}, {"GET /v1/reports/{u}/download", "reports", 1900000, 700},
	{"GET /v1/metrics/daily?date={d}", "reports", 12000, 90},
	{"POST /v1/messages", "notifications", 240, 75}, {"GET /v1/messages/{u}", "notifications", 620, 15}, {"GET /v1/templates", "notifications", 5400, 12}, {"POST /v1/messages/batch", "notifications", 900, 310},
	{"POST /v1/sessions", "sessions", 1100, 120}, {"POST /v1/sessions/refresh", "sessions", 1050, 45}, {"GET /v1/sessions/me", "sessions", 640, 10}, {"DELETE /v1/sessions/me", "sessions", 40, 18},
	{"POST /v1/telemetry/batch", "telemetry", 60, 14}, {"POST /v1/heartbeat", "telemetry", 45, 6}, {"GET /v1/health", "telemetry", 90, 3}, {"GET /v1/flags", "telemetry", 2100, 8},
	{"POST /v1/webhooks/deliver", "webhooks", 120, 66}, {"GET /v1/webhooks", "webhooks", 2900, 16}, {"POST /v1/webhooks", "webhooks", 480, 50}, {"POST /v1/events", "webhooks", 110, 33},
	{"POST /v1/tools/search_orders", "tools", 5200, 180}, {"POST /v1/tools/summarize", "tools", 3900, 1400}, {"POST /v1/tools/lookup_customer", "tools", 1700, 150},
	{"POST /v1/tools/draft_reply", "tools", 2600, 1900}, {"GET /v1/tools", "tools", 7400, 12}, {"POST /v1/tools/create_ticket", "tools", 600, 210}, {"POST /v1/tools/web_fetch", "tools", 22000, 800},
	{"GET /v1/admin/users?page={p}", "platform", 16000, 45}, {"POST /v1/admin/users", "platform", 700, 110}, {"PUT /v1/admin/users/{n}/roles", "platform", 260, 80},
	{"POST /v1/admin/api-keys", "platform", 410, 90}, {"GET /v1/admin/api-keys", "platform", 9800, 30}, {"GET /v1/admin/audit", "platform", 33000, 75}, {"GET /v1/admin/secrets/{s}", "platform", 520, 25},
	{"DELETE /v1/admin/users/{n}", "platform", 70, 60}, {"PUT /v1/admin/config/logging", "platform", 90, 40}, {"GET /v1/admin/tenants", "platform", 5600, 28}, {"POST /v1/admin/jobs/run", "platform", 380, 130},
	{"GET /internal/debug/env", "platform", 7100, 8}, {"GET /internal/debug/heap", "platform", 900000, 450},
	{"GET /feeds/products.xml", "edge", 780000, 35}, {"GET /feeds/stock.csv", "edge", 160000, 22}, {"PUT /upload/{n}.csv", "edge", 30, 240}, {"GET /files/invoices/{n}.pdf", "edge", 88000, 28},
	{"GET /files/manifests/{d}.json", "edge", 23000, 17}, {"GET /v2/inventory/{n}", "edge", 700, 18}, {"GET /v2/inventory?warehouse={p}", "edge", 15000, 50}, {"POST /v2/inventory/adjustments", "edge", 310, 70},
	{"GET /v2/locations", "edge", 4800, 12}, {"GET /v2/locations/{n}", "edge", 800, 11}, {"POST /v2/scans", "edge", 130, 24}, {"GET /v2/routes/{d}", "edge", 9900, 40}, {"POST /v2/labels", "edge", 21000, 130},
	{"GET /v2/prices.csv", "edge", 330000, 44}, {"GET /v2/status", "edge", 60, 2}, {"POST /v2/acks", "edge", 50, 13}, {"GET /v2/invoices/{n}", "edge", 54000, 33}, {"DELETE /v2/invoices/{n}", "edge", 60, 40},
	{"GET /v2/export/customers", "edge", 6100000, 3900}, {"GET /v2/users/{n}/profile", "edge", 1100, 16}, {"POST /v2/users", "edge", 300, 55}, {"GET /v2/backup/latest.tar", "edge", 240000000, 9000},
}

// library is both tables compiled, by name.
type library struct {
	ops    []op
	byName map[string]*op
}

func newLibrary() (*library, error) {
	l := &library{ops: make([]op, 0, len(cloudOps)+len(apiOps)), byName: make(map[string]*op)}
	for _, c := range cloudOps {
		service, action, _ := strings.Cut(c.name, ":")
		o := op{name: c.name, source: service + ".amazonaws.com", action: action, size: c.size, read: c.flags[0] == 'r',
			data: strings.Contains(c.flags, "d"), global: strings.Contains(c.flags, "g"), params: parseTemplate(c.params), resp: parseTemplate(c.resp)}
		l.ops = append(l.ops, o)
	}
	for _, a := range apiOps {
		method, path, _ := strings.Cut(a.name, " ")
		o := op{name: a.name, method: method, path: parsePath(path), size: a.size, wait: a.wait, read: method == "GET", service: -1}
		for i := range apiServices {
			if apiServices[i].name == a.service {
				o.service = i
			}
		}
		if o.service < 0 {
			return nil, fmt.Errorf("request %q: no service %q", a.name, a.service)
		}
		l.ops = append(l.ops, o)
	}
	for i := range l.ops {
		if _, twice := l.byName[l.ops[i].name]; twice {
			return nil, fmt.Errorf("operation %q is listed twice", l.ops[i].name)
		}
		l.byName[l.ops[i].name] = &l.ops[i]
	}
	return l, nil
}

// find returns an operation by name.
func (l *library) find(name string) (*op, error) {
	o := l.byName[name]
	if o == nil {
		return nil, fmt.Errorf("no operation %q", name)
	}
	return o, nil
}
