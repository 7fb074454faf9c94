package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorded lists other people's logs, or skips the test.
func recorded(t *testing.T, pattern string) []string {
	t.Helper()
	root := os.Getenv("LAPWING_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(root, pattern))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no %s below %s (set LAPWING_DATA)", pattern, root)
	}
	return files
}

type readEvents struct{ events []*schemas.Event }

func (l *readEvents) Event(_ int, ev *schemas.Event) { l.events = append(l.events, ev) }
func (l *readEvents) Bad(int, []byte, error)         {}

// readLog parses what a log holds, in the format that its content shows.
func readLog(t *testing.T, log io.Reader) []*schemas.Event {
	t.Helper()
	r := ingest.Table().NewReader(log, ingest.AutoFormat)
	var list readEvents
	for {
		rec, _, err := r.Next()
		var bad *ingest.RecordError
		switch {
		case errors.Is(err, io.EOF):
			return list.events
		case errors.As(err, &bad):
			continue
		}
		require.NoError(t, err)
		p, err := ingest.New(r.Format(), ingest.Options{})
		require.NoError(t, err)
		p.Parse(rec, &list)
	}
}

// The classes of attacks that others recorded. What no class tells is left to
// other detectors.
func TestTheKeyEventOfAnAttackHasAGraveClass(t *testing.T) {
	keys := map[string]struct {
		operation string
		class     capability.Set
	}{
		"aws.credential-access.ec2-get-password-data":              {"ec2:GetPasswordData", capability.ReadsSecret},
		"aws.defense-evasion.dns-delete-logs":                      {"route53resolver:DeleteResolverQueryLogConfig", capability.DisablesLogging},
		"aws.discovery.ec2-download-user-data":                     {"ec2:DescribeInstanceAttribute", capability.ReadsSecret},
		"aws.execution.ec2-user-data":                              {"ec2:ModifyInstanceAttribute", capability.RunsCode},
		"aws.exfiltration.ec2-security-group-open-port-22-ingress": {"ec2:AuthorizeSecurityGroupIngress", capability.ExposesResource},
		"aws.exfiltration.ec2-share-ami":                           {"ec2:ModifyImageAttribute", capability.ExposesResource},
		"aws.exfiltration.ec2-share-ebs-snapshot":                  {"ec2:ModifySnapshotAttribute", capability.ExposesResource},
		"aws.lateral-movement.ec2-instance-connect":                {"ec2-instance-connect:SendSSHPublicKey", capability.RunsCode},
		"aws.persistence.iam-backdoor-role":                        {"iam:UpdateAssumeRolePolicy", capability.ChangesTrust},
		"aws.persistence.iam-backdoor-user":                        {"iam:CreateAccessKey", capability.MintsCredential},
		"aws.persistence.iam-create-admin-user":                    {"iam:AttachUserPolicy", capability.GrantsPrivilege},
		"aws.persistence.iam-create-backdoor-role":                 {"iam:AttachRolePolicy", capability.GrantsPrivilege},
		"aws.persistence.iam-create-user-login-profile":            {"iam:CreateLoginProfile", capability.MintsCredential},
		"aws.persistence.lambda-layer-extension":                   {"lambda:UpdateFunctionConfiguration20150331v2", capability.RunsCode},
		"aws.persistence.lambda-overwrite-code":                    {"lambda:UpdateFunctionCode20150331v2", capability.RunsCode},
		"aws.persistence.rolesanywhere-create-trust-anchor":        {"rolesanywhere:CreateTrustAnchor", capability.ChangesTrust},
		"aws.privilege-escalation.iam-update-user-login-profile":   {"iam:UpdateLoginProfile", capability.MintsCredential},
		// Machines are started all day; their number and size are what is odd.
		"aws.execution.ec2-launch-unusual-instances": {"ec2:RunInstances", capability.SpawnsCompute},
		// A sign-in is a read; who signs in, from where and how is what is odd.
		"aws.initial-access.console-login-without-mfa": {"signin:ConsoleLogin", capability.Reads},
	}
	classify, err := capability.New()
	require.NoError(t, err)
	for _, file := range recorded(t, "cloudtrail-attacks/*.json") {
		name := filepath.Base(file[:len(file)-len(".json")])
		t.Run(name, func(t *testing.T) {
			key, ok := keys[name]
			require.True(t, ok, "an attack without its key event")
			f, err := os.Open(file)
			require.NoError(t, err)
			defer func() { _ = f.Close() }()
			found := false
			for _, ev := range readLog(t, f) {
				if ev.Operation == key.operation {
					found = true
					assert.True(t, classify.Event(ev).Set.Has(key.class), "%s: %s", ev.Operation, classify.Event(ev).Set)
				}
			}
			assert.True(t, found, "no %s", key.operation)
		})
	}
}

// How many operations of audit logs are known by name, by verb only, and not
// at all; the numbers are for people, the test is that each has a verb.
func TestOperationsOfAuditLogsAreKnown(t *testing.T) {
	classify, err := capability.New()
	require.NoError(t, err)
	for _, file := range recorded(t, "audit-events/*.ndjson") {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		known := map[capability.Knowledge]int{}
		grave := 0
		seen := map[string]bool{}
		for line := range bytes.Lines(raw) {
			var wrapped struct{ Event json.RawMessage }
			require.NoError(t, json.Unmarshal(line, &wrapped))
			format, ok := ingest.Table().Detect(wrapped.Event)
			if !ok {
				continue
			}
			p, err := ingest.New(format, ingest.Options{})
			require.NoError(t, err)
			var list readEvents
			p.Parse(wrapped.Event, &list)
			for _, ev := range list.events {
				can := classify.Event(ev)
				assert.Equal(t, 1, can.Set.Verb().Len(), "%s: %s", ev.Operation, can.Set)
				assert.False(t, can.Known == capability.Guessed && can.Set.Any(capability.Grave), "%s is a guess", ev.Operation)
				if seen[ev.Format+" "+ev.Operation] {
					continue
				}
				seen[ev.Format+" "+ev.Operation] = true
				known[can.Known]++
				if can.Set.Any(capability.Grave) {
					grave++
				}
				if can.Known == capability.Guessed {
					t.Logf("guessed: %s %s", ev.Format, ev.Operation)
				}
			}
		}
		t.Logf("%-24s %3d operations: %3d by name, %3d by verb, %3d unknown; %3d grave",
			filepath.Base(file), len(seen), known[capability.ByName], known[capability.ByVerb], known[capability.Guessed], grave)
	}
}
