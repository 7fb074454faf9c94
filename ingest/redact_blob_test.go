package ingest

import (
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const awsExampleKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

func std(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// blobSecrets are texts that show their secret only to those who decode them, or
// by the words beside it; hide is what must not be seen.
func blobSecrets() map[string]struct{ text, hide string } {
	type secret = struct{ text, hide string }
	b := func(inside string) secret { return secret{std(inside), std(inside)[:20]} }
	within := func(before string, s secret, behind string) secret { return secret{before + s.text + behind, s.hide} }
	return map[string]secret{
		"a header in base64":                      b("Authorization: Basic YWxpY2U6aHVudGVyMg=="),
		"a user and a password":                   b("deployment-bot:hunter2-forever"),
		"a document in base64":                    b(`{"user":"alice","password":"` + canary + `"}`),
		"a file of settings":                      b("[default]\naws_secret_access_key = " + awsExampleKey + "\n"),
		"a private key in base64":                 b("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"),
		"a URL-safe spelling":                     {base64.RawURLEncoding.EncodeToString([]byte(`{"password":"??>>` + canary + `"}`)), base64.RawURLEncoding.EncodeToString([]byte(`{"password":"`))[:16]},
		"base64 in a document in a text":          within(`{"data":{"config.yml":"`, b("password: "+canary+"\n"), `"}}`),
		"base64 in a percent-encoded query":       within("/x?cfg=%22", b("api_key="+canary+"&x=1"), "%22&y=2"),
		"base64 in a sentence":                    within("created with ", b("token="+canary), " by hand"),
		"base64 in a query":                       within("/x?cfg=", b("api_key="+canary+"&x=1"), "&y=2"),
		"a secret access key in a sentence":       {"aws_secret_access_key " + awsExampleKey + " for ci", awsExampleKey},
		"a secret access key behind its words":    {"AKIAIOSFODNN7EXAMPLE, secret access key: (" + awsExampleKey + ")", awsExampleKey},
		"a secret access key behind another's id": {"AWS_ACCESS_KEY_ID AKIAIOSFODNN7EXAMPLE aws_secret " + awsExampleKey, awsExampleKey},
		"a password in a sentence":                {"the password is Summer2026!", "Summer2026"},
		"a password without a verb":               {"login with password hunter2 now", "hunter2"},
		"digits as a password":                    {"password 70310472", "70310472"},
		"an API key in a sentence":                {"your api key 4fK9sQ27xZ4fK9sQ is new", "4fK9sQ27xZ4fK9sQ"},
	}
}

func TestSecretsInBlobsAndSentencesAreHidden(t *testing.T) {
	for name, s := range blobSecrets() {
		t.Run(name, func(t *testing.T) {
			for place, in := range map[string]struct{ format, record string }{
				"a member":       {"cloudtrail", trailWith("ec2", "RunInstances", `,"requestParameters":{"userData":`+quoteJSON(s.text)+`}`)},
				"an element":     {"cloudtrail", trailWith("ec2", "RunInstances", `,"requestParameters":{"a":[`+quoteJSON(s.text)+`]}`)},
				"a user agent":   {"nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 1 "-" ` + quoteJSON(s.text)},
				"a text in text": {"cloudtrail", trailWith("ec2", "RunInstances", `,"requestParameters":{"body":`+quoteJSON(`{"x":`+quoteJSON(s.text)+`}`)+`}`)},
			} {
				ev := parseOne(t, in.format, in.record)
				wire, err := ev.MarshalVT()
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(wire), s.hide) || strings.Contains(string(wire), canary) {
					t.Errorf("%s: %q is in the event: %v", place, s.hide, ev)
				}
			}
		})
	}
}

func TestWhatOnlyLooksLikeABlobStays(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	for _, s := range []string{
		"arn:aws:lambda:us-east-1:111122223333:function:ResizeImagesForTheWebsiteInTheBackground",
		"/v1/projects/acme-production/locations/europe-west4/clusters/ledger",
		std("just a sentence, which says nothing that is secret"), std("04:User123456789012345"), std("Pod:1234567890123456"),
		"3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "password reset for alice", "the password is wrong", "Password expires soon",
		"token refresh failed", "the secret was rotated", "key not found", "password policy updated 2026-03-01", "see function AbcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123",
	} {
		if got := r.text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// Where a run stands decides nothing.
func TestABlobIsFoundWhereverItStands(t *testing.T) {
	r := redactor{hash: testHasher}
	rapid.Check(t, func(t *rapid.T) {
		blob := std(rapid.StringMatching(`[a-z ]{0,40}`).Draw(t, "before") + "password=" + canary + rapid.StringMatching(`( [a-z ]{0,20})?`).Draw(t, "behind"))
		in := rapid.StringMatching(`([a-z0-9]{0,30}[ ,.;"(]){0,4}`).Draw(t, "front") + blob + rapid.StringMatching(`([ ,.;")][a-z0-9]{0,30}){0,4}`).Draw(t, "back")
		if out := r.text(in); strings.Contains(out, strings.TrimRight(blob, "=")) {
			t.Fatalf("%q became %q", in, out)
		}
		if out := r.text(in); r.text(out) != out {
			t.Fatalf("%q becomes %q, and then %q", in, out, r.text(out))
		}
	})
}
