package ingest

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestWhatCarriesCloudLogsIsTakenOff(t *testing.T) {
	watch := func(messages ...string) string {
		var b strings.Builder
		for i, m := range messages {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`{"id":"3` + index(i) + `","timestamp":1772359200000,"message":` + quoteJSON(m) + `}`)
		}
		return `{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[` + b.String() + `]}`
	}
	push := `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(gcpLB)) + `","messageId":"1"},"subscription":"projects/p/subscriptions/s"}`
	for _, tt := range []struct {
		name, format, in string
		events           int
	}{
		{"CloudWatch Logs around CloudTrail", "cloudtrail", watch(trailRole, trailRole), 2},
		{"CloudWatch Logs around API Gateway", "apigateway", watch(gatewayREST), 1},
		{"CloudWatch Logs around WAF", "aws-waf", watch(wafBlock), 1},
		{"Pub/Sub's push", "gcp-lb", push, 1},
		{"a list of Cloud Logging", "gcp-audit", `{"entries":[` + gcpEntry("activity", "iam", "x", gcpDeployer) + `]}`, 1},
		{"an event hub's batch", "azure-keyvault", `{"records":[` + azureVault + `,` + azureVault + `]}`, 2},
		{"a list of the activity log", "azure-activity", `{"value":[` + azureActivity("a/write", `{}`, "") + `],"nextLink":"x"}`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := standard.Detect([]byte(tt.in)); got != tt.format {
				t.Errorf("detected as %q", got)
			}
			if c := parseAll(t, tt.format, tt.in); len(c.events) != tt.events || len(c.bad) > 0 {
				t.Errorf("%d events, refused %q", len(c.events), c.bad)
			}
		})
	}
}
