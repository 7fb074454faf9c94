package ingest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// knownLogs says what wrote other people's logs, by the end of the file's path:
// the names of formats that are right for its records, of which those that are
// not in the table of formats are left out. The first file that fits counts.
var knownLogs = []struct{ file, formats string }{
	{"cloudtrail-attacks/*", "cloudtrail"},
	{"gateway-logs/aws-cloudtrail*", "cloudtrail"},
	{"gateway-logs/aws-alb-*", "alb aws-alb"},
	{"gateway-logs/apache*", "apache"},
	{"gateway-logs/caddy-*", "caddy"},
	{"gateway-logs/envoy-*", "envoy"},
	{"gateway-logs/haproxy-*", "haproxy"},
	{"gateway-logs/k8s-audit-*", "k8s-audit"},
	{"gateway-logs/nginx*", "nginx"},
	{"gateway-logs/traefik*", "traefik"},
	{"audit-events/AWS.CloudTrail.ndjson", "cloudtrail"},
	{"audit-events/Amazon.EKS.Audit.ndjson", "k8s-audit"},
	{"audit-events/Anthropic.Activity.ndjson", "anthropic-activity"},
	{"audit-events/Auth0.Events.ndjson", "auth0"},
	{"audit-events/Azure.Audit.ndjson", "entra-audit entra-signin entra-graph-activity"},
	{"audit-events/Azure.MonitorActivity.ndjson", "azure-activity"},
	{"audit-events/Cloudflare.Firewall.ndjson", "cloudflare-firewall cloudflare-http cloudflare"},
	{"audit-events/GCP.AuditLog.ndjson", "gcp-audit"},
	{"audit-events/GSuite.ActivityEvent.ndjson", "google-workspace"},
	{"audit-events/GitHub.Audit.ndjson", "github"},
	{"audit-events/GitHub.Webhook.ndjson", "github-webhook github"},
	{"audit-events/Okta.SystemLog.ndjson", "okta"},
	{"audit-events/OpenAI.Audit.ndjson", "openai-audit"},
}

// accepted are the reasons for which a record of other people's logs may be
// refused, by the beginning of the file's path.
var accepted = []struct {
	file   string
	reason *regexp.Regexp
}{
	// Reduced to the fields that one rule needs.
	{"audit-events/", regexp.MustCompile(`^[a-z0-9-]+: [A-Za-z0-9_.@ ()]+: missing`)},
	{"gateway-logs/nginx", regexp.MustCompile(`^nginx: a line of the error log`)},
	{"gateway-logs/nginx_http-catch-npm", regexp.MustCompile(`^nginx: request: missing$`)}, // a format of its own
	{"gateway-logs/apache2", regexp.MustCompile(`^apache: a line of the error log`)},
	{"gateway-logs/caddy", regexp.MustCompile(`^caddy: logger "http\.handlers\.[a-z_]+" is not http\.log\.access`)},
	{"gateway-logs/haproxy", regexp.MustCompile(`^haproxy: no request: `)},
	{"gateway-logs/traefik_json", regexp.MustCompile(`^traefik: time: missing$`)}, // a plugin's own line
}

// conformity is what became of one file.
type conformity struct {
	file            string
	records, parsed int
	right           int
	refused         map[string]int
	named           map[string]int
}

// TestOthersLogsConform reads every log of other people with the format found
// by content, and prints a table: go test ./ingest -run Conform -v.
func TestOthersLogsConform(t *testing.T) {
	files := slices.Concat(dataFiles(t, "cloudtrail-attacks/*"), dataFiles(t, "gateway-logs/*"), dataFiles(t, "audit-events/*"))
	var rows []conformity
	byFolder := map[string][2]int{}
	for _, file := range files {
		rel := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
		i := slices.IndexFunc(knownLogs, func(k struct{ file, formats string }) bool {
			ok, err := filepath.Match(k.file, rel)
			return ok && err == nil
		})
		if i < 0 {
			t.Errorf("%s: say in knownLogs what wrote it", rel)
			continue
		}
		right := strings.Fields(knownLogs[i].formats)
		right = slices.DeleteFunc(right, func(name string) bool { _, err := find(name); return err != nil })
		if len(right) == 0 {
			t.Logf("%s: %s is not read yet", rel, knownLogs[i].formats)
			continue
		}
		row := conform(t, file, rel, right)
		rows = append(rows, row)
		folder := filepath.Dir(rel)
		byFolder[folder] = [2]int{byFolder[folder][0] + row.right, byFolder[folder][1] + row.records}
		for reason := range row.refused {
			if !slices.ContainsFunc(accepted, func(a struct {
				file   string
				reason *regexp.Regexp
			}) bool {
				return strings.HasPrefix(rel, a.file) && a.reason.MatchString(reason)
			}) {
				t.Errorf("%s: refused with %q", rel, reason)
			}
		}
	}
	for folder, n := range byFolder {
		if n[0]*100 < n[1]*98 {
			t.Errorf("%s: %d of %d records are named right, want 98%%", folder, n[0], n[1])
		}
	}
	t.Log("\n" + conformityTable(rows))
}

func conform(t *testing.T, file, rel string, right []string) conformity {
	t.Helper()
	row := conformity{file: rel, refused: map[string]int{}, named: map[string]int{}}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(rel, "audit-events/") {
		data = eventsOf(t, data)
	}
	r := NewReader(bytes.NewReader(data), AutoFormat)
	parsers := map[string]Parser{}
	for {
		rec, _, err := r.Next()
		var bad *RecordError
		switch {
		case errors.Is(err, io.EOF):
			return row
		case errors.As(err, &bad):
			row.records++
			row.named["none"]++
			row.refused[bad.Err.Error()]++
			continue
		case err != nil:
			t.Fatal(err)
		}
		name := r.Format()
		if parsers[name] == nil {
			if parsers[name], err = New(name, Options{KeepRaw: true}); err != nil {
				t.Fatal(err)
			}
		}
		var c collect
		parsers[name].Parse(rec, &c)
		n := len(c.events) + len(c.bad)
		row.records += n
		row.parsed += len(c.events)
		row.named[name] += n
		if slices.Contains(right, name) {
			row.right += n
		}
		for _, reason := range c.bad {
			row.refused[reason]++
		}
	}
}

// eventsOf takes the events out of the tests that they stand in.
func eventsOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		var test struct {
			Event json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(line, &test); err != nil {
			t.Fatal(err)
		}
		out.Write(append(test.Event, '\n'))
	}
	return out.Bytes()
}

func conformityTable(rows []conformity) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "file\trecords\tparsed\tright\tnamed\trefused")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\n", r.file, r.records, r.parsed, r.right, counts(r.named), counts(r.refused))
	}
	_ = w.Flush()
	return b.String()
}

// counts writes a count of each, the most frequent first.
func counts(m map[string]int) string {
	type pair struct {
		name string
		n    int
	}
	var list []pair
	for name, n := range m {
		list = append(list, pair{name, n})
	}
	slices.SortFunc(list, func(a, b pair) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	var out []string
	for _, p := range list {
		out = append(out, fmt.Sprintf("%d× %s", p.n, p.name))
	}
	return strings.Join(out, "; ")
}
