package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// entra is one record of Microsoft Entra ID being read. Microsoft Graph writes
// its fields at the top; Azure Monitor writes {category, properties} around
// them; Log Analytics exports them at the top with capitals.
type entra struct {
	*record
	p int // the node below which the fields stand
}

func entraRecord(r *record) *entra { return &entra{r, entraFields(&r.doc, r.root)} }

// entraFields returns the node that holds a record's own fields.
func entraFields(d *document, n int) int {
	if p := d.fold(n, "properties"); p != none && d.nodes[p].kind == kindObject {
		return p
	}
	return n
}

// at returns a field, of the record's own or of what Azure Monitor put around.
func (e *entra) at(keys ...string) int {
	n := e.doc.fold(e.p, keys...)
	if n == none && e.p != e.root {
		n = e.doc.fold(e.root, keys...)
	}
	return n
}

// str takes the scalar at a field as read.
func (e *entra) str(keys ...string) string { return e.take(e.at(keys...)) }

// category is what Azure Monitor and Log Analytics call the log.
func (p *probe) category() string {
	if p.doc == nil {
		return ""
	}
	return p.doc.text(p.doc.fold(p.root, "category"))
}

// signs counts fields that a record of Entra has.
func (p *probe) signs(keys ...string) (n int) {
	if p.doc == nil {
		return 0
	}
	at := entraFields(p.doc, p.root)
	for _, k := range keys {
		if p.doc.fold(at, k) != none {
			n++
		}
	}
	return n
}

// rest keeps what was not read: first the record's own fields, under their
// names wherever they stood.
func (e *entra) rest() {
	if e.p != e.root {
		e.restOf(e.p, "")
	}
	e.record.rest()
}

// common reads what all three logs have.
func (e *entra) common() {
	ev := e.ev
	ev.CloudProvider = "azure"
	ev.Account = e.str("homeTenantId")
	tenant := e.str("tenantId")
	if _, after, ok := strings.Cut(strings.ToLower(e.doc.text(e.doc.fold(e.root, "resourceId"))), "/tenants/"); ok && tenant == "" {
		tenant, _, _ = strings.Cut(after, "/")
	}
	ev.Account = first(ev.Account, tenant)
	ev.UserAgent = clip(e.str("userAgent"), maxMessage)
	for _, key := range []string{"ipAddress", "callerIpAddress"} {
		if v := e.str(key); v != "" && ev.SrcIp == "" {
			setSource(e.ev, key, v)
		}
	}
}

// app names an application or a service principal as the caller.
func (e *entra) app(kind, name, object, appID string) {
	ev := e.ev
	ev.PrincipalType, ev.Principal, ev.PrincipalIssuer, ev.OauthClient = kind, first(name, appID, object), object, appID
}

// noID is what Entra writes where there is no application or object.
const noID = "00000000-0000-0000-0000-000000000000"

// present returns an id in lower case, or "" for what stands for none.
func present(id string) string {
	if id == noID {
		return ""
	}
	return strings.ToLower(id)
}

// userClients are Microsoft's own clients that a person works in. A call
// through one of them is the person's; through any other application it is the
// application's ("Verify first-party Microsoft applications in sign-in
// reports").
var userClients = map[string]bool{
	"00000002-0000-0ff1-ce00-000000000000": true, // Exchange Online, Outlook on the web
	"00000003-0000-0ff1-ce00-000000000000": true, // SharePoint Online
	"5d661950-3475-41cd-a2c3-d671a3162bc1": true, // Microsoft Outlook
	"27922004-5251-4030-b22d-91ecd9a37ea4": true, // Outlook Mobile
	"d3590ed6-52b3-4102-aeff-aad2292ab01c": true, // Microsoft Office
	"1fec8e78-bce4-4aaf-ab1b-5451cc387264": true, // Microsoft Teams
	"5e3ce6c0-2b1f-4285-8d4b-75ee78787346": true, // Microsoft Teams web client
	"ab9b8c07-8f02-4f72-87fa-80105867a763": true, // OneDrive sync engine
	"08e18876-6177-487e-b8b5-cf950c1e598c": true, // SharePoint Online web client extensibility
	"89bee1f7-5e6e-4d8a-9f3d-ecd601259da7": true, // Office 365 shell
	"4765445b-32c6-49b0-83e6-1d93765276ca": true, // Office home
	"00000006-0000-0ff1-ce00-000000000000": true, // Microsoft 365 portal
	"c44b4083-3bb0-49c1-b47d-974e53cbdf3c": true, // Azure portal
	"74658136-14ec-4630-ad9b-26e160ff0fc6": true, // Entra admin portal
	"04b07795-8ddb-461a-bbee-02f9e1bf7b46": true, // Azure CLI
	"1950a258-227b-4e31-a9cf-717495945fc2": true, // Azure PowerShell
	"14d82eec-204b-4c2f-b7e8-296a70dab67e": true, // Microsoft Graph PowerShell
	"de8bc8b5-d9f9-48b1-a8ad-b748da725064": true, // Graph Explorer
	"872cd9fa-d31f-45e0-9eab-6e460a02d1f1": true, // Visual Studio
	"aebc6443-996d-45c2-90f0-388ff96faa56": true, // Visual Studio Code
}

// interrupted are codes of sign-ins that stopped for a further step of the
// person, and failed those of a fault of the service ("Microsoft Entra
// authentication and authorization error codes").
var (
	entraInterrupted = map[string]bool{
		"16000": true, "16001": true, "50058": true, "50072": true, "50074": true, "50076": true, "50079": true, "50097": true,
		"50125": true, "50127": true, "50129": true, "50140": true, "50143": true, "50199": true, "51006": true, "65001": true, "81010": true,
	}
	entraFault = map[string]bool{"90033": true, "90006": true, "50000": true, "90010": true, "50196": true}
)

// entraResult sorts the code of a sign-in.
func entraResult(code string) schemas.Outcome {
	switch {
	case code == "":
		return schemas.Outcome_OUTCOME_UNSPECIFIED
	case code == "0" || strings.EqualFold(code, "success"):
		return schemas.Outcome_OUTCOME_SUCCESS
	case entraInterrupted[code]:
		return schemas.Outcome_OUTCOME_UNSPECIFIED
	case entraFault[code]:
		return schemas.Outcome_OUTCOME_ERROR
	}
	return schemas.Outcome_OUTCOME_DENIED
}
