package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchOpenAIAudit looks for the object's type, or the layout of an entry.
func matchOpenAIAudit(p *probe) confidence {
	if p.text("object") == "organization.audit_log" {
		return certain
	}
	if p.has("effective_at", "type", "actor") {
		return certain
	}
	return no
}

// parseOpenAIAudit reads one entry of the audit log of an OpenAI organization
// (API reference, "Audit logs", the audit log object).
func parseOpenAIAudit(r *record) error {
	d, ev := &r.doc, r.ev
	if err := r.time("effective_at"); err != nil {
		return err
	}
	kind := r.text("type")
	if kind == "" {
		return missing("type")
	}
	ev.Service, ev.Operation = "openai", "openai:"+kind
	setID(r.ev, r.text("id"))
	ev.Account = r.text("project", "id")
	by := r.text("actor", "type")
	session := func(keys ...string) string { return r.text(append([]string{"actor", "session"}, keys...)...) }
	key := func(keys ...string) string {
		return openAIID(r, r.get(append([]string{"actor", "api_key"}, keys...)...))
	}
	for _, ip := range []string{session("ip_address"), key("ip_address")} {
		if ip != "" && ev.SrcIp == "" {
			setSource(r.ev, "actor.ip_address", ip)
		}
	}
	ev.UserAgent = clip(session("user_agent"), maxMessage)
	ev.TlsFingerprint = first(session("ja4"), session("ja3"))
	ev.CredentialId, ev.CredentialType = key("id"), ""
	if ev.CredentialId != "" {
		ev.CredentialType = "api_key"
	}
	user, email := first(session("user", "id"), key("user", "id")), first(session("user", "email"), key("user", "email"))
	account := key("service_account", "id")
	attribute(ev, "actor.type", by)
	attribute(ev, "actor.api_key.type", key("type"))
	switch {
	case account != "":
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "service_account", account, account
	case first(user, email) != "":
		ev.PrincipalType, ev.Principal, ev.PrincipalIssuer = "user", first(email, user), user
	case ev.CredentialId != "":
		ev.PrincipalType, ev.Principal = "api_key", ev.CredentialId
	}
	// What was done stands in a member of the type's name, dots as underscores.
	detail := r.get(strings.ReplaceAll(kind, ".", "_"))
	r.touch(d.text(d.get(detail, "id")))
	switch kind {
	case "api_key.created", "service_account.created", "user.added", "invite.sent", "role.assignment.created", "project.user.added":
		r.give(first(d.text(d.path(detail, "data", "email")), d.text(d.get(detail, "principal_id")), d.text(d.get(detail, "id"))))
	}
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	if strings.HasSuffix(kind, ".failed") {
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		ev.ErrorCode, ev.ErrorMessage = r.take(d.get(detail, "error_code")), clip(r.take(d.get(detail, "error_message")), maxMessage)
	}
	r.use("object")
	r.rest()
	return nil
}

// openAIID returns an id below actor.api_key. The member's name says that all
// below it is secret, but what stands there is about the key: its id and its
// owner's, in forms that no key has.
func openAIID(r *record, n int) string {
	v := r.take(n)
	if !isHash(v) || r.doc.nodes[n].kind != kindString {
		return v
	}
	plain := strings.Trim(r.doc.src[r.doc.nodes[n].start:r.doc.nodes[n].end], `"`)
	switch plain {
	case "user", "service_account":
		return plain
	}
	if len(plain) > 128 || r.p.redactor.text(plain) != plain {
		return v
	}
	for _, prefix := range []string{"key_", "key-", "user-", "svc_", "svc-", "sa-", "sa_"} {
		if strings.HasPrefix(plain, prefix) && isName(plain) {
			return plain
		}
	}
	if at := strings.IndexByte(plain, '@'); at > 0 && strings.IndexByte(plain[at:], '.') > 0 && !strings.ContainsAny(plain, `\" :/`) {
		return plain
	}
	return v
}
