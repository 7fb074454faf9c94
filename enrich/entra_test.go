package enrich

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestResolveAzure(t *testing.T) {
	for _, c := range []struct {
		name string
		ev   *schemas.Event
		want string
	}{
		{"an application by its client id", &schemas.Event{PrincipalType: "ServicePrincipal", Principal: "APP-1", PrincipalIssuer: "sp-1", OauthClient: "APP-1"}, "entra:app/app-1"},
		{"a service principal whose client id is not logged", &schemas.Event{PrincipalType: "ServicePrincipal", Principal: "SP-1", PrincipalIssuer: "sp-1"}, "entra:sp/sp-1"},
		{"a managed identity by its client id, as in every other log", &schemas.Event{PrincipalType: "ManagedIdentity", PrincipalIssuer: "sp-1", OauthClient: "app-1"}, "entra:app/app-1"},
		{"without one as in every other log, too", &schemas.Event{PrincipalType: "ManagedIdentity", PrincipalIssuer: "sp-1"}, "entra:sp/sp-1"},
		{"a person by the object, whichever client", &schemas.Event{PrincipalType: "User", Principal: "Ann@example.com", PrincipalIssuer: "U-1", OauthClient: "app-1"}, "entra:user/u-1"},
		{"a person by name", &schemas.Event{PrincipalType: "User", Principal: "Ann@Example.com"}, "entra:user/ann@example.com"},
		{"a service of Azure", &schemas.Event{PrincipalType: "Service", Principal: "Microsoft.Insights/autoscaleSettings"}, "azure:service/Microsoft.Insights/autoscaleSettings"},
		{"the key of a storage account", &schemas.Event{PrincipalType: "AccountKey", CredentialId: "key1(0A)"}, "apikey:key1(0A)"},
		{"a subscription of API Management", &schemas.Event{PrincipalType: "consumer", Principal: "edge/partner-7"}, "azure-apim:edge/partner-7"},
		{"nobody", &schemas.Event{}, "anonymous:azure-activity/unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.ev.Format = "azure-activity"
			if Resolve(c.ev); c.ev.IdentityId != c.want {
				t.Errorf("got %q, want %q", c.ev.IdentityId, c.want)
			}
		})
	}
	ev := &schemas.Event{Format: "azure-appgw", PrincipalType: "certificate", Principal: "0a1b", CredentialId: "0a1b", CredentialType: "certificate"}
	if Resolve(ev); ev.IdentityId != "azure-appgw:certificate/0a1b" {
		t.Errorf("a client certificate is %q", ev.IdentityId)
	}
}
