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
	{"audit-events/Azure.MonitorActivity.ndjson", "azure-activity azure-keyvault azure-appgw azure-frontdoor"},
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
	{"audit-events/", regexp.MustCompile(`: "(\.\.\.|2024-12-17 00:00:00000000)" is no RFC 3339 time$`)}, // no times
	{"audit-events/", regexp.MustCompile(`^of no known format`)},                                         // counted as named wrong
	{"gateway-logs/nginx", regexp.MustCompile(`^nginx: a line of the error log`)},
	{"gateway-logs/nginx_http-catch-npm", regexp.MustCompile(`^nginx: request: missing$`)}, // a format of its own
	{"gateway-logs/apache2", regexp.MustCompile(`^apache: a line of the error log`)},
	{"gateway-logs/caddy", regexp.MustCompile(`^caddy: logger "http\.handlers\.[a-z_]+" is not http\.log\.access`)},
	{"gateway-logs/haproxy", regexp.MustCompile(`^haproxy: no request: `)},
	{"gateway-logs/traefik_json", regexp.MustCompile(`^traefik: time: missing \(address`)}, // a plugin's own line
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
		right, known := rightFormats(rel)
		if !known {
			t.Errorf("%s: say in knownLogs what wrote it", rel)
			continue
		}
		if len(right) == 0 {
			t.Logf("%s is not read yet", rel)
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

// rightFormats are the names that knownLogs has for a file, of those in the
// table of formats.
func rightFormats(rel string) (names []string, known bool) {
	for _, k := range knownLogs {
		if ok, err := filepath.Match(k.file, rel); ok && err == nil {
			names = strings.Fields(k.formats)
			return slices.DeleteFunc(names, func(name string) bool { _, err := standard.find(name); return err != nil }), true
		}
	}
	return nil, false
}

func conform(t *testing.T, file, rel string, right []string) conformity {
	t.Helper()
	row := conformity{file: rel, refused: map[string]int{}, named: map[string]int{}}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(rel, "audit-events/") {
		for line := range bytes.Lines(data) {
			if event, right := eventOf(t, line, right); len(right) > 0 {
				row.read(t, event, right)
			}
		}
		return row
	}
	row.read(t, data, right)
	return row
}

// eventOf takes an event out of the test that it stands in, and says what wrote
// it: tests of rules for several sources are in every source's file, and name
// it in p_log_type. An event of less than two members of its own tells nothing.
func eventOf(t *testing.T, line []byte, right []string) (event []byte, formats []string) {
	t.Helper()
	var test struct {
		Event json.RawMessage `json:"event"`
	}
	var members map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(line, &test), json.Unmarshal(test.Event, &members)); err != nil {
		t.Fatal(err)
	}
	own, source := 0, ""
	for name, v := range members {
		switch {
		case name == "p_log_type":
			if err := json.Unmarshal(v, &source); err != nil {
				t.Fatal(err)
			}
		case !strings.HasPrefix(name, "p_"):
			own++
		}
	}
	if own < 2 {
		return nil, nil
	}
	if string(members["category"]) == `"kube-audit"` {
		source = "Amazon.EKS.Audit" // the same log in the envelope of Azure Monitor
	}
	if source != "" {
		right, _ = rightFormats("audit-events/" + source + ".ndjson")
	}
	return test.Event, right
}

func (row *conformity) read(t *testing.T, data []byte, right []string) {
	t.Helper()
	r := standard.NewReader(bytes.NewReader(data), AutoFormat)
	parsers := map[string]Parser{}
	for {
		rec, _, err := r.Next()
		var bad *RecordError
		switch {
		case errors.Is(err, io.EOF):
			return
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
