package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchO365 looks for the fields that every record of the API has.
func matchO365(p *probe) confidence {
	if p.has("RecordType", "Operation") && p.count("Workload", "CreationTime", "OrganizationId", "UserType", "UserKey") >= 2 {
		return certain
	}
	if p.has("Operation", "Workload") && p.count("CreationTime", "OrganizationId", "UserType", "UserId") >= 2 {
		return certain
	}
	return no
}

// o365UserTypes are the words for UserType ("Office 365 Management Activity
// API schema", enum UserType).
var o365UserTypes = [...]string{
	"Regular", "Reserved", "Admin", "DcAdmin", "System", "Application", "ServicePrincipal", "CustomPolicy", "SystemPolicy", "PartnerTechnician", "Guest",
}

// parseO365 reads one record of the Office 365 Management Activity API
// ("Office 365 Management Activity API schema": common schema, and those of
// Exchange, SharePoint, Entra ID and Teams).
func parseO365(r *record) error {
	o := &o365{r}
	ev := r.ev
	if err := r.when("CreationTime", r.get("CreationTime")); err != nil {
		return err
	}
	op := r.text("Operation")
	if op == "" {
		return missing("Operation")
	}
	ev.Service = first(r.text("Workload"), "Office365")
	ev.Operation = ev.Service + ":" + op
	ev.CloudProvider = "azure"
	setID(r.ev, r.text("Id"))
	ev.Account = r.text("OrganizationId")
	for _, key := range []string{"ClientIP", "ClientIPAddress", "ActorIpAddress"} {
		if v := r.text(key); v != "" && ev.SrcIp == "" {
			setSource(r.ev, key, v)
		}
	}
	ev.UserAgent = clip(r.text("UserAgent"), maxMessage)
	o.who()
	o.result(op)
	o.touched()
	o.pairs(op)
	o.sharing(op)
	r.rest()
	return nil
}

// o365 is one record of the Management Activity API being read.
type o365 struct{ *record }

func (o *o365) who() {
	ev := o.ev
	kind := o.text("UserType")
	if n := digits(kind); kind != "" && n >= 0 && n < len(o365UserTypes) {
		kind = o365UserTypes[n]
	}
	user, key := o.text("UserId"), o.text("UserKey")
	if user == "Not Available" || user == "Unknown" {
		attribute(ev, "UserId", user)
		user = ""
	}
	context := "AppAccessContext"
	session := first(o.text(context, "AADSessionId"), o.either("SessionId"))
	// Sign-in logs call the token's id uniqueTokenIdentifier.
	if ev.SessionId = o.text(context, "UniqueTokenId"); ev.SessionId == "" {
		ev.SessionId = session
	} else {
		attribute(ev, "AADSessionId", session)
	}
	ev.CredentialIssued = moment(o.text(context, "IssuedAtTime"))
	ev.RequestId = first(o.text(context, "CorrelationId"), o.either("CorrelationId", "InterSystemsId"))

	appID := ""
	for _, id := range []string{o.text(context, "ClientAppId"), o.text("ClientAppId"), o.text("AppId"), o.text("ApplicationId")} {
		if id = present(id); isUUID(id) {
			appID = first(appID, id)
		} else {
			attribute(ev, "ClientApp", id)
		}
	}
	name := o.either("ApplicationDisplayName", "ClientAppName")
	attribute(ev, "ApplicationDisplayName", name)
	ev.OauthClient = appID
	object := o.actor()
	if isUUID(key) {
		object = first(object, strings.ToLower(key))
	} else {
		attribute(ev, "UserKey", key)
	}
	service := ""
	if rest, ok := strings.CutPrefix(user, "ServicePrincipal_"); ok {
		service, kind = strings.ToLower(rest), "ServicePrincipal"
	} else if isUUID(user) && (kind == "Application" || kind == "ServicePrincipal") {
		service = strings.ToLower(user)
	}
	switch {
	case service != "" || kind == "Application" || kind == "ServicePrincipal" || user == "app@sharepoint":
		// On its own rights.
		if kind != "ServicePrincipal" {
			kind = "Application"
		}
		if service != appID {
			object = first(service, object)
		}
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = kind, first(name, appID, user, object), object
		if user != "" && user != ev.Principal {
			attribute(ev, "UserId", user)
		}
	case appID != "" && !userClients[appID] && user != "" && o.delegated():
		ev.PrincipalType, ev.Principal = "Application", first(name, appID)
		o.behalf(user, ev.Principal)
		attribute(ev, "UserType", kind)
	default:
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = kind, first(user, object), object
	}
	switch logon := o.text("LogonType"); logon {
	case "0":
		attribute(ev, "LogonType", "Owner")
	case "1":
		attribute(ev, "LogonType", "Admin")
	case "2":
		attribute(ev, "LogonType", "Delegated")
	default:
		attribute(ev, "LogonType", logon)
	}
	if as := o.either("SendAsUserSmtp", "SendOnBehalfOfUserSmtp"); as != "" && !strings.EqualFold(as, user) {
		ev.ActingAs = as
	}
}

// delegated reports whether an application called with the user's rights, as
// against a sign-in to it.
func (o *o365) delegated() bool {
	return o.doc.text(o.get("Workload")) != "AzureActiveDirectory" && o.doc.text(o.get("RecordType")) != "15"
}

// actor finds the object id of who called, in records of Entra ID.
func (o *o365) actor() (object string) {
	n := o.get("Actor")
	for c := o.doc.first(n); n != none && c != none; c = o.doc.after(n, c) {
		id := o.doc.text(o.doc.get(c, "ID"))
		for _, prefix := range []string{"User_", "ServicePrincipal_"} {
			if v, ok := strings.CutPrefix(id, prefix); ok && isUUID(v) {
				object = first(object, strings.ToLower(v))
			}
		}
	}
	return object
}

func (o *o365) result(op string) {
	ev := o.ev
	status := o.text("ResultStatus")
	code := o.either("LogonError", "ErrorNumber")
	switch {
	case strings.HasSuffix(op, "LoginFailed"):
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		if code != "0" {
			ev.ErrorCode = code
		}
	case strings.EqualFold(status, "failed"), strings.EqualFold(status, "failure"), strings.EqualFold(status, "false"):
		ev.ErrorCode = code
		ev.ErrorMessage = clip(o.either("ResultStatusDetail", "ErrorMessage"), maxMessage)
		ev.Outcome = failure(code + " " + ev.ErrorMessage)
	default:
		// SharePoint and Teams log what was done, without a result.
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		attribute(ev, "LogonError", code)
	}
	if status != "" && ev.Outcome != schemas.Outcome_OUTCOME_SUCCESS {
		attribute(ev, "ResultStatus", status)
	}
}

// touched reads mailboxes, folders, files, sites and teams.
func (o *o365) touched() {
	d, ev := &o.doc, o.ev
	o.touch(o.text("ObjectId"))
	if owner := o.text("MailboxOwnerUPN"); owner != "" {
		o.touch(owner)
		attribute(ev, "MailboxOwnerUPN", owner)
	}
	for _, key := range []string{"Folders", "AffectedItems"} {
		n := o.get(key)
		if n == none {
			continue
		}
		for c := d.first(n); c != none; c = d.after(n, c) {
			o.touch(first(d.text(d.get(c, "Path")), d.text(d.path(c, "ParentFolder", "Path"))))
			if id := d.text(d.get(c, "InternetMessageId")); id != "" {
				o.touch(id)
			}
			items := d.get(c, "FolderItems")
			for m := d.first(items); items != none && m != none; m = d.after(items, m) {
				o.touch(d.text(d.get(m, "InternetMessageId")))
			}
		}
		d.nodes[n].used = true
	}
	o.touch(d.text(o.get("Folder", "Path")), d.text(o.get("Item", "ParentFolder", "Path")), d.text(o.get("TeamName")), d.text(o.get("ChannelName")))
	if n := count(o.doc.text(o.get("OperationCount"))); n > 0 {
		ev.RecordsOut = n // messages or items that one record stands for
		attribute(ev, "OperationCount", o.text("OperationCount"))
	}
	ev.BytesOut = count(o.text("FileSizeBytes"))
	target := o.get("Target")
	for c := d.first(target); target != none && c != none; c = d.after(target, c) {
		id := d.text(d.get(c, "ID"))
		if strings.Contains(id, "@") || isUUID(id) || strings.HasPrefix(id, "ServicePrincipal_") || strings.HasPrefix(id, "User_") {
			o.touch(id)
		}
	}
	if t := o.text("TargetContextId"); t != "" && t != ev.Account {
		ev.TargetAccount = t
	}
}

// pairs reads the lists of names and values: parameters of a cmdlet, details
// and changes.
func (o *o365) pairs(op string) {
	d, ev := &o.doc, o.ev
	for _, key := range []string{"Parameters", "OperationProperties", "ExtendedProperties", "ModifiedProperties", "NonPIIParameters"} {
		n := o.get(key)
		if n == none || d.nodes[n].kind != kindArray {
			continue
		}
		for c := d.first(n); c != none; c = d.after(n, c) {
			name, v := d.text(d.get(c, "Name")), d.text(d.get(c, "Value"))
			if key == "ModifiedProperties" {
				v = unquoted(d.text(d.get(c, "NewValue")))
				attribute(ev, key+"."+name+".old", unquoted(d.text(d.get(c, "OldValue"))))
			}
			attribute(ev, key+"."+name, v)
			switch name {
			case "UserAgent":
				ev.UserAgent = first(ev.UserAgent, clip(v, maxMessage))
			case "User", "Trustee", "Member", "Members", "App":
				if strings.Contains(op, "Permission") || strings.Contains(op, "Member") || strings.Contains(op, "RoleAssignment") {
					o.give(v)
				}
			case "ForwardingSmtpAddress", "ForwardingAddress", "ForwardTo", "RedirectTo", "ForwardAsAttachmentTo", "BlindCopyTo", "RedirectMessageTo":
				o.give(strings.TrimPrefix(v, "smtp:"))
			case "ServicePrincipal.AppId", "ServicePrincipal.ObjectID", "User.UPN":
				if entraGive(op) && len(ev.Grantees) == 0 {
					o.give(v)
				}
			}
		}
		d.nodes[n].used = true
	}
}

// sharing says who gets something by a change of sharing or membership.
func (o *o365) sharing(op string) {
	d := &o.doc
	switch {
	case strings.HasPrefix(op, "AnonymousLink") && !strings.Contains(op, "Removed"):
		o.give("public")
	case strings.HasPrefix(op, "Sharing") || strings.HasPrefix(op, "AddedTo") || strings.HasPrefix(op, "SecureLink") || op == "SiteCollectionAdminAdded":
		o.give(d.text(o.get("TargetUserOrGroupName")))
	case strings.HasPrefix(op, "MemberAdded") || op == "MemberRoleChanged":
		n := o.get("Members")
		for c := d.first(n); n != none && c != none; c = d.after(n, c) {
			o.give(d.text(d.get(c, "UPN")))
		}
	case entraGive(op) && len(o.ev.Grantees) == 0:
		// The target of a consent or of new credentials is who gets it.
		if len(o.ev.Resources) > 0 {
			o.give(o.ev.Resources[len(o.ev.Resources)-1])
		}
	}
}
