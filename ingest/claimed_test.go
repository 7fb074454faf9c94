package ingest

import (
	"testing"

	"google.golang.org/protobuf/proto"
)

func TestAClaimedNameIsNobodysIdentity(t *testing.T) {
	line := func(user, target, more string) string {
		return `203.0.113.9 - ` + user + ` [01/Mar/2026:10:00:00 +0000] "GET ` + target + ` HTTP/1.1" 200 1 "-" "-"` + more
	}
	for _, tt := range []struct{ name, format, in, kind, principal, claimed string }{
		{"a user of nginx", "nginx", line("alice", "/x", ""), "anonymous", "", "alice"},
		{"a user of Apache", "apache", line("alice", "/x", ""), "anonymous", "", "alice"},
		{"a user with a key", "nginx", line("alice", "/x?api_key=s3cr3t-7Q", ""), "key", testHasher.Hash("s3cr3t-7Q"), "alice"},
		{"a user with a certificate", "nginx", line("alice", "/x", ` ssl_client_s_dn="CN=ledger"`), "certificate", "CN=ledger", "alice"},
		{"nobody", "nginx", line("-", "/x", ""), "anonymous", "", ""},
		{"a user of an audit log, which knows its users", "vault", vaultSamples()[0].in, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := parseOne(t, tt.format, tt.in)
			before := proto.Clone(ev)
			Claimed(ev)
			if tt.kind == "" {
				if !proto.Equal(ev, before) {
					t.Errorf("changed: %v", ev)
				}
				return
			}
			if ev.PrincipalType != tt.kind || ev.Principal != tt.principal || ev.Attributes["claimed_user"] != tt.claimed || ev.Anonymous != (tt.kind == "anonymous") {
				t.Errorf("%v", ev)
			}
		})
	}
}
