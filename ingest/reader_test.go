package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

func packed(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

// drain reads all records; a broken one shows as "!" and its reason.
func drain(r *Reader) (records []string, err error) {
	for {
		rec, _, err := r.Next()
		var bad *RecordError
		switch {
		case errors.Is(err, io.EOF):
			return records, nil
		case errors.As(err, &bad):
			records = append(records, "!"+bad.Error())
		case err != nil:
			return records, err
		default:
			records = append(records, string(rec))
		}
	}
}

func TestFilesAreCutIntoRecords(t *testing.T) {
	a, b := `{"a":1}`, `{"b":"]}\"{"}`
	for _, tt := range []struct {
		name, format, in string
		want             []string
	}{
		{"nothing", "cloudtrail", "", nil},
		{"white space only", "nginx", " \n\r\n\t", nil},
		{"lines", "nginx", "one\ntwo\n", []string{"one", "two"}},
		{"lines with CRLF, blank ones and no end", "nginx", "one\r\n\r\n  \r\ntwo", []string{"one", "two"}},
		{"a byte order mark", "nginx", "\xEF\xBB\xBFone\n", []string{"one"}},
		{"a line in a bracket is text", "nginx", "[01/Mar/2026] x\n[]\n", []string{"[01/Mar/2026] x"}},
		{"documents one a line", "kong", a + "\n" + b + "\n", []string{a, b}},
		{"documents behind one another", "kong", a + b, []string{a, b}},
		{"documents with commas between", "cloudtrail", a + ",\n" + b, []string{a, b}},
		{"a document over several lines", "cloudtrail", "{\n  \"a\": 1\n}\n" + b, []string{"{\n  \"a\": 1\n}", b}},
		{"an array", "cloudtrail", "[" + a + " ,\n" + b + "]\n", []string{a, b}},
		{"an array in a mixed format", "nginx", "[" + a + "," + b + "]\nline", []string{a, b, "line"}},
		{"two arrays", "kong", "[" + a + "]\n[" + b + "]", []string{a, b}},
		{"an empty array", "kong", "[ ]", nil},
		{"scalars in an array", "kong", `[1, "x,]" ,null]`, []string{"1", `"x,]"`, "null"}},
		{"a CloudTrail file", "cloudtrail", `{"Records":[` + a + "," + b + `]}`, []string{a, b}},
		{"a CloudTrail file, indented", "cloudtrail", "{\n \"Records\" : [\n " + a + ",\n " + b + "\n ]\n}\n", []string{a, b}},
		{"two CloudTrail files behind one another", "cloudtrail", `{"Records":[` + a + `]}` + "\n" + `{"Records":[` + b + `]}`, []string{a, b}},
		{"a CloudTrail file without records", "cloudtrail", `{"Records":[]}`, nil},
		{"a broken line spoils itself alone", "kong", a + "\n{\"x\":{\n" + b + "\n", []string{a, `{"x":{`, b}},
		{"a string without an end spoils its line alone", "kong", "{\"x\":\"y\n" + b + "\n", []string{`{"x":"y`, b}},
		{"an array that is cut off", "cloudtrail", "[" + a + `,{"x`, []string{a, `{"x`}},
		{"gzip", "cloudtrail", packed(`{"Records":[` + a + "," + b + `]}`), []string{a, b}},
		{"two gzip members", "nginx", packed("one\n") + packed("two\n"), []string{"one", "two"}},
		{"lines in the usual order", "cloudfront", "#Version: 1.0\n#Fields: " + strings.Join(cloudFrontStandard[:], " ") + "\none\n", []string{"one"}},
		{"lines in an order of their own carry it", "cloudfront", "#Version: 1.0\n#Fields: c-ip date\none\ntwo\n#Fields: date c-ip\nthree", []string{"#Fields: c-ip date\none", "#Fields: c-ip date\ntwo", "#Fields: date c-ip\nthree"}},
		{"an order that is too long to carry ends the one before", "cloudfront", "#Fields: c-ip date\none\n#Fields: " + strings.Repeat("c-ip ", maxFieldsLine/5) + "\ntwo", []string{"#Fields: c-ip date\none", "two"}},
		{"documents carry no order", "cloudfront", "#Fields: c-ip date\n" + a, []string{a}},
		{"a text line in a JSON format is for its parser to refuse", "kong", "oops\n" + a, []string{"oops", a}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for how, in := range map[string]io.Reader{"at once": strings.NewReader(tt.in), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.in)), "with its end": iotest.DataErrReader(strings.NewReader(tt.in))} {
				got, err := drain(standard.NewReader(in, tt.format))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

func TestBrokenFilesSayWhy(t *testing.T) {
	failing := errors.New("disk on fire")
	for _, tt := range []struct {
		name   string
		in     io.Reader
		format string
		is     error
		says   string
	}{
		{"a binary file", strings.NewReader("\x7fELF\x02\x01\x01\x00\x00"), "auto", ErrBinary, "not a text log: binary data in the 9 bytes at byte 0"},
		{"a file of control characters", strings.NewReader("\x01\x02\x03\x04abc"), "auto", ErrBinary, "not a text log"},
		{"UTF-16", strings.NewReader("\xff\xfeo\x00n\x00e\x00"), "auto", ErrBinary, "not a text log"},
		{"gzip that is cut off", strings.NewReader(packed(strings.Repeat("some line of text\n", 9999))[:60]), "nginx", io.ErrUnexpectedEOF, "ends too early"},
		{"gzip with a broken header", strings.NewReader("\x1f\x8bzzzzzzzzzzzzzzzzzz"), "nginx", gzip.ErrHeader, "gzip"},
		{"a disk that fails", io.MultiReader(strings.NewReader("one\n"), iotest.ErrReader(failing)), "nginx", failing, "reading"},
		{"an unknown format", strings.NewReader("x"), "syslog", ErrUnknownFormat, "cloudtrail, "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := standard.NewReader(tt.in, tt.format)
			_, err := drain(r)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error %v, want %v saying %q", err, tt.is, tt.says)
			}
			if _, _, again := r.Next(); !errors.Is(again, tt.is) {
				t.Errorf("the next call says %v", again)
			}
		})
	}
}

func TestOverlongRecordsAreSkipped(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, tt := range []struct{ name, format, in string }{
		{"a line", "nginx", "one\n" + long + "\ntwo\n"},
		{"a document", "kong", `{"n":1}` + "\n" + `{"x":"` + long + `"}` + "\n" + `{"n":2}`},
		{"an element", "cloudtrail", `{"Records":[{"n":1},{"x":"` + long + `"},{"n":2}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := standard.NewReader(strings.NewReader(tt.in), tt.format)
			r.max = 100
			got, err := drain(r)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 3 || got[1] != "!record 2: longer than the limit of 100 bytes" {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestABombIsCutOff(t *testing.T) {
	bomb := packed(strings.Repeat("0", 1<<20))
	z, err := gzip.NewReader(strings.NewReader(bomb))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, &bombReader{z: z, packed: &countingReader{n: int64(len(bomb))}, floor: 1 << 18})
	if !errors.Is(err, ErrBomb) {
		t.Errorf("error %v", err)
	}
	if n := len(bomb) * bombRatio; n >= 1<<20 {
		t.Errorf("the sample packs to %d bytes, too many for a bomb", len(bomb))
	}
}

func TestFormatsAreFoundRecordByRecord(t *testing.T) {
	in := trailRole + "\n" + kongConsumer + "\n" + nginxPlain + "\n" + nginxJSON + "\nnonsense\n"
	r := standard.NewReader(strings.NewReader("nonsense first\n"+in), AutoFormat)
	var got []string
	for {
		_, n, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			got = append(got, fmt.Sprintf("%d bad", n))
			continue
		}
		got = append(got, fmt.Sprintf("%d %s", n, r.Format()))
	}
	if diff := cmp.Diff([]string{"1 bad", "2 cloudtrail", "3 kong", "4 nginx", "5 nginx", "6 nginx"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMemoryStaysBoundedOverOneHugeArray(t *testing.T) {
	element := strings.NewReader("")
	n := 0
	endless := io.MultiReader(strings.NewReader(`{"Records":[`), readerFunc(func(p []byte) (int, error) {
		if element.Len() == 0 {
			if n == 20000 {
				return 0, io.EOF
			}
			n++
			element.Reset(`{"n":"` + strings.Repeat("x", 1000) + `"},`)
		}
		return element.Read(p)
	}))
	r := standard.NewReader(endless, "cloudtrail")
	records := 0
	for {
		rec, _, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		records++
		if cap(r.buf) > 64<<10 || len(rec) != 1008 {
			t.Fatalf("record of %d bytes, buffer of %d", len(rec), cap(r.buf))
		}
	}
	if records != 20000 {
		t.Errorf("%d records", records)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAnOrderThatIsTooLongToReadEndsTheOneBefore(t *testing.T) {
	r := standard.NewReader(strings.NewReader("#Fields: c-ip date\none\n#Fields: "+strings.Repeat("c-ip ", 40)+"\ntwo"), "cloudfront")
	r.Limit(100)
	got, err := drain(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"#Fields: c-ip date\none", "!record 2: longer than the limit of 100 bytes", "two"}, got); diff != "" {
		t.Error(diff)
	}
}

// growing is a file that is written to between two reads.
type growing struct{ parts []string }

func (g *growing) Read(b []byte) (int, error) {
	if len(g.parts) == 0 || g.parts[0] == "" {
		g.parts = g.parts[min(1, len(g.parts)):]
		return 0, io.EOF
	}
	n := copy(b, g.parts[0])
	if g.parts[0] = g.parts[0][n:]; g.parts[0] == "" && len(g.parts) > 1 {
		g.parts = append([]string{""}, g.parts[1:]...)
	}
	return n, nil
}

func TestAnOrderThatIsHalfWrittenIsNone(t *testing.T) {
	const before = 400 // more than is looked at when the file is opened
	r := standard.NewReader(&growing{parts: []string{"#Fields: c-ip date\n" + strings.Repeat("one\n", before) + "#Fields: date c-", "ip\ntwo\n"}}, "cloudfront")
	got, err := drain(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != before {
		t.Errorf("%d records, the last of them %q", len(got), got[len(got)-1])
	}
	if !r.Unfinished() {
		t.Error("the rest may still be written")
	}
}

func TestReadingGoesOnAtAPosition(t *testing.T) {
	line := `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(strings.Repeat(line+"\n", 2000)))
	_ = z.Close()
	for name, in := range map[string]string{
		"lines":                          strings.Repeat(line+"\n", 1500) + line,
		"lines behind a byte order mark": string(bom) + line + "\n" + line,
		"an array":                       "[" + nginxJSON + ",\n" + nginxJSON + "," + nginxJSON + "]",
		"an object around an array":      `{"owner":"x","Records":[` + trailRole + "," + trailRole + `],"next":null}` + "\n" + trailRole,
		"documents over several lines":   "{\n\"a\":\n1}\n{\"b\":\n2}\n",
		"gzip":                           packed.String(),
		"lines in an order of their own": cloudFrontOwn + "\n" + cloudFrontOwn[strings.LastIndexByte(cloudFrontOwn, '\n')+1:] + "\n" + cloudFrontOwn,
	} {
		t.Run(name, func(t *testing.T) {
			var records []string
			var places []Position
			r := standard.NewReader(strings.NewReader(in), AutoFormat)
			for {
				rec, _, err := r.Next()
				var bad *RecordError
				if err != nil && !errors.As(err, &bad) {
					break
				}
				records, places = append(records, string(rec)), append(places, r.Position())
			}
			if len(records) < 2 {
				t.Fatalf("%d records", len(records))
			}
			for i := 0; i < len(places); i += 1 + len(places)/7 {
				r := standard.NewReaderAt(strings.NewReader(in), AutoFormat, places[i])
				for n := i + 1; ; n++ {
					rec, _, err := r.Next()
					var bad *RecordError
					if err != nil && !errors.As(err, &bad) {
						if n != len(records) {
							t.Fatalf("behind record %d: ends at %d of %d with %v", i, n, len(records), err)
						}
						break
					}
					if n >= len(records) || string(rec) != records[n] {
						t.Fatalf("behind record %d: record %d is %q", i, n, rec)
					}
				}
			}
		})
	}
}

func TestAnUnfinishedRecordIsKnown(t *testing.T) {
	for in, want := range map[string]bool{"{\"a\":1}": false, "{\"a\":1}\n": false, "{\"a\":": true, "a line": true, "a line\n": false, "[{\"a\":1}": false} {
		r := standard.NewReader(strings.NewReader(in), "nginx")
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if r.Unfinished() != want {
			t.Errorf("%q: unfinished is %t", in, r.Unfinished())
		}
	}
}
