package enrich

import (
	"strings"
	"testing"
)

func TestClients(t *testing.T) {
	for _, c := range []struct{ ua, want string }{
		{"Boto3/1.26.0 Python/3.9 Linux/5 Botocore/1.29", "boto3"},
		{"Boto3/1.28 md/Botocore#1.31 exec-env/AWS_Lambda_python3.11", "boto3"},
		{"[Boto3/1.26.0]", "boto3"},
		{"aws-cli/2.13.0 Python/3.11.4 Linux/5.10 exe/x86_64 botocore/2.0", "aws-cli"},
		{"aws-sdk-go/1.44.157 (go1.19.3; darwin; arm64)", "aws-sdk-go"},
		{"APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io) aws-sdk-go/1.44.157", "terraform"},
		{"console.amazonaws.com", "aws-console"},
		{"console.ec2.amazonaws.com", "aws-console"},
		{"signin.amazonaws.com", "aws-console"},
		{"cloudformation.amazonaws.com", "aws-service"},
		{"AWS Internal", "aws-internal"},
		{"aws-internal/3 aws-sdk-java/1.11.706", "aws-internal"},
		{"python-requests/2.31.0", "python-requests"},
		{"curl/8.4.0", "curl"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/131.0 Safari/537.36", "browser"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"},
		{"Mozilla/5.0 (X11) AppleWebKit/537.36 HeadlessChrome/120.0 Safari/537.36", "headless-browser"},
		{"Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1", "powershell"},
		{"kubectl/v1.30.0 (linux/amd64) kubernetes/7c48c2b", "kubectl"},
		{"okhttp/4.12.0", "okhttp"},
		{"Java/17.0.2", "java"},
		{"Go-http-client/1.1", "go-http-client"},
		{"PostmanRuntime/7.36.0", "postman"},
		{"stratus-red-team_54d79918-8729-4201-83e6-6a600173b8e3", "stratus-red-team"},
		{"acme-exporter/3.2 (linux)", "acme-exporter"},
		{"acme-exporter/3.3 (linux)", "acme-exporter"},
		{"worker7.2", "worker"},
		{"(no name)", "other"},
		{"-", ""},
		{"", ""},
	} {
		if got, _ := clientOf(c.ua); got != c.want {
			t.Errorf("%q: got %q, want %q", c.ua, got, c.want)
		}
	}
}

// A rule that stands below one whose fragment it contains would never decide.
func TestEveryClientRuleCanDecide(t *testing.T) {
	for i, r := range clientRules {
		if r.fragment != strings.ToLower(r.fragment) || r.family == "" {
			t.Errorf("rule %q: fragments are in lower case and families named", r.fragment)
		}
		for _, above := range clientRules[:i] {
			if strings.Contains(r.fragment, above.fragment) && above.family != r.family {
				t.Errorf("rule %q is hidden by %q", r.fragment, above.fragment)
			}
		}
	}
}

func FuzzClient(f *testing.F) {
	f.Add("Boto3/1.26.0")
	f.Fuzz(func(t *testing.T, ua string) {
		got, _ := clientOf(ua)
		if len(got) > longestClient {
			t.Fatalf("%q is too long a family", got)
		}
	})
}
