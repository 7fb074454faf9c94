package ingest

import (
	"encoding/json"
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
		records := variants(s.in)
		texts := make([]string, len(records))
		for i, r := range records {
			texts[i] = string(r)
		}
		run := func(name string, op func(i int) bool) {
			b.Run(s.name+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(s.in)))
				b.ReportAllocs()
				ok, i := true, 0
				measure(b, func() {
					ok = op(i%len(records)) && ok
					i++
				})
				if !ok {
					b.Fatal("not read")
				}
			})
		}
		text := ""
		run("copy", func(i int) bool { text = string(records[i]); return utf8.Valid(records[i]) && text != "" })
		if s.in[0] != '{' {
			continue
		}
		run("encoding-json-valid", func(i int) bool { return json.Valid(records[i]) })
		run("gjson-valid", func(i int) bool { return gjson.ValidBytes(records[i]) })
		var p fastjson.Parser
		run("fastjson-parse", func(i int) bool { _, err := p.ParseBytes(records[i]); return err == nil })
		d := document{nodes: make([]node, 0, 128), known: keyCache{on: true}}
		run("own-parse", func(i int) bool { return d.parse(texts[i]) == nil })
	}
}
