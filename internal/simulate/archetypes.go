package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

type format uint8

const (
	formatCloudTrail format = iota
	formatKong
	formatNGINX
	formatNGINXJSON
)

// Format names as raw topics and parsers call them.
const (
	CloudTrail = "cloudtrail"
	Kong       = "kong"
	NGINX      = "nginx"
)

func (f format) String() string {
	switch f {
	case formatCloudTrail:
		return CloudTrail
	case formatKong:
		return Kong
	case formatNGINX, formatNGINXJSON:
		return NGINX
	}
	return ""
}

type principal uint8

const (
	asRole principal = iota
	asUser
	asService
	asConsumer
	asNginxUser
	asNobody
)

// shape is how calls spread over the hours of a day and over the week. Hours
// are local to the identity.
type shape struct {
	hours   [24]float64
	weekend float64
}

var (
	flat     = shape{weekend: 1, hours: [24]float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}
	office   = shape{weekend: 0.08, hours: [24]float64{.05, .03, .02, .02, .02, .05, .2, .7, 1.6, 2.5, 2.7, 2.4, 1.7, 2.1, 2.6, 2.5, 2.1, 1.4, .7, .4, .3, .25, .15, .1}}
	shoppers = shape{weekend: 1.15, hours: [24]float64{.45, .28, .18, .14, .15, .24, .45, .75, 1, 1.15, 1.25, 1.35, 1.4, 1.3, 1.2, 1.2, 1.25, 1.4, 1.6, 1.75, 1.8, 1.6, 1.2, .8}}
	business = shape{weekend: 0.35, hours: [24]float64{.3, .25, .25, .25, .3, .4, .7, 1.1, 1.6, 1.9, 2, 1.8, 1.6, 1.7, 1.8, 1.7, 1.5, 1.2, .9, .7, .6, .5, .4, .35}}
)

// factor is the load of an hour relative to the week's mean.
func (s *shape) factor(hourOfDay int, weekend bool) float64 {
	sum := 0.0
	for _, h := range s.hours {
		sum += h
	}
	f := s.hours[hourOfDay] * 24 / sum * 7 / (5 + 2*s.weekend)
	if weekend {
		f *= s.weekend
	}
	return f
}

// duty is one reason why an identity calls: on a timer, once a day, or as
// demand comes. Exactly one of every, daily and perDay is set.
type duty struct {
	name    string
	every   []time.Duration // one of these, chosen once for an identity
	daily   [2]int          // an hour of the day between these; {0, 0} is not daily
	days    string          // with daily: "" each day, "mon".. a weekday, "1".."28" a day of the month
	perDay  [2]float64      // runs a day, chosen once for an identity
	pattern *shape
	prob    float64 // share of the identities that have it; 0 means all
	elastic bool    // scales with Config.Events
	flows   []string
}

// archetype is a kind of identity. Names, numbers and mixes are this package's
// own idea of what such things do.
type archetype struct {
	name    string
	kind    string // as the inventory would say
	share   float64
	form    format
	as      principal
	names   string // $d is a domain, $n a number
	clients []string
	second  string  // another client that a tenth of the calls use
	net     string  // see networksFor
	session string  // see appendSession
	tz      [2]int  // offset of local time from UTC
	tail    string  // rare harmless operations, each identity draws its own
	rare    float64 // tail calls a day
	errors  [2]float64
	secrets [2]int
	duties  []duty
}

var domains = []string{"payments", "catalog", "orders", "search", "logistics", "billing", "growth", "risk", "ledger", "pricing", "returns", "loyalty", "identity", "media", "forecast", "support", "inventory", "checkout", "routing", "invoices", "suppliers", "fraud", "reviews", "messaging"}

var teams = []string{"platform", "payments", "data-platform", "commerce", "logistics", "growth", "security", "support-tools"}

const cloudReads = "ec2:DescribeRegions ec2:DescribeAvailabilityZones ec2:DescribeTags ec2:DescribeVpcEndpoints s3:ListBuckets s3:GetBucketLocation s3:GetBucketTagging s3:GetBucketVersioning kms:DescribeKey kms:ListAliases sns:ListTopics sqs:ListQueues " +
	"iam:GetRole iam:ListAttachedRolePolicies iam:GetPolicy logs:DescribeLogGroups logs:DescribeLogStreams monitoring:DescribeAlarms monitoring:ListMetrics acm:ListCertificates events:ListRules cloudformation:DescribeStacks " +
	"dynamodb:DescribeTable rds:DescribeDBInstances tagging:GetResources servicequotas:ListServiceQuotas ecr:DescribeImages ecs:DescribeClusters lambda:GetFunctionConfiguration20150331v2 health:DescribeEvents"

const shopReads = "GET /v1/orders/{n}/history|GET /v1/orders/{n}/notes|GET /v1/products/{n}/images|GET /v1/products/{n}/reviews|GET /v1/brands|GET /v1/categories|GET /v1/customers/{n}/consents|GET /v1/payments/{u}/events|GET /v1/carriers|GET /v1/discounts|" +
	"GET /v1/documents/{n}/versions|GET /v1/folders/{n}|GET /v1/templates|GET /v1/messages/{u}|GET /v1/webhooks|GET /v1/flags|GET /v1/metrics/daily?date={d}|GET /v1/quotes/{u}|GET /v1/shipments/{n}/label|GET /v1/reports/{u}/status|GET /v1/rates?zip={p}|GET /v1/sessions/me"

const edgeReads = "GET /v2/locations|GET /v2/locations/{n}|GET /v2/status|GET /v2/routes/{d}|GET /v2/prices.csv|GET /feeds/stock.csv|GET /files/manifests/{d}.json|GET /v2/invoices/{n}|GET /v2/inventory?warehouse={p}|GET /v2/users/{n}/profile"

// A flow is "weight | step ; step ; …"; a step is "[share?|share!] operation
// [xLO-HI] [~SECONDS]": a share with ? is drawn in every run, with ! once for an
// identity; x repeats, ~ is the usual gap before each call.
var archetypes = []archetype{
	{name: "ci-deploy", kind: "ci_pipeline", share: 13, form: formatCloudTrail, as: asRole, names: "ci-deploy-$d", clients: []string{"cli-ci", "go-v2", "boto3"}, net: "ci", session: "run", tz: [2]int{-5, 2},
		tail: cloudReads, rare: 0.5, errors: [2]float64{.005, .03}, duties: []duty{{name: "deploys", perDay: [2]float64{2, 6}, pattern: &office, flows: []string{
			"6 | sts:GetCallerIdentity ; ecr:GetAuthorizationToken ~2 ; ecr:BatchCheckLayerAvailability x2-5 ~1 ; ecr:InitiateLayerUpload x1-2 ~2 ; ecr:CompleteLayerUpload x1-2 ~6 ; ecr:PutImage ~3 ; ecs:DescribeTaskDefinition ~4 ; ecs:RegisterTaskDefinition ~2 ; ecs:UpdateService ~2 ; ecs:DescribeServices x3-9 ~15",
			"2 | sts:GetCallerIdentity ; 0.5! lambda:GetFunction20150331v2 ~3 ; 0.5! lambda:UpdateFunctionCode20150331v2 ~2 ; 0.5! lambda:PublishVersion20150331 ~4 ; ecr:DescribeImages ~2",
			"2 | sts:GetCallerIdentity ; s3:ListObjects ~2 ; s3:PutObject x4-14 ~1 ; 0.6! cloudfront:CreateInvalidation ~2",
			"1 | sts:GetCallerIdentity ; cloudformation:DescribeStacks ~2 ; 0.6! cloudformation:CreateChangeSet ~3 ; 0.6! cloudformation:ExecuteChangeSet ~20 ; cloudformation:DescribeStacks x2-6 ~20"}}}},
	{name: "terraform", kind: "ci_pipeline", share: 5, form: formatCloudTrail, as: asRole, names: "terraform-$d", clients: []string{"terraform"}, net: "ci", session: "terraform", tz: [2]int{-5, 2},
		tail: cloudReads, rare: 0.7, errors: [2]float64{.01, .04}, duties: []duty{{name: "plans", perDay: [2]float64{2, 5}, pattern: &office, flows: []string{
			"5 | sts:GetCallerIdentity ; s3:GetObject ~1 ; dynamodb:PutItem ~1 ; ec2:DescribeVpcs ~1 ; ec2:DescribeSubnets x1-3 ~1 ; ec2:DescribeSecurityGroups x2-6 ~1 ; iam:GetRole x2-8 ~1 ; iam:ListRolePolicies x2-6 ~1 ; iam:ListAttachedRolePolicies x2-6 ~1 ; s3:GetBucketPolicy x1-4 ~1 ; s3:GetBucketEncryption x1-4 ~1 ; kms:GetKeyRotationStatus x1-2 ~1 ; route53:ListResourceRecordSets x1-2 ~1",
			"2 | sts:GetCallerIdentity ; s3:GetObject ~1 ; iam:GetRole x2-4 ~1 ; 0.7? iam:CreateRole ~2 ; 0.7? iam:AttachRolePolicy ~1 ; 0.6? iam:PutRolePolicy ~1 ; 0.5? ec2:AuthorizeSecurityGroupIngress ~2 ; 0.5? ec2:CreateTags ~1 ; 0.4? s3:PutBucketPolicy ~1 ; 0.3? iam:CreatePolicyVersion ~1 ; 0.4? lambda:AddPermission20150331v2 ~1 ; s3:PutObject ~1"}}}},
	{name: "etl", kind: "service_account", share: 14, form: formatCloudTrail, as: asRole, names: "etl-$d-$n", clients: []string{"boto3", "java"}, net: "vpc", session: "etl", tz: [2]int{0, 0},
		tail: cloudReads, rare: 0.15, errors: [2]float64{.002, .015}, duties: []duty{
			{name: "nightly", daily: [2]int{0, 5}, flows: []string{"1 | s3:ListObjects x1-3 ~2 ; kms:Decrypt ~1 ; s3:GetObject x12-30 ~3 ; glue:StartJobRun ~4 ; glue:GetJobRun x3-8 ~60 ; s3:PutObject x4-10 ~4 ; glue:BatchCreatePartition x1-2 ~2 ; 0.5! sns:Publish ~1"}},
			{name: "hourly", prob: .7, every: []time.Duration{time.Hour, 2 * time.Hour}, flows: []string{"1 | s3:ListObjects ; s3:GetObject x1-4 ~2 ; s3:PutObject x1-2 ~3", "1 | athena:StartQueryExecution ; athena:GetQueryExecution x1-4 ~5 ; athena:GetQueryResults ~1"}}}},
	{name: "backup", kind: "service_account", share: 6, form: formatCloudTrail, as: asRole, names: "backup-$d", clients: []string{"boto3", "go-v2"}, net: "lambda", session: "function", tz: [2]int{0, 0},
		tail: cloudReads, rare: 0.05, errors: [2]float64{.001, .01}, duties: []duty{
			{name: "nightly", daily: [2]int{1, 4}, flows: []string{"1 | ec2:DescribeVolumes ; ec2:CreateSnapshot x4-9 ~3 ; 0.6! rds:CreateDBSnapshot ~4 ; 0.5! dynamodb:CreateBackup x1-3 ~2 ; ec2:CreateTags x2-4 ~2 ; 0.4! backup:StartBackupJob x1-3 ~3 ; 0.4! backup:DescribeBackupJob x2-5 ~60"}},
			{name: "retention", daily: [2]int{4, 7}, days: "sun", flows: []string{"1 | ec2:DescribeSnapshots ; ec2:DeleteSnapshot x14-34 ~2 ; 0.6! rds:DescribeDBSnapshots ~2 ; 0.6! rds:DeleteDBSnapshot x2-6 ~3 ; 0.5! dynamodb:DeleteBackup x2-6 ~2"}}}},
	{name: "monitor", kind: "service_account", share: 9, form: formatCloudTrail, as: asRole, names: "monitor-$d", clients: []string{"go-v2", "boto3", "java"}, net: "vpc", session: "instance", tz: [2]int{0, 0},
		tail: cloudReads, rare: 0.3, errors: [2]float64{.001, .01}, duties: []duty{
			{name: "scrape", every: []time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute}, flows: []string{"8 | monitoring:GetMetricData x1-2 ~1", "1 | monitoring:ListMetrics ; tagging:GetResources ~1"}},
			{name: "discovery", every: []time.Duration{time.Hour}, flows: []string{"1 | ec2:DescribeInstances ; 0.7! rds:DescribeDBInstances ~1 ; 0.5! elasticloadbalancing:DescribeTargetHealth ~1 ; 0.6! autoscaling:DescribeAutoScalingGroups ~1 ; 0.5! sqs:GetQueueAttributes x1-3 ~1"}}}},
	{name: "lambda", kind: "workload", share: 30, form: formatCloudTrail, as: asRole, names: "fn-$d-$n", clients: []string{"node", "boto3"}, net: "lambda", session: "function", tz: [2]int{-6, 2},
		tail: "logs:CreateLogGroup kms:DescribeKey ssm:GetParameter dynamodb:DescribeTable s3:GetBucketLocation sqs:GetQueueAttributes monitoring:PutMetricData s3:HeadObject dynamodb:Scan states:DescribeExecution", rare: 0.25, errors: [2]float64{.003, .03}, duties: []duty{
			{name: "invocations", perDay: [2]float64{3, 14}, pattern: &shoppers, elastic: true, flows: []string{
				"6 | kms:Decrypt ; s3:GetObject x1-2 ~1 ; s3:PutObject ~2", "4 | dynamodb:GetItem x1-3 ~1 ; dynamodb:UpdateItem ~1", "2 | dynamodb:Query x1-3 ~1 ; events:PutEvents ~1", "2 | 0.5! states:StartExecution ; 0.5! sns:Publish ~1 ; dynamodb:PutItem x1-2 ~1", "1 | logs:CreateLogStream ; 0.5! ssm:GetParameter ~1 ; 0.3! secretsmanager:GetSecretValue ~1"}}}, secrets: [2]int{1, 2}},
	{name: "service", kind: "workload", share: 24, form: formatCloudTrail, as: asRole, names: "svc-$d-$n", clients: []string{"java", "go-v2", "node", "boto3"}, net: "pods", session: "task", tz: [2]int{-6, 2},
		tail: cloudReads, rare: 0.2, errors: [2]float64{.002, .02}, secrets: [2]int{1, 5}, duties: []duty{
			{name: "requests", perDay: [2]float64{4, 22}, pattern: &shoppers, elastic: true, flows: []string{"5 | s3:GetObject ; 0.6! s3:PutObject ~1", "4 | dynamodb:Query ~1 ; 0.7! dynamodb:PutItem ~1", "2 | kms:Decrypt ; 0.5! kms:GenerateDataKey ~1", "1 | 0.8! sns:Publish ; 0.5! ses:SendEmail ~1"}},
			{name: "refresh", prob: .8, every: []time.Duration{6 * time.Hour, 12 * time.Hour, 24 * time.Hour}, flows: []string{"1 | secretsmanager:GetSecretValue x1-4 ~1 ; 0.5! ssm:GetParameter x1-2 ~1"}}}},
	{name: "secret-sync", kind: "workload", share: 4, form: formatCloudTrail, as: asRole, names: "secret-sync-$d", clients: []string{"go-v2"}, net: "pods", session: "task", tz: [2]int{0, 0},
		tail: cloudReads, rare: 0.1, errors: [2]float64{.002, .01}, secrets: [2]int{16, 40}, duties: []duty{{name: "sync", every: []time.Duration{time.Hour, 2 * time.Hour}, flows: []string{"1 | 0.3? secretsmanager:ListSecrets ; secretsmanager:GetSecretValue x6-14 ~1 ; 0.4? secretsmanager:DescribeSecret x1-3 ~1"}}}},
	{name: "legacy-key", kind: "service_account", share: 15, form: formatCloudTrail, as: asUser, names: "svc-$d-uploader-$n", clients: []string{"boto3", "cli-ci", "java", "go-v1"}, net: "onprem", tz: [2]int{-5, 2},
		tail: "s3:ListBuckets s3:GetBucketLocation s3:HeadObject iam:GetUser ses:GetSendQuota sqs:GetQueueAttributes sns:ListTopics s3:GetBucketVersioning kms:DescribeKey s3:GetBucketTagging", rare: 0.2, errors: [2]float64{.002, .03}, duties: []duty{
			{name: "uploads", perDay: [2]float64{4, 14}, pattern: &business, elastic: true, flows: []string{"5 | s3:PutObject x1-3 ~2", "2 | s3:ListObjects ; s3:GetObject x1-2 ~1", "1 | 0.4! ses:SendEmail x1-2 ~2 ; 0.5! sqs:GetQueueAttributes ~1"}},
			{name: "nightly", prob: .5, daily: [2]int{20, 23}, flows: []string{"1 | s3:ListObjects ; s3:PutObject x6-20 ~4"}}}},
	{name: "vendor", kind: "integration", share: 7, form: formatCloudTrail, as: asRole, names: "$d-insight-vendor", clients: []string{"go-v2", "java", "boto3"}, net: "vendor-cloud", session: "vendor", tz: [2]int{0, 0},
		tail: cloudReads, rare: 0.6, errors: [2]float64{.005, .05}, duties: []duty{{name: "collect", every: []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour}, flows: []string{
			"4 | ec2:DescribeInstances ; ec2:DescribeVolumes ~1 ; monitoring:GetMetricData x1-3 ~1 ; 0.6! rds:DescribeDBInstances ~1 ; 0.5! ec2:DescribeReservedInstances ~1", "1 | 0.5! ce:GetCostAndUsage ; 0.4! config:DescribeConfigRules ~1 ; s3:ListBuckets ~1 ; 0.4! securityhub:GetFindings ~1"}}}},
	{name: "monthly", kind: "service_account", share: 4, form: formatCloudTrail, as: asRole, names: "month-close-$d", clients: []string{"boto3", "java"}, net: "vpc", session: "etl", tz: [2]int{0, 0},
		tail: cloudReads, rare: 0.05, errors: [2]float64{.001, .01}, duties: []duty{
			{name: "month end", daily: [2]int{2, 6}, days: "1", flows: []string{"1 | s3:ListObjects x2-4 ~2 ; s3:GetObject x20-60 ~3 ; athena:StartQueryExecution x2-6 ~4 ; athena:GetQueryExecution x6-12 ~20 ; athena:GetQueryResults x2-6 ~2 ; s3:PutObject x4-12 ~3"}},
			{name: "check", prob: .5, daily: [2]int{6, 9}, days: "mon", flows: []string{"1 | s3:ListObjects x1-2 ~2 ; s3:GetObject x1-3 ~2"}}}},
	{name: "weekly", kind: "service_account", share: 5, form: formatCloudTrail, as: asRole, names: "report-$d", clients: []string{"boto3", "go-v2"}, net: "vpc", session: "etl", tz: [2]int{0, 0}, tail: cloudReads, rare: 0.05,
		errors: [2]float64{.001, .02}, duties: []duty{
			{name: "weekly", daily: [2]int{5, 8}, days: "mon", flows: []string{"1 | glue:GetTable x1-3 ~1 ; athena:StartQueryExecution x4-9 ~3 ; athena:GetQueryExecution x8-16 ~12 ; athena:GetQueryResults x4-9 ~2 ; s3:PutObject x2-6 ~2 ; 0.6! ses:SendEmail x1-4 ~2"}},
			{name: "daily", daily: [2]int{5, 8}, flows: []string{"1 | athena:StartQueryExecution x1-2 ~2 ; athena:GetQueryExecution x1-4 ~8 ; athena:GetQueryResults x1-2 ~2"}}}},
	{name: "on-call", kind: "human", share: 6, form: formatCloudTrail, as: asRole, names: "OnCall-$d", clients: []string{"console"}, second: "cli-mac", net: "office", session: "person", tz: [2]int{-5, 2},
		tail: cloudReads + " logs:StartQuery logs:GetQueryResults ec2:GetConsoleOutput ecs:ListTasks ecs:DescribeTasks cloudtrail:LookupEvents", rare: 1.5, errors: [2]float64{.02, .06}, duties: []duty{{name: "looks", perDay: [2]float64{1, 4}, pattern: &office, flows: []string{
			"4 | monitoring:DescribeAlarms ; monitoring:GetDashboard ~8 ; logs:DescribeLogGroups ~10 ; logs:FilterLogEvents x1-5 ~15", "3 | ecs:ListServices ; ecs:DescribeServices x1-3 ~10 ; ecs:DescribeTasks x1-2 ~8", "1 | ec2:DescribeInstances ; ec2:DescribeInstanceStatus x1-3 ~12 ; 0.3? ec2:RebootInstances ~30"}}}},
	{name: "controller", kind: "workload", share: 9, form: formatCloudTrail, as: asRole, names: "k8s-controller-$d", clients: []string{"controller", "go-v1"}, net: "pods", session: "task", tz: [2]int{-6, 2},
		tail: cloudReads, rare: 0.2, errors: [2]float64{.005, .03}, duties: []duty{
			{name: "reconcile", every: []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour}, flows: []string{"6 | ec2:DescribeInstances ; 0.5! ec2:DescribeSubnets ~1", "2 | ec2:DescribeInstanceTypes ; 0.6! ec2:DescribeSpotPriceHistory ~1", "2 | elasticloadbalancing:DescribeTargetHealth ; 0.5! elasticloadbalancing:DescribeLoadBalancers ~1", "1 | ec2:DescribeLaunchTemplates ; 0.7! autoscaling:DescribeAutoScalingGroups ~1"}},
			{name: "scaling", perDay: [2]float64{3, 10}, pattern: &shoppers, flows: []string{"3 | 0.8! ec2:CreateFleet ; ec2:CreateTags ~2 ; 0.5! elasticloadbalancing:RegisterTargets ~20", "3 | 0.5! elasticloadbalancing:DeregisterTargets ; ec2:TerminateInstances ~30", "1 | 0.5! autoscaling:SetDesiredCapacity ~1"}}}},
	{name: "notebook", kind: "workload", share: 5, form: formatCloudTrail, as: asRole, names: "notebook-$d", clients: []string{"boto3"}, second: "java", net: "vpc", session: "instance", tz: [2]int{-5, 2},
		tail: cloudReads + " glue:GetDatabases athena:ListWorkGroups sagemaker:ListTrainingJobs redshift:DescribeClusters", rare: 0.9, errors: [2]float64{.02, .08}, duties: []duty{{name: "analysis", perDay: [2]float64{2, 6}, pattern: &office, flows: []string{
			"4 | athena:StartQueryExecution ; athena:GetQueryExecution x1-6 ~5 ; athena:GetQueryResults x1-3 ~2", "3 | s3:ListObjects x1-3 ~4 ; s3:GetObject x1-12 ~6", "1 | 0.6! sagemaker:CreateTrainingJob ; glue:GetTable x1-2 ~5 ; glue:GetPartitions ~3"}}}},
	{name: "aws-service", kind: "service_account", share: 2, form: formatCloudTrail, as: asService, names: "", clients: []string{"aws-internal"}, net: "service", tz: [2]int{0, 0},
		errors: [2]float64{0, .002}, duties: []duty{{name: "assume", perDay: [2]float64{20, 50}, pattern: &shoppers, elastic: true, flows: []string{"1 | sts:AssumeRole"}}}},

	{name: "partner", kind: "integration", share: 30, form: formatKong, as: asConsumer, names: "partner-$d-$n", clients: []string{"partner-sync", "okhttp", "apache-hc", "guzzle", "dotnet", "axios", "ruby", "requests"}, net: "partner", tz: [2]int{-6, 2},
		tail: shopReads, rare: 0.5, errors: [2]float64{.005, .05}, duties: []duty{{name: "traffic", perDay: [2]float64{7, 48}, pattern: &business, elastic: true, flows: []string{
			"6 | GET /v1/orders?status=open&page={p} ; GET /v1/orders/{n} x1-4 ~1", "4 | GET /v1/products/{n} x1-3 ~1 ; 0.6! GET /v1/products/{n}/stock ~1", "2 | 0.7! POST /v1/orders ; 0.4! GET /v1/prices?sku={n} ~1 ; GET /v1/orders/{n} ~2", "2 | 0.6! PUT /v1/shipments/{n}/status ; GET /v1/shipments/{n}/tracking x1-2 ~1", "1 | 0.4! GET /v1/customers/{n} ; GET /v1/products/changes?since={d} ~1", "1 | 0.3! PATCH /v1/orders/{n} ; GET /v1/orders/{n}/items ~1"}}}},
	{name: "reader", kind: "integration", share: 8, form: formatKong, as: asConsumer, names: "feed-$d-$n", clients: []string{"requests", "guzzle", "node-fetch", "go-http"}, net: "partner", tz: [2]int{-6, 2},
		tail: shopReads, rare: 0.3, errors: [2]float64{.002, .03}, duties: []duty{{name: "reads", perDay: [2]float64{6, 32}, pattern: &business, elastic: true, flows: []string{"5 | GET /v1/products?page={p}&limit=100 x1-4 ~2", "3 | GET /v1/products/{n} x1-3 ~1", "2 | GET /v1/search?q={s}&page={p} x1-2 ~2", "1 | GET /v1/categories", "1 | GET /v1/prices?sku={n} x1-3 ~1"}}}},
	{name: "mobile", kind: "api_key", share: 6, form: formatKong, as: asConsumer, names: "mobile-backend-$d", clients: []string{"mobile", "okhttp"}, net: "phones", tz: [2]int{-6, 2},
		tail: shopReads, rare: 0.8, errors: [2]float64{.01, .04}, duties: []duty{{name: "app", perDay: [2]float64{20, 66}, pattern: &shoppers, elastic: true, flows: []string{"5 | GET /v1/search?q={s}&page={p} ; GET /v1/products/{n} x1-3 ~4", "3 | GET /v1/sessions/me ; GET /v1/customers/{n}/orders ~2 ; 0.5? GET /v1/orders/{n} ~3", "2 | POST /v1/sessions/refresh ; GET /v1/flags ~1", "1 | POST /v1/orders ~5 ; POST /v1/payments ~3"}}}},
	{name: "internal", kind: "workload", share: 24, form: formatKong, as: asConsumer, names: "int-$d-$n", clients: []string{"okhttp", "go-http", "axios", "apache-hc", "httpx"}, net: "pods", tz: [2]int{-6, 2},
		tail: shopReads, rare: 0.3, errors: [2]float64{.002, .02}, duties: []duty{{name: "calls", perDay: [2]float64{13, 64}, pattern: &shoppers, elastic: true, flows: []string{
			"4 | GET /v1/customers/{n} ; GET /v1/customers/{n}/addresses ~1", "4 | GET /v1/orders/{n} x1-2 ~1 ; 0.5! PATCH /v1/orders/{n} ~1", "3 | 0.5! POST /v1/payments ; 0.5! GET /v1/payments/{u} ~1", "2 | 0.6! POST /v1/messages ; GET /v1/flags ~1", "2 | 0.5! POST /v1/shipments ; GET /v1/shipments/{n} ~1", "2 | 0.4! POST /v1/quotes ; GET /v1/prices?sku={n} x1-3 ~1"}}}},
	{name: "agent", kind: "ai_agent", share: 7, form: formatKong, as: asConsumer, names: "agent-$d", clients: []string{"agent-sdk", "httpx"}, net: "pods", tz: [2]int{-6, 2},
		tail: shopReads, rare: 0.8, errors: [2]float64{.02, .07}, duties: []duty{{name: "tasks", perDay: [2]float64{4, 15}, pattern: &business, elastic: true, flows: []string{"4 | GET /v1/tools ; POST /v1/tools/search_orders x1-3 ~6 ; POST /v1/tools/summarize ~8", "3 | POST /v1/tools/lookup_customer x1-2 ~4 ; POST /v1/tools/draft_reply ~9 ; 0.4? POST /v1/tools/create_ticket ~5", "1 | GET /v1/orders/{n} x1-3 ~5 ; POST /v1/tools/summarize ~6"}}}},
	{name: "saas", kind: "oauth_app", share: 12, form: formatKong, as: asConsumer, names: "saas-$d-$n", clients: []string{"crm", "zap", "ruby", "node-fetch"}, net: "vendor-cloud", tz: [2]int{-6, 2},
		tail: shopReads, rare: 0.3, errors: [2]float64{.005, .05}, duties: []duty{
			{name: "sync", every: []time.Duration{30 * time.Minute, time.Hour}, flows: []string{"4 | GET /v1/customers?email={s} x1-3 ~1 ; 0.5! PATCH /v1/customers/{n} ~1", "2 | GET /v1/orders?status=open&page={p} x1-2 ~1", "1 | 0.6! POST /v1/events ; GET /v1/webhooks ~1"}},
			{name: "export", prob: .4, daily: [2]int{2, 6}, flows: []string{"1 | POST /v1/reports ; GET /v1/reports/{u}/status x2-6 ~20 ; GET /v1/reports/{u}/download ~2"}}}},
	{name: "heartbeat", kind: "service_account", share: 10, form: formatKong, as: asConsumer, names: "beat-$d-$n", clients: []string{"curl-script", "go-http", "requests"}, net: "onprem", tz: [2]int{0, 0},
		tail: "GET /v1/flags|GET /v1/health", rare: 0.05, errors: [2]float64{.001, .01}, duties: []duty{{name: "beat", every: []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute}, flows: []string{"1 | POST /v1/heartbeat"}}, {name: "flags", prob: .4, every: []time.Duration{time.Hour}, flows: []string{"1 | GET /v1/flags"}}}},
	{name: "hourly-poster", kind: "service_account", share: 5, form: formatKong, as: asConsumer, names: "push-$d-$n", clients: []string{"requests", "dotnet", "apache-hc"}, net: "onprem", tz: [2]int{0, 0},
		tail: "GET /v1/flags|GET /v1/health", rare: 0.1, errors: [2]float64{.001, .02}, duties: []duty{{name: "post", every: []time.Duration{time.Hour}, flows: []string{"1 | POST /v1/telemetry/batch x1-2 ~2", "1 | POST /v1/events x1-2 ~2"}}}},
	{name: "admin-tool", kind: "service_account", share: 2, form: formatKong, as: asConsumer, names: "admin-$d", clients: []string{"go-http"}, net: "pods", tz: [2]int{-5, 2},
		tail: shopReads, rare: 0.3, errors: [2]float64{.005, .02}, duties: []duty{{name: "admin", perDay: [2]float64{6, 16}, pattern: &office, flows: []string{"4 | GET /v1/admin/users?page={p} x1-3 ~2 ; 0.3? POST /v1/admin/users ~4", "2 | GET /v1/admin/audit x1-2 ~2", "1 | GET /v1/admin/api-keys ; 0.4? POST /v1/admin/api-keys ~5", "1 | GET /v1/admin/tenants"}}}},

	{name: "edge-user", kind: "integration", share: 20, form: formatNGINX, as: asNginxUser, names: "$d-wms-$n", clients: []string{"dotnet", "apache-hc", "guzzle", "requests", "curl-script"}, net: "partner", tz: [2]int{-6, 2},
		tail: edgeReads, rare: 0.3, errors: [2]float64{.005, .05}, duties: []duty{{name: "traffic", perDay: [2]float64{7, 36}, pattern: &business, elastic: true, flows: []string{"5 | GET /v2/inventory/{n} x1-4 ~1", "3 | POST /v2/scans x1-5 ~2", "2 | 0.6! POST /v2/inventory/adjustments ; GET /v2/inventory?warehouse={p} ~1", "1 | 0.5! POST /v2/labels x1-2 ~2 ; GET /v2/locations/{n} ~1", "1 | GET /files/invoices/{n}.pdf x1-2 ~2"}}}},
	{name: "edge-reader", kind: "integration", share: 6, form: formatNGINX, as: asNginxUser, names: "$d-feed-$n", clients: []string{"curl-script", "guzzle", "requests"}, net: "partner", tz: [2]int{-6, 2},
		tail: edgeReads, rare: 0.2, errors: [2]float64{.002, .03}, duties: []duty{{name: "feeds", every: []time.Duration{30 * time.Minute, time.Hour}, flows: []string{"2 | GET /feeds/products.xml", "3 | GET /feeds/stock.csv", "2 | GET /files/manifests/{d}.json", "1 | GET /v2/prices.csv"}}}},
	{name: "edge-json", kind: "service_account", share: 18, form: formatNGINXJSON, as: asNginxUser, names: "edge-$d-$n", clients: []string{"go-http", "okhttp", "axios", "requests", "node-fetch"}, net: "vpc", tz: [2]int{-6, 2},
		tail: edgeReads, rare: 0.3, errors: [2]float64{.003, .03}, duties: []duty{{name: "traffic", perDay: [2]float64{10, 48}, pattern: &shoppers, elastic: true, flows: []string{"5 | GET /v2/inventory/{n} x1-3 ~1", "2 | GET /v2/routes/{d} ; GET /v2/locations/{n} x1-2 ~1", "2 | POST /v2/acks x1-3 ~1", "1 | GET /v2/users/{n}/profile", "1 | GET /v2/invoices/{n} x1-2 ~1"}}}},
	{name: "edge-cron", kind: "service_account", share: 5, form: formatNGINXJSON, as: asNginxUser, names: "cron-$d-$n", clients: []string{"curl-script", "requests"}, net: "onprem", tz: [2]int{0, 0},
		tail: edgeReads, rare: 0.05, errors: [2]float64{.001, .01}, duties: []duty{{name: "beat", every: []time.Duration{10 * time.Minute, 15 * time.Minute}, flows: []string{"1 | GET /v2/status"}}, {name: "upload", prob: .6, daily: [2]int{1, 6}, flows: []string{"1 | PUT /upload/{n}.csv x1-4 ~5"}}}},
	{name: "nobody", kind: "", share: 3, form: formatNGINX, as: asNobody, names: "", clients: []string{"probe", "curl-script"}, net: "nobody", tz: [2]int{0, 0},
		errors: [2]float64{.3, .9}, duties: []duty{{name: "noise", perDay: [2]float64{8, 24}, pattern: &flat, elastic: true, flows: []string{"1 | GET /v2/status"}}}},
}

// step is one operation of a flow.
type step struct {
	op       *op
	share    float64 // 0: always
	once     bool    // the share is drawn once for an identity
	lo, hi   int
	gap      int // seconds before each call; 0: at once after the one before
	identity uint64
}

type flow struct {
	weight float64
	steps  []step
}

func parseFlow(lib *library, s string) (flow, error) {
	head, rest, ok := strings.Cut(s, "|")
	if !ok {
		return flow{}, fmt.Errorf("flow %q: want weight | steps", s)
	}
	w, err := strconv.ParseFloat(strings.TrimSpace(head), 64)
	if err != nil {
		return flow{}, fmt.Errorf("flow %q: %w", s, err)
	}
	f := flow{weight: w}
	for i, text := range strings.Split(rest, ";") {
		st, err := parseStep(lib, text)
		if err != nil {
			return flow{}, fmt.Errorf("flow %q: %w", s, err)
		}
		st.identity = hash(hashString(text), uint64(i))
		f.steps = append(f.steps, st)
	}
	return f, nil
}

func parseStep(lib *library, text string) (step, error) {
	st := step{lo: 1, hi: 1}
	var name []string
	for _, w := range strings.Fields(text) {
		var err error
		switch last := w[len(w)-1]; {
		case w[0] == '0' && (last == '?' || last == '!'):
			st.once = last == '!'
			st.share, err = strconv.ParseFloat(w[:len(w)-1], 64)
		case w[0] == 'x' && len(w) > 2 && strings.Contains(w, "-"):
			_, err = fmt.Sscanf(w, "x%d-%d", &st.lo, &st.hi)
		case w[0] == '~':
			st.gap, err = strconv.Atoi(w[1:])
		default:
			name = append(name, w)
		}
		if err != nil {
			return st, fmt.Errorf("step %q: %w", text, err)
		}
	}
	var err error
	st.op, err = lib.find(strings.Join(name, " "))
	return st, err
}

// size is the mean number of calls of a run, for an identity.
func (f *flow) size(who uint64) float64 {
	n := 0.0
	for i := range f.steps {
		st := &f.steps[i]
		mean := float64(st.lo+st.hi) / 2
		switch {
		case st.share > 0 && st.once:
			if !st.included(who) {
				mean = 0
			}
		case st.share > 0:
			mean *= st.share
		}
		n += mean
	}
	return n
}

// included decides a once-share for an identity.
func (s *step) included(who uint64) bool { return unit(hash(who, s.identity)) < s.share }

// tailOps splits a tail: gateways' operations contain spaces.
func tailOps(lib *library, tail string) ([]*op, error) {
	sep := " "
	if strings.Contains(tail, "|") {
		sep = "|"
	}
	var out []*op
	for _, name := range strings.Split(tail, sep) {
		if name == "" {
			continue
		}
		o, err := lib.find(name)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}
