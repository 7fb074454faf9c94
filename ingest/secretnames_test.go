package ingest

import (
	"strings"
	"testing"
)

func TestTheLastWordOfANameTellsItsSecret(t *testing.T) {
	for _, name := range []string{
		"dbPass", "userPass", "login_pass", "DB_PASS", "smtp.pass", "mysql-pass", "mysqlPass", "SMTP_PW", "pw", "psw", "userPW", "db_pass2",
		"secret_key_base", "ssh_key", "sshKey", "hmac_key", "encKey", "storage_key", "recovery_codes", "backupCodes", "cvv", "card_cvv",
	} {
		if nameSecrecy(name) != secret {
			t.Errorf("%s is taken for no secret", name)
		}
	}
	for _, name := range []string{"bypass", "compass", "passed", "passes", "bypass_reason", "BYPASS", "Compass", "codes", "monkey", "pass_count"} {
		if nameSecrecy(name) == secret {
			t.Errorf("%s is taken for a secret", name)
		}
	}
}

func TestAPairNamesItsSecretHoweverItsMembersAreCalled(t *testing.T) {
	h := NewHasher([]byte("0123456789abcdef0123456789abcdef"))
	for _, record := range []string{
		`{"key":"password","val":"CANARY"}`, `{"key":"password","value":"CANARY"}`, `{"field":"password","new":"CANARY"}`,
		`{"name":"db_pass","old":"CANARY","current":"CANARY"}`, `{"auditField":"user_password","old":null,"new":"CANARY"}`,
	} {
		if got := Redact(h, []byte(record)); strings.Contains(got, "CANARY") {
			t.Errorf("%s shows %s", record, got)
		}
	}
	for _, record := range []string{`{"field":"color","new":"CANARY"}`, `{"key":"name","val":"CANARY"}`} {
		if got := Redact(h, []byte(record)); got != record {
			t.Errorf("%s became %s", record, got)
		}
	}
}
