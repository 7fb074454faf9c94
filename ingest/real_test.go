package ingest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

// collect gathers what a parser makes of a record.
type collect struct {
	events []*schemas.Event
	bad    []string
	order  []int
}

func (c *collect) Event(index int, ev *schemas.Event) {
	c.events = append(c.events, ev)
	c.order = append(c.order, index)
}

func (c *collect) Bad(index int, sub []byte, err error) {
	c.bad = append(c.bad, err.Error())
	c.order = append(c.order, index)
}

// dataFiles lists other people's logs, or skips the test.
func dataFiles(t *testing.T, pattern string) []string {
	t.Helper()
	root := os.Getenv("LAPWING_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no %s below %s (set LAPWING_DATA)", pattern, root)
	}
	return files
}

// readAll reads a file with the format found by content.
func readAll(t *testing.T, name string) (c collect) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r := standard.NewReader(f, AutoFormat)
	for {
		rec, _, err := r.Next()
		var bad *RecordError
		switch {
		case errors.Is(err, io.EOF):
			return c
		case errors.As(err, &bad):
			c.bad = append(c.bad, bad.Error())
			continue
		case err != nil:
			t.Fatal(err)
		}
		p, err := New(r.Format(), Options{KeepRaw: true})
		if err != nil {
			t.Fatal(err)
		}
		p.Parse(rec, &c)
	}
}

func TestRecordedLogsAreRead(t *testing.T) {
	var files []string
	for _, pattern := range []string{"cloudtrail-attacks/*.json", "gateway-logs/nginx*.log", "gateway-logs/aws-cloudtrail*.log", "gateway-logs/apache-combined-10k.log"} {
		files = append(files, dataFiles(t, pattern)...)
	}
	// These hold lines of the error log, or of formats that are not read.
	mixed := map[string]bool{"nginx_http-logs.log": true, "nginx-http-generic-bf.log": true, "nginx-proxy-manager-logs.log": true, "nginx_http-catch-npm.log": true, "nginx_req_limit_exceeded.log": true}
	gives := map[string]bool{
		"aws.exfiltration.ec2-share-ami.json": true, "aws.exfiltration.ec2-share-ebs-snapshot.json": true, "aws.exfiltration.ec2-security-group-open-port-22-ingress.json": true,
		"aws.persistence.iam-backdoor-role.json": true, "aws.persistence.iam-backdoor-user.json": true, "aws.persistence.iam-create-admin-user.json": true, "aws.persistence.iam-create-backdoor-role.json": true,
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			c := readAll(t, file)
			if len(c.events)+len(c.bad) == 0 || !mixed[name] && len(c.bad) > 0 {
				t.Errorf("%d events, refused: %q", len(c.events), c.bad)
			}
			given := false
			for _, ev := range c.events {
				given = given || len(ev.Grantees) > 0
				if strings.Contains(file, "cloudtrail-attacks") && (ev.Principal == "" || ev.SrcIp == "" || ev.Id == "") {
					t.Errorf("%s: principal %q, address %q, id %q", ev.Operation, ev.Principal, ev.SrcIp, ev.Id)
				}
			}
			if gives[name] && !given {
				t.Error("no grantee was found")
			}
		})
	}
}

// recordsOfOthers returns the lines of a file; of a rule's test its event.
func recordsOfOthers(t *testing.T, name string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var d document
		if line = strings.TrimSpace(line); line == "" || d.parse(line) != nil {
			continue
		}
		if n := d.get(0, "event"); n != none && d.get(0, "rule") != none {
			line = string(d.bytes(n))
		}
		list = append(list, line)
	}
	return list
}

// belongs reports whether a rule's test holds a record of the format at all;
// rules over several sources also test those of others.
func belongs(in, format string) bool {
	var d document
	if d.parse(in) != nil {
		return false
	}
	if format == "k8s-audit" {
		return d.text(d.get(0, "kind")) == "Event"
	}
	return d.get(0, "RayID") != none
}
