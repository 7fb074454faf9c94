package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestIssuersTellThatARefreshTokenWasUsedTwice(t *testing.T) {
	for _, c := range []struct {
		name, operation, message string
		want                     bool
	}{
		{"Okta, an authorization server of one's own", "okta:app.oauth2.as.token.detect_reuse", "", true},
		{"Okta, the organisation's", "okta:app.oauth2.token.detect_reuse", "", true},
		{"Okta, a token is granted", "okta:app.oauth2.as.token.grant.refresh_token", "", false},
		{"Auth0, a rotating token again", "auth0:ferrt", "Unsuccessful Refresh Token exchange, reused refresh token detected", true},
		{"Auth0, a token that nobody knows", "auth0:ferrt", "Unknown or invalid refresh token.", false},
		{"Keycloak, beyond the allowed reuse", "keycloak:REFRESH_TOKEN_ERROR", "Maximum allowed refresh token reuse exceeded", true},
		{"Keycloak, an expired one", "keycloak:REFRESH_TOKEN_ERROR", "Token is not active", false},
		{"a name alike elsewhere", "GET /token.detect_reuse", "reuse", false},
	} {
		assert.Equal(t, c.want, refreshedTwice(&schemas.Event{Operation: c.operation, ErrorMessage: c.message}), c.name)
	}
}
