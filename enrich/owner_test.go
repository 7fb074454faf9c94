package enrich

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestWhoseAResourceIs(t *testing.T) {
	e := newEnricher(t, `
targets:
  - {resource: "secret/prod/payments/db", owner: ledger@example.com}
  - {resource: "secret/prod/payments/*", owner: payments}
  - {resource: "secret/prod/*", owner: platform}
  - {resource: "arn:aws:secretsmanager:*:secret:prod/shop/*", owner: shop}
  - {host: api.example.com, environment: production}
`)
	for _, c := range []struct {
		name      string
		resources []string
		want      string
	}{
		{"a whole name stands before a pattern", []string{"secret/prod/payments/db"}, "ledger@example.com"},
		{"the first pattern that fits", []string{"secret/prod/payments/signing"}, "payments"},
		{"a wider one after it", []string{"secret/prod/mail"}, "platform"},
		{"an ARN in any region", []string{"arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/shop/db-AbCdEf"}, "shop"},
		{"what is touched first counts", []string{"secret/dev/x", "secret/prod/payments/db"}, ""},
		{"nobody's", []string{"secret/dev/x"}, ""},
		{"nothing touched", nil, ""},
	} {
		ev := &schemas.Event{Format: "cloudtrail", Operation: "secretsmanager:GetSecretValue", Resources: c.resources}
		for range 2 { // looked up, and remembered
			e.Enrich(ev)
			if got := ev.Attributes[targetOwner]; got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	}
}
