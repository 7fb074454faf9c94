package ingest

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/buger/jsonparser"
	"github.com/tidwall/gjson"
	"github.com/valyala/fastjson"

	"github.com/lapwing-sec/lapwing/schemas"
)

// discard takes events and gives them back at once, as the enrich stage does
// once it has encoded them.
type discard struct{ events, bad int }

func (d *discard) Event(_ int, ev *schemas.Event) { d.events++; ev.Recycle() }
func (d *discard) Bad(int, []byte, error)         { d.bad++ }

// BenchmarkParse runs every sample of the conformance tests.
func BenchmarkParse(b *testing.B) {
	for _, s := range samples() {
		b.Run(s.format+"/"+strings.ReplaceAll(s.name, " ", "_"), func(b *testing.B) {
			p, err := New(s.format, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				b.Fatal(err)
			}
			raw := []byte(s.in)
			var d discard
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				p.Parse(raw, &d)
			}
			if d.bad > 0 {
				b.Fatal("the sample is refused")
			}
		})
	}
}

// BenchmarkFormats runs all samples of a format by turns: one row a format.
func BenchmarkFormats(b *testing.B) {
	for _, f := range Formats() {
		b.Run(f.Name, func(b *testing.B) {
			p, err := New(f.Name, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				b.Fatal(err)
			}
			var raws [][]byte
			bytes := 0
			for _, s := range samples() {
				if s.format == f.Name {
					raws = append(raws, []byte(s.in))
					bytes += len(s.in)
				}
			}
			if len(raws) == 0 {
				b.Skip("no samples")
			}
			var d discard
			b.ReportAllocs()
			for b.Loop() {
				for _, raw := range raws {
					p.Parse(raw, &d)
				}
			}
			if d.bad > 0 {
				b.Fatal("a sample is refused")
			}
			perEvent := float64(b.Elapsed().Nanoseconds()) / float64(d.events)
			b.ReportMetric(perEvent, "ns/event")
			b.ReportMetric(float64(bytes)/float64(len(raws)), "B/record")
			b.ReportMetric(float64(bytes)/float64(len(raws))*1e3/perEvent, "MB/s")
		})
	}
}

// BenchmarkJSON compares readers of one record: all of them visit every
// scalar at any depth, which redaction needs. own is what the parsers use.
func BenchmarkJSON(b *testing.B) {
	for _, s := range []struct{ name, in string }{{"cloudtrail", trailRole}, {"kong", kongConsumer}} {
		raw := []byte(s.in)
		run := func(name string, visit func() int) {
			b.Run(fmt.Sprintf("%s/%s", s.name, name), func(b *testing.B) {
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					n = visit()
				}
				if n == 0 {
					b.Fatal("nothing was visited")
				}
			})
		}
		d := document{nodes: make([]node, 0, 128)}
		run("own", func() (n int) {
			d.reset()
			if d.parse(string(raw)) != nil {
				return 0
			}
			for i := range d.nodes {
				n += len(d.nodes[i].str)
			}
			return n
		})
		run("jsonparser", func() int { kept = kept[:0]; return visitJSONParser(raw) })
		var pool fastjson.ParserPool
		run("fastjson", func() int {
			p := pool.Get()
			defer pool.Put(p)
			v, err := p.ParseBytes(raw)
			if err != nil {
				return 0
			}
			kept = kept[:0]
			return visitFastJSON(v)
		})
		run("gjson", func() int { return visitGJSON(gjson.ParseBytes(raw)) }) // copies the record once
	}
}

// kept holds the strings that a visitor copied, as the fields of an event must
// not point into the caller's bytes.
var kept []string

func keep(b []byte) int {
	kept = append(kept, string(b))
	return len(b)
}

func visitJSONParser(raw []byte) (n int) {
	err := jsonparser.ObjectEach(raw, func(_, v []byte, kind jsonparser.ValueType, _ int) error {
		switch kind {
		case jsonparser.Object:
			n += visitJSONParser(v)
		case jsonparser.Array:
			_, err := jsonparser.ArrayEach(v, func(e []byte, kind jsonparser.ValueType, _ int, _ error) {
				if kind == jsonparser.Object {
					n += visitJSONParser(e)
				} else {
					n += keep(e)
				}
			})
			return err
		case jsonparser.String:
			text, err := jsonparser.ParseString(v) // a copy
			n += len(text)
			return err
		default:
			n += keep(v)
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return n
}

func visitFastJSON(v *fastjson.Value) (n int) {
	switch v.Type() {
	case fastjson.TypeObject:
		o := v.GetObject()
		o.Visit(func(_ []byte, m *fastjson.Value) { n += visitFastJSON(m) })
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			n += visitFastJSON(e)
		}
	case fastjson.TypeString:
		n += keep(v.GetStringBytes())
	default:
		n++
	}
	return n
}

func visitGJSON(v gjson.Result) (n int) {
	if v.IsObject() || v.IsArray() {
		v.ForEach(func(_, m gjson.Result) bool { n += visitGJSON(m); return true })
		return n
	}
	return len(v.String())
}

// BenchmarkReader cuts a CloudTrail file of 1,000 records.
func BenchmarkReader(b *testing.B) {
	file := `{"Records":[` + strings.Repeat(trailRole+",", 999) + trailRole + "]}"
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(strings.NewReader(file), "cloudtrail")
		for {
			if _, _, err := r.Next(); err != nil {
				if err != io.EOF { //nolint:errorlint // the bare value is promised
					b.Fatal(err)
				}
				break
			}
		}
	}
}
