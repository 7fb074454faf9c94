package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// A report holds what attackers chose: names, paths, agents. None of it may
// become markup, and the page may fetch nothing.
func TestReportEscapesWhatLogsHold(t *testing.T) {
	const canary = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{.}}</svg>`
	name := strings.ReplaceAll(canary, `"`, `\"`)
	var log strings.Builder
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 400 {
		region := "us-east-1"
		if i == 390 {
			region = "eu-west-1"
		}
		fmt.Fprintf(&log, `{"eventVersion":"1.09","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/ci","accountId":"123456789012","userName":"ci"},"eventTime":%q,"eventSource":"s3.amazonaws.com","eventName":"%s","awsRegion":%q,"sourceIPAddress":"203.0.113.9","userAgent":"%s","eventID":"%d-%s","eventType":"AwsApiCall","recipientAccountId":"123456789012","resources":[{"ARN":"arn:aws:s3:::%s","type":"AWS::S3::Bucket"}]}`+"\n",
			start.Add(time.Duration(i)*20*time.Minute).Format(time.RFC3339), "Get"+name, region, name, i, name, name)
	}
	dir := t.TempDir()
	inventory := filepath.Join(dir, "inventory.yaml")
	require.NoError(t, os.WriteFile(inventory, []byte("identities:\n  - id: aws:123456789012:user/ci\n    owner: '"+strings.ReplaceAll(canary, "'", "''")+"'\n    allowed: {regions: [us-east-1]}\n"), 0o600))
	labels := filepath.Join(dir, "labels.ndjson")
	require.NoError(t, os.WriteFile(labels, []byte(`{"identity":"aws:123456789012:user/nobody","from":"2026-01-02","name":"`+name+`"}`), 0o600))
	path := filepath.Join(dir, "report.html")
	var out, errOut strings.Builder
	err := Backtest(t.Context(), Defaults(), BacktestOptions{
		Format: "cloudtrail", Files: []string{"-"}, Inventory: inventory, Report: path, Labels: labels, FailOn: []string{"severity>=low"},
	}, IO{In: strings.NewReader(log.String()), Out: &out, Err: &errOut})
	require.ErrorIs(t, err, errReported, errOut.String())
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	root, err := html.Parse(strings.NewReader(string(page)))
	require.NoError(t, err)
	var text strings.Builder
	plots := 0
	var walk func(n *html.Node, inStyle bool)
	walk = func(n *html.Node, inStyle bool) {
		if n.Type == html.TextNode && !inStyle {
			text.WriteString(n.Data)
		}
		if n.Type == html.ElementNode {
			require.NotContains(t, []string{"script", "img", "iframe", "object", "link", "form", "base"}, n.Data)
			if n.Data == "figure" {
				plots++
			}
			for _, a := range n.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), "%s %s", n.Data, a.Key)
				if slices.Contains([]string{"href", "src", "action", "srcset"}, a.Key) {
					require.True(t, strings.HasPrefix(a.Val, "#"), "%s=%q leads outside", a.Key, a.Val)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, inStyle || n.Data == "style")
		}
	}
	walk(root, false)
	require.Equal(t, 1, plots, "the alert has its picture")
	require.Contains(t, text.String(), "region-policy")
	require.GreaterOrEqual(t, strings.Count(text.String(), canary), 3, "what the log holds is shown as it is: owner, operation, label")
	require.NotContains(t, string(page), "ZgotmplZ")
	require.NotContains(t, string(page), "http://")
	require.NotContains(t, string(page), "url(")
}

func TestReportOfNothingIsAPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	var out, errOut strings.Builder
	require.NoError(t, Backtest(t.Context(), Defaults(), BacktestOptions{Format: "auto", Files: []string{"-"}, Report: path}, IO{In: strings.NewReader("\n"), Out: &out, Err: &errOut}))
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(page), "no event")
	require.Contains(t, string(page), "None.")
}
