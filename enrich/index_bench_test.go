package enrich

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/schemas"
)

// bigInventory writes n identities as an export of a large company has them.
func bigInventory(n int, withPolicies bool) []byte {
	var b strings.Builder
	b.WriteString("identities:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - id: aws:%012d:role/service-%d\n    kind: workload\n    name: Service %d\n    owner: owner-%d@example.com\n    team: team-%d\n    environment: production\n    criticality: high\n",
			100000000000+i%500, i, i, i%900, i%120)
		if withPolicies {
			b.WriteString("    allowed:\n      operations: [\"s3:*\", \"sqs:SendMessage\"]\n      regions: [eu-central-1, eu-west-1]\n    credentials:\n")
			fmt.Fprintf(&b, "      - {ref: AKIA%016d, type: access_key, issued: 2026-01-10T00:00:00Z, rotate_every: 90d}\n", i)
		}
	}
	return []byte(b.String())
}

func BenchmarkParseInventory(b *testing.B) {
	for _, policies := range []bool{false, true} {
		data := bigInventory(100_000, policies)
		b.Run(fmt.Sprintf("100k/policies=%v", policies), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseInventory("i.yaml", data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSetInventory(b *testing.B) {
	inv, err := ParseInventory("i.yaml", bigInventory(100_000, true))
	if err != nil {
		b.Fatal(err)
	}
	e, err := New(Config{}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		e.SetInventory(SourceFile, inv)
	}
}

func BenchmarkFind(b *testing.B) {
	inv, err := ParseInventory("i.yaml", bigInventory(100_000, false))
	if err != nil {
		b.Fatal(err)
	}
	ix := buildIndex(nil, inv)
	ev := &schemas.Event{IdentityId: inv.Identities[77_777].ID}
	b.ReportAllocs()
	for b.Loop() {
		if ix.find(ev) == nil {
			b.Fatal("not found")
		}
	}
}

// BenchmarkEnrichMillion enriches pooled events with a million identities
// declared: the usual path, without a broken policy.
func BenchmarkEnrichMillion(b *testing.B) {
	inv, err := ParseInventory("i.yaml", bigInventory(1_000_000, false))
	if err != nil {
		b.Fatal(err)
	}
	e, err := New(Config{}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	e.SetInventory(SourceFile, inv)
	arns := make([]string, 1<<12)
	for i := range arns {
		n := i * 241 % 1_000_000
		arns[i] = fmt.Sprintf("arn:aws:sts::%012d:assumed-role/service-%d/run-%d", 100000000000+n%500, n, i)
	}
	runtime.GC() // the load is not what is measured
	const run = 64
	i, best, from := 0, time.Duration(1<<62), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if i++; i%run == 0 { // the quickest of many short runs tells of the code on a busy machine
			now := time.Now()
			best, from = min(best, now.Sub(from)), now
		}
		ev := schemas.EventFromVTPool()
		ev.Format, ev.PrincipalType, ev.Principal = "cloudtrail", "AssumedRole", arns[i&(len(arns)-1)]
		ev.Operation, ev.Region, ev.SrcIp, ev.UserAgent = "s3:GetObject", "eu-central-1", "203.0.113.9", "Boto3/1.26.0"
		e.Enrich(ev)
		if !ev.Declared.Managed {
			b.Fatal("not found")
		}
		ev.ReturnToVTPool()
	}
	b.ReportMetric(float64(best.Nanoseconds())/run, "best-ns/op")
}
