package enrich

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

// The documents below have the shape of what is published, and addresses of
// ours.
const (
	awsRanges = `{
  "syncToken": "1", "createDate": "2026-11-20-18-33-07",
  "prefixes": [
    {"ip_prefix": "203.0.113.0/24", "region": "us-east-1", "service": "AMAZON", "network_border_group": "us-east-1"},
    {"ip_prefix": "203.0.113.0/24", "region": "us-east-1", "service": "S3", "network_border_group": "us-east-1"},
    {"ip_prefix": "198.51.100.0/25", "region": "GLOBAL", "service": "CLOUDFRONT", "network_border_group": "GLOBAL"}
  ],
  "ipv6_prefixes": [
    {"ipv6_prefix": "2001:db8:a000::/36", "region": "eu-west-1", "service": "AMAZON", "network_border_group": "eu-west-1"}
  ]
}`
	gcpRanges = `{"syncToken": "1", "creationTime": "2026-11-20T00:00:00", "prefixes": [
  {"ipv6Prefix": "2001:db8:b000::/44", "service": "Google Cloud", "scope": "us-east4"},
  {"ipv4Prefix": "203.0.113.0/24", "service": "Google Cloud", "scope": "africa-south1"}]}`
	azureTags = `{"changeNumber": 1, "cloud": "Public", "values": [
  {"name": "AzureCloud", "id": "AzureCloud", "properties": {"region": "", "systemService": "", "addressPrefixes": ["203.0.113.0/24", "198.51.100.0/24"]}},
  {"name": "Storage.WestEurope", "id": "Storage.WestEurope", "properties": {"region": "westeurope", "systemService": "AzureStorage", "addressPrefixes": ["203.0.113.0/24"]}},
  {"name": "AzureCloud.westeurope", "id": "AzureCloud.westeurope", "properties": {"region": "westeurope", "systemService": "", "addressPrefixes": ["203.0.113.0/24", "2001:db8:c000::/48"]}},
  {"name": "AzureFrontDoor.Backend", "properties": {"region": "", "systemService": "AzureFrontDoor", "addressPrefixes": ["192.0.2.0/24"]}}]}`
	oracleRanges = `{"last_updated_timestamp": "2026-11-20", "regions": [
  {"region": "us-ashburn-1", "cidrs": [{"cidr": "203.0.113.0/24", "tags": ["OCI"]}, {"cidr": "198.51.100.0/24", "tags": ["OBJECT_STORAGE", "OSN"]}]}]}`
)

func TestListFormats(t *testing.T) {
	for _, c := range []struct {
		name, content string
		cfg           ListConfig
		format        string
		// found maps addresses to "class name".
		found map[string]string
	}{
		{"AWS names region and service, CloudFront is a CDN", awsRanges, ListConfig{}, "aws", map[string]string{
			"203.0.113.9": "cloud aws us-east-1 S3", "198.51.100.9": "cdn aws GLOBAL CLOUDFRONT", "198.51.100.200": "", "2001:db8:a000::1": "cloud aws eu-west-1",
		}},
		{"the operator's class and name hold for a whole file", awsRanges, ListConfig{Class: "workload", Name: "our aws"}, "aws", map[string]string{
			"198.51.100.9": "workload our aws GLOBAL CLOUDFRONT",
		}},
		{"GCP names the region", gcpRanges, ListConfig{}, "gcp", map[string]string{"203.0.113.9": "cloud gcp africa-south1", "2001:db8:b000::1": "cloud gcp us-east4"}},
		{"Azure: of several tags the one with region and service", azureTags, ListConfig{}, "azure", map[string]string{
			"203.0.113.9": "cloud azure westeurope AzureStorage", "198.51.100.9": "cloud azure", "2001:db8:c000::1": "cloud azure westeurope", "192.0.2.1": "cdn azure AzureFrontDoor",
		}},
		{"Oracle", oracleRanges, ListConfig{}, "oracle", map[string]string{"203.0.113.9": "cloud oracle us-ashburn-1", "198.51.100.9": "cloud oracle us-ashburn-1 OBJECT_STORAGE"}},
		{"Cloudflare's API", `{"result": {"ipv4_cidrs": ["203.0.113.0/24"], "ipv6_cidrs": ["2001:db8::/32"]}, "success": true}`, ListConfig{}, "cloudflare", map[string]string{"2001:db8::1": "cdn cloudflare"}},
		{"Cloudflare's text has no class of its own", "203.0.113.0/24\n2001:db8::/32", ListConfig{Class: "cdn", Name: "cloudflare"}, "text", map[string]string{"203.0.113.9": "cdn cloudflare"}},
		{"Fastly", `{"addresses": ["203.0.113.0/24"], "ipv6_addresses": []}`, ListConfig{}, "fastly", map[string]string{"203.0.113.9": "cdn fastly"}},
		{"Tor's exit list", "ExitNode 0011BD2485AD45D984EC4159C88FC066E5E3300E\nPublished 2026-11-20 01:02:03\nLastStatus 2026-11-20 02:00:00\nExitAddress 203.0.113.9 2026-11-20 02:10:11\n", ListConfig{}, "tor",
			map[string]string{"203.0.113.9": "tor tor", "203.0.113.10": ""}},
		{"plain text, remarks, single addresses, IPv4 written as IPv6", "# exits\r\n203.0.113.9\r\n\r\n198.51.100.0/24 ; SBL1\n::ffff:192.0.2.1 # one\n", ListConfig{File: "/x/vpn-exits.txt", Class: "vpn"}, "text",
			map[string]string{"203.0.113.9": "vpn vpn-exits", "203.0.113.8": "", "198.51.100.77": "vpn vpn-exits", "192.0.2.1": "vpn vpn-exits"}},
		{"bits behind the prefix are cleared", "203.0.113.77/24", ListConfig{Class: "hosting", Name: "h"}, "text", map[string]string{"203.0.113.1": "hosting h"}},
		{"CSV says name and class on each line", "203.0.113.0/24,alpha,vpn\n198.51.100.0/24,\"beta, inc\",hosting\n", ListConfig{Name: "feed"}, "csv", map[string]string{
			"203.0.113.1": "vpn feed alpha", "198.51.100.1": "hosting feed beta, inc",
		}},
		{"CSV with a header in another order; a line without a class takes the list's", "class,network\ntor,203.0.113.0/24\n,198.51.100.0/24\n", ListConfig{Name: "feed", Class: "vpn"}, "csv", map[string]string{
			"203.0.113.1": "tor feed", "198.51.100.1": "vpn feed",
		}},
		{"RFC 8805: the place becomes the name", "# relays\n203.0.113.0/27,GB,GB-EN,London,\n2001:db8::/45,US,,,\n", ListConfig{Name: "icloud-relay", Class: "shared_egress"}, "geofeed", map[string]string{
			"203.0.113.1": "shared_egress icloud-relay GB-EN London", "2001:db8::1": "shared_egress icloud-relay US",
		}},
		{"a mark of the byte order in front", "\xef\xbb\xbf203.0.113.0/24\n", ListConfig{Class: "vpn", Name: "v"}, "text", map[string]string{"203.0.113.1": "vpn v"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := parseList(&c.cfg, []byte(c.content))
			must(t, err)
			if l.loaded.Kind != c.format {
				t.Errorf("read as %s, want %s", l.loaded.Kind, c.format)
			}
			table := newListTable(l.entries)
			for ip, want := range c.found {
				got := ""
				if found := table.find(netip.MustParseAddr(ip)); found != nil {
					got = found.class + " " + found.name
				}
				if got != want {
					t.Errorf("%s: got %q, want %q", ip, got, want)
				}
			}
		})
	}
}

func TestBadListsAreNamed(t *testing.T) {
	for _, c := range []struct {
		name, content string
		cfg           ListConfig
		want          string
	}{
		{"no prefix", "203.0.113.0/24\n\n203.0.113.0/33\n", ListConfig{Class: "vpn"}, `list:3: "203.0.113.0/33" is no address or prefix`},
		{"half of the world", "203.0.113.0/24\n0.0.0.0/0\n", ListConfig{Class: "tor"}, "list:2: 0.0.0.0/0 is wider than any one network"},
		{"no class", "203.0.113.0/24\n", ListConfig{}, "set class to one of tor, vpn, hosting"},
		{"no class on one line of CSV", "203.0.113.0/24,a,vpn\n198.51.100.0/24,b\n", ListConfig{}, "list:2: the class of 198.51.100.0/24 is not known"},
		{"a class that is none", "203.0.113.0/24,a,evil\n", ListConfig{}, `list:1: class "evil": want one of tor`},
		{"an unknown column", "cidr,colour\n203.0.113.0/24,red\n", ListConfig{Class: "vpn"}, `list:1: unknown column "colour"`},
		{"a row that is too long", "203.0.113.0/24,a,vpn,x\n", ListConfig{}, "list:1: 4 columns"},
		{"CSV that is none", "203.0.113.0/24,\"a\n", ListConfig{Class: "vpn"}, "not valid CSV"},
		{"JSON cut off", "{\n \"prefixes\": [\n  {\"ip_prefix\": \"203.0.113.0/24\",", ListConfig{}, "list:3: not valid JSON"},
		{"a prefix in JSON", strings.Replace(awsRanges, "198.51.100.0/25", "198.51.100.0/x", 1), ListConfig{}, `list:6: "198.51.100.0/x" is no address or prefix`},
		{"a prefix in the second list of JSON", strings.Replace(awsRanges, "2001:db8:a000::/36", "2001:db8:a000::/", 1), ListConfig{}, `list:9: "2001:db8:a000::/"`},
		{"a prefix deep in JSON", strings.Replace(azureTags, "2001:db8:c000::/48", "c000", 1), ListConfig{}, `list:4: "c000" is no address`},
		{"another thing than a list in JSON", `{"addresses": "203.0.113.0/24", "ipv6_addresses": []}`, ListConfig{}, "list:1: addresses: want a list"},
		{"JSON of another kind", `{"hello": 1}`, ListConfig{}, "in none of the formats aws, gcp"},
		{"a page that a download got instead", "<html>\n", ListConfig{Class: "vpn"}, "in none of the formats"},
		{"nothing", "", ListConfig{Class: "vpn"}, "in none of the formats"},
		{"only remarks", "# nothing\n", ListConfig{Class: "vpn", Format: "text"}, "no networks in it, read as text"},
		{"an unknown format", "203.0.113.0/24", ListConfig{Class: "vpn", Format: "xml"}, `format "xml": want one of aws`},
		{"a line that Tor's list does not have", "ExitNode A\nFoo 1\nExitAddress 203.0.113.9\n", ListConfig{}, `list:2: "Foo": want ExitNode`},
		{"a name that is too long", "203.0.113.0/24," + strings.Repeat("n", 200) + ",vpn\n", ListConfig{}, "at most 128 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.File = "list"
			_, err := parseList(&c.cfg, []byte(c.content))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestListsAndWhatElseIsKnown(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	anonymous := filepath.Join(dir, "anonymous.mmdb")
	writeMMDB(t, anonymous, map[string]any{"203.0.113.64/26": map[string]any{"is_tor_exit_node": true}, "192.0.2.0/24": map[string]any{"is_hosting_provider": true}})
	cfg := Config{
		Geo: GeoConfig{Databases: []string{anonymous}},
		Lists: []ListConfig{
			{File: file("aws.json", awsRanges)},
			{File: file("tor.txt", "203.0.113.9\n198.51.100.0/25\n"), Class: "tor"},
			{File: file("vpn.txt", "192.0.2.0/24\n10.9.0.0/16\n"), Class: "vpn"},
		},
	}
	e, err := New(cfg, prometheus.NewRegistry(), zerolog.Nop())
	must(t, err)
	e.SetInventory(SourceFile, mustParse(t, "networks: [{cidr: 203.0.113.128/25, name: ours, class: workload}, {cidr: 198.51.100.0/26, name: nameless}]\nidentities: []"))
	for _, c := range []struct{ name, ip, want string }{
		{"a cloud's address", "203.0.113.1", "cloud aws us-east-1 S3"},
		{"a Tor exit in a cloud is first of all Tor: its prefix is longer", "203.0.113.9", "tor tor"},
		{"of two lists with the same prefix the first stands", "198.51.100.77", "cdn aws GLOBAL CLOUDFRONT"},
		{"a database's word that it hides who calls is not undone by a cloud's list", "203.0.113.70", "tor "},
		{"a list says more than a database that knows a hosting provider", "192.0.2.1", "vpn vpn"},
		{"what is declared wins", "203.0.113.200", "workload ours"},
		{"a declared network without a class keeps the list's", "198.51.100.1", "cdn nameless"},
		{"a private network in a list", "10.9.1.1", "vpn vpn"},
		{"an address in no list", "8.8.8.8", " "},
	} {
		ev := &schemas.Event{Format: "kong", SrcIp: c.ip}
		e.Enrich(ev)
		if got := ev.NetworkClass + " " + ev.NetworkName; got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	var loaded []string
	for _, l := range e.Loaded() {
		loaded = append(loaded, fmt.Sprintf("%s %s %s %s %d", l.What, filepath.Base(l.File), l.Kind, l.Class, l.Entries))
		if l.Bytes == 0 || l.Time.IsZero() {
			t.Errorf("%s: size %d, time %v", l.File, l.Bytes, l.Time)
		}
	}
	if want := []string{"list aws.json aws  4", "list tor.txt text tor 2", "list vpn.txt text vpn 2"}; !slices.Equal(loaded[1:], want) || !strings.HasPrefix(loaded[0], "geo anonymous.mmdb Test-City  ") {
		t.Errorf("got %q", loaded)
	}
}

func TestListsAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.txt"), filepath.Join(dir, "two.txt")
	write := func(path, content string) {
		must(t, os.WriteFile(path+".new", []byte(content), 0o600))
		must(t, os.Rename(path+".new", path))
	}
	write(one, "203.0.113.0/24\n")
	write(two, "198.51.100.0/24\n")
	e, err := New(Config{Lists: []ListConfig{{File: one, Class: "vpn"}, {File: two, Class: "tor"}}}, prometheus.NewRegistry(), zerolog.Nop())
	must(t, err)
	class := func(ip string) string {
		ev := &schemas.Event{Format: "kong", SrcIp: ip}
		e.Enrich(ev)
		return ev.NetworkClass
	}
	loads := func(result string) float64 {
		return testutil.ToFloat64(e.metrics.loads.WithLabelValues("list", result))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.WatchLists(ctx) }()
	until(t, func() bool { return loads("ok") == 1 })

	write(one, "203.0.113.0/24\n192.0.2.0/24\n")
	until(t, func() bool { return class("192.0.2.1") == "vpn" })
	write(one, "<html>too many requests</html>\n")
	until(t, func() bool { return loads("error") == 1 })
	if class("203.0.113.1") != "vpn" || class("192.0.2.1") != "vpn" {
		t.Error("a bad list took the place of a good one")
	}
	// The other list is not held up by the bad one, nor by one that is gone.
	must(t, os.Remove(one))
	write(two, "198.51.100.0/24\n9.9.9.0/24\n")
	until(t, func() bool { return class("9.9.9.9") == "tor" })
	if class("203.0.113.1") != "vpn" {
		t.Error("a list that is gone was forgotten")
	}
	if n := testutil.ToFloat64(e.metrics.prefixes.WithLabelValues(two)); n != 2 {
		t.Errorf("%v prefixes counted, want 2", n)
	}
	cancel()
	must(t, <-done)
}

func TestAMissingListIsAnErrorAtTheStart(t *testing.T) {
	_, err := New(Config{Lists: []ListConfig{{File: "/nowhere/tor.txt", Class: "tor"}}}, prometheus.NewRegistry(), zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "/nowhere/tor.txt") {
		t.Errorf("got %v", err)
	}
}

// The longest prefix of any list wins, and of equal ones the first.
func TestListTableIsALongestPrefixMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few bits vary, at both ends, so that prefixes nest and touch the first
		// and last address of a family.
		address := func(of string) netip.Addr {
			n := rapid.SampledFrom([]uint32{0, 0xff, 0xff00, 0xffff, 0x10000, 0xff000000, 0xffffff00, 0xffffffff, 0x0a0b0c0d, 0x0a0b0000}).Draw(t, of) ^ rapid.Uint32Range(0, 3).Draw(t, of+" end")
			if rapid.Bool().Draw(t, of+" is IPv4") {
				return addr4(n)
			}
			var b [16]byte
			binary.BigEndian.PutUint32(b[rapid.SampledFrom([]int{0, 6, 12}).Draw(t, of+" at"):], n)
			return netip.AddrFrom16(b)
		}
		var lists [2][]labelled
		for n := range rapid.IntRange(0, 30).Draw(t, "n") {
			a := address("net")
			p, err := a.Prefix(rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
			if err != nil {
				t.Fatal(err)
			}
			i := n % 2
			lists[i] = append(lists[i], labelled{prefix: p, label: label{"vpn", fmt.Sprint(n)}})
		}
		table := newListTable(lists[0], lists[1])
		addr := address("address")
		var want *label
		best := -1
		for _, l := range lists {
			for i := range l {
				if p := l[i].prefix; p.Contains(addr) && p.Bits() > best {
					best, want = p.Bits(), &l[i].label
				}
			}
		}
		got := table.find(addr)
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Fatalf("%s: got %v, want %v", addr, got, want)
		}
	})
}

func addr4(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// A list either is wrong or holds networks that are all of a known class.
func FuzzParseList(f *testing.F) {
	for _, s := range []string{awsRanges, gcpRanges, azureTags, oracleRanges, "203.0.113.0/24 # x\n", "ExitAddress 203.0.113.9 x\n", "cidr,name,class\n203.0.113.0/24,a,vpn\n", "203.0.113.0/27,GB,GB-EN,London,\n", `{"addresses":[1,{}],"ipv6_addresses":null}`} {
		f.Add([]byte(s), "vpn")
	}
	f.Fuzz(func(t *testing.T, data []byte, class string) {
		l, err := parseList(&ListConfig{File: "list", Class: class}, data)
		if err != nil {
			if !strings.Contains(err.Error(), "list") {
				t.Fatalf("the error names no file: %v", err)
			}
			return
		}
		if len(l.entries) == 0 {
			t.Fatal("an empty list passed")
		}
		table := newListTable(l.entries)
		for _, x := range l.entries {
			if !slices.Contains(ListClasses(), x.label.class) || x.prefix != x.prefix.Masked() || table.find(x.prefix.Addr()) == nil {
				t.Fatalf("%+v", x)
			}
		}
	})
}

// bigList has n prefixes of all lengths in the proportions of published lists.
func bigList(n int) []byte {
	var b strings.Builder
	for i := range n {
		a := addr4(uint32(i)*2654435761%0xd0000000 + 0x0b000000)
		p, _ := a.Prefix([]int{32, 32, 24, 24, 22, 20, 18, 28}[i%8])
		fmt.Fprintln(&b, p)
	}
	return []byte(b.String())
}

func BenchmarkListLookup(b *testing.B) {
	l, err := parseList(&ListConfig{Class: "vpn", Name: "big"}, bigList(100_000))
	must(b, err)
	table := newListTable(l.entries)
	addrs := make([]netip.Addr, 1<<14)
	for i := range addrs {
		addrs[i] = addr4(uint32(i) * 2246822519)
	}
	b.ReportAllocs()
	n, hits := 0, 0
	for b.Loop() {
		if table.find(addrs[n&(len(addrs)-1)]) != nil {
			hits++
		}
		n++
	}
	if hits == 0 && n > len(addrs) {
		b.Fatal("nothing was found")
	}
}

func BenchmarkLoadList(b *testing.B) {
	path := filepath.Join(b.TempDir(), "big.txt")
	must(b, os.WriteFile(path, bigList(100_000), 0o600))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := openLists([]ListConfig{{File: path, Class: "vpn"}}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
