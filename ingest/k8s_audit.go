package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchK8sAudit looks for what only an audit event of Kubernetes has. A list of them
// is an envelope, not a record.
func matchK8sAudit(p *probe) confidence {
	kind := p.text("kind")
	switch {
	case p.doc == nil || p.has("items"):
		return no
	case strings.HasPrefix(p.text("apiVersion"), "audit.k8s.io/"), p.has("auditID", "stage"):
		return certain
	case kind == "Event" && p.has("verb") && p.count("objectRef", "user", "responseStatus", "sourceIPs", "requestURI") > 0:
		return certain // reduced; an Event of the core group has no verb
	case p.has("auditID", "verb"):
		return likely
	}
	return no
}

// k8sSession names the subresources that open a channel into a workload.
func k8sSession(subresource string) bool {
	return subresource == "exec" || subresource == "attach" || subresource == "portforward"
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// k8sSecret finds the contents of Secrets, which audit levels above Metadata
// log, under whatever names they have.
func k8sSecret(d *document, n int) bool {
	return k8sAsked(d.nodes[n].key) && d.inSecret(int(d.nodes[n].parent))
}

func k8sAsked(key string) bool { return key == "data" || key == "stringData" || key == lastApplied }

// inSecret reports whether object n is a Secret, or lies in one or in a call
// that touches some. It remembers the answer, as an object may have thousands of
// members that ask.
func (d *document) inSecret(n int) bool {
	if n == none {
		return false
	}
	known, ok := d.secrets[n]
	if !ok {
		known = strings.HasPrefix(d.text(d.get(n, "kind")), "Secret") || d.text(d.path(n, "objectRef", "resource")) == "secrets" || d.inSecret(int(d.nodes[n].parent))
		if d.secrets == nil {
			d.secrets = map[int]bool{}
		}
		d.secrets[n] = known
	}
	return known
}

// parseK8sAudit reads one Event of audit.k8s.io/v1 (the API's reference, and
// "Auditing" in the Kubernetes documentation).
//
// The stages before a call's end are no calls: the same call is logged again
// with its answer. A session in a container lasts for hours, so that its
// beginning is one, too.
//
// An event's time is that of the stage, at which the record was written, so that a
// watch of an hour does not come an hour late; the start is latency_us before.
func parseK8sAudit(r *record) error {
	ev := r.ev
	stage := r.text("stage")
	if stage == "RequestReceived" || stage == "ResponseStarted" && !k8sSession(r.text("objectRef", "subresource")) {
		return errNoCall
	}
	if id := r.text("auditID"); id != "" && len(id)+len(stage) < maxEventID {
		ev.Id, ev.RequestId = id, id
		if stage != "" {
			ev.Id += "/" + stage
		}
	}
	received, ended := r.text("requestReceivedTimestamp"), r.text("stageTimestamp")
	t, err := parseISO(first(ended, received))
	if err != nil {
		if ended != "" {
			return inField("stageTimestamp", err)
		}
		return inField("requestReceivedTimestamp", err)
	}
	ev.Time = t
	if from, err := parseISO(received); err == nil {
		ev.LatencyUs = elapsed(from, t)
	}
	ev.Service = "k8s"
	attribute(ev, "stage", stage)
	ev.UserAgent = clip(r.text("userAgent"), maxMessage)
	if err := k8sOperation(r); err != nil {
		return err
	}
	k8sWho(r)
	k8sSource(r)
	k8sOutcome(r, stage)
	k8sGrants(r)
	r.use("kind")
	r.use("apiVersion")
	request, response := r.get("requestObject"), r.get("responseObject")
	r.use("requestObject")
	r.use("responseObject")
	r.rest()
	for _, object := range []struct {
		name string
		n    int
	}{{"requestObject", request}, {"responseObject", response}} {
		if object.n != none {
			r.doc.nodes[object.n].used = false
			r.doc.attributes(ev, object.n, object.name, func(name string) bool {
				return strings.Contains(name, ".managedFields.") || strings.HasSuffix(name, lastApplied)
			})
		}
	}
	return nil
}

// k8sOperation names the operation as RBAC spells it: "k8s:create pods/exec",
// "k8s:get certificates.cert-manager.io", and a path where it is no resource:
// "k8s:get /version".
func k8sOperation(r *record) error {
	ev := r.ev
	verb, uri := strings.ToLower(r.text("verb")), r.text("requestURI")
	path, query, _ := strings.Cut(uri, "?")
	ev.UrlPath = clip(path, maxMessage)
	attribute(ev, "query", query)
	resource, sub := r.text("objectRef", "resource"), r.text("objectRef", "subresource")
	namespace, name := r.text("objectRef", "namespace"), r.text("objectRef", "name")
	if group := r.text("objectRef", "apiGroup"); resource != "" && !k8sBuiltin(group) {
		resource += "." + group
	}
	if verb == "" {
		return missing("verb")
	}
	if resource == "" {
		if path == "" {
			return missing("objectRef.resource")
		}
		ev.Operation = "k8s:" + verb + " " + collapsePath(path)
		r.touch(path)
	} else {
		object := resource
		if name != "" {
			object += "/" + name
		}
		if namespace != "" {
			object = namespace + "/" + object
		}
		r.touch(object)
		if sub != "" {
			resource += "/" + sub
		}
		ev.Operation = "k8s:" + verb + " " + resource
	}
	attribute(ev, "namespace", namespace)
	switch {
	case k8sSession(sub) || sub == "proxy":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE // a GET with websockets, too
	case verb == "get" || verb == "list" || verb == "watch" || verb == "head" || verb == "options":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
	case verb == "create" && (resource == "tokenreviews" || strings.HasSuffix(resource, "accessreviews") || strings.HasSuffix(resource, "rulesreviews")):
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE // questions that are posted
	default:
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
	}
	return nil
}

// k8sBuiltin reports whether an API group comes with Kubernetes, where a
// resource's name says enough.
func k8sBuiltin(group string) bool {
	switch group {
	case "", "apps", "batch", "autoscaling", "policy", "extensions", "events.k8s.io", "rbac.authorization.k8s.io", "networking.k8s.io", "storage.k8s.io",
		"authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io", "admissionregistration.k8s.io",
		"apiextensions.k8s.io", "apiregistration.k8s.io", "discovery.k8s.io", "node.k8s.io", "scheduling.k8s.io", "flowcontrol.apiserver.k8s.io",
		"resource.k8s.io":
		return true
	}
	return false
}

// k8sWho reads user and impersonatedUser.
func k8sWho(r *record) {
	ev := r.ev
	name := r.text("user", "username")
	ev.Principal, ev.PrincipalType = name, "user"
	switch {
	case name == "" || name == "system:anonymous":
		ev.Principal, ev.PrincipalType, ev.Anonymous = "", "anonymous", true
	case strings.HasPrefix(name, "system:serviceaccount:"):
		ev.PrincipalType = "serviceaccount"
	case strings.HasPrefix(name, "system:node:"):
		ev.PrincipalType = "node"
		ev.Workload = strings.TrimPrefix(name, "system:")
	}
	attribute(ev, "user.uid", r.text("user", "uid"))
	attribute(ev, "user.groups", r.joined("user", "groups"))
	extra := r.get("user", "extra")
	pod := ""
	for n := r.doc.first(extra); n != none; n = r.doc.after(extra, n) {
		v := r.item(n)
		switch key := strings.ToLower(r.doc.nodes[n].key); key {
		case "authentication.kubernetes.io/pod-name":
			pod = v
		case "authentication.kubernetes.io/credential-id":
			// JTI=… of a service account's token, X509SHA256=… of a certificate.
			ev.CredentialId, ev.CredentialType = clip(v, maxAttributeValue), "token"
			if strings.HasPrefix(v, "X509") {
				ev.CredentialType = "certificate"
			}
		case "accesskeyid":
			ev.CredentialId, ev.CredentialType = clip(v, maxAttributeValue), "session"
			if strings.HasPrefix(v, "AKIA") {
				ev.CredentialType = "access_key"
			}
		case "arn":
			ev.PrincipalIssuer, ev.CloudProvider = v, "aws"
			if parts := strings.SplitN(v, ":", 6); len(parts) == 6 {
				ev.Account = parts[4]
			}
		case "sessionname":
			ev.SessionId = v
		case "scopes", "scopes.authorization.openshift.io":
			ev.Scopes = r.list(n)
		default:
			attribute(ev, "user.extra."+r.doc.nodes[n].key, v)
		}
	}
	r.use("user")
	if pod != "" {
		ns := ""
		if parts := strings.Split(name, ":"); len(parts) == 4 {
			ns = parts[2] + "/"
		}
		ev.Workload = "pod/" + ns + pod
	}
	if as := r.text("impersonatedUser", "username"); as != "" {
		ev.ActingAs = as
		ev.Delegation = []string{name, as}
		attribute(ev, "impersonatedUser.groups", r.joined("impersonatedUser", "groups"))
	}
}

// k8sSource reads sourceIPs: what forwarding headers said, and last who
// connected; only that one cannot be made up by a client.
func k8sSource(r *record) {
	list := r.get("sourceIPs")
	var all []string
	for _, v := range r.list(list) {
		if ip := address(v); ip != "" {
			all = append(all, ip)
		} else {
			attribute(r.ev, "sourceIPs", v)
		}
	}
	if len(all) > 0 {
		r.ev.SrcIp = all[len(all)-1]
		r.ev.ForwardedFor = forwarded(strings.Join(all[:len(all)-1], ","), nil)
	}
}

func k8sOutcome(r *record, stage string) {
	ev := r.ev
	if code := r.doc.uint(r.get("responseStatus", "code")); code < 1000 {
		ev.StatusCode = uint32(code)
	}
	decision := r.text("annotations", "authorization.k8s.io/decision")
	attribute(ev, "decision", decision)
	attribute(ev, "decision_reason", r.text("annotations", "authorization.k8s.io/reason"))
	ev.Outcome = httpOutcome(ev.StatusCode)
	failure := ev.StatusCode >= 400 || r.text("responseStatus", "status") == "Failure"
	reason := r.text("responseStatus", "reason")
	if failure {
		ev.ErrorCode, ev.ErrorMessage = reason, clip(r.text("responseStatus", "message"), maxMessage)
	}
	switch {
	case decision == "forbid" || reason == "Forbidden" || reason == "Unauthorized":
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	case stage == "Panic" || ev.StatusCode == 0 && failure:
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
	case ev.StatusCode == 0 && decision == "allow":
		ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	}
	r.use("responseStatus")
	if ev.StatusCode == 401 {
		// Whoever is named then is what was claimed.
		attribute(ev, "refused_user", ev.Principal)
		ev.Principal, ev.PrincipalType, ev.Anonymous = "", "anonymous", true
	}
}

// k8sGrants finds who gets rights: the subjects of a binding, the service
// account for which a token is made.
func k8sGrants(r *record) {
	ev := r.ev
	if ev.ReadOnly == schemas.ReadOnly_READ_ONLY_TRUE {
		return
	}
	switch resource := r.text("objectRef", "resource"); resource {
	case "rolebindings", "clusterrolebindings":
		object := r.get("requestObject")
		if r.doc.get(object, "subjects") == none {
			object = r.get("responseObject") // of a patch, and at the level of the answer
		}
		if role := r.doc.text(r.doc.path(object, "roleRef", "name")); role != "" {
			attribute(ev, "role", first(r.doc.text(r.doc.path(object, "roleRef", "kind")), "Role")+"/"+role)
		}
		subjects := r.doc.get(object, "subjects")
		for s := r.doc.first(subjects); s != none; s = r.doc.after(subjects, s) {
			name := r.doc.text(r.doc.get(s, "name"))
			switch kind := r.doc.text(r.doc.get(s, "kind")); {
			case name == "":
				continue
			case name == "system:anonymous" || name == "system:unauthenticated":
				name = "public"
			case kind == "ServiceAccount":
				name = "system:serviceaccount:" + first(r.doc.text(r.doc.get(s, "namespace")), r.text("objectRef", "namespace")) + ":" + name
			case kind == "Group":
				name = "group:" + name
			}
			r.give(name)
		}
	case "serviceaccounts":
		if r.text("objectRef", "subresource") == "token" {
			r.give("system:serviceaccount:" + r.text("objectRef", "namespace") + ":" + r.text("objectRef", "name"))
		}
	}
}
