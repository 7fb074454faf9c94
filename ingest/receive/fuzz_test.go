package receive

import (
	"net/http"
	"testing"

	"github.com/rs/zerolog"
)

// Whatever is sent to a receiver, it answers with a verdict on the request and
// not on itself, hands on no record beyond the limits, and nothing at all of a
// request that it refuses.
func FuzzReceivers(f *testing.F) {
	all := samples(3)
	for i, s := range all {
		f.Add(uint8(i), []byte(s.body))
		f.Add(uint8(i), []byte(packed(s.body)))
		f.Add(uint8(i), []byte(`{"items":[null,1,"x"],"kind":"EventList","data":{"events":[[]]},"requestId":"r","records":[{"data":"e30="},{}],"event":[]}`))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		s := all[int(which)%len(all)]
		p := &recordingProducer{}
		got := post(New(Config{MaxRecordBytes: 300, MaxRecords: 20, MaxUnpackedBytes: 4096}, p, nil, zerolog.Nop()), s.path, string(body), s.header...)
		if got.Code >= 500 || got.Code < 200 {
			t.Fatalf("%s: answer %d %s", s.path, got.Code, got.Body)
		}
		if got.Code >= 300 && len(p.values) > 0 {
			t.Fatalf("%s: answer %d, and %d records", s.path, got.Code, len(p.values))
		}
		if len(p.values) > 20 {
			t.Fatalf("%s: %d records", s.path, len(p.values))
		}
		for _, v := range p.values {
			if len(v) > 300 || v == "" {
				t.Fatalf("%s: a record of %d bytes", s.path, len(v))
			}
		}
		if got.Code == http.StatusOK && got.Header().Get("Content-Type") == "" {
			t.Fatalf("%s: no content type", s.path)
		}
	})
}
