package enrich

import "strings"

// clientRule maps a fragment of a user agent to a client family. group says
// what sort of client that is, for the inference of an identity's kind.
type clientRule struct {
	fragment string // lower case; found anywhere in the user agent
	family   string
	group    clientGroup
}

type clientGroup uint8

const (
	groupOther clientGroup = iota
	groupSDK
	groupLibrary
	groupTool
	groupCLI
	groupBrowser
	groupConsole
	groupService
	groupAgent
)

// clientRules is asked from the top: the first fragment found decides. What is
// built on something else stands above it (terraform carries aws-sdk-go's
// name, aws-cli carries botocore's, every browser carries Mozilla's).
var clientRules = []clientRule{
	// AI agents and their frameworks.
	{"claude-code", "claude-code", groupAgent},
	{"anthropic", "anthropic-sdk", groupAgent},
	{"openai", "openai-sdk", groupAgent},
	{"langchain", "langchain", groupAgent},
	{"mcp-", "mcp", groupAgent},
	// Infrastructure tools, built on SDKs.
	{"terraform", "terraform", groupTool},
	{"opentofu", "opentofu", groupTool},
	{"pulumi", "pulumi", groupTool},
	{"ansible", "ansible", groupTool},
	{"crossplane", "crossplane", groupTool},
	{"argocd", "argocd", groupTool},
	{"argo-cd", "argocd", groupTool},
	{"flux", "flux", groupTool},
	{"helm", "helm", groupTool},
	{"packer", "packer", groupTool},
	{"vault", "vault", groupTool},
	{"aws-cdk", "aws-cdk", groupTool},
	{"cdk/", "aws-cdk", groupTool},
	{"serverless", "serverless", groupTool},
	{"github-actions", "github-actions", groupTool},
	{"configure-aws-credentials", "github-actions", groupTool},
	{"gitlab-runner", "gitlab-runner", groupTool},
	{"jenkins", "jenkins", groupTool},
	{"spinnaker", "spinnaker", groupTool},
	{"rclone", "rclone", groupTool},
	{"s3cmd", "s3cmd", groupTool},
	{"s3browser", "s3-browser", groupTool},
	{"s3 browser", "s3-browser", groupTool},
	{"cyberduck", "cyberduck", groupTool},
	{"trufflehog", "trufflehog", groupTool},
	{"prometheus", "prometheus", groupTool},
	{"grafana", "grafana", groupTool},
	{"datadog", "datadog", groupTool},
	{"fluent-bit", "fluent-bit", groupTool},
	{"fluentd", "fluentd", groupTool},
	{"vector/", "vector", groupTool},
	{"k6/", "k6", groupTool},
	// Command lines.
	{"aws-cli", "aws-cli", groupCLI},
	{"kubectl", "kubectl", groupCLI},
	{"gcloud", "gcloud", groupCLI},
	{"google-cloud-sdk", "gcloud", groupCLI},
	{"azurecli", "azure-cli", groupCLI},
	{"azure-cli", "azure-cli", groupCLI},
	{"aws-tools-powershell", "aws-powershell", groupCLI},
	{"awspowershell", "aws-powershell", groupCLI},
	{"powershell", "powershell", groupCLI},
	{"curl/", "curl", groupCLI},
	{"wget", "wget", groupCLI},
	{"httpie", "httpie", groupCLI},
	{"postman", "postman", groupCLI},
	{"insomnia", "insomnia", groupCLI},
	{"bruno", "bruno", groupCLI},
	// Consoles and services of a provider.
	{"signin.amazonaws.com", "aws-console", groupConsole},
	{"console.amazonaws.com", "aws-console", groupConsole},
	{"console.", "aws-console", groupConsole},
	{"aws-internal", "aws-internal", groupService},
	{"aws internal", "aws-internal", groupService},
	{".amazonaws.com", "aws-service", groupService},
	// SDKs.
	{"boto3", "boto3", groupSDK},
	{"botocore", "botocore", groupSDK},
	{"aiobotocore", "botocore", groupSDK},
	{"aws-sdk-go", "aws-sdk-go", groupSDK},
	{"aws-sdk-java", "aws-sdk-java", groupSDK},
	{"aws-sdk-js", "aws-sdk-js", groupSDK},
	{"aws-sdk-nodejs", "aws-sdk-js", groupSDK},
	{"aws-sdk-ruby", "aws-sdk-ruby", groupSDK},
	{"aws-sdk-php", "aws-sdk-php", groupSDK},
	{"aws-sdk-dotnet", "aws-sdk-dotnet", groupSDK},
	{"aws-sdk-net", "aws-sdk-dotnet", groupSDK},
	{"aws-sdk-rust", "aws-sdk-rust", groupSDK},
	{"aws-sdk-cpp", "aws-sdk-cpp", groupSDK},
	{"aws-sdk", "aws-sdk", groupSDK},
	{"minio", "minio", groupSDK},
	{"google-api-", "google-api", groupSDK},
	{"azsdk", "azure-sdk", groupSDK},
	{"octokit", "octokit", groupSDK},
	{"stripe/", "stripe-sdk", groupSDK},
	{"okta-sdk", "okta-sdk", groupSDK},
	// HTTP libraries.
	{"python-requests", "python-requests", groupLibrary},
	{"python-httpx", "python-httpx", groupLibrary},
	{"aiohttp", "aiohttp", groupLibrary},
	{"python-urllib", "python-urllib", groupLibrary},
	{"urllib3", "python-urllib", groupLibrary},
	{"scrapy", "scrapy", groupLibrary},
	{"okhttp", "okhttp", groupLibrary},
	{"apache-httpclient", "apache-httpclient", groupLibrary},
	{"jakarta commons-httpclient", "apache-httpclient", groupLibrary},
	{"reactornetty", "reactor-netty", groupLibrary},
	{"netty", "netty", groupLibrary},
	{"jersey", "jersey", groupLibrary},
	{"feign", "feign", groupLibrary},
	{"java-http-client", "java", groupLibrary},
	{"go-http-client", "go-http-client", groupLibrary},
	{"go-resty", "go-resty", groupLibrary},
	{"fasthttp", "fasthttp", groupLibrary},
	{"axios", "axios", groupLibrary},
	{"node-fetch", "node-fetch", groupLibrary},
	{"undici", "node-fetch", groupLibrary},
	{"got (", "got", groupLibrary},
	{"superagent", "superagent", groupLibrary},
	{"faraday", "faraday", groupLibrary},
	{"guzzlehttp", "guzzle", groupLibrary},
	{"restsharp", "restsharp", groupLibrary},
	{"reqwest", "reqwest", groupLibrary},
	{"hyper/", "hyper", groupLibrary},
	{"libwww-perl", "libwww-perl", groupLibrary},
	{"dart:io", "dart", groupLibrary},
	{"dart/", "dart", groupLibrary},
	{"grpc-", "grpc", groupLibrary},
	{"java/", "java", groupLibrary},
	{"ruby", "ruby", groupLibrary},
	{"php/", "php", groupLibrary},
	// Crawlers say Mozilla as well.
	{"bot", "bot", groupOther},
	{"crawler", "bot", groupOther},
	{"spider", "bot", groupOther},
	// Browsers.
	{"headlesschrome", "headless-browser", groupLibrary},
	{"playwright", "headless-browser", groupLibrary},
	{"puppeteer", "headless-browser", groupLibrary},
	{"mozilla/", "browser", groupBrowser},
	{"mozilla", "browser", groupBrowser},
	{"opera/", "browser", groupBrowser},
}

// clientOf cuts the family from a user agent: a rule's, else the first word of
// the user agent without version or hex suffix, so that an unknown tool keeps
// one name over its releases. Empty stays empty.
func clientOf(userAgent string) (family string, group clientGroup) {
	ua := strings.ToLower(strings.Trim(userAgent, " []\"-"))
	if ua == "" {
		return "", groupOther
	}
	for i := range clientRules {
		if strings.Contains(ua, clientRules[i].fragment) {
			return clientRules[i].family, clientRules[i].group
		}
	}
	return firstWord(ua), groupOther
}

const longestClient = 32

func firstWord(ua string) string {
	end := 0
	for end < len(ua) && end < longestClient {
		c := ua[end]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			break
		}
		end++
	}
	// A version or an id glued to the name is not part of it.
	word := ua[:end]
	if at := strings.IndexAny(word, "0123456789"); at > 1 {
		word = word[:at]
	}
	word = strings.TrimRight(word, "-.")
	if word == "" {
		return "other"
	}
	return strings.Clone(word)
}
