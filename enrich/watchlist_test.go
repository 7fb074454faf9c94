package enrich

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

const watchedInventory = `
identities:
  - id: kong:consumer/partner-7
    credentials:
      - {ref: AKIAIOSFODNN7EXAMPLE, type: access_key, honey: true}
      - {ref: AKIAI44QH8DHBEXAMPLE, type: access_key}
watch:
  - {address: 203.0.113.0/24, reason: seen in the break-in of May}
  - {credential: hmac:00112233445566778899aabbccddeeff, reason: leaked}
  - {identity: "arn:aws:iam::123456789012:role/old-admin"}
  - {agent: "*sqlmap*"}
`

func TestWhatIsWatchedForIsReported(t *testing.T) {
	inv, err := ParseInventory("inventory.yaml", []byte(watchedInventory))
	require.NoError(t, err)
	e, err := New(Config{}, prometheus.NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	e.SetInventory(SourceFile, inv)
	for _, tt := range []struct {
		name string
		ev   *schemas.Event
		want string
	}{
		{"an address", &schemas.Event{Format: "kong", SrcIp: "203.0.113.77"}, "watched-indicator: address 203.0.113.77 / seen in the break-in of May"},
		{"a credential", &schemas.Event{Format: "kong", CredentialId: "hmac:00112233445566778899aabbccddeeff"}, "watched-indicator: credential hmac:00112233445566778899aabbccddeeff / leaked"},
		{"an identity, in any spelling", &schemas.Event{Format: "cloudtrail", PrincipalType: "AssumedRole", Principal: "arn:aws:sts::123456789012:assumed-role/old-admin/s"}, "watched-indicator: identity aws:123456789012:role/old-admin / "},
		{"a client", &schemas.Event{Format: "kong", UserAgent: "sqlmap/1.8"}, "watched-indicator: client sqlmap/1.8 / "},
		{"a planted credential", &schemas.Event{Format: "cloudtrail", CredentialId: "AKIAIOSFODNN7EXAMPLE", Time: 1}, "honey-credential: a call with AKIAIOSFODNN7EXAMPLE / no call with it, ever"},
		{"another credential of the same identity is none", &schemas.Event{Format: "cloudtrail", CredentialId: "AKIAI44QH8DHBEXAMPLE", Time: 1}, ""},
		{"nothing", &schemas.Event{Format: "kong", SrcIp: "198.51.100.1", UserAgent: "curl/8"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e.Enrich(tt.ev)
			require.Equal(t, tt.want, violationWords(tt.ev.Declared))
		})
	}
}

func violationWords(d *schemas.Declared) string {
	var got []string
	for _, v := range d.GetViolations() {
		got = append(got, v.Detector+": "+v.Observed+" / "+v.Expected)
	}
	return strings.Join(got, "\n")
}

func TestAWatchListThatSaysNothingIsRefusedByLine(t *testing.T) {
	for text, says := range map[string]string{
		"identities: []\nwatch:\n  - {reason: x}\n":                        "inventory.yaml:3: watch: an entry names one of address",
		"identities: []\nwatch:\n  - {address: 1.2.3.4, agent: x}\n":       "inventory.yaml:3: watch: an entry names one of address",
		"identities: []\nwatch:\n  - {address: nowhere}\n":                 `inventory.yaml:3: address: "nowhere": want an address`,
		"identities: [{id: a, credentials: [{ref: b, honey: perhaps}]}]\n": `honey: "perhaps": want true or false`,
		"identities: []\nwatch:\n  - {adress: 1.2.3.4}\n":                  "adress",
	} {
		_, err := ParseInventory("inventory.yaml", []byte(text))
		require.ErrorContains(t, err, says)
	}
}

func TestParametersThatPointInsideAreReported(t *testing.T) {
	for _, tt := range []struct{ name, query, want string }{
		{"the metadata service", "url=http://169.254.169.254/latest/meta-data/iam/", "url=169.254.169.254"},
		{"percent-encoded", "u=http%3A%2F%2F169.254.169.254%2F", "u=169.254.169.254"},
		{"percent-encoded twice", "u=http%253A%252F%252F169.254.169.254%252F", "u=169.254.169.254"},
		{"as one number", "u=http://2852039166/", "u=2852039166"},
		{"in hexadecimal", "u=http://0xa9.0xfe.0xa9.0xfe/", "u=0xa9.0xfe.0xa9.0xfe"},
		{"in octal", "u=http://0251.0376.0251.0376/", "u=0251.0376.0251.0376"},
		{"as IPv6", "u=http://[fd00:ec2::254]:80/", "u=fd00:ec2::254"},
		{"mapped to IPv6", "u=http://[::ffff:169.254.169.254]/", "u=::ffff:169.254.169.254"},
		{"by name", "target=https://metadata.google.internal./computeMetadata/v1/", "target=metadata.google.internal"},
		{"behind a user", "u=http://example.com@169.254.169.254/", "u=169.254.169.254"},
		{"without a scheme", "host=169.254.169.254", "host=169.254.169.254"},
		{"a private address", "a=1&fetch=http://10.0.0.5:8080/admin", "fetch=10.0.0.5"},
		{"the machine itself", "fetch=http://localhost:6379/", "fetch=localhost"},
		{"where a sign-in leads back to is the browser's", "redirect_uri=http://localhost:3000/cb", ""},
		{"but never a metadata service", "redirect_uri=http://169.254.169.254/", "redirect_uri=169.254.169.254"},
		{"a file of the machine", "uri=file:///etc/passwd", "uri=file://"},
		{"another protocol", "u=GOPHER%3A%2F%2F127.1%3A6379%2F_INFO", "u=gopher://"},
		{"a page of an application says where it came from", "referrer=file:///android_asset/index.html", ""},
		{"an address of the outside", "url=https://example.com/10.0.0.5", ""},
		{"a number that is no address", "url=https://99999999999/", ""},
		{"a time", "since=2026-03-01T10:00:00Z", ""},
		{"nothing", "a=1&b=2", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, attributes := range []map[string]string{{"query": tt.query}, queryAttributes(tt.query)} {
				d := &schemas.Declared{}
				judgeParameters(&schemas.Event{HttpMethod: "GET", Attributes: attributes}, d)
				want := ""
				if tt.want != "" {
					want = "ssrf-shape: " + tt.want + " / "
				}
				require.Equal(t, want, violationWords(d))
			}
		})
	}
}

// queryAttributes spells a query as gateways do that log its parameters apart.
func queryAttributes(query string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		out["query."+name] = value
	}
	return out
}

func FuzzLooseAddress(f *testing.F) {
	for _, s := range []string{"127.1", "0x7f.1", "2130706433", "0177.0.0.01", "1.2.3.4", "::1", "..", "0x", "4294967296"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, ok := looseAddress(s); ok != a.IsValid() {
			t.Errorf("%q: %v, %v", s, a, ok)
		}
	})
}
