package ingest

import (
	"strings"
)

// matchMCP looks for a call of an agent's tool: the names of OpenTelemetry's
// conventions, JSON-RPC with an MCP method, or agent, server and tool.
func matchMCP(p *probe) confidence {
	if p.doc == nil {
		return no
	}
	if p.count("resourceSpans", "resourceLogs", "scopeSpans", "scopeLogs") > 0 {
		return no
	}
	for _, in := range []string{"", "attributes"} {
		has := func(key string) bool {
			if in == "" {
				return p.has(key)
			}
			return p.doc.path(p.root, in, key) != none
		}
		for _, key := range []string{"mcp.method.name", "mcp.tool.name", "gen_ai.tool.name", "gen_ai.operation.name"} {
			if has(key) {
				return certain
			}
		}
	}
	if at := rpcNode(p.doc, p.root); at != none && (mcpMethod(p.doc.text(p.doc.get(at, "method"))) || p.count("tool", "tool_name", "server", "mcp_server", "agent") >= 2) {
		return certain
	}
	tool := p.count("tool", "tool_name") > 0
	switch others := p.count("agent", "agent_name", "agent_id", "server", "server_name", "mcp_server", "mcp_session_id", "arguments", "tool_arguments", "tool_input"); {
	case tool && others >= 2:
		return certain
	case tool && others == 1:
		return likely
	}
	return no
}

// rpcNode finds the JSON-RPC message in a record: the record itself, or a member.
func rpcNode(d *document, n int) int {
	for _, key := range []string{"", "request", "message", "rpc", "payload", "body"} {
		at := n
		if key != "" {
			at = d.get(n, key)
		}
		if d.text(d.get(at, "jsonrpc")) == "2.0" {
			return at
		}
	}
	return none
}

// mcpMethod recognises the methods of the Model Context Protocol.
func mcpMethod(m string) bool {
	group, _, ok := strings.Cut(m, "/")
	switch group {
	case "tools", "resources", "prompts", "completion", "logging", "sampling", "elicitation", "roots", "notifications", "tasks":
		return ok
	}
	return m == "initialize" || m == "ping"
}

// mcpSecret finds arguments, results and prompts: they hold what people said
// and what systems answered.
func mcpSecret(d *document, n int) bool {
	if !contents(d.nodes[n].key) {
		return false
	}
	// Counts of tokens have such names, too.
	parent := int(d.nodes[n].parent)
	return parent == none || d.nodes[n].kind != kindNumber || d.nodes[parent].key != "tokens" && d.nodes[parent].key != "usage"
}

// parseMCP reads a call of a tool as gateways of agents and MCP servers log
// it. There is no standard; docs/sending-logs.md states the names. The values
// of arguments are never kept.
func parseMCP(r *record) error {
	d, ev := &r.doc, r.ev
	var c toolCall
	args := none
	when, rank := none, 0
	var walk func(n, depth int)
	walk = func(n, depth int) {
		for m := d.first(n); m != none; m = d.after(n, m) {
			key, kind := d.nodes[m].key, d.nodes[m].kind
			if t := mcpTimeRank(key); t > 0 && kind != kindObject && kind != kindArray {
				d.nodes[m].used = true
				if t > rank {
					when, rank = m, t
				}
				continue
			}
			if kind == kindObject {
				if key == "attributes" && depth == 0 {
					walk(m, 1)
					continue
				}
				if name := d.get(m, "name"); name != none && c.member(r, key, d.text(name)) {
					d.nodes[name].used = true
					if key == "agent" {
						c.agentID = first(c.agentID, r.take(d.get(m, "id")))
					}
					continue
				}
				switch key {
				case "usage", "tokens":
					c.tokens(r, m)
				case "error":
					c.failed = true
					c.code, c.message = first(c.code, r.take(d.get(m, "code")), r.take(d.get(m, "type"))), first(c.message, r.take(d.get(m, "message")))
				}
			}
			if args == none && (key == "arguments" || key == "args" || key == "tool_arguments" || key == "tool_args" || key == "tool_input" || key == "gen_ai.tool.call.arguments" || key == "input" || key == "parameters") {
				args = m
				d.nodes[m].used = true
				continue
			}
			if key == "error" && kind == kindString {
				c.failed, d.nodes[m].used = true, true
				c.message = first(c.message, d.nodes[m].str)
				continue
			}
			if kind != kindObject && kind != kindArray && c.member(r, key, d.nodes[m].str) {
				d.nodes[m].used = true
			}
			if key == "scopes" && kind == kindArray {
				ev.Scopes = r.list(m)
			}
		}
	}
	walk(r.root, 0)
	if at := rpcNode(d, r.root); at != none {
		c.rpc(r, at, &args)
		if c.tool == "" && c.method == "" && d.get(at, "method") == none && (d.get(at, "result") != none || d.get(at, "error") != none) {
			return errNoCall // an answer that names no call
		}
	}
	if response := d.get(r.root, "response"); response != none {
		r.take(d.get(response, "jsonrpc")) // its id is the request's
		r.take(d.get(response, "id"))
		c.answer(r, response)
	}
	c.answer(r, r.root)
	t, err := parseAnyTime(d.text(when))
	if err != nil {
		if when == none {
			return missing("time (also timestamp, @timestamp, ts, start_time)")
		}
		return inField(d.nodes[when].key, err)
	}
	ev.Time = t
	operation := r.text("gen_ai.operation.name")
	if operation == "" {
		operation = r.text("attributes", "gen_ai.operation.name")
	}
	attribute(ev, "gen_ai.operation.name", operation)
	if c.server == "" && c.tool == "" && operation != "" {
		c.server = first(r.text("gen_ai.provider.name"), r.text("gen_ai.system"), r.text("attributes", "gen_ai.provider.name"), r.text("attributes", "gen_ai.system"))
	}
	if id := first(r.text("event_id"), r.text("span_id"), r.text("spanId")); len(id) >= 8 && len(id) <= maxEventID {
		ev.Id = id
	}
	c.arguments(r, args)
	if err := c.finish(r, operation); err != nil {
		return err
	}
	d.hideContents(r.root)
	r.rest()
	return nil
}

// hideContents takes what was said as read: not even its hashes are attributes.
func (d *document) hideContents(root int) {
	for n := root + 1; n < int(d.nodes[root].next); n++ {
		if contents(d.nodes[n].key) {
			d.nodes[n].used = true
		}
	}
}

// rpc reads a JSON-RPC request.
func (c *toolCall) rpc(r *record, n int, args *int) {
	d := &r.doc
	r.take(d.get(n, "jsonrpc"))
	attribute(r.ev, "rpc_id", r.take(d.get(n, "id")))
	c.method = first(r.take(d.get(n, "method")), c.method)
	params := d.get(n, "params")
	switch name := r.take(d.get(params, "name")); c.method {
	case "tools/call":
		c.tool = first(name, c.tool)
	case "prompts/get":
		r.ev.Resources = addOnce(r.ev.Resources, name, maxResources)
	}
	if uri := r.take(d.get(params, "uri")); uri != "" {
		r.ev.Resources = addOnce(r.ev.Resources, clip(uri, maxMessage), maxResources)
		if original, err := d.original(d.get(params, "uri")); err == nil {
			c.domain(original)
		}
	}
	c.client = first(c.client, r.take(d.path(params, "clientInfo", "name")))
	if a := d.get(params, "arguments"); a != none {
		*args = a
	}
}

// answer reads what a JSON-RPC response, or a record that embeds its members,
// says of the result.
func (c *toolCall) answer(r *record, n int) {
	d := &r.doc
	if result := d.get(n, "result"); result != none {
		if d.text(d.get(result, "isError")) == "true" {
			c.failed = true
		} else if !c.failed && c.status == "" {
			c.status = "ok"
		}
		d.nodes[result].used = true
	}
	if e := d.get(n, "error"); e != none && d.nodes[e].kind == kindObject {
		c.failed = true
		c.code, c.message = first(c.code, r.take(d.get(e, "code"))), first(c.message, r.take(d.get(e, "message")))
	}
}

// tokens reads a member of counts.
func (c *toolCall) tokens(r *record, n int) {
	for m := r.doc.first(n); m != none; m = r.doc.after(n, m) {
		v := r.doc.nodes[m].str
		switch r.doc.nodes[m].key {
		case "in", "input", "prompt", "input_tokens", "prompt_tokens":
			r.ev.TokensIn = count(v)
		case "out", "output", "completion", "output_tokens", "completion_tokens":
			r.ev.TokensOut = count(v)
		case "cost_usd":
			r.ev.CostMicros = micros(v, 1e6)
		default:
			continue
		}
		r.doc.nodes[m].used = true
	}
}

// mcpTimeRank prefers the time of the call to that of its logging.
func mcpTimeRank(key string) int {
	switch key {
	case "start_time", "startTime", "started_at":
		return 4
	case "timestamp":
		return 3
	case "@timestamp":
		return 2
	case "time", "ts":
		return 1
	}
	return 0
}
