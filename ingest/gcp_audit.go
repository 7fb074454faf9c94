package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchGCPAudit looks for the payload of an audit log.
func matchGCPAudit(p *probe) confidence {
	if p.doc == nil {
		return no
	}
	payload := p.doc.fold(p.root, "protoPayload")
	if payload == none || p.doc.nodes[payload].kind != kindObject {
		return no
	}
	if kind := p.doc.text(p.doc.get(payload, "@type")); kind != "" && !strings.HasSuffix(kind, ".AuditLog") {
		return no // App Engine's request log
	}
	return certain
}

// parseGCPAudit reads one LogEntry whose payload is an AuditLog (Cloud Logging
// reference, "LogEntry" and "AuditLog").
func parseGCPAudit(r *record) error {
	entry := r.part()
	a := gcpAudit{r: r, ev: r.ev, entry: entry, payload: entry.at("protoPayload")}
	return a.read()
}

// gcpAudit is one entry being read.
type gcpAudit struct {
	r  *record
	ev *schemas.Event

	entry, payload       part
	service, method, log string
	project              string
}

func (a *gcpAudit) read() error {
	ev, p := a.ev, a.payload
	if err := gcpTime(a.r, a.entry); err != nil {
		return err
	}
	setID(ev, a.entry.text("insertId"))
	a.project = gcpPlace(a.r, a.entry)
	if name := a.entry.at("logName"); name.there() {
		a.log = gcpLog(name.value())
	}
	metadata := p.at("metadata")
	a.method = first(p.text("methodName"), metadata.text("methodName"))
	if a.method == "" {
		return missing("protoPayload.methodName")
	}
	a.service = strings.TrimSuffix(first(p.text("serviceName"), metadata.text("serviceName"), a.entry.text("operation", "producer")), ".googleapis.com")
	a.operation()
	a.who(p.at("authenticationInfo"))
	a.from(p.at("requestMetadata"))
	a.from(metadata.at("requestMetadata"))
	a.r.touch(first(p.text("resourceName"), metadata.text("resourceName")))
	a.authorization(p.at("authorizationInfo"))
	a.where()
	a.grantees()
	// Of a list or a query; BigQuery counts the rows of a query's result.
	ev.RecordsOut = count(first(p.text("numResponseItems"), metadata.text("jobChange", "job", "jobStats", "queryStats", "outputRowCount")))
	ev.RequestId = a.entry.text("trace")
	ev.RequestId = first(ev.RequestId[strings.LastIndexByte(ev.RequestId, '/')+1:], a.entry.text("operation", "id"))
	a.rest()
	return nil
}

// gcpLog cuts the log's own name out of
// projects/P/logs/cloudaudit.googleapis.com%2Factivity.
func gcpLog(name string) string {
	for i := len(name) - 3; i >= 0; i-- {
		if name[i] == '%' && name[i+1] == '2' && name[i+2]|0x20 == 'f' {
			return name[i+3:]
		}
	}
	return name[strings.LastIndexByte(name, '/')+1:]
}

// operation names the call: SERVICE:METHOD with the method as logged, and what
// Kubernetes is asked for in its own words, k8s:VERB RESOURCE.
func (a *gcpAudit) operation() {
	ev := a.ev
	if a.service == "k8s.io" {
		ev.Service, ev.Operation = "k8s", "k8s:"+kubernetesMethod(a.method)
		return
	}
	if a.service == "" {
		a.service, _, _ = strings.Cut(a.method, ".")
		if a.service == a.method || a.service == "google" || a.service == "v1" || a.service == "beta" {
			a.service = "gcp"
		}
	}
	ev.Service, ev.Operation = a.service, a.service+":"+a.method
}

// kubernetesMethod turns io.k8s.core.v1.pods.exec.create into create pods/exec.
func kubernetesMethod(method string) string {
	parts := strings.Split(method, ".")
	verb := parts[len(parts)-1]
	for i, v := range parts[:len(parts)-1] {
		if len(v) > 1 && v[0] == 'v' && isDigit(v[1]) && i+1 < len(parts)-1 {
			return verb + " " + strings.Join(parts[i+1:len(parts)-1], "/")
		}
	}
	return verb
}

// who reads authenticationInfo. The principal of a call by an impersonated
// service account is that account; those who spoke through it are its
// delegation.
func (a *gcpAudit) who(info part) {
	ev := a.ev
	email, subject := info.text("principalEmail"), info.at("principalSubject")
	kind, name, _ := strings.Cut(subject.value(), ":")
	switch {
	case email != "":
		ev.Principal = email
	case kind == "principal" || kind == "principalSet":
		ev.Principal = subject.text()
	case name != "":
		ev.Principal = name
	default:
		ev.Principal = subject.text()
	}
	switch {
	case strings.HasPrefix(ev.Principal, "system:"):
		ev.PrincipalType = "kubernetes"
		ev.Anonymous = ev.Principal == "system:anonymous"
	case strings.HasSuffix(ev.Principal, "gserviceaccount.com"):
		ev.PrincipalType = "serviceAccount"
	case kind == "user" || kind == "serviceAccount" || kind == "principal" || kind == "principalSet":
		ev.PrincipalType = kind
	case strings.IndexByte(ev.Principal, '@') > 0:
		ev.PrincipalType = "user"
	}
	if key := info.at("serviceAccountKeyName"); key.there() {
		full := key.value()
		if _, id, ok := strings.Cut(full, "/keys/"); ok {
			ev.CredentialId, ev.CredentialType = id, "service_account_key"
		}
	}
	ev.OauthClient = first(info.text("oauthInfo", "oauthClientId"), a.payload.text("metadata", "oauth_client_id"))
	ev.ActingAs = info.text("authoritySelector")
	info.at("serviceAccountDelegationInfo").each(func(_ string, link part) {
		party := link.at("firstPartyPrincipal")
		who := first(party.text("principalEmail"), link.text("principalSubject"))
		if who == "" {
			who = link.text("thirdPartyPrincipal", "thirdPartyClaims", "sub")
		}
		if _, pod, ok := strings.Cut(who, ".svc.id.goog["); ok {
			ev.Workload = strings.TrimSuffix(pod, "]")
		}
		ev.Delegation = addOnce(ev.Delegation, who, maxChain)
	})
	if _, pod, ok := strings.Cut(ev.Principal, ".svc.id.goog/subject/ns/"); ok {
		ev.Workload = strings.Replace(pod, "/sa/", "/", 1)
	}
}

// from reads requestMetadata. The address of a caller in Google's own network
// is a word.
func (a *gcpAudit) from(m part) {
	ev := a.ev
	if ip := m.at("callerIp"); ip.there() && ev.SrcIp == "" {
		if ev.SrcIp = address(ip.value()); ev.SrcIp != "" {
			ip.text()
		}
	}
	ev.UserAgent = first(ev.UserAgent, clip(m.text("callerSuppliedUserAgent"), maxMessage))
	auth := m.at("requestAttributes", "auth")
	ev.OauthClient = first(ev.OauthClient, auth.text("presenter"))
	ev.HttpMethod = first(ev.HttpMethod, method(m.text("requestAttributes", "method")))
	ev.Host = first(ev.Host, hostName(m.text("requestAttributes", "host")))
}

// authorization reads what was checked, and how the call ended. The status
// has the last word; a false "granted" counts where it says nothing, and
// nothing else was granted.
func (a *gcpAudit) authorization(checks part) {
	ev := a.ev
	granted, refused := false, false
	checks.each(func(_ string, c part) {
		a.r.touch(c.text("resource"))
		switch g := c.at("granted"); g.value() {
		case "true":
			granted = true
		case "false":
			refused = true
		}
		switch kind := c.at("permissionType"); kind.value() {
		case "ADMIN_READ", "DATA_READ":
			if ev.ReadOnly == schemas.ReadOnly_READ_ONLY_UNSPECIFIED {
				ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
			}
		case "ADMIN_WRITE", "DATA_WRITE":
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
		}
	})
	if ev.ReadOnly == schemas.ReadOnly_READ_ONLY_UNSPECIFIED && (a.log == "activity" || a.log == "system_event") {
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE // these logs hold changes only
	}
	status := a.payload.at("status")
	ev.ErrorMessage = clip(status.text("message"), maxMessage)
	code := status.text("code")
	if code == "0" {
		code = ""
	}
	ev.ErrorCode = gcpCode(code)
	switch {
	case ev.ErrorCode == "PERMISSION_DENIED", ev.ErrorCode == "UNAUTHENTICATED", code == "401", code == "403", a.log == "policy", code == "" && refused && !granted:
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	case code != "":
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
	default:
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	}
}

// where tells the caller's project from the one that was called.
func (a *gcpAudit) where() {
	ev := a.ev
	ev.Account = first(gcpAccountProject(ev.Principal), a.project)
	if a.project != ev.Account {
		ev.TargetAccount = a.project
	}
	if ev.Region == "" {
		p := a.payload.at("resourceLocation", "currentLocations")
		ev.Region = p.d.text(p.d.first(p.n))
	}
	labels := a.entry.at("resource", "labels")
	account := labels.at("email_id")
	email := account.value()
	switch {
	case a.service == "iamcredentials":
		// The short-lived credential of another account is asked for.
		ev.ActingAs = first(email, ev.ActingAs)
	case strings.HasSuffix(a.method, "ServiceAccountKey") && (strings.Contains(a.method, "Create") || strings.Contains(a.method, "Upload")):
		a.member("serviceAccount:" + email)
	}
	if a.service == "k8s.io" {
		cluster := labels.at("cluster_name")
		attribute(ev, "cluster", cluster.value())
	}
}

// grantees reads who gets something: the members of added bindings, else of
// the policy that is set; the subjects of a Kubernetes binding; everyone, where
// a firewall opens to all.
func (a *gcpAudit) grantees() {
	d, root := a.payload.d, a.payload.n
	request := a.payload.at("request")
	if lower := strings.ToLower(a.method); !a.deltas(d, root) && (strings.HasSuffix(lower, "setiampolicy") || strings.HasSuffix(lower, "setiampermissions")) {
		request.at("policy", "bindings").each(func(_ string, b part) { a.binding(b) })
	}
	if strings.Contains(a.method, "firewalls.") && !strings.EqualFold(request.at("direction").value(), "EGRESS") {
		request.at("sourceRanges").each(func(_ string, v part) {
			if strings.HasSuffix(v.value(), "/0") {
				a.r.give("public")
			}
		})
	}
	if a.service == "k8s.io" && strings.Contains(a.method, "bindings.") {
		request.at("subjects").each(func(_ string, s part) {
			switch name := s.at("name").value(); name {
			case "system:anonymous", "system:unauthenticated":
				a.r.give("public")
			case "":
			default:
				a.r.give(strings.ToLower(s.at("kind").value()) + ":" + name)
			}
		})
		if role := request.at("roleRef", "name").value(); role != "" {
			a.r.give("policy:" + role)
		}
	}
}

// deltas finds lists of changed bindings anywhere in the payload: services put
// them in serviceData or in metadata.
func (a *gcpAudit) deltas(d *document, root int) (found bool) {
	if root == none {
		return false
	}
	for i := root; i < int(d.nodes[root].next); i++ {
		if d.nodes[i].key != "bindingDeltas" {
			continue
		}
		found = true
		part{d, i}.each(func(_ string, delta part) {
			if strings.EqualFold(delta.at("action").value(), "ADD") {
				a.member(delta.at("member").value())
				a.role(delta.at("role").value())
			}
		})
	}
	return found
}

// binding reads one binding of a policy: a role and its members.
func (a *gcpAudit) binding(b part) {
	b.at("members").each(func(_ string, m part) { a.member(m.value()) })
	a.role(b.at("role").value())
}

func (a *gcpAudit) role(role string) {
	if role != "" {
		a.r.give("policy:" + role)
	}
}

// member gives to a member of a binding. A service account of the caller's own
// project is named as its identity is, so that it does not seem an outsider.
func (a *gcpAudit) member(m string) {
	switch m {
	case "", "serviceAccount:":
		return
	case "allUsers", "allAuthenticatedUsers":
		a.r.give("public")
		return
	}
	if email, ok := strings.CutPrefix(m, "serviceAccount:"); ok {
		project := gcpAccountProject(email)
		if project != "" && (project == a.ev.Account || project == a.project) {
			name, _, _ := strings.Cut(email, "@")
			m = "gcp:" + project + ":sa/" + name
		}
	}
	a.r.give(m)
}

// rest keeps everything else, what was asked and answered last: there is most
// of it.
func (a *gcpAudit) rest() {
	a.entry.each(func(key string, v part) {
		if v.n != a.payload.n {
			v.rest(a.r, key)
		}
	})
	for _, late := range [...]bool{false, true} {
		a.payload.each(func(key string, v part) {
			switch key {
			case "@type", "at_sign_type":
			case "request", "response", "metadata", "serviceData":
				if late {
					v.rest(a.r, key)
				}
			default:
				if !late {
					v.rest(a.r, key)
				}
			}
		})
	}
}
