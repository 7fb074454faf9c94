package enrich

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestAPathThatClimbsIsAllowedByNoPrefix(t *testing.T) {
	for _, tt := range []struct {
		allowed, operation, path string
		want                     bool
	}{
		{"GET /files/*", "GET /files/a", "/files/a", true},
		{"GET /files/*", "GET /files/a..b", "/files/a..b", true},
		{"GET /files/*", "GET /files/../admin", "/files/../admin", false},
		{"GET /files/*", "GET /files/../admin", "/files/%2e%2e/admin", false},
		{"GET /files/*", "GET /files/../admin", "/files/%252E%252e%2fadmin", false},
		{"GET /files/*", "GET /files/..", `/files/..\admin`, false},
		{"GET /files/*", "GET /files/..", "/files/..;/admin", false},
		{"GET *", "GET /files/../admin", "/files/../admin", true},
		{"*", "GET /files/../admin", "/files/../admin", true},
		{"s3:Get*", "s3:GetObject", "/bucket/../x", true},
	} {
		p, err := compilePolicy(&schemas.Allowed{Operations: []string{tt.allowed}}, nil)
		require.NoError(t, err)
		ev := &schemas.Event{Operation: tt.operation, UrlPath: tt.path}
		if tt.allowed[0] != 's' {
			ev.HttpMethod = "GET"
		}
		d := &schemas.Declared{}
		p.judge(ev, &place{}, d)
		require.Equal(t, tt.want, len(d.Violations) == 0, "%s for %s", tt.allowed, tt.path)
	}
}

func TestAUsersNameIsNoCertificate(t *testing.T) {
	ev := &schemas.Event{Format: "nginx", PrincipalType: "user", Principal: "spiffe://prod/ns/x"}
	Resolve(ev)
	require.Equal(t, "nginx:user/spiffe://prod/ns/x", ev.IdentityId)
}
