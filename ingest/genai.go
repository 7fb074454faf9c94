package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// toolCall is one call of a tool by an AI agent, or of a model, as its fields
// are found. The formats mcp and otlp share it.
type toolCall struct {
	agent, agentID, user, client string
	server, tool, method, model  string
	session                      string
	peer, forwarded              string
	code, message                string // of an error
	status                       string // the source's word for the outcome
	httpStatus                   uint64
	failed                       bool
	domains                      []string
}

// member reads one field by its name, of JSON, of a span or of a log record:
// ours, and those of OpenTelemetry's conventions for generative AI and for MCP.
// It reports whether the field is known.
func (c *toolCall) member(r *record, key, v string) bool {
	ev := r.ev
	if v == "" {
		return false
	}
	set := func(to *string) bool {
		if *to != "" {
			return *to == v
		}
		*to = clip(v, maxAttributeValue)
		return true
	}
	switch key {
	case "agent", "agent_name", "gen_ai.agent.name":
		return set(&c.agent)
	case "agent_id", "gen_ai.agent.id":
		return set(&c.agentID)
	case "client", "client_name", "mcp.client.name":
		return set(&c.client)
	case "user", "user_id", "user_email", "on_behalf_of", "enduser.id", "user.id", "user.email", "principal":
		return set(&c.user)
	case "server", "server_name", "mcp_server", "mcp.server.name":
		return set(&c.server)
	case "tool", "tool_name", "gen_ai.tool.name", "mcp.tool.name":
		return set(&c.tool)
	case "mcp.method.name", "mcp_method":
		return set(&c.method)
	case "session_id", "mcp_session_id", "mcp.session.id", "session":
		return set(&c.session)
	case "gen_ai.conversation.id", "conversation_id":
		attribute(ev, "conversation", v)
		return true
	case "model", "gen_ai.response.model", "gen_ai.request.model":
		if c.model == "" {
			c.model = clip(v, maxAttributeValue)
			return true
		}
		return c.model == v
	case "tokens_in", "input_tokens", "prompt_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens":
		ev.TokensIn = count(v)
	case "tokens_out", "output_tokens", "completion_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens":
		ev.TokensOut = count(v)
	case "cost_micros":
		ev.CostMicros = count(v)
	case "cost_usd", "gen_ai.usage.cost":
		ev.CostMicros = micros(v, 1e6)
	case "latency_us", "duration_us":
		ev.LatencyUs = micros(v, 1)
	case "latency_ms", "duration_ms", "elapsed_ms":
		ev.LatencyUs = micros(v, 1e3)
	case "is_error", "isError":
		c.failed = c.failed || v == "true"
	case "error.type", "error_code":
		c.failed = true
		return set(&c.code)
	case "error_message", "exception.message":
		c.failed = true
		return set(&c.message)
	case "outcome", "status":
		return set(&c.status)
	case "status_code", "http_status", "http.response.status_code":
		c.httpStatus = count(v)
	case "client_ip", "source_ip", "src_ip", "remote_addr", "client.address":
		if c.peer == "" {
			c.peer = v
			return true
		}
		return c.peer == v
	case "x_forwarded_for", "forwarded_for":
		return set(&c.forwarded)
	case "user_agent", "user_agent.original":
		ev.UserAgent = clip(v, maxMessage)
	case "request_id":
		ev.RequestId = clip(v, maxAttributeValue)
	case "scope", "scopes", "enduser.scope":
		ev.Scopes = strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' })
	case "host", "server.address":
		ev.Host = hostName(v)
	default:
		return false
	}
	return true
}

// finish derives what the fields say together. what is the operation's part
// where no tool is named.
func (c *toolCall) finish(r *record, what string) error {
	ev := r.ev
	ev.Service = first(c.server, ev.Host, "mcp")
	name := c.tool
	if name == "" {
		name = first(c.method, what)
	}
	if name == "" {
		return missing("tool (also gen_ai.tool.name, params.name, mcp.method.name)")
	}
	ev.Operation = ev.Service + "/" + clip(name, maxAttributeValue)
	if c.tool != "" {
		attribute(ev, "tool", c.tool)
	}
	attribute(ev, "method", c.method)
	attribute(ev, "model", c.model)
	ev.SessionId = c.session
	if ip := address(c.peer); ip != "" {
		ev.SrcIp = ip
	} else {
		attribute(ev, "client_ip", c.peer)
	}
	ev.ForwardedFor = forwarded(c.forwarded, ev.ForwardedFor)
	if len(c.domains) > 0 {
		attribute(ev, "domains", strings.Join(c.domains, ","))
		for _, d := range c.domains {
			ev.Resources = addOnce(ev.Resources, d, maxResources)
		}
	}
	agent := first(c.agent, c.agentID, c.client)
	if c.agent != "" {
		attribute(ev, "agent_id", c.agentID)
	}
	if agent != c.client {
		attribute(ev, "client", c.client)
	}
	c.outcome(ev)
	switch {
	case ev.StatusCode == 401:
		attribute(ev, "refused_agent", agent)
		attribute(ev, "refused_user", c.user)
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	case agent != "":
		ev.PrincipalType, ev.Principal = "agent", agent
		if c.user != "" {
			ev.Delegation = []string{c.user, agent}
		}
	case c.user != "":
		ev.PrincipalType, ev.Principal = "user", c.user
	default:
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
	switch name {
	case "tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list", "prompts/get", "ping", "initialize":
		ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
	}
	return nil
}

// outcome sorts what is said of the result.
func (c *toolCall) outcome(ev *schemas.Event) {
	if status := digits(c.status); len(c.status) == 3 && status >= 100 {
		c.httpStatus, c.status = count(c.status), ""
	}
	if c.httpStatus < 1000 {
		ev.StatusCode = uint32(c.httpStatus)
	}
	ev.ErrorCode, ev.ErrorMessage = c.code, clip(c.message, maxMessage)
	if ev.Outcome == schemas.Outcome_OUTCOME_UNSPECIFIED {
		ev.Outcome = httpOutcome(ev.StatusCode)
	}
	words := strings.ToLower(c.status)
	switch words {
	case "ok", "success", "succeeded", "completed", "allowed":
		if !c.failed {
			ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
		}
	case "error", "failed", "failure", "timeout", "cancelled":
		c.failed = true
	}
	if c.failed {
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
	}
	words += " " + strings.ToLower(c.code+" "+c.message)
	for _, w := range []string{"denied", "unauthorized", "unauthorised", "forbidden", "blocked", "not permitted", "401", "403"} {
		if strings.Contains(words, w) && (c.failed || c.status != "") {
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		}
	}
}

// arguments keeps the shape of node n, which holds a tool's arguments as JSON
// or as a text of JSON: names and types, never a value. Values were hashed
// already; domains are read from the source.
func (c *toolCall) arguments(r *record, n int) {
	if n == none {
		return
	}
	d := &r.doc
	d.nodes[n].used = true
	if d.nodes[n].kind == kindString {
		text, err := d.original(n)
		if err != nil {
			return
		}
		inner := &document{}
		if inner.parse(strings.TrimSpace(text)) != nil {
			attribute(r.ev, "arguments", "string")
			c.domain(text)
			return
		}
		// A name may be a secret, too.
		r.p.redactor.document(inner, nil)
		d, n = inner, 0
	}
	var b strings.Builder
	c.shape(&b, d, n, 0)
	attribute(r.ev, "arguments", b.String())
}

// Bounds of a shape: levels, members a level, bytes.
const (
	maxShapeDepth   = 4
	maxShapeMembers = 32
)

// shape writes {name:type,…}, and of a list the type of its first element.
func (c *toolCall) shape(b *strings.Builder, d *document, n, depth int) {
	deep := depth >= maxShapeDepth
	switch d.nodes[n].kind {
	case kindObject:
		if deep {
			b.WriteString("object")
			return
		}
		b.WriteByte('{')
		count := 0
		for m := d.first(n); m != none; m = d.after(n, m) {
			if count++; count > maxShapeMembers || b.Len() > maxAttributeValue {
				break
			}
			if count > 1 {
				b.WriteByte(',')
			}
			b.WriteString(strings.Map(shapeName, clip(d.nodes[m].key, 64)))
			b.WriteByte(':')
			c.shape(b, d, m, depth+1)
		}
		b.WriteByte('}')
	case kindArray:
		b.WriteByte('[')
		count := 0
		for m := d.first(n); m != none && count < maxShapeMembers; m = d.after(n, m) {
			if count == 0 && !deep {
				c.shape(b, d, m, depth+1)
			} else if text, err := d.original(m); err == nil {
				c.domain(text)
			}
			count++
		}
		b.WriteByte(']')
	case kindString:
		// A number under a secret's name was hashed to a text: the source says
		// what it was.
		if at := int(d.nodes[n].start); at < len(d.src) && d.src[at] != '"' {
			b.WriteString("number")
			return
		}
		b.WriteString("string")
		if text, err := d.original(n); err == nil {
			c.domain(text)
		}
	case kindNumber:
		b.WriteString("number")
	case kindTrue, kindFalse:
		b.WriteString("boolean")
	case kindNull:
		b.WriteString("null")
	}
}

// shapeName keeps names from looking like a part of the shape.
func shapeName(r rune) rune {
	if strings.ContainsRune("{}[]:,", r) {
		return '?'
	}
	return r
}

const maxDomains = 16

// domain keeps the host of a value that is a URL.
func (c *toolCall) domain(v string) {
	scheme, _, ok := strings.Cut(v, "://")
	if !ok || len(scheme) > 10 || !isName(scheme) {
		return
	}
	host, _, _ := strings.Cut(v[len(scheme)+3:], "/")
	host, _, _ = strings.Cut(host, "?")
	host, _, _ = strings.Cut(host, "#")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if host = hostName(host); host == "" || strings.ContainsAny(host, " \t\"'\\<>{}") {
		return
	}
	c.domains = addOnce(c.domains, host, maxDomains)
}

// original returns the string at node n as it was before secrets were replaced.
func (d *document) original(n int) (string, error) {
	if at := int(d.nodes[n].start); at >= len(d.src) || d.src[at] != '"' {
		return "", errNoText
	}
	in := document{src: d.src[d.nodes[n].start:d.nodes[n].end]}
	text, _, err := in.string()
	return text, err
}

// contents are the names under which calls of tools and models log what was
// said: arguments, results, prompts. Only their shape is kept.
func contents(name string) bool {
	switch name {
	case "arguments", "args", "tool_arguments", "tool_input", "tool_args", "tool_output", "tool_result", "input", "inputs", "parameters", "result", "output", "outputs", "content",
		"prompt", "prompts", "messages", "completion", "completions", "query",
		"gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.prompt", "gen_ai.completion",
		"input.value", "output.value":
		return true
	}
	return strings.HasPrefix(name, "mcp.request.argument.") || strings.HasPrefix(name, "gen_ai.prompt.") || strings.HasPrefix(name, "gen_ai.completion.")
}
