package ingest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Classes of OCSF that are read.
const (
	ocsfAuthentication = "3002"
	ocsfHTTPActivity   = "4002"
	ocsfAPIActivity    = "6003"
)

// matchOCSF looks for the members that every OCSF event must have.
func matchOCSF(p *probe) confidence {
	switch {
	case p.has("class_uid") && p.count("metadata", "category_uid", "activity_id", "type_uid", "severity_id") >= 2:
		return certain
	case p.has("class_uid", "time"):
		return likely
	}
	return no
}

// parseOCSF reads an event of the Open Cybersecurity Schema Framework: API
// Activity (6003), Authentication (3002) or HTTP Activity (4002), as Amazon
// Security Lake and others write them, and as `lapwing parse` does: of that one,
// identity, operation, outcome, time and address come back as they were.
func parseOCSF(r *record) error {
	ev := r.ev
	class := r.text("class_uid")
	if class != ocsfAPIActivity && class != ocsfAuthentication && class != ocsfHTTPActivity {
		return fmt.Errorf("class_uid: %q is not read: want 6003, 3002 or 4002", clip(class, 40))
	}
	dt, ms := r.text("time_dt"), r.text("time")
	var err error
	if dt != "" {
		if ev.Time, err = parseISO(dt); err != nil {
			return inField("time_dt", err)
		}
	} else if ev.Time, err = parseAnyTime(ms); err != nil {
		return inField("time", err)
	}
	setID(ev, r.text("metadata", "uid"))
	product := r.text("metadata", "product", "name")
	own := product == schemas.ProductName
	attribute(ev, "product", product)
	attribute(ev, "log_name", r.text("metadata", "log_name"))
	ev.RequestId = r.text("api", "request", "uid")
	ocsfPlace(r)
	ocsfHTTP(r)
	ocsfWho(r, class)
	if own {
		ocsfOwn(r)
	} else if n := r.get("actor", "user", "credential_uid"); n != none && strings.Contains(r.doc.src[r.doc.nodes[n].start:r.doc.nodes[n].end], hashPrefix) {
		ev.CredentialId = r.p.opt.Hasher.Hash(ev.CredentialId) // only of our own output a hash is taken for ours
	}
	if err := ocsfOperation(r, class, product); err != nil {
		return err
	}
	ocsfOutcome(r, class)
	resources := r.get("resources")
	for n := r.doc.first(resources); n != none; n = r.doc.after(resources, n) {
		name := first(r.doc.text(r.doc.get(n, "uid")), r.doc.text(r.doc.get(n, "name")))
		r.touch(name)
		if account := r.doc.text(r.doc.path(n, "owner", "account", "uid")); account != "" && account != ev.Account && ev.TargetAccount == "" {
			ev.TargetAccount = account
		}
	}
	if own {
		r.use("resources")
	}
	for _, caption := range []string{"activity_name", "activity_id", "category_uid", "category_name", "class_name", "type_uid", "type_name", "severity", "severity_id", "status", "status_id"} {
		r.use(caption) // what the class and the operation say already
	}
	r.rest()
	return nil
}

// ocsfPlace reads cloud and the endpoints.
func ocsfPlace(r *record) {
	ev := r.ev
	ev.CloudProvider = strings.ToLower(r.text("cloud", "provider"))
	ev.Region = r.text("cloud", "region")
	ev.Account = r.text("cloud", "account", "uid")
	setSource(ev, "src_endpoint.ip", r.text("src_endpoint", "ip"))
	ev.Host = hostName(first(r.text("http_request", "url", "hostname"), r.text("dst_endpoint", "hostname")))
}

// ocsfHTTP reads http_request and http_response.
func ocsfHTTP(r *record) {
	ev := r.ev
	ev.HttpMethod = method(r.text("http_request", "http_method"))
	ev.UserAgent = clip(r.text("http_request", "user_agent"), maxMessage)
	ev.UrlPath = r.text("http_request", "url", "path")
	if ev.UrlPath == "" {
		_, ev.UrlPath, _ = splitTarget(r.text("http_request", "url", "url_string"))
	}
	attribute(ev, "query", r.text("http_request", "url", "query_string"))
	ev.BytesIn = count(r.text("http_request", "length"))
	for _, ip := range r.list(r.get("http_request", "x_forwarded_for")) {
		ev.ForwardedFor = forwarded(ip, ev.ForwardedFor)
	}
	code := first(r.text("http_response", "code"), r.text("api", "response", "code"))
	if v := count(code); v < 1000 {
		ev.StatusCode = uint32(v)
	} else {
		attribute(ev, "api.response.code", code)
	}
	ev.BytesOut = count(r.text("http_response", "length"))
	ev.LatencyUs = micros(r.text("http_response", "latency"), 1e3)
}

// ocsfWho reads actor; of a sign-in, who signed in is user.
func ocsfWho(r *record, class string) {
	ev := r.ev
	at := []string{"actor", "user"}
	if class == ocsfAuthentication && r.get("user") != none {
		at = at[1:]
	}
	user := func(keys ...string) string { return r.text(append(at[:len(at):len(at)], keys...)...) }
	uid, name := user("uid"), first(user("name"), user("email_addr"))
	ev.PrincipalType = user("type")
	if ev.PrincipalType == "" {
		switch user("type_id") {
		case "1":
			ev.PrincipalType = "User"
		case "2":
			ev.PrincipalType = "Admin"
		case "3":
			ev.PrincipalType = "System"
		case "4":
			ev.PrincipalType = "Service"
		}
	}
	ev.Principal = first(uid, name)
	if ev.PrincipalType == "IAMUser" && !strings.HasPrefix(uid, "arn:") {
		ev.Principal = first(name, uid)
	}
	attribute(ev, "user.uid", uid)
	attribute(ev, "user.name", name)
	attribute(ev, "user.uid_alt", user("uid_alt"))
	if account := user("account", "uid"); account != "" && account != ev.Account {
		if ev.Account != "" {
			ev.TargetAccount = ev.Account
		}
		ev.Account = account
	}
	ev.CredentialId = user("credential_uid")
	session := []string{"actor", "session"}
	if r.get(session...) == none {
		session = session[1:]
	}
	in := func(key string) string { return r.text(append(session[:len(session):len(session)], key)...) }
	ev.SessionId, ev.PrincipalIssuer = in("uid"), in("issuer")
	ev.Mfa = in("is_mfa") == "true" || r.text("is_mfa") == "true"
	if t, err := parseEpoch(in("created_time")); err == nil && t > 0 {
		attribute(ev, "session.created_time", in("created_time"))
	}
	if ev.CredentialId != "" {
		ev.CredentialType = "session"
		if strings.HasPrefix(ev.CredentialId, "AKIA") {
			ev.CredentialType = "access_key"
		}
	}
	app, invoked := first(r.text("actor", "app_uid"), r.text("actor", "app_name")), r.text("actor", "invoked_by")
	switch {
	case ev.Principal == "" && app != "":
		ev.Principal, ev.PrincipalType = app, "Application"
	case ev.Principal == "" && invoked != "":
		ev.Principal, ev.PrincipalType = invoked, "AWSService"
	default:
		ev.OauthClient = app
		if invoked != "" {
			ev.Delegation = append(ev.Delegation, invoked)
		}
	}
	if ev.Principal == "" && ev.CredentialId == "" {
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
}

// ocsfOwn reads what lapwing parse puts under unmapped.
func ocsfOwn(r *record) {
	ev := r.ev
	own := func(keys ...string) string { return r.text(append([]string{"unmapped"}, keys...)...) }
	lists := func(key string) []string { return r.list(r.get("unmapped", key)) }
	// Our actor.user.type is always Service; the name is the principal as the
	// first source logged it, the uid the canonical identity.
	ev.Principal = r.text("actor", "user", "name")
	if id := ev.Attributes["user.uid"]; strings.HasPrefix(id, "apikey:"+hashPrefix) && ev.CredentialId != "" {
		// The id of an unregistered key looks like a key itself, and was hidden: it
		// is made of the credential's.
		ev.Attributes["user.uid"] = "apikey:" + strings.TrimPrefix(ev.CredentialId, hashPrefix)
	}
	ev.PrincipalType, ev.CredentialType = own("principal_type"), own("credential_type")
	ev.Delegation, ev.ActingAs, ev.Scopes, ev.OauthClient = lists("delegation"), own("acting_as"), lists("scopes"), own("oauth_client")
	ev.ClientCertificate, ev.Workload, ev.PeerIp = own("client_certificate"), own("workload"), own("peer_ip")
	ev.ForwardedFor, ev.Grantees, ev.TargetAccount = lists("forwarded_for"), lists("grantees"), own("target_account")
	ev.TokensIn, ev.TokensOut, ev.CostMicros = count(own("tokens_in")), count(own("tokens_out")), count(own("cost_micros"))
	ev.RecordsOut = count(own("records_out"))
	ev.CredentialIssued, ev.CredentialExpires = millis(own("credential_issued")), millis(own("credential_expires"))
	ev.Mfa = own("mfa") == "true"
	switch own("read_only") {
	case "true":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
	case "false":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
	}
	ev.Anonymous = own("anonymous") == "true"
	ev.RouteTemplate, ev.TlsFingerprint = own("route_template"), own("tls_fingerprint")
	attributes := r.get("unmapped", "attributes")
	for n := r.doc.first(attributes); n != none; n = r.doc.after(attributes, n) {
		attribute(ev, r.doc.nodes[n].key, r.doc.nodes[n].str)
	}
	for _, known := range []string{"attributes", "client", "network_class"} {
		r.use("unmapped", known)
	}
	r.use("metadata")
	r.use("src_endpoint") // place and network are looked up again
	r.use("actor")
}

// millis reads Unix milliseconds as nanoseconds; anything else is 0.
func millis(s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < 0 || v > 1<<43 {
		return 0
	}
	return v * 1e6
}

// ocsfOperation names the operation: of a cloud "service:Operation", of HTTP
// "METHOD route", of a sign-in "service:Logon".
func ocsfOperation(r *record, class, product string) error {
	ev := r.ev
	ev.Service = first(r.text("api", "service", "name"), r.text("service", "name"), r.text("dst_endpoint", "svc_name"))
	operation := r.text("api", "operation")
	switch {
	case product == schemas.ProductName:
		ev.Operation = operation
		if strings.Contains(operation, hashPrefix) {
			ev.Operation = ownOperation(r, operation)
		}
	case class == ocsfHTTPActivity:
		if ev.HttpMethod == "" {
			return missing("http_request.http_method")
		}
		ev.RouteTemplate = collapsePath(ev.UrlPath)
		ev.Operation = ev.HttpMethod + " " + ev.RouteTemplate
		ev.Service = first(ev.Service, ev.Host)
		r.touch(ev.UrlPath)
	default:
		if class == ocsfAuthentication {
			operation = first(operation, r.text("activity_name"), "Logon")
		}
		ev.Service = strings.TrimSuffix(first(ev.Service, product), ".amazonaws.com")
		ev.Operation = operation
		if operation != "" && ev.Service != "" && !strings.ContainsAny(operation, ": ") {
			ev.Operation = ev.Service + ":" + operation
		}
	}
	if ev.Operation == "" {
		return missing("api.operation")
	}
	switch r.text("activity_id") {
	case "2":
		if class == ocsfAPIActivity && product != schemas.ProductName {
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
		}
	case "1", "3", "4":
		if class == ocsfAPIActivity && product != schemas.ProductName {
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
		}
	}
	return nil
}

// ownOperation returns an operation of our own output that looks like a secret
// behind its name ("token:authorize") as it was written, if it is the service
// and a word.
func ownOperation(r *record, hidden string) string {
	written, err := r.doc.original(r.get("api", "operation"))
	if err != nil {
		return hidden
	}
	word, ok := strings.CutPrefix(written, r.ev.Service+":")
	if !ok || len(word) > 64 {
		return hidden
	}
	for i := range len(word) {
		if c := word[i]; !isLetter(c) && c != '_' && c != '.' {
			return hidden
		}
	}
	return written
}

// ocsfOutcome sorts status: a failure is a refusal by its code, its error or
// the disposition, and where somebody signed in.
func ocsfOutcome(r *record, class string) {
	ev := r.ev
	ev.ErrorCode = first(r.text("api", "response", "error"), r.text("status_code"))
	ev.ErrorMessage = clip(first(r.text("api", "response", "error_message"), r.text("api", "response", "message"), r.text("status_detail")), maxMessage)
	r.use("status_detail")
	refused := r.text("action_id") == "2" || r.text("disposition_id") == "2"
	switch r.text("unmapped", "outcome") {
	case "success":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		return
	case "denied":
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		return
	case "error":
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
		return
	}
	switch status := first(r.text("status_id"), r.text("status")); {
	case refused:
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	case status == "1" || status == "Success":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	case status == "2" || status == "Failure":
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
		if class == ocsfAuthentication || httpOutcome(ev.StatusCode) == schemas.Outcome_OUTCOME_DENIED {
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		}
		for _, code := range deniedCodes {
			if strings.Contains(ev.ErrorCode, code) {
				ev.Outcome = schemas.Outcome_OUTCOME_DENIED
			}
		}
	default:
		ev.Outcome = httpOutcome(ev.StatusCode)
	}
}
