package ingest

import (
	"fmt"
	"strings"
	"testing"
)

// secretMembers are JSON members with a secret in them, each in a way of its
// own to say that it is one.
func secretMembers() []string {
	const c = canary
	var out []string
	for _, member := range []string{
		// names
		`"password":%q`, `"api-key-v2":%q`, `"code_verifier":%q`, `"device_code":%q`, `"secretText":%q`, `"tokenValue":%q`, `"DD-APPLICATION-KEY":%q`,
		`"x-amz-server-side-encryption-customer-key":%q`, `"sSECustomerKey":%q`, `"client-key-data":%q`, `".dockerconfigjson":%q`, `"refreshTokens":[%q]`,
		// siblings that name a value
		`"z1":[{"name":"X-Api-Key","value":%q}]`, `"z2":[{"Name":"authorization","Values":[%q]}]`, `"z3":[{"name":"cookie","value":[%q]}]`,
		`"z4":[{"parameterKey":"DBPassword","parameterValue":%q}]`, `"z5":[{"optionName":"DB_PASSWORD","namespace":"x","value":%q}]`,
		`"z6":[{"displayName":"Password","oldValue":%[1]q,"newValue":%[1]q}]`, `"z7":[{"key":"password","value":{"stringValue":%q}}]`,
		`"z8":[{"value":%q,"property_name":"client_secret"}]`,
		// elements that name the next one
		`"command":["app","--password",%q]`, `"z9":["--verbose","--api-key",%q,"--x"]`, `"headers":[["accept","*/*"],["x-api-key",%q]]`,
		`"rawHeaders":["Host","x","Authorization",%q,"Accept","*/*"]`,
		// lists and objects of secrets
		`"tokens":[%q]`, `"Tokens":["a",{"x":[%q]}]`, `"credentials":{"value":%q}`, `"credentials":[%q]`, `"credentials":{"basic":{"user":"a","secretText2":%q}}`,
		// shapes
		`"s1":"glsa_` + c + `"`, `"s2":"glptt-` + c + `"`, `"s3":"xoxc-` + c + `"`, `"s4":"hvb.` + c + `"`, `"s5":"tskey-auth-` + c + `"`, `"s6":"gsk_` + c + `"`,
		`"s7":"dp.st.dev.` + c + `"`, `"s8":"see AGE-SECRET-KEY-1` + c + `"`, `"s9":"r8_` + c + `"`,
		// texts
		`"t1":"{\"variables\":{\"password\":\"` + c + `\"}}"`, `"t2":"mutation{login(password:\"` + c + `\",user:\"a\"){id}}"`, `"t3":"Server=db;Password=` + c + `;"`,
		`"t4":"{\"tokens\":[\"` + c + `\",\"b\"]}"`, `"t5":"{\"credentials\":{\"value\":\"` + c + `\"}}"`, `"t6":"{\"password\":[\"` + c + `\"]}"`,
		// prose
		`"p1":"use password ` + c + ` please"`, `"p2":"the password is ` + c + `."`, `"p3":"Passwort? No: passphrase was '` + c + `'"`, `"p4":"your api key ` + c + `"`, `"p5":"token ` + c + ` expired"`,
		// forms of their own
		`"f1":"docker login -u bob -p ` + c + ` r"`, `"f2":"CREATE USER bob IDENTIFIED BY '` + c + `'"`, `"f3":"<wsse:Password Type=\"x\">` + c + `</wsse:Password>"`,
		`"f4":"password: |\n  ` + c + `\nhost: db"`, `"f5":"form-data; name=\"password\"\r\n\r\n` + c + `\r\n--b"`, `"f6":"//bob:` + c + `@db/x"`, `"f7":"/invite/` + c + `"`,
		`"f8":["sshpass","-p",%q,"ssh"]`, `"f9":"cmd=net+user+bob+` + c + `+/add"`,
	} {
		if strings.Contains(member, "%") {
			member = fmt.Sprintf(member, c)
		}
		out = append(out, member)
	}
	return out
}

// TestNoPlaceInARecordKeepsASecret puts every member into every object of every
// sample that is JSON.
func TestNoPlaceInARecordKeepsASecret(t *testing.T) {
	tried := map[string]int{}
	for _, s := range samples() {
		var d document
		if d.parse(s.in) != nil {
			continue
		}
		for _, member := range secretMembers() {
			var b strings.Builder
			last := 0
			for i := range d.nodes {
				n := &d.nodes[i]
				if n.kind != kindObject {
					continue
				}
				b.WriteString(s.in[last : n.start+1])
				b.WriteString(member)
				if d.first(i) != none {
					b.WriteByte(',')
				}
				last = int(n.start) + 1
			}
			in := b.String() + s.in[last:]
			p, err := New(s.format, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				t.Fatal(err)
			}
			var got collect
			p.Parse([]byte(in), &got)
			for _, ev := range got.events {
				tried[s.format]++
				wire, err := ev.MarshalVT()
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(wire), canary) {
					t.Errorf("%s, %s: %s is in the event: %v", s.format, s.name, member, ev)
				}
				if strings.HasPrefix(ev.Raw, "{") && !strings.Contains(ev.Raw, hashPrefix) {
					t.Errorf("%s, %s: %s: raw does not show that something was hidden: %s", s.format, s.name, member, ev.Raw)
				}
			}
			for _, reason := range got.bad {
				if strings.Contains(reason, canary) {
					t.Errorf("%s, %s: %s is in the reason: %s", s.format, s.name, member, reason)
				}
			}
		}
	}
	for _, f := range Formats() {
		if f.json != nil && tried[f.Name] == 0 {
			t.Errorf("%s: no sample took a secret", f.Name)
		}
	}
}

func TestEveryFormatHasCanaries(t *testing.T) {
	have := map[string]bool{}
	for _, c := range canaries() {
		have[c.format] = true
	}
	for _, f := range Formats() {
		if !have[f.Name] {
			t.Errorf("%s has none", f.Name)
		}
	}
}

func TestNeighboursOfNamesAreNotAllHidden(t *testing.T) {
	for member, keep := range map[string]string{
		`"grant_types":["password","refresh_token","client_credentials"]`: "refresh_token",
		`"command":["rotate","--password","--force"]`:                     "--force",
		`"columns":["id","token","created"]`:                              "created",
		`"x":{"keyName":"deploy","value":"plain words"}`:                  "plain words",
		`"secrets":[{"name":"registry"}]`:                                 "registry",
		`"hostNames":["api-key","shop.example.com"]`:                      "shop.example.com",
	} {
		ev := parseOne(t, "cloudtrail", trailWith("x", "Y", `,"requestParameters":{`+member+`}`))
		if !strings.Contains(ev.Raw, keep) {
			t.Errorf("%s: %q is gone: %s", member, keep, ev.Raw)
		}
	}
}

func TestAUserIsNoTimeOfALine(t *testing.T) {
	for _, format := range []string{"nginx", "apache"} {
		for _, user := range []string{"x [01/Mar/2020:10:00:00 +0000]", "x [01/Mar/2020:10:00:00 +0000", "[01/Mar/2020:10:00:00 +0000] x"} {
			ev := parseOne(t, format, `203.0.113.9 - `+user+` [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 1 "-" "-"`)
			if ev.Time != at("2026-03-01T10:00:00Z") || ev.Principal != user || ev.Operation != "GET /x" {
				t.Errorf("%s, %q: %v", format, user, ev)
			}
		}
	}
}
