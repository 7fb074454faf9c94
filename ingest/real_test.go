package ingest

import (
	"errors"
	"fmt"
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

// dataFile returns a folder of other people's logs, or skips the test.
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
	r := NewReader(f, AutoFormat)
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
	for _, file := range append(dataFiles(t, "cloudtrail-attacks/*.json"), append(dataFiles(t, "gateway-logs/nginx*.log"), append(dataFiles(t, "gateway-logs/aws-cloudtrail*.log"), dataFiles(t, "gateway-logs/apache-combined-10k.log")...)...)...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := readAll(t, file)
			if os.Getenv("LAPWING_SHOW") != "" {
				for i, e := range c.events {
					if i < 3 {
						fmt.Printf("%s %s by %s %q issuer=%q cred=%s sess=%s res=%q to=%q out=%v err=%s ip=%s mfa=%v attrs=%v\n", e.Service, e.Operation, e.PrincipalType, e.Principal, e.PrincipalIssuer, e.CredentialId, e.SessionId, e.Resources, e.Grantees, e.Outcome, e.ErrorCode, e.SrcIp, e.Mfa, e.Attributes)
					}
				}
			}
			for i, b := range c.bad {
				if i < 4 {
					t.Log(b)
				}
			}
			if strings.Contains(file, "cloudtrail") && len(c.bad) > 0 {
				t.Errorf("%d bad records, want none", len(c.bad))
			}
			t.Log(len(c.events), "events", len(c.bad), "bad")
		})
	}
}
