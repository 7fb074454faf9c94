package enrich

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// listFormat is one way in which networks are published.
type listFormat struct {
	name string
	// provider and class are what the format says of all its networks.
	provider, class string
	// marks are keys or words of which a JSON document has all.
	marks []string
	read  func(r *listReader, data []byte)
}

// listFormats is the table of formats. The JSON ones are told apart by their
// marks, in this order.
var listFormats = []listFormat{
	// https://ip-ranges.amazonaws.com/ip-ranges.json
	{"aws", "aws", classCloud, []string{"prefixes.0.ip_prefix"}, readAWS},
	// https://www.gstatic.com/ipranges/cloud.json and goog.json
	{"gcp", "gcp", classCloud, []string{"prefixes.#.ipv4Prefix"}, readGCP},
	// The weekly file "Azure IP Ranges and Service Tags".
	{"azure", "azure", classCloud, []string{"values.0.properties.addressPrefixes"}, readAzure},
	// https://docs.oracle.com/iaas/tools/public_ip_ranges.json
	{"oracle", "oracle", classCloud, []string{"regions.0.cidrs"}, readOracle},
	// https://api.cloudflare.com/client/v4/ips
	{"cloudflare", "cloudflare", classCDN, []string{"result.ipv4_cidrs"}, readNamed("result.ipv4_cidrs", "result.ipv6_cidrs")},
	// https://api.fastly.com/public-ip-list
	{"fastly", "fastly", classCDN, []string{"addresses", "ipv6_addresses"}, readNamed("addresses", "ipv6_addresses")},
	// https://check.torproject.org/exit-addresses
	{"tor", "tor", classTor, nil, readTor},
	// RFC 8805, as iCloud Private Relay, DigitalOcean and Linode publish it.
	{"geofeed", "", "", nil, readGeofeed},
	{"csv", "", "", nil, readListCSV},
	{"text", "", "", nil, readText},
}

// ListFormats names the formats of lists.
func ListFormats() []string {
	names := make([]string, len(listFormats))
	for i := range listFormats {
		names[i] = listFormats[i].name
	}
	return names
}

// recogniseList finds the format of a list by its content, or gives "".
func recogniseList(data []byte) string {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, utf8Mark))
	if bytes.HasPrefix(data, []byte("{")) {
		doc := gjson.ParseBytes(data)
	formats:
		for i := range listFormats {
			f := &listFormats[i]
			for _, m := range f.marks {
				v := doc.Get(m)
				if !v.Exists() || v.IsArray() && strings.Contains(m, "#") && len(v.Array()) == 0 {
					continue formats
				}
			}
			if len(f.marks) > 0 {
				return f.name
			}
		}
		return ""
	}
	for line := range bytes.Lines(data) {
		text := bareLine(string(line))
		switch fields := strings.Split(text, ","); {
		case text == "":
			continue
		case strings.HasPrefix(text, "ExitNode ") || strings.HasPrefix(text, "ExitAddress "):
			return "tor"
		case len(fields) >= 4 && len(fields[1]) == 2 && isCountryCode(strings.ToUpper(fields[1])):
			return "geofeed"
		case len(fields) > 1 || slices.Contains(prefixColumns, strings.ToLower(text)):
			return "csv"
		}
		if _, err := parseCIDR(text); err == nil {
			return "text"
		}
		return ""
	}
	return ""
}

var utf8Mark = []byte("\xef\xbb\xbf")

// bareLine drops the remark at the end of a line, and the space around it.
func bareLine(line string) string {
	if i := strings.IndexAny(line, "#;"); i >= 0 {
		line = line[:i]
	}
	return strings.TrimSpace(line)
}

// readText reads one address or prefix a line, with remarks behind # or ;.
func readText(r *listReader, data []byte) {
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(data, utf8Mark)) {
		number++
		if text := bareLine(string(line)); text != "" {
			r.add(number, text, "", "", 0)
		}
	}
}

// readTor reads the exit list of the Tor project: of the lines that describe a
// relay, those with the address that it leaves by.
func readTor(r *listReader, data []byte) {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		fields := strings.Fields(string(line))
		switch {
		case len(fields) == 0:
		case fields[0] == "ExitAddress" && len(fields) > 1:
			r.add(number, fields[1], "", "", 0)
		case !slices.Contains([]string{"ExitNode", "Published", "LastStatus"}, fields[0]):
			r.problems.add(number, "%q: want ExitNode, Published, LastStatus or ExitAddress", shorten(fields[0]))
		}
	}
}

// prefixColumns are the names of the column with the network.
var prefixColumns = []string{"cidr", "prefix", "network"}

// readListCSV reads cidr,name,class; a header line may name the columns in
// another order.
func readListCSV(r *listReader, data []byte) {
	columns := []string{"cidr", "name", "class"}
	first := true
	eachRow(r, data, func(line int, row []string) bool {
		if first {
			first = false
			if names, ok := headerOf(r, line, row); ok {
				columns = names
				return len(names) > 0
			}
		}
		var cidr, name, class string
		if len(row) > len(columns) {
			r.problems.add(line, "%d columns: want %s", len(row), strings.Join(columns, ","))
			return true
		}
		for i, v := range row {
			switch v = strings.TrimSpace(v); columns[i] {
			case "name":
				name = v
			case "class":
				class = v
			default:
				cidr = v
			}
		}
		r.add(line, cidr, class, name, 0)
		return true
	})
}

// headerOf reads a header line, if the row is one; without names it was wrong.
func headerOf(r *listReader, line int, row []string) (names []string, ok bool) {
	for _, v := range row {
		names = append(names, strings.ToLower(strings.TrimSpace(v)))
	}
	if !slices.ContainsFunc(names, func(s string) bool { return slices.Contains(prefixColumns, s) }) {
		return nil, false
	}
	for _, s := range names {
		if s != "name" && s != "class" && !slices.Contains(prefixColumns, s) {
			r.problems.add(line, "unknown column %q (accepted: cidr, name, class)", shorten(s))
			return nil, true
		}
	}
	return names, true
}

// readGeofeed reads prefix,country,region,city,…; the place goes into the name.
func readGeofeed(r *listReader, data []byte) {
	eachRow(r, data, func(line int, row []string) bool {
		name := ""
		for i := 1; i < min(len(row), 4); i++ {
			if i == 1 && len(row) > 2 && row[2] != "" {
				continue // the region starts with its country
			}
			name = joinName(name, strings.TrimSpace(row[i]))
		}
		r.add(line, strings.TrimSpace(row[0]), "", name, 0)
		return true
	})
}

// eachRow reads CSV with remarks behind #, until row returns false.
func eachRow(r *listReader, data []byte, row func(line int, fields []string) bool) {
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, utf8Mark)))
	c.ReuseRecord, c.TrimLeadingSpace, c.FieldsPerRecord, c.Comment = true, true, -1, '#'
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			line := 1
			var pe *csv.ParseError
			if errors.As(err, &pe) {
				line, err = pe.Line, pe.Err
			}
			r.problems.add(line, "not valid CSV: %w", err)
			return
		}
		line, _ := c.FieldPos(0)
		if !row(line, fields) {
			return
		}
	}
}

// document checks that data is JSON and gives it with a counter of lines.
func (r *listReader) document(data []byte) (gjson.Result, *lines, bool) {
	data = bytes.TrimPrefix(data, utf8Mark)
	l := &lines{data: data, number: 1}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		at := len(data)
		var se *json.SyntaxError
		if errors.As(err, &se) {
			at = int(se.Offset)
		}
		r.problems.add(l.at(at), "not valid JSON: %w", err)
		return gjson.Result{}, l, false
	}
	return gjson.ParseBytes(data), l, true
}

// lines tells the line of offsets that are asked for in rising order.
type lines struct {
	data   []byte
	seen   int
	number int
}

func (l *lines) at(offset int) int {
	if offset = min(offset, len(l.data)); offset > l.seen {
		l.number += bytes.Count(l.data[l.seen:offset], []byte("\n"))
		l.seen = offset
	}
	return l.number
}

// each visits the elements of an array in a document. A thing that is no array,
// though it should be, is an error.
func (r *listReader) each(in gjson.Result, l *lines, path string, visit func(line int, v gjson.Result)) {
	list := in.Get(path)
	if !list.Exists() {
		return
	}
	if !list.IsArray() {
		r.problems.add(l.at(list.Index), "%s: want a list", path)
		return
	}
	list.ForEach(func(_, v gjson.Result) bool {
		visit(l.at(v.Index), v)
		return !r.full
	})
}

// readNamed reads documents whose lists of prefixes stand under the given paths.
func readNamed(paths ...string) func(*listReader, []byte) {
	return func(r *listReader, data []byte) {
		doc, l, ok := r.document(data)
		if !ok {
			return
		}
		for _, path := range paths {
			r.each(doc, l, path, func(line int, v gjson.Result) { r.add(line, v.String(), "", "", 0) })
		}
	}
}
