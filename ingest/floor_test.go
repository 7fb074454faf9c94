package ingest

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"
)

// measure runs op as a benchmark and adds two measures that tell of the code
// where the machine is busy with other work: the processor time of all threads,
// which has the collection of garbage in it, and the time of the quickest of
// many short runs, which has not.
func measure(b *testing.B, op func()) {
	b.Helper()
	processor := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	const run = 64
	best, n, from, cpu := time.Duration(1<<62), 0, time.Now(), processor()
	for b.Loop() {
		op()
		if n++; n%run == 0 {
			now := time.Now()
			best, from = min(best, now.Sub(from)), now
		}
	}
	b.ReportMetric(float64(processor()-cpu)/float64(n), "cpu-ns/op")
	if n >= run {
		b.ReportMetric(float64(best.Nanoseconds())/run, "best-ns/op")
	}
}

// BenchmarkFloor shows what the machine can do with the records of
// BenchmarkTargets at all: the copy and the check of UTF-8 that every parser
// needs, and readers of JSON that know nothing of secrets or events.
func BenchmarkFloor(b *testing.B) {
	for _, s := range targets() {
		raw := []byte(s.in)
		run := func(name string, op func() bool) {
			b.Run(s.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				ok := true
				measure(b, func() { ok = op() && ok })
				if !ok {
					b.Fatal("not read")
				}
			})
		}
		text := ""
		run("copy", func() bool { text = strings.Clone(s.in); return utf8.Valid(raw) && text != "" })
		if raw[0] != '{' {
			continue
		}
		run("encoding-json-valid", func() bool { return json.Valid(raw) })
		run("gjson-valid", func() bool { return gjson.ValidBytes(raw) })
		var p fastjson.Parser
		run("fastjson-parse", func() bool { _, err := p.ParseBytes(raw); return err == nil })
		d := document{nodes: make([]node, 0, 128)}
		run("own-parse", func() bool { return d.parse(s.in) == nil })
	}
}
