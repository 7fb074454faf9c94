package ingest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatCameReadsAsItsCleanText: bytes that are no UTF-8 and hashes that a log
// brings along are found in a record of a shape that is known, too, wherever they
// stand and whatever stood there before.
func TestWhatCameReadsAsItsCleanText(t *testing.T) {
	hash := testHasher.Hash("a key of somebody else")
	texts := []string{
		"", "a", "/v1/orders/17", "Zürich", "\xff", "a\xc3", "\xbc", `a\nb`, `\u00e9`, `\xff\n`,
		hash, "key " + hash + " of", hash[1:], hash[:len(hash)-1], `\n` + hash, hash + `\n`, `\u0068` + hash[1:], hash[:5] + `\n` + hash[5:], "\xff" + hash, strings.ToUpper(hash),
		"https://api.example.com/v1/orders/8412/items", "3c8d8d8a1f5b7e4d6c9a0b1c2d3e4f5a",
	}
	for _, format := range []string{"kong", "ours"} {
		t.Run(format, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := &parser{format: &Format{ours: format == "ours"}}
				used := document{known: keyCache{on: true}}
				text := rapid.SampledFrom(texts)
				for range rapid.IntRange(2, 12).Draw(t, "records") {
					in := `{"a":"` + text.Draw(t, "a") + `","b":{"list":["` + text.Draw(t, "first") + `",` + rapid.SampledFrom([]string{"1", "true", `"x"`, "\xff"}).Draw(t, "second") + `]},"c":"` + text.Draw(t, "c") + `"`
					switch rapid.IntRange(0, 9).Draw(t, "kind") {
					case 0:
						in += `,"` + text.Draw(t, "key") + `":1`
					case 1:
						in += "\xff"
					}
					in += "}"
					clean := p.incoming([]byte(in))
					foundAlike(t, &used, clean, used.parseIncoming(p, []byte(in)))
					if used.src != clean {
						t.Fatalf("%q became %q, want %q", in, used.src, clean)
					}
				}
			})
		})
	}
}

// TestEverySampleReadsAsItsCleanText, when it comes behind another of its format
// and one of its bytes is another one.
func TestEverySampleReadsAsItsCleanText(t *testing.T) {
	hash := testHasher.Hash("a key of somebody else")
	for _, s := range samples() {
		if !strings.HasPrefix(s.in, "{") {
			continue
		}
		p := &parser{format: &Format{}}
		used := document{known: keyCache{on: true}}
		for at := 0; at < len(s.in); at += 1 + len(s.in)/16 {
			for _, part := range []string{"", "\xff", "é", hash, "0", `"`} {
				in := s.in[:at] + part + s.in[at:]
				clean := p.incoming([]byte(in))
				foundAlike(t, &used, clean, used.parseIncoming(p, []byte(in)))
				if err := used.parseIncoming(p, []byte(s.in)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
