package ingest

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

func o365Samples() []sample {
	return []sample{
		{"an application reads mail with its own rights", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"MailItemsAccessed","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":50,"ResultStatus":"Succeeded","UserKey":"9b8c7d6e-2222-4333-9444-fedcbafedcba","UserType":5,"Version":1,"Workload":"Exchange","UserId":"9b8c7d6e-2222-4333-9444-fedcbafedcba","ClientIPAddress":"203.0.113.9","ClientInfoString":"Client=REST;Client=RESTSystem;;","AppId":"5a1f2c3d-1111-4222-8333-abcdefabcdef","ClientAppId":"5a1f2c3d-1111-4222-8333-abcdefabcdef","LogonType":1,"InternalLogonType":0,"MailboxOwnerUPN":"ann@example.com","MailboxGuid":"m1","ExternalAccess":false,"OperationCount":2,"OperationProperties":[{"Name":"MailAccessType","Value":"Bind"},{"Name":"IsThrottled","Value":"False"}],"Folders":[{"Path":"\\Inbox","FolderItems":[{"InternetMessageId":"<a@example.com>"},{"InternetMessageId":"<b@example.com>"}]}],"AppAccessContext":{"APIId":"00000003-0000-0000-c000-000000000000","ClientAppId":"5a1f2c3d-1111-4222-8333-abcdefabcdef","IssuedAtTime":"2026-03-01T09:58:00","UniqueTokenId":"CXqL8wAAAAAA"}}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "5a1f2c3d-1111-4222-8333-abcdefabcdef", PrincipalType: "Application", PrincipalIssuer: "9b8c7d6e-2222-4333-9444-fedcbafedcba", OauthClient: "5a1f2c3d-1111-4222-8333-abcdefabcdef", CredentialIssued: at("2026-03-01T09:58:00Z"), SessionId: "CXqL8wAAAAAA",
			Operation: "Exchange:MailItemsAccessed", Service: "Exchange", Outcome: success,
			Resources: []string{"ann@example.com", "\\Inbox", "<a@example.com>", "<b@example.com>"}, RecordsOut: 2, SrcIp: "203.0.113.9", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"OperationProperties.MailAccessType": "Bind", "LogonType": "Admin", "ClientInfoString": "Client=REST;Client=RESTSystem;;"}},
		{"an application reads mail with a person's rights", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"MailItemsAccessed","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":50,"ResultStatus":"Succeeded","UserKey":"10032001A2B3C4D5","UserType":0,"Version":1,"Workload":"Exchange","UserId":"ann@example.com","ClientIPAddress":"203.0.113.9","ClientInfoString":"Client=REST;;","AppId":"5a1f2c3d-1111-4222-8333-abcdefabcdef","ClientAppId":"5a1f2c3d-1111-4222-8333-abcdefabcdef","LogonType":0,"MailboxOwnerUPN":"ann@example.com","SessionId":"s-1"}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "5a1f2c3d-1111-4222-8333-abcdefabcdef", PrincipalType: "Application", OauthClient: "5a1f2c3d-1111-4222-8333-abcdefabcdef", Delegation: []string{"ann@example.com", "5a1f2c3d-1111-4222-8333-abcdefabcdef"}, SessionId: "hmac:36a3db25f2cd165a23f880f51e5ae33f",
			Operation: "Exchange:MailItemsAccessed", Service: "Exchange", Outcome: success,
			Resources: []string{"ann@example.com"}, SrcIp: "203.0.113.9", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"UserType": "Regular"}},
		{"a person reads mail in Outlook on the web", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"MailItemsAccessed","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":50,"ResultStatus":"Succeeded","UserKey":"10032001A2B3C4D5","UserType":0,"Version":1,"Workload":"Exchange","UserId":"ann@example.com","ClientIPAddress":"[2001:db8::7]:49152","ClientInfoString":"Client=OWA;Action=ViaProxy","AppId":"00000002-0000-0ff1-ce00-000000000000","LogonType":0,"MailboxOwnerUPN":"ann@example.com"}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "ann@example.com", PrincipalType: "Regular", OauthClient: "00000002-0000-0ff1-ce00-000000000000",
			Operation: "Exchange:MailItemsAccessed", Service: "Exchange", Outcome: success,
			Resources: []string{"ann@example.com"}, SrcIp: "2001:db8::7", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"ClientInfoString": "Client=OWA;Action=ViaProxy"}},
		{"a rule that forwards mail", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"New-InboxRule","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":1,"ResultStatus":"True","UserKey":"10032001A2B3C4D5","UserType":0,"Version":1,"Workload":"Exchange","UserId":"ann@example.com","ClientIP":"203.0.113.9:51234","ObjectId":"ann\\fwd","Parameters":[{"Name":"ForwardTo","Value":"drop@evil.example"},{"Name":"Name","Value":"fwd"}]}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "ann@example.com", PrincipalType: "Regular",
			Operation: "Exchange:New-InboxRule", Service: "Exchange", Outcome: success,
			Resources: []string{"ann\\fwd"}, Grantees: []string{"drop@evil.example"}, SrcIp: "203.0.113.9", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"Parameters.ForwardTo": "drop@evil.example"}},
		{"mail is sent in another's name", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"SendAs","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":2,"ResultStatus":"Succeeded","UserKey":"10032001A2B3C4D5","UserType":0,"Version":1,"Workload":"Exchange","UserId":"ann@example.com","ClientIPAddress":"203.0.113.9","SendAsUserSmtp":"ceo@example.com","LogonType":2,"MailboxOwnerUPN":"ceo@example.com"}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "ann@example.com", PrincipalType: "Regular", ActingAs: "ceo@example.com",
			Operation: "Exchange:SendAs", Service: "Exchange", Outcome: success,
			Resources: []string{"ceo@example.com"}, SrcIp: "203.0.113.9", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"LogonType": "Delegated"}},
		{"a link for everybody", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"AnonymousLinkCreated","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":14,"ResultStatus":null,"UserKey":"10032001A2B3C4D5","UserType":0,"Version":1,"Workload":"SharePoint","UserId":"ann@example.com","ClientIP":"203.0.113.9","UserAgent":"Mozilla/5.0","ObjectId":"https://acme.sharepoint.com/sites/hr/pay.xlsx","SiteUrl":"https://acme.sharepoint.com/sites/hr/","SourceFileName":"pay.xlsx","ItemType":"File"}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "ann@example.com", PrincipalType: "Regular",
			Operation: "SharePoint:AnonymousLinkCreated", Service: "SharePoint", Outcome: success,
			Resources: []string{"https://acme.sharepoint.com/sites/hr/pay.xlsx"}, Grantees: []string{"public"}, SrcIp: "203.0.113.9", UserAgent: "Mozilla/5.0", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"SourceFileName": "pay.xlsx"}},
		{"a file is shared with an outsider", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"AddedToSecureLink","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":14,"ResultStatus":"Succeeded","UserKey":"10032001A2B3C4D5","UserType":0,"Version":1,"Workload":"OneDrive","UserId":"ann@example.com","ClientIP":"203.0.113.9","ObjectId":"https://acme-my.sharepoint.com/personal/ann/pay.xlsx","TargetUserOrGroupName":"bob@evil.example","TargetUserOrGroupType":"Guest"}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "ann@example.com", PrincipalType: "Regular",
			Operation: "OneDrive:AddedToSecureLink", Service: "OneDrive", Outcome: success,
			Resources: []string{"https://acme-my.sharepoint.com/personal/ann/pay.xlsx"}, Grantees: []string{"bob@evil.example"}, SrcIp: "203.0.113.9", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"TargetUserOrGroupType": "Guest"}},
		{"SharePoint's own application downloads a file", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"FileDownloaded","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":6,"ResultStatus":"Succeeded","UserKey":"i:0i.t|00000003-0000-0ff1-ce00-000000000000|app@sharepoint","UserType":5,"Version":1,"Workload":"SharePoint","UserId":"app@sharepoint","ClientIP":"203.0.113.9","ApplicationId":"5a1f2c3d-1111-4222-8333-abcdefabcdef","ApplicationDisplayName":"backup-tool","ObjectId":"https://acme.sharepoint.com/sites/hr/pay.xlsx"}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "backup-tool", PrincipalType: "Application", OauthClient: "5a1f2c3d-1111-4222-8333-abcdefabcdef",
			Operation: "SharePoint:FileDownloaded", Service: "SharePoint", Outcome: success,
			Resources: []string{"https://acme.sharepoint.com/sites/hr/pay.xlsx"}, SrcIp: "203.0.113.9", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, nil},
		{"a failed login", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"UserLoginFailed","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":15,"ResultStatus":"Failed","UserKey":"0c1d2e3f-3333-4444-8555-123412341234","UserType":0,"Version":1,"Workload":"AzureActiveDirectory","UserId":"ann@example.com","ActorIpAddress":"203.0.113.9","ClientIP":"203.0.113.9","ErrorNumber":"50126","LogonError":"InvalidUserNameOrPassword","ApplicationId":"00000003-0000-0000-c000-000000000000","ExtendedProperties":[{"Name":"UserAgent","Value":"BAV2ROPC"},{"Name":"RequestType","Value":"OAuth2:Token"}],"Actor":[{"ID":"0c1d2e3f-3333-4444-8555-123412341234","Type":0},{"ID":"ann@example.com","Type":5}],"Target":[{"ID":"00000003-0000-0000-c000-000000000000","Type":0}]}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "ann@example.com", PrincipalType: "Regular", PrincipalIssuer: "0c1d2e3f-3333-4444-8555-123412341234", OauthClient: "00000003-0000-0000-c000-000000000000",
			Operation: "AzureActiveDirectory:UserLoginFailed", Service: "AzureActiveDirectory", Outcome: denied, ErrorCode: "InvalidUserNameOrPassword",
			Resources: []string{"00000003-0000-0000-c000-000000000000"}, SrcIp: "203.0.113.9", UserAgent: "BAV2ROPC", CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"ExtendedProperties.RequestType": "OAuth2:Token"}},
		{"a service principal gets a right", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"Add app role assignment to service principal.","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":8,"ResultStatus":"Success","UserKey":"x@example.com","UserType":4,"Version":1,"Workload":"AzureActiveDirectory","UserId":"ServicePrincipal_9b8c7d6e-2222-4333-9444-fedcbafedcba","Actor":[{"ID":"deployer","Type":1},{"ID":"9b8c7d6e-2222-4333-9444-fedcbafedcba","Type":2},{"ID":"ServicePrincipal_9b8c7d6e-2222-4333-9444-fedcbafedcba","Type":2}],"Target":[{"ID":"ServicePrincipal_aaaa0000-0000-4000-8000-00000000000a","Type":2}],"ModifiedProperties":[{"Name":"AppRole.Value","NewValue":"Mail.Read","OldValue":""},{"Name":"ServicePrincipal.AppId","NewValue":"5a1f2c3d-1111-4222-8333-abcdefabcdef","OldValue":""}]}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "ServicePrincipal_9b8c7d6e-2222-4333-9444-fedcbafedcba", PrincipalType: "ServicePrincipal", PrincipalIssuer: "9b8c7d6e-2222-4333-9444-fedcbafedcba",
			Operation: "AzureActiveDirectory:Add app role assignment to service principal.", Service: "AzureActiveDirectory", Outcome: success,
			Resources: []string{"ServicePrincipal_aaaa0000-0000-4000-8000-00000000000a"}, Grantees: []string{"5a1f2c3d-1111-4222-8333-abcdefabcdef"}, CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"ModifiedProperties.AppRole.Value": "Mail.Read"}},
		{"a guest joins a team", "o365", `{"CreationTime":"2026-03-01T10:04:00","Id":"44444444-aaaa-4bbb-8ccc-000000000001","Operation":"MemberAdded","OrganizationId":"8f7e6d5c-4b3a-4291-8877-665544332211","RecordType":25,"ResultStatus":null,"UserKey":"10032001A2B3C4D5","UserType":0,"Version":1,"Workload":"MicrosoftTeams","UserId":"ann@example.com","TeamName":"Finance","TeamGuid":"19:abc@thread.tacv2","Members":[{"UPN":"bob_evil.example#EXT#@acme.onmicrosoft.com","Role":0,"DisplayName":"Bob"}]}`, &schemas.Event{
			Id: "44444444-aaaa-4bbb-8ccc-000000000001", Time: at("2026-03-01T10:04:00Z"),
			Principal: "ann@example.com", PrincipalType: "Regular",
			Operation: "MicrosoftTeams:MemberAdded", Service: "MicrosoftTeams", Outcome: success,
			Resources: []string{"Finance"}, Grantees: []string{"bob_evil.example#EXT#@acme.onmicrosoft.com"}, CloudProvider: "azure", Account: "8f7e6d5c-4b3a-4291-8877-665544332211",
		}, map[string]string{"TeamGuid": "19:abc@thread.tacv2"}},
	}
}

func FuzzO365(f *testing.F) { fuzzParser(f, "o365") }
