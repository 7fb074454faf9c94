package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// The records of azure_test.go as rows of Log Analytics.
const (
	azureRowStart = `{"TenantId":"99999999-0000-4000-8000-000000000009","SourceSystem":"Azure","Type":"AzureDiagnostics","SubscriptionId":"11111111-2222-3333-4444-555555555555","ResourceGroup":"PROD",`

	azureGatewayRow = azureRowStart + `"TimeGenerated":"2026-03-01T10:00:00Z","ResourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/EDGE","Category":"ApplicationGatewayAccessLog","ResourceProvider":"MICROSOFT.NETWORK","Resource":"EDGE","ResourceType":"APPLICATIONGATEWAYS","OperationName":"ApplicationGatewayAccess","instanceId_s":"appgw_1","clientIP_s":"203.0.113.7","clientPort_d":51124.0,"httpMethod_s":"POST","originalRequestUriWithArgs_s":"/v1/orders/8812?fields=id","requestUri_s":"/v1/orders/8812","requestQuery_s":"fields=id","userAgent_s":"curl/8.5","httpStatus_d":200.0,"httpVersion_s":"HTTP/1.1","receivedBytes_d":310.0,"sentBytes_d":2048.0,"timeTaken_d":0.042,"sslEnabled_s":"on","sslClientVerify_s":"NONE","serverRouted_s":"10.0.0.4:443","serverStatus_s":"200","transactionId_g":"7f3c0a","host_s":"10.0.0.4","originalHost_s":"api.example.com","WAFMode_s":null}`

	azureVaultRow = azureRowStart + `"TimeGenerated":"2026-03-01T10:00:00.5Z","ResourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/PROD","Category":"AuditEvent","ResourceProvider":"MICROSOFT.KEYVAULT","Resource":"PROD","ResourceType":"VAULTS","OperationName":"SecretGet","OperationVersion":"7.4","ResultType":"Success","ResultSignature":"OK","DurationMs":19,"CallerIPAddress":"203.0.113.7","CorrelationId":"c0ffee00-0000-4000-8000-000000000002","identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g":"` + azureObject + `","identity_claim_appid_g":"` + azureApp + `","identity_claim_xms_mirid_s":"/subscriptions/1/resourcegroups/prod/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ledger","id_s":"https://prod.vault.azure.net/secrets/db/0a1b2c","clientInfo_s":"azsdk-python/1.0","requestUri_s":"https://prod.vault.azure.net/secrets/db?api-version=7.4","httpStatusCode_d":200.0,"tlsVersion_s":"TLS1_3"}`

	azureDoorRow = azureRowStart + `"TimeGenerated":"2026-03-01T10:00:00.25Z","ResourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.CDN/PROFILES/DOOR","Category":"FrontDoorAccessLog","ResourceProvider":"MICROSOFT.CDN","Resource":"DOOR","ResourceType":"PROFILES","OperationName":"Microsoft.Cdn/Profiles/AccessLog/Write","trackingReference_s":"0Xk3","httpMethod_s":"GET","httpVersion_s":"2.0.0.0","requestUri_s":"https://api.example.com:443/v1/orders/8812?fields=id","requestBytes_s":"310","responseBytes_s":"2048","userAgent_s":"curl/8.5","clientIp_s":"198.51.100.9","socketIp_s":"203.0.113.7","timeTaken_s":"0.042","hostName_s":"api.example.com","httpStatusCode_s":"200","errorInfo_s":"NoError"}`

	azureGatewayTable = `{"TenantId":"99999999-0000-4000-8000-000000000009","Type":"AGWAccessLogs","_ResourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/EDGE","TimeGenerated":"2026-03-01T10:00:00Z","OperationName":"ApplicationGatewayAccess","ClientIp":"203.0.113.7","HttpMethod":"POST","OriginalRequestUriWithArgs":"/v1/orders/8812?fields=id","RequestUri":"/v1/orders/8812","RequestQuery":"fields=id","UserAgent":"curl/8.5","HttpStatus":200,"HttpVersion":"HTTP/1.1","ReceivedBytes":310,"SentBytes":2048,"TimeTaken":0.042,"ServerRouted":"10.0.0.4:443","TransactionId":"7f3c0a","Host":"10.0.0.4","OriginalHost":"api.example.com"}`
)

func azureFlatSamples() []sample {
	gateway := azureEdgeEvent("edge", "POST", func(ev *schemas.Event) { ev.RequestId = "7f3c0a" })
	return []sample{
		{"a row of a gateway's requests", "azure-appgw", azureGatewayRow, gateway, map[string]string{"serverRouted": "10.0.0.4:443", "category": "ApplicationGatewayAccessLog", "WorkspaceId": "99999999-0000-4000-8000-000000000009"}},
		{"a row of a gateway's own table", "azure-appgw", azureGatewayTable, gateway, map[string]string{"serverRouted": "10.0.0.4:443"}},
		{"a row of what a managed identity read", "azure-keyvault", azureVaultRow, azureVaultEvent(func(*schemas.Event) {}), map[string]string{"properties.tlsVersion": "TLS1_3", "OperationVersion": "7.4", "Resource": "PROD"}},
		{"a row of a request at the door", "azure-frontdoor", azureDoorRow, azureEdgeEvent("door", "GET", func(ev *schemas.Event) {
			ev.Time, ev.RequestId, ev.ForwardedFor = at("2026-03-01T10:00:00.25Z"), "0Xk3", []string{"198.51.100.9"}
		}), nil},
		{"a row of another resource's calls", "azure-activity", azureRowStart + `"TimeGenerated":"2026-03-01T10:00:00Z","ResourceId":"` + azureGroup + `/PROVIDERS/MICROSOFT.LOGIC/WORKFLOWS/SYNC","Category":"WorkflowRuntime","ResourceType":"WORKFLOWS","OperationName":"Microsoft.Logic/workflows/workflowRunCompleted","ResultType":"Succeeded","CallerIPAddress":"203.0.113.7","status_s":"Succeeded"}`, &schemas.Event{
			Time: at("2026-03-01T10:00:00Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "logic:microsoft.logic/workflows/workflowruncompleted", Service: "logic", Outcome: success,
			Resources: []string{azureGroup + "/PROVIDERS/MICROSOFT.LOGIC/WORKFLOWS/SYNC"}, SrcIp: "203.0.113.7", CloudProvider: "azure", Account: "11111111-2222-3333-4444-555555555555",
		}, map[string]string{"properties.status": "Succeeded"}},
	}
}

func azureFlatCanaries() []canaryRecord {
	return []canaryRecord{
		{"a key in a row's address", "azure-appgw", strings.ReplaceAll(azureGatewayRow, "fields=id", "api_key="+canary)},
		{"a column with a secret's name", "azure-keyvault", strings.Replace(azureVaultRow, `"tlsVersion_s":"TLS1_3"`, `"authorization_s":"`+canary+`"`, 1)},
		{"a token in a row's claims", "azure-keyvault", strings.Replace(azureVaultRow, `"tlsVersion_s":"TLS1_3"`, `"identity_claim_access_token_s":"`+canary+`"`, 1)},
	}
}
