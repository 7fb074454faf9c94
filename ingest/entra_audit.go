package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchEntraAudit looks for fields of a directory audit.
func matchEntraAudit(p *probe) confidence {
	switch {
	case p.text("@odata.type") == "#microsoft.graph.directoryAudit":
		return certain
	case p.signs("initiatedBy") > 0 && p.signs("activityDisplayName", "targetResources", "loggedByService", "activityDateTime") > 0:
		return certain
	case p.risky(), p.signs("provisioningAction", "provisioningStatusInfo") > 0 && p.signs("targetSystem", "servicePrincipal", "sourceIdentity") > 0:
		return certain
	case strings.EqualFold(p.category(), "AuditLogs") && p.signs("loggedByService", "activityDisplayName", "targetResources") > 0:
		return certain
	}
	return no
}

// parseEntraAudit reads one directory audit (Microsoft Graph, "directoryAudit
// resource type"; Azure Monitor, table AuditLogs).
func parseEntraAudit(r *record) error {
	e, ev := entraRecord(r), r.ev
	switch {
	case e.at("riskEventType") != none:
		return e.risk()
	case e.at("provisioningAction") != none:
		return e.provisioning()
	}
	if err := r.when("activityDateTime", e.at("activityDateTime"), e.at("time"), e.at("TimeGenerated")); err != nil {
		return err
	}
	op := strings.TrimSpace(first(e.str("activityDisplayName"), e.str("operationName")))
	if op == "" {
		return missing("activityDisplayName")
	}
	ev.Service, ev.Operation = "entra", "entra:"+op
	setID(r.ev, e.str("id"))
	ev.RequestId = e.str("correlationId")
	e.common()
	e.initiator()
	e.auditDetails()
	e.targets(op)
	result := first(e.str("result"), e.str("resultType"))
	reason := first(e.str("resultReason"), e.str("resultDescription"))
	switch {
	case strings.EqualFold(result, "success"), result == "0":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		attribute(ev, "resultReason", reason)
	case strings.EqualFold(result, "failure"), strings.EqualFold(result, "clientError"):
		ev.Outcome, ev.ErrorMessage = failure(reason), clip(reason, maxMessage)
	case result != "":
		ev.Outcome, ev.ErrorCode, ev.ErrorMessage = schemas.Outcome_OUTCOME_ERROR, result, clip(reason, maxMessage)
	}
	e.rest()
	return nil
}

// initiator reads who did it: an application, a user, or the one through the
// other.
func (e *entra) initiator() {
	ev := e.ev
	str := func(keys ...string) string { return e.str(append([]string{"initiatedBy"}, keys...)...) }
	user, userID := first(str("user", "userPrincipalName"), str("user", "displayName")), present(str("user", "id"))
	name, object, appID := first(str("app", "displayName"), str("app", "servicePrincipalName")), present(str("app", "servicePrincipalId")), present(str("app", "appId"))
	if ip := str("user", "ipAddress"); ip != "" && ev.SrcIp == "" {
		setSource(e.ev, "initiatedBy.user.ipAddress", ip)
	}
	switch {
	case first(name, object, appID) != "":
		e.app("app", name, object, appID)
		e.behalf(user, ev.Principal)
	case first(user, userID) != "":
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "user", first(user, userID), userID
	}
	if home := str("user", "homeTenantId"); home != "" && home != ev.Account {
		ev.Account, ev.TargetAccount = home, ev.Account
	}
}

// auditDetails reads additionalDetails, pairs of which some say more of the
// caller.
func (e *entra) auditDetails() {
	n := e.at("additionalDetails")
	if n == none || e.doc.nodes[n].kind != kindArray {
		return
	}
	ev := e.ev
	for c := e.doc.first(n); c != none; c = e.doc.after(n, c) {
		key, v := e.doc.text(e.doc.fold(c, "key")), e.doc.text(e.doc.fold(c, "value"))
		switch strings.ToLower(key) {
		case "user-agent":
			ev.UserAgent = first(ev.UserAgent, clip(v, maxMessage))
			continue
		case "ipaddr", "clientip", "client ip address":
			if ev.SrcIp == "" {
				ev.SrcIp = address(v)
			}
		}
		attribute(ev, "additionalDetails."+key, v)
	}
	e.doc.nodes[n].used = true
}

// entraGives are parts of the names of activities by which somebody gets
// something.
var entraGives = []string{
	"app role assignment", "consent to application", "delegated permission grant", "oauth2permissiongrant", "member to role", "member to group", "owner to",
	"invite external user", "invite internal user", "certificates and secrets", "principal credentials", "member to role in pim", "member to administrative unit",
}

// entraGive reports whether somebody gets something by an activity.
func entraGive(op string) bool {
	op = strings.ToLower(op)
	for _, part := range entraGives {
		if strings.Contains(op, part) {
			return !strings.HasPrefix(op, "remove") && !strings.HasPrefix(op, "delete")
		}
	}
	return false
}

// targets reads what was touched, what was changed of it, and who got what.
func (e *entra) targets(op string) {
	d, ev := &e.doc, e.ev
	n := e.at("targetResources")
	if n == none || d.nodes[n].kind != kindArray {
		return
	}
	gives := entraGive(op)
	var holders []string // principals among the targets
	i := 0
	for c := d.first(n); c != none; c = d.after(n, c) {
		id, kind := d.text(d.fold(c, "id")), d.text(d.fold(c, "type"))
		name := first(d.text(d.fold(c, "userPrincipalName")), d.text(d.fold(c, "displayName")))
		e.touch(name, id)
		prefix := "target." + index(i) + "."
		i++
		attribute(ev, prefix+"type", kind)
		switch strings.ToLower(kind) {
		case "user":
			holders = append(holders, first(name, id))
		case "serviceprincipal", "application", "group":
			holders = append(holders, first(id, name))
		}
		changes := d.fold(c, "modifiedProperties")
		for m := d.first(changes); changes != none && m != none; m = d.after(changes, m) {
			what := d.text(d.fold(m, "displayName"))
			from, to := unquoted(d.text(d.fold(m, "oldValue"))), unquoted(d.text(d.fold(m, "newValue")))
			attribute(ev, prefix+what, to)
			attribute(ev, prefix+what+".old", from)
			switch what {
			case "ServicePrincipal.AppId", "ServicePrincipal.ObjectID", "User.UPN", "User.ObjectID", "Group.ObjectID":
				if gives && to != "" && len(ev.Grantees) == 0 {
					e.give(to)
				}
			case "KeyDescription":
				e.newKeys(from, to)
			}
		}
	}
	d.nodes[n].used = true
	if gives && len(ev.Grantees) == 0 {
		// Of a role, a group or an owner the members come first.
		e.give(holders[:min(len(holders), 1)]...)
	}
}

// newKeys adds the ids of the credentials that a change left, from texts of
// the form [KeyIdentifier=…,KeyType=…,KeyUsage=…,DisplayName=…].
func (e *entra) newKeys(from, to string) {
	for _, part := range strings.Split(to, "KeyIdentifier=")[1:] {
		id, _, _ := strings.Cut(part, ",")
		if id != "" && !strings.Contains(from, id) {
			e.touch("credential/" + id)
		}
	}
}

// unquoted takes the quotes and brackets off a value that is JSON of one text.
func unquoted(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 1 && s[0] == '[' && s[len(s)-1] == ']' && strings.IndexByte(s, ',') < 0 {
		s = s[1 : len(s)-1]
	}
	return strings.Trim(s, `"`)
}
