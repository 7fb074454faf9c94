package ingest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lapwing-sec/lapwing/schemas"
)

const (
	azureApp    = "5f0a3f6e-8a43-4be1-9a26-2f6d9f1f77aa"
	azureObject = "a1b2c3d4-0001-4002-8003-00000000000a"
	azureGroup  = "/SUBSCRIPTIONS/11111111-2222-3333-4444-555555555555/RESOURCEGROUPS/PROD"
)

// azureActivity returns a record of the activity log as it is streamed.
func azureActivity(operation, identity, rest string) string {
	return `{"time":"2026-03-01T10:00:00.1234567Z","resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/LEDGER","operationName":"` + operation + `","category":"Administrative","resultType":"Success","resultSignature":"Succeeded.Created","durationMs":"120","callerIpAddress":"203.0.113.7","correlationId":"c0ffee00-0000-4000-8000-000000000001","identity":` + identity + `,"level":"Information","location":"West Europe"` + rest + `}`
}

func azureEvent(operation string, mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Time: at("2026-03-01T10:00:00.1234567Z"), Operation: operation, Service: "storage", Outcome: success, StatusCode: 201, RequestId: "c0ffee00-0000-4000-8000-000000000001",
		LatencyUs: 120000, Resources: []string{azureGroup + "/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/LEDGER"}, ReadOnly: schemas.ReadOnly_READ_ONLY_FALSE,
		SrcIp: "203.0.113.7", CloudProvider: "azure", Region: "westeurope", Account: "11111111-2222-3333-4444-555555555555",
	}
	mutate(ev)
	return ev
}

const azureAppClaims = `{"authorization":{"scope":"/subscriptions/1","action":"Microsoft.Storage/storageAccounts/write","evidence":{"role":"Contributor","principalId":"a1b2c3d4000140028003000000000000a","principalType":"ServicePrincipal"}},"claims":{"aud":"https://management.core.windows.net/","appid":"` + azureApp + `","appidacr":"1","http://schemas.microsoft.com/identity/claims/objectidentifier":"` + azureObject + `","iat":"1772355600","exp":"1772359500","idtyp":"app","uti":"Zx3kQ1"}}`

func azureApplication(ev *schemas.Event) {
	ev.Principal, ev.PrincipalType, ev.PrincipalIssuer, ev.OauthClient = azureApp, "ServicePrincipal", azureObject, azureApp
}

const azureVault = `{"time":"2026-03-01T10:00:00.5Z","category":"AuditEvent","operationName":"SecretGet","resultType":"Success","correlationId":"c0ffee00-0000-4000-8000-000000000002","callerIpAddress":"203.0.113.7","identity":{"claim":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"` + azureObject + `","appid":"` + azureApp + `","xms_mirid":"/subscriptions/1/resourcegroups/prod/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ledger"}},"properties":{"id":"https://prod.vault.azure.net/secrets/db/0a1b2c","clientInfo":"azsdk-python/1.0","requestUri":"https://prod.vault.azure.net/secrets/db?api-version=7.4","httpStatusCode":200,"tlsVersion":"TLS1_3"},"resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/PROD","operationVersion":"7.4","resultSignature":"OK","durationMs":"19"}`

func azureVaultEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Time: at("2026-03-01T10:00:00.5Z"), Principal: azureApp, PrincipalType: "ManagedIdentity", PrincipalIssuer: azureObject, OauthClient: azureApp,
		Operation: "keyvault:SecretGet", Service: "keyvault", Host: "prod.vault.azure.net", UrlPath: "/secrets/db", StatusCode: 200, Outcome: success,
		RequestId: "c0ffee00-0000-4000-8000-000000000002", LatencyUs: 19000, UserAgent: "azsdk-python/1.0", SrcIp: "203.0.113.7",
		Resources: []string{"https://prod.vault.azure.net/secrets/db/0a1b2c", azureGroup + "/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/PROD"},
		Workload:  "/subscriptions/1/resourcegroups/prod/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ledger", CloudProvider: "azure", Account: "11111111-2222-3333-4444-555555555555",
	}
	mutate(ev)
	return ev
}

const azureGateway = `{"timeStamp":"2026-03-01T10:00:00+00:00","resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/EDGE","listenerName":"https","ruleName":"orders","backendPoolName":"orders","operationName":"ApplicationGatewayAccess","category":"ApplicationGatewayAccessLog","properties":{"instanceId":"appgw_1","clientIP":"203.0.113.7","clientPort":51124,"httpMethod":"POST","originalRequestUriWithArgs":"/v1/orders/8812?fields=id","requestUri":"/v1/orders/8812","requestQuery":"fields=id","userAgent":"curl/8.5","httpStatus":200,"httpVersion":"HTTP/1.1","receivedBytes":310,"sentBytes":2048,"timeTaken":0.042,"sslEnabled":"on","sslClientVerify":"SUCCESS","sslClientCertificateFingerprint":"0a1b2c3d4e5f60718293a4b5c6d7e8f900112233","serverRouted":"10.0.0.4:443","serverStatus":"200","transactionId":"7f3c0a","host":"10.0.0.4","originalHost":"api.example.com"}}`

const azureDoor = `{"time":"2026-03-01T10:00:00.25Z","resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.CDN/PROFILES/DOOR","category":"FrontDoorAccessLog","operationName":"Microsoft.Cdn/Profiles/AccessLog/Write","properties":{"trackingReference":"0Xk3","httpMethod":"GET","httpVersion":"2.0.0.0","requestUri":"https://api.example.com:443/v1/orders/8812?fields=id","requestBytes":"310","responseBytes":"2048","userAgent":"curl/8.5","clientIp":"198.51.100.9","socketIp":"203.0.113.7","timeTaken":"0.042","requestProtocol":"HTTPS","securityProtocol":"TLS 1.3","hostName":"api.example.com","httpStatusCode":"200","pop":"FRA","cacheStatus":"CONFIG_NOCACHE","errorInfo":"NoError","result":"N/A"}}`

func azureEdgeEvent(service, method string, mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Time: at("2026-03-01T10:00:00Z"), PrincipalType: "anonymous", Anonymous: true, Operation: method + " /v1/orders/{id}", Service: service, HttpMethod: method,
		UrlPath: "/v1/orders/8812", RouteTemplate: "/v1/orders/{id}", Host: "api.example.com", StatusCode: 200, Outcome: success, BytesIn: 310, BytesOut: 2048, LatencyUs: 42000,
		Resources: []string{"/v1/orders/8812"}, SrcIp: "203.0.113.7", UserAgent: "curl/8.5", CloudProvider: "azure", Account: "11111111-2222-3333-4444-555555555555",
	}
	mutate(ev)
	return ev
}

// azureAPIM is a call as API Management's diagnostic settings stream it.
const azureAPIM = `{"time":"2026-03-01T10:00:00.25Z","operationName":"Microsoft.ApiManagement/GatewayLogs","category":"GatewayLogs","durationMs":43,"callerIpAddress":"203.0.113.7","correlationId":"c3","location":"West Europe","properties":{"method":"GET","url":"https://api.example.com/v1/orders/8412?expand=items","responseCode":200,"responseSize":1934,"requestSize":312,"apiId":"orders","apimSubscriptionId":"partner-7","clientProtocol":"HTTP/1.1","requestHeaders":{"User-Agent":"curl/8.5"}},"resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/EDGE"}`

func azureAPIMEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Time: at("2026-03-01T10:00:00.25Z"), Principal: "edge/partner-7", PrincipalType: "consumer", Operation: "GET /v1/orders/{id}", RouteTemplate: "/v1/orders/{id}", Service: "orders",
		HttpMethod: "GET", Host: "api.example.com", UrlPath: "/v1/orders/8412", StatusCode: 200, Outcome: success, RequestId: "c3", BytesIn: 312, BytesOut: 1934, LatencyUs: 43000,
		Resources: []string{"/v1/orders/8412"}, SrcIp: "203.0.113.7", UserAgent: "curl/8.5", CloudProvider: "azure", Region: "westeurope", Account: "11111111-2222-3333-4444-555555555555",
	}
	if mutate != nil {
		mutate(ev)
	}
	return ev
}

func azureSamples() []sample {
	write := "storage:microsoft.storage/storageaccounts/write"
	return []sample{
		{"an application changes a storage account", "azure-activity", azureActivity("MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE", azureAppClaims, `,"properties":{"statusCode":"Created","eventCategory":"Administrative"}`), azureEvent(write, func(ev *schemas.Event) {
			azureApplication(ev)
			ev.CredentialType, ev.SessionId = "client_secret", "Zx3kQ1"
			ev.CredentialIssued, ev.CredentialExpires = at("2026-03-01T09:00:00Z"), at("2026-03-01T10:05:00Z")
		}), map[string]string{"identity.authorization.evidence.role": "Contributor", "identity.claims.aud": "https://management.core.windows.net/", "resultType": "Success"}},
		{"an application calls a model", "azure-activity", `{"time":"2026-03-01T10:00:00.1234567Z","resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/CHAT","operationName":"ChatCompletions_Create","category":"RequestResponse","resultSignature":"200","durationMs":"120","callerIPAddress":"203.0.113.***","correlationId":"c0ffee00-0000-4000-8000-000000000001","location":"westeurope","properties":"{\"apiName\":\"Azure OpenAI API version 2024-02-01\",\"objectId\":\"` + azureObject + `\",\"streamType\":\"Non-Streaming\",\"modelDeploymentName\":\"chat\",\"modelName\":\"gpt-4o\",\"modelVersion\":\"2024-08-06\"}"}`, azureEvent("cognitiveservices:ChatCompletions_Create", func(ev *schemas.Event) {
			ev.Service, ev.Principal, ev.PrincipalType, ev.PrincipalIssuer = "cognitiveservices", azureObject, "ServicePrincipal", azureObject
			ev.Resources, ev.SrcIp, ev.StatusCode, ev.ReadOnly = []string{azureGroup + "/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/CHAT"}, "", 200, schemas.ReadOnly_READ_ONLY_UNSPECIFIED
		}), map[string]string{"properties.modelDeploymentName": "chat", "properties.modelName": "gpt-4o"}},
		{"a person, with a second factor, through a client", "azure-activity", azureActivity("Microsoft.Storage/storageAccounts/write", `{"claims":{"appid":"c44b4083-3bb0-49c1-b47d-974e53cbdf3c","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"ann@example.com","http://schemas.microsoft.com/identity/claims/objectidentifier":"`+azureObject+`","http://schemas.microsoft.com/identity/claims/scope":"user_impersonation","http://schemas.microsoft.com/claims/authnmethodsreferences":"pwd,mfa"}}`, ``), azureEvent(write, func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.PrincipalIssuer, ev.OauthClient = "ann@example.com", "User", azureObject, "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
			ev.Scopes, ev.Mfa = []string{"user_impersonation"}, true
		}), nil},
		{"an application with the rights of a person", "azure-keyvault", strings.Replace(azureVault, `"xms_mirid":"/subscriptions/1/resourcegroups/prod/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ledger"`, `"upn":"ann@example.com","scp":"user_impersonation"`, 1), azureVaultEvent(func(ev *schemas.Event) {
			ev.PrincipalType, ev.PrincipalIssuer, ev.Workload = "ServicePrincipal", "", ""
			ev.Delegation, ev.Scopes = []string{"ann@example.com", azureApp}, []string{"user_impersonation"}
		}), nil},
		{"properties as text, and a refusal", "azure-activity", strings.NewReplacer(`"Success"`, `"Failure"`, "Succeeded.Created", "Failed.Forbidden").Replace(azureActivity("Microsoft.Storage/storageAccounts/write", azureAppClaims, `,"properties":"{\"statusCode\":\"Forbidden\",\"statusMessage\":\"{\\\"error\\\":{\\\"code\\\":\\\"AuthorizationFailed\\\",\\\"message\\\":\\\"no right\\\"}}\"}"`)), azureEvent(write, func(ev *schemas.Event) {
			azureApplication(ev)
			ev.CredentialType, ev.SessionId = "client_secret", "Zx3kQ1"
			ev.CredentialIssued, ev.CredentialExpires = at("2026-03-01T09:00:00Z"), at("2026-03-01T10:05:00Z")
			ev.StatusCode, ev.Outcome, ev.ErrorCode, ev.ErrorMessage = 403, denied, "AuthorizationFailed", "no right"
		}), nil},
		{"a call through API Management", "azure-activity", azureAPIM, azureAPIMEvent(nil), nil},
		{"a call through API Management whose key was refused", "azure-activity", strings.NewReplacer(`"responseCode":200`, `"responseCode":401`, `"apimSubscriptionId":"partner-7",`, ``).Replace(azureAPIM), azureAPIMEvent(func(ev *schemas.Event) {
			ev.Principal, ev.PrincipalType, ev.Anonymous, ev.StatusCode, ev.Outcome = "", "anonymous", true, 401, denied
		}), nil},
		{"an answer of API Management that the request was bad", "azure-activity", strings.Replace(azureAPIM, `"responseCode":200`, `"responseCode":400`, 1), azureAPIMEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome = 400, failed
		}), nil},
		{"an operation that has begun", "azure-activity", strings.NewReplacer(`"Success"`, `"Start"`, "Succeeded.Created", "Started.").Replace(azureActivity("Microsoft.Storage/storageAccounts/write", `{}`, ``)), azureEvent(write, func(ev *schemas.Event) {
			ev.Outcome, ev.StatusCode, ev.PrincipalType, ev.Anonymous = schemas.Outcome_OUTCOME_UNSPECIFIED, 0, "anonymous", true
		}), nil},
		{"the activity log's own interface", "azure-activity", `{"authorization":{"action":"Microsoft.Compute/virtualMachines/delete","scope":"/subscriptions/s"},"caller":"` + azureObject + `","category":{"value":"Administrative","localizedValue":"Administrative"},"correlationId":"c1","eventDataId":"e-1","eventTimestamp":"2026-03-01T10:00:00Z","httpRequest":{"clientRequestId":"r1","clientIpAddress":"203.0.113.7","method":"DELETE"},"operationName":{"value":"Microsoft.Compute/virtualMachines/delete","localizedValue":"Delete Virtual Machine"},"resourceId":"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/prod/providers/Microsoft.Compute/virtualMachines/v","status":{"value":"Succeeded"},"subStatus":{"value":"NoContent"},"subscriptionId":"11111111-2222-3333-4444-555555555555"}`, &schemas.Event{
			Id: "e-1", Time: at("2026-03-01T10:00:00Z"), Principal: azureObject, PrincipalType: "ServicePrincipal", PrincipalIssuer: azureObject,
			Operation: "compute:microsoft.compute/virtualmachines/delete", Service: "compute", HttpMethod: "DELETE", StatusCode: 204, Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_FALSE,
			RequestId: "c1", Resources: []string{"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/prod/providers/Microsoft.Compute/virtualMachines/v"},
			SrcIp: "203.0.113.7", CloudProvider: "azure", Account: "11111111-2222-3333-4444-555555555555",
		}, map[string]string{"authorization.scope": "/subscriptions/s", "httpRequest.clientRequestId": "r1"}},
		{"a blob is read with the account's key", "azure-activity", `{"time":"2026-03-01T10:00:00Z","resourceId":"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/p/providers/Microsoft.Storage/storageAccounts/ledger/blobServices/default","category":"StorageRead","operationName":"GetBlob","statusCode":200,"statusText":"Success","durationMs":12,"callerIpAddress":"203.0.113.7:41100","correlationId":"c2","identity":{"type":"AccountKey","tokenHash":"key1(0A1B2C)"},"location":"westeurope","properties":{"accountName":"ledger","userAgentHeader":"azsdk/1","objectKey":"/ledger/books/2026.csv","responseBodySize":900},"uri":"https://ledger.blob.core.windows.net/books/2026.csv?timeout=30"}`, &schemas.Event{
			Time: at("2026-03-01T10:00:00Z"), PrincipalType: "AccountKey", CredentialId: "key1(0A1B2C)", CredentialType: "account_key",
			Operation: "storage:GetBlob", Service: "storage", Host: "ledger.blob.core.windows.net", UrlPath: "/books/2026.csv", StatusCode: 200, Outcome: success, ReadOnly: schemas.ReadOnly_READ_ONLY_TRUE,
			RequestId: "c2", BytesOut: 900, LatencyUs: 12000, UserAgent: "azsdk/1", SrcIp: "203.0.113.7", CloudProvider: "azure", Region: "westeurope", Account: "11111111-2222-3333-4444-555555555555",
			Resources: []string{"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/p/providers/Microsoft.Storage/storageAccounts/ledger/blobServices/default", "/ledger/books/2026.csv"},
		}, map[string]string{"properties.accountName": "ledger", "statusText": "Success"}},

		{"a managed identity reads a secret", "azure-keyvault", azureVault, azureVaultEvent(func(*schemas.Event) {}), map[string]string{"properties.tlsVersion": "TLS1_3", "operationVersion": "7.4"}},
		{"a vault refuses an application", "azure-keyvault", strings.NewReplacer(`"httpStatusCode":200`, `"httpStatusCode":403`, `"resultSignature":"OK"`, `"resultSignature":"Forbidden","resultDescription":"not granted"`, `,"xms_mirid":"/subscriptions/1/resourcegroups/prod/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ledger"`, ``).Replace(azureVault), azureVaultEvent(func(ev *schemas.Event) {
			ev.PrincipalType, ev.Workload, ev.StatusCode, ev.Outcome, ev.ErrorCode, ev.ErrorMessage = "ServicePrincipal", "", 403, denied, "Forbidden", "not granted"
		}), nil},
		{"a call without a token", "azure-keyvault", `{"time":"2026-03-01T10:00:00Z","category":"AuditEvent","operationName":"Authentication","resultType":"Success","resultSignature":"Unauthorized","callerIpAddress":"203.0.113.7","identity":{},"properties":{"httpStatusCode":401},"resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/PROD"}`, &schemas.Event{
			Time: at("2026-03-01T10:00:00Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "keyvault:Authentication", Service: "keyvault", StatusCode: 401, Outcome: denied, ErrorCode: "Unauthorized",
			Resources: []string{azureGroup + "/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/PROD"}, SrcIp: "203.0.113.7", CloudProvider: "azure", Account: "11111111-2222-3333-4444-555555555555",
		}, nil},

		{"a request with a client certificate", "azure-appgw", azureGateway, azureEdgeEvent("edge", "POST", func(ev *schemas.Event) {
			ev.CredentialId, ev.CredentialType = "0a1b2c3d4e5f60718293a4b5c6d7e8f900112233", "certificate"
			ev.Principal, ev.PrincipalType, ev.Anonymous, ev.RequestId = ev.CredentialId, "certificate", false, "7f3c0a"
		}), map[string]string{"ruleName": "orders", "serverRouted": "10.0.0.4:443", "query": "fields=id"}},
		{"a certificate that was not accepted names nobody", "azure-appgw", strings.Replace(azureGateway, `"SUCCESS"`, `"FAILED:certificate has expired"`, 1), azureEdgeEvent("edge", "POST", func(ev *schemas.Event) {
			ev.RequestId = "7f3c0a"
		}), map[string]string{"refused_certificate": "0a1b2c3d4e5f60718293a4b5c6d7e8f900112233"}},
		{"the firewall of a gateway blocks", "azure-appgw", `{"timeStamp":"2026-03-01T10:00:00Z","resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/EDGE","operationName":"ApplicationGatewayFirewall","category":"ApplicationGatewayFirewallLog","properties":{"clientIp":"203.0.113.7","requestUri":"/v1/orders/8812?id=1%20or%201","ruleSetType":"OWASP","ruleSetVersion":"3.2","ruleId":"942130","message":"SQL Injection Attack","action":"Blocked","hostname":"api.example.com","transactionId":"7f3c0a","details":{"message":"Matched"}}}`, azureEdgeEvent("edge", "ANY", func(ev *schemas.Event) {
			ev.HttpMethod, ev.StatusCode, ev.BytesIn, ev.BytesOut, ev.LatencyUs, ev.UserAgent = "", 0, 0, 0, 0, ""
			ev.Outcome, ev.ErrorCode, ev.RequestId = denied, "942130", "7f3c0a"
		}), map[string]string{"message": "SQL Injection Attack", "details.message": "Matched", "action": "Blocked"}},

		{"a request at the door, which says where it comes from", "azure-frontdoor", azureDoor, azureEdgeEvent("door", "GET", func(ev *schemas.Event) {
			ev.Time, ev.RequestId, ev.ForwardedFor = at("2026-03-01T10:00:00.25Z"), "0Xk3", []string{"198.51.100.9"}
		}), map[string]string{"pop": "FRA", "securityProtocol": "TLS 1.3"}},
		{"the firewall of the door blocks", "azure-frontdoor", `{"time":"2026-03-01T10:00:00Z","resourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.CDN/PROFILES/DOOR","category":"FrontDoorWebApplicationFirewallLog","operationName":"Microsoft.Cdn/Profiles/WebApplicationFirewallLog/Write","properties":"{\"clientIP\":\"203.0.113.7\",\"socketIP\":\"203.0.113.7\",\"requestUri\":\"https://api.example.com:443/v1/orders/8812\",\"ruleName\":\"BlockBots\",\"policy\":\"edge\",\"action\":\"Block\",\"host\":\"api.example.com\",\"trackingReference\":\"0Xk4\",\"policyMode\":\"prevention\"}"}`, azureEdgeEvent("door", "ANY", func(ev *schemas.Event) {
			ev.HttpMethod, ev.StatusCode, ev.BytesIn, ev.BytesOut, ev.LatencyUs, ev.UserAgent = "", 0, 0, 0, 0, ""
			ev.Outcome, ev.ErrorCode, ev.RequestId = denied, "BlockBots", "0Xk4"
		}), map[string]string{"policy": "edge", "policyMode": "prevention"}},
	}
}

func azureCanaries() []canaryRecord {
	return []canaryRecord{
		{"a secret in a request's text", "azure-activity", azureActivity("Microsoft.Web/sites/config/write", azureAppClaims, `,"properties":{"requestbody":"{\"properties\":{\"DB_PASSWORD\":\"`+canary+`\"}}"}`)},
		{"a secret in properties as text", "azure-activity", azureActivity("Microsoft.Web/sites/config/write", azureAppClaims, `,"properties":"{\"clientSecret\":\"`+canary+`\"}"`)},
		{"a shared access signature", "azure-activity", `{"time":"2026-03-01T10:00:00Z","category":"StorageRead","operationName":"GetBlob","statusCode":200,"uri":"https://l.blob.core.windows.net/b/o?sv=2021&sig=` + canary + `"}`},
		{"a token in a vault's request", "azure-keyvault", strings.Replace(azureVault, "api-version=7.4", "access_token="+canary, 1)},
		{"a key in a gateway's address", "azure-appgw", strings.ReplaceAll(azureGateway, "fields=id", "subscription-key="+canary)},
		{"a key in the door's address", "azure-frontdoor", strings.ReplaceAll(azureDoor, "fields=id", "code="+canary)},
	}
}

func TestAzureGranteesAreRead(t *testing.T) {
	for _, tt := range []struct {
		name, operation, body string
		want                  []string
	}{
		{"an application becomes owner", "Microsoft.Authorization/roleAssignments/write", `{"properties":{"principalId":"` + azureObject + `","principalType":"ServicePrincipal","roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"}}`, []string{"serviceprincipal:" + azureObject, "policy:Owner"}},
		{"a port opens to the world", "Microsoft.Network/networkSecurityGroups/securityRules/write", `{"properties":{"access":"Allow","direction":"Inbound","sourceAddressPrefix":"*"}}`, []string{"public"}},
		{"a port is closed to the world", "Microsoft.Network/networkSecurityGroups/securityRules/write", `{"properties":{"access":"Deny","direction":"Inbound","sourceAddressPrefix":"*"}}`, nil},
		{"blobs may be made public", "Microsoft.Storage/storageAccounts/write", `{"properties":{"allowBlobPublicAccess":true}}`, []string{"public"}},
		{"a vault lets someone in", "Microsoft.KeyVault/vaults/accessPolicies/write", `{"properties":{"accessPolicies":[{"objectId":"` + azureObject + `"}]}}`, []string{"principal:" + azureObject}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := parseOne(t, "azure-activity", azureActivity(tt.operation, azureAppClaims, `,"properties":{"requestbody":`+quoteJSON(tt.body)+`}`))
			if diff := cmp.Diff(tt.want, ev.Grantees); diff != "" {
				t.Errorf("grantees (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAzureRequestsAreKept(t *testing.T) {
	const body = `{"location":"westeurope","properties":{"supportsHttpsTrafficOnly":false,"networkAcls":{"defaultAction":"Allow"}}}`
	for name, text := range map[string]string{"as text": quoteJSON(body), "as an object": body} {
		t.Run(name, func(t *testing.T) {
			ev := parseOne(t, "azure-activity", azureActivity("Microsoft.Storage/storageAccounts/write", azureAppClaims, `,"properties":{"requestbody":`+text+`}`))
			for key, want := range map[string]string{
				"properties.requestbody.properties.supportsHttpsTrafficOnly":  "false",
				"properties.requestbody.properties.networkAcls.defaultAction": "Allow",
			} {
				if got := ev.Attributes[key]; got != want {
					t.Errorf("%s: %q, want %q", key, got, want)
				}
			}
		})
	}
}

func FuzzAzureActivity(f *testing.F)  { fuzzParser(f, "azure-activity") }
func FuzzAzureKeyVault(f *testing.F)  { fuzzParser(f, "azure-keyvault") }
func FuzzAzureAppGW(f *testing.F)     { fuzzParser(f, "azure-appgw") }
func FuzzAzureFrontDoor(f *testing.F) { fuzzParser(f, "azure-frontdoor") }
