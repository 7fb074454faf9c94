package simulate

import "strings"

// clientFamily is a program that calls APIs. Versions are in order of release,
// all of them whole user agents; $os is filled once for an identity.
type clientFamily struct {
	name     string
	versions []string
	oses     []string
}

var serverOS = []string{"os/linux#5.10.223-212.873.amzn2.x86_64", "os/linux#6.1.94-99.176.amzn2023.x86_64", "os/linux#5.15.0-1063-aws", "os/linux#6.8.0-1012-aws"}

var clientFamilies = []clientFamily{
	{"boto3", []string{
		"Boto3/1.26.165 Python/3.9.19 Linux/5.10 Botocore/1.29.165",
		"Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 $os md/arch#x86_64 lang/python#3.11.8 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.69",
		"Boto3/1.34.131 md/Botocore#1.34.131 ua/2.0 $os md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.131",
		"Boto3/1.35.10 md/Botocore#1.35.10 ua/2.0 $os md/arch#x86_64 lang/python#3.12.4 md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.35.10",
	}, serverOS},
	{"go-v2", []string{
		"aws-sdk-go-v2/1.25.3 $os lang/go#1.21.8 md/GOOS#linux md/GOARCH#amd64 api/s3#1.51.4",
		"aws-sdk-go-v2/1.27.2 $os lang/go#1.22.4 md/GOOS#linux md/GOARCH#amd64 api/s3#1.55.1",
		"aws-sdk-go-v2/1.30.3 ua/2.1 $os lang/go#1.22.6 md/GOOS#linux md/GOARCH#amd64 api/s3#1.58.2 m/E,u",
	}, serverOS},
	{"go-v1", []string{
		"aws-sdk-go/1.44.298 (go1.20.12; linux; amd64)",
		"aws-sdk-go/1.50.15 (go1.21.6; linux; amd64)",
		"aws-sdk-go/1.54.6 (go1.22.2; linux; amd64)",
	}, nil},
	{"java", []string{
		"aws-sdk-java/2.20.43 Linux/5.10.223 OpenJDK_64-Bit_Server_VM/17.0.9+9 Java/17.0.9 vendor/Amazon.com_Inc. io/sync http/Apache cfg/retry-mode/legacy",
		"aws-sdk-java/2.25.60 Linux/5.10.223 OpenJDK_64-Bit_Server_VM/17.0.11+9 Java/17.0.11 vendor/Amazon.com_Inc. io/sync http/Apache cfg/retry-mode/legacy",
		"aws-sdk-java/2.26.12 md/io#sync md/http#Apache ua/2.0 $os lang/java#21.0.3 md/OpenJDK_64-Bit_Server_VM#21.0.3+9-LTS md/vendor#Amazon.com_Inc. cfg/retry-mode#legacy",
	}, serverOS},
	{"node", []string{
		"aws-sdk-js/3.540.0 ua/2.0 $os lang/js md/nodejs#18.19.1 api/dynamodb#3.540.0 exec-env/AWS_Lambda_nodejs18.x",
		"aws-sdk-js/3.583.0 ua/2.0 $os lang/js md/nodejs#18.20.3 api/dynamodb#3.583.0 exec-env/AWS_Lambda_nodejs18.x",
		"aws-sdk-js/3.614.0 ua/2.0 $os lang/js md/nodejs#20.15.0 api/dynamodb#3.614.0 exec-env/AWS_Lambda_nodejs20.x",
	}, serverOS},
	{"cli-ci", []string{
		"aws-cli/2.15.38 Python/3.11.8 Linux/6.5.0-1021-azure exe/x86_64.ubuntu.22 prompt/off command/ecs.update-service",
		"aws-cli/2.17.5 md/awscrt#0.20.11 ua/2.0 os/linux#6.5.0-1022-azure md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython exec-env/CodeBuild md/distrib#ubuntu.22 md/prompt#off",
		"aws-cli/2.17.20 md/awscrt#0.20.11 ua/2.0 os/linux#6.5.0-1025-azure md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython exec-env/CodeBuild md/distrib#ubuntu.22 md/prompt#off",
	}, nil},
	{"terraform", []string{
		"APN/1.0 HashiCorp/1.0 Terraform/1.7.5 (+https://www.terraform.io) terraform-provider-aws/5.42.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.25.3 os/linux lang/go#1.21.8 md/GOOS#linux md/GOARCH#amd64",
		"APN/1.0 HashiCorp/1.0 Terraform/1.8.5 (+https://www.terraform.io) terraform-provider-aws/5.54.1 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.27.2 os/linux lang/go#1.22.4 md/GOOS#linux md/GOARCH#amd64",
		"APN/1.0 HashiCorp/1.0 Terraform/1.9.1 (+https://www.terraform.io) terraform-provider-aws/5.57.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.1 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64",
	}, nil},
	{"console", []string{
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/127.0.0.0 Safari/537.36",
	}, nil},
	{"cli-mac", []string{
		"aws-cli/2.16.8 md/awscrt#0.20.11 ua/2.0 os/macos#23.5.0 md/arch#arm64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#source md/prompt#off",
		"aws-cli/2.17.5 md/awscrt#0.20.11 ua/2.0 os/macos#23.5.0 md/arch#arm64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#source md/prompt#off",
		"aws-cli/2.17.20 md/awscrt#0.20.11 ua/2.0 os/macos#23.6.0 md/arch#arm64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#source md/prompt#off",
	}, nil},
	{"controller", []string{
		"karpenter.sh/v0.36.2 aws-sdk-go/1.52.5 (go1.22.3; linux; amd64)",
		"karpenter.sh/v0.37.0 aws-sdk-go/1.53.14 (go1.22.4; linux; amd64)",
		"karpenter.sh/v0.37.1 aws-sdk-go/1.54.20 (go1.22.5; linux; amd64)",
	}, nil},
	{"aws-internal", []string{"AWS Internal", "AWS Internal", "AWS Internal"}, nil},

	{"requests", []string{"python-requests/2.28.2", "python-requests/2.31.0", "python-requests/2.32.3"}, nil},
	{"httpx", []string{"python-httpx/0.25.2", "python-httpx/0.27.0", "python-httpx/0.27.2"}, nil},
	{"okhttp", []string{"okhttp/3.14.9", "okhttp/4.11.0", "okhttp/4.12.0"}, nil},
	{"apache-hc", []string{"Apache-HttpClient/4.5.13 (Java/11.0.22)", "Apache-HttpClient/4.5.14 (Java/17.0.11)", "Apache-HttpClient/5.3.1 (Java/21.0.3)"}, nil},
	{"go-http", []string{"Go-http-client/1.1", "Go-http-client/2.0", "Go-http-client/2.0"}, nil},
	{"axios", []string{"axios/0.27.2", "axios/1.6.8", "axios/1.7.2"}, nil},
	{"node-fetch", []string{"node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "undici", "node"}, nil},
	{"guzzle", []string{"GuzzleHttp/6.5.5 curl/7.81.0 PHP/8.1.2", "GuzzleHttp/7", "GuzzleHttp/7"}, nil},
	{"dotnet", []string{"RestSharp/106.15.0.0", "RestSharp/110.2.0.0", "RestSharp/111.3.0.0"}, nil},
	{"ruby", []string{"Faraday v1.10.3", "Faraday v2.9.0", "Faraday v2.9.2"}, nil},
	{"partner-sync", []string{"PartnerSync/4.1.7 (build 2207)", "PartnerSync/4.2.0 (build 2255)", "PartnerSync/4.2.3 (build 2301)"}, nil},
	{"agent-sdk", []string{"langchain-core/0.1.52 httpx/0.27.0", "langchain-core/0.2.9 httpx/0.27.0", "langchain-core/0.2.23 httpx/0.27.0"}, nil},
	{"crm", []string{"SFDC-Callout/59.0", "SFDC-Callout/60.0", "SFDC-Callout/61.0"}, nil},
	{"zap", []string{"Zapier", "Zapier", "Zapier"}, nil},
	{"curl-script", []string{"curl/7.81.0", "curl/8.5.0", "curl/8.8.0"}, nil},
	{"mobile", []string{"HarborShop/7.14.0 (iPhone; iOS 17.5.1; Scale/3.00)", "HarborShop/7.15.1 (iPhone; iOS 17.5.1; Scale/3.00)", "HarborShop/7.16.0 (Linux; Android 14; Pixel 8)"}, nil},
	{"probe", []string{"kube-probe/1.28", "kube-probe/1.29", "kube-probe/1.30"}, nil},
}

// agents of somebody who holds a credential that is not theirs, or of a person.
var foreignAgents = map[string][]string{
	"cli": {
		"aws-cli/2.15.15 Python/3.11.6 Linux/6.6.9-amd64 exe/x86_64.kali.2024 prompt/off command/sts.get-caller-identity",
		"aws-cli/1.29.62 Python/3.11.2 Linux/6.1.0-18-amd64 botocore/1.31.62",
		"aws-cli/2.9.19 Python/3.11.2 Windows/10 exe/AMD64 prompt/off",
	},
	"laptop": {
		"aws-cli/2.16.12 md/awscrt#0.20.11 ua/2.0 os/macos#23.4.0 md/arch#arm64 lang/python#3.12.3 md/pyimpl#CPython cfg/retry-mode#standard md/installer#source md/prompt#on",
		"aws-cli/2.15.30 Python/3.11.8 Darwin/23.3.0 source/arm64 prompt/off",
	},
	"browser": {
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
	},
	"tool": {"PostmanRuntime/7.39.0", "insomnia/9.2.0", "curl/8.6.0", "HTTPie/3.2.2"},
	"sdk":  {"Boto3/1.28.40 md/Botocore#1.31.40 ua/2.0 os/windows#10 md/arch#amd64 lang/python#3.10.11 md/pyimpl#CPython Botocore/1.31.40", "python-requests/2.25.1", "python-urllib3/1.26.18", "Go-http-client/1.1"},
}

func familyIndex(name string) int {
	for i := range clientFamilies {
		if clientFamilies[i].name == name {
			return i
		}
	}
	return -1
}

// agent is the user agent of a family's version, as this identity's machines
// would send it.
func agent(family, version int, who uint64) string {
	f := &clientFamilies[family]
	ua := f.versions[min(version, len(f.versions)-1)]
	if f.oses != nil && strings.Contains(ua, "$os") {
		ua = strings.Replace(ua, "$os", f.oses[hash(who, 77)%uint64(len(f.oses))], 1)
	}
	return ua
}
