package ingest

import "github.com/lapwing-sec/lapwing/schemas"

// Two logs of Entra ID beside its audit: what Identity Protection holds of a
// user or an application (Microsoft Graph, "riskDetection" and
// "servicePrincipalRiskDetection resource type"; Azure Monitor, categories
// UserRiskEvents and ServicePrincipalRiskEvents), and what provisioning jobs did
// in other systems ("provisioningObjectSummary resource type"; ProvisioningLogs).

// risky looks for fields of a risk detection.
func (p *probe) risky() bool {
	return p.signs("riskEventType") > 0 && p.signs("riskState", "riskLevel") > 0 && p.signs("userId", "servicePrincipalId", "appId") > 0
}

// risk reads a risk detection: an event of whom it is about, at the time of what
// was detected.
func (e *entra) risk() error {
	ev := e.ev
	if err := e.when("activityDateTime", e.at("activityDateTime"), e.at("detectedDateTime"), e.at("time"), e.at("TimeGenerated")); err != nil {
		return err
	}
	kind := e.str("riskEventType")
	ev.Service, ev.Operation = "entra", "entra:risk detection "+kind
	setID(ev, e.str("id"))
	ev.RequestId = first(e.str("requestId"), e.str("correlationId"))
	e.common()
	setSource(ev, "ipAddress", e.str("ipAddress"))
	appID, object := present(e.str("appId")), present(e.str("servicePrincipalId"))
	if appID != "" || object != "" {
		e.app("app", e.str("servicePrincipalDisplayName"), object, appID)
		for _, key := range e.list(e.at("keyIds")) {
			e.touch("credential/" + key)
		}
	} else {
		ev.PrincipalIssuer = present(e.str("userId"))
		ev.PrincipalType, ev.Principal = "user", first(e.str("userPrincipalName"), ev.PrincipalIssuer)
	}
	if ev.Principal == "" {
		return missing("userId (also servicePrincipalId, appId)")
	}
	e.rest()
	return nil
}

// provisioning reads what a job created, changed or removed in another system.
func (e *entra) provisioning() error {
	ev := e.ev
	if err := e.when("activityDateTime", e.at("activityDateTime"), e.at("time"), e.at("TimeGenerated")); err != nil {
		return err
	}
	ev.Service, ev.Operation = "entra", "entra:provisioning "+first(e.str("provisioningAction"), e.str("action"))
	setID(ev, e.str("id"))
	ev.RequestId = first(e.str("changeId"), e.str("correlationId"))
	e.common()
	if name, id := e.str("servicePrincipal", "name"), present(e.str("servicePrincipal", "id")); name != "" || id != "" {
		e.app("app", name, id, "")
	}
	if kind := e.str("initiatedBy", "type"); kind == "user" {
		e.behalf(first(e.str("initiatedBy", "name"), e.str("initiatedBy", "id")), ev.Principal)
	}
	e.touch(first(e.str("targetIdentity", "name"), e.str("targetIdentity", "displayName")), e.str("targetIdentity", "id"))
	e.touch(first(e.str("sourceIdentity", "name"), e.str("sourceIdentity", "displayName")), e.str("sourceIdentity", "id"))
	ev.LatencyUs = micros(e.str("durationInMilliseconds"), 1000)
	switch status := first(e.str("provisioningStatusInfo", "status"), e.str("resultType")); status {
	case "success", "Success", "warning", "skipped":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	case "":
	default:
		ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_ERROR, first(e.str("provisioningStatusInfo", "errorInformation", "errorCode"), status)
		ev.ErrorMessage = clip(e.str("provisioningStatusInfo", "errorInformation", "reason"), maxMessage)
	}
	e.rest()
	return nil
}
