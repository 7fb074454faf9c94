package simulate

// host is the name that the caller used.
func (e *encoder) host(id *identity, c *call) string {
	if c.script != nil && c.script.account != "" {
		return c.script.account
	}
	return id.account
}

func appendJSONText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return b
}

// kong writes what the http-log plugin posts.
func (e *encoder) kong(b []byte, id *identity, c *call) []byte {
	o := c.op
	host := e.host(id, c)
	svc := &apiServices[o.service]
	status := c.status()
	refused := c.fault == faultUnauthenticated || c.fault == faultThrottled
	upstream := c.millis()
	if refused {
		upstream = 0
	}
	kong := 1 + hash(c.salt, 31)%4
	who := hash(id.seed, 32)
	b = append(b, `{"request":{"method":"`...)
	b = append(b, o.method...)
	b = append(b, `","uri":"`...)
	uri := len(b)
	b = e.sc.append(b, o.path)
	end := len(b)
	query := -1
	for i := uri; i < end; i++ {
		if b[i] == '?' {
			query = i
			break
		}
	}
	path := end
	if query >= 0 {
		path = query
	}
	b = append(b, `","url":"https://`...)
	b = append(b, host...)
	b = append(b, ":8443"...)
	b = append(b, b[uri:path]...)
	b = append(b, `","size":`...)
	b = appendUint(b, e.bytesIn(c))
	b = append(b, `,"querystring":{`...)
	if query >= 0 {
		b = appendQuery(b, query+1, end)
	}
	b = append(b, `},"id":"`...)
	b = appendHex(b, hash(c.salt, 33), 32)
	b = append(b, `","headers":{"host":"`...)
	b = append(b, host...)
	b = append(b, `","user-agent":"`...)
	b = appendJSONText(b, c.agent)
	b = append(b, `","accept":"application/json","x-forwarded-proto":"https"`...)
	if !o.read {
		b = append(b, `,"content-type":"application/json"`...)
	}
	b = append(b, `},"tls":{"version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","client_verify":"NONE"}},"upstream_uri":"`...)
	b = append(b, b[uri:path]...)
	b = append(b, `","response":{"status":`...)
	b = appendUint(b, uint64(status)) //nolint:gosec // a status
	b = append(b, `,"size":`...)
	b = appendUint(b, e.bytesOut(c)+290)
	b = append(b, `,"headers":{"content-type":"application/json; charset=utf-8","via":"1.1 kong/3.7.1","x-kong-proxy-latency":"`...)
	b = appendUint(b, kong)
	b = append(b, `"}},"tries":[`...)
	if !refused {
		b = append(b, `{"balancer_latency":0,"port":8080,"balancer_start":`...)
		b = appendUint(b, uint64(c.t)+kong) //nolint:gosec // positive
		b = append(b, `,"ip":"10.60.`...)
		b = appendUint(b, uint64(o.service)) //nolint:gosec // small
		b = append(b, '.')
		b = appendUint(b, 10+c.salt%8)
		b = append(b, `"}`...)
	}
	b = append(b, `],"authenticated_entity":{"id":"`...)
	credential := id.keyAt(c.t)
	if c.script != nil && c.script.key != "" {
		credential = c.script.key
	}
	b = append(b, credential...)
	b = append(b, `"},"route":{"id":"`...)
	route := hash(hashString(svc.name), 34)
	b = appendUUID(b, route)
	b = append(b, `","name":"`...)
	b = append(b, svc.name...)
	b = append(b, `","paths":["`...)
	b = append(b, b[uri:firstSegments(b, uri, path)]...)
	b = append(b, `"],"protocols":["https"],"strip_path":false,"preserve_host":false,"regex_priority":0,"created_at":1735689600,"updated_at":1748736000,"service":{"id":"`...)
	b = appendUUID(b, hash(route, 1))
	b = append(b, `"}},"service":{"id":"`...)
	b = appendUUID(b, hash(route, 1))
	b = append(b, `","name":"`...)
	b = append(b, svc.name...)
	b = append(b, `","host":"`...)
	b = append(b, svc.upstream...)
	b = append(b, `","port":8080,"protocol":"http","path":null,"retries":5,"connect_timeout":60000,"read_timeout":60000,"write_timeout":60000,"created_at":1735689600,"updated_at":1748736000},"workspace":"`...)
	b = appendUUID(b, 0x5eed)
	b = append(b, `","workspace_name":"default","consumer":{"id":"`...)
	b = appendUUID(b, who)
	b = append(b, `","username":"`...)
	b = append(b, id.name...)
	b = append(b, `","custom_id":null,"tags":["`...)
	b = append(b, id.team...)
	b = append(b, `"],"created_at":1738368000},"latencies":{"kong":`...)
	b = appendUint(b, kong)
	b = append(b, `,"proxy":`...)
	b = appendUint(b, upstream)
	b = append(b, `,"request":`...)
	b = appendUint(b, kong+upstream)
	b = append(b, `,"receive":0},"client_ip":"`...)
	b = appendIP(b, c.ip)
	b = append(b, `","started_at":`...)
	b = appendUint(b, uint64(c.t)) //nolint:gosec // positive
	if refused {
		return append(b, `,"source":"exit"}`...)
	}
	b = append(b, `,"upstream_status":"`...)
	b = appendUint(b, uint64(status)) //nolint:gosec // a status
	return append(b, `","source":"upstream"}`...)
}

// firstSegments ends after the first two segments of the path in b[from:to]:
// what Kong's routes are configured with.
func firstSegments(b []byte, from, to int) int {
	slashes := 0
	for i := from; i < to; i++ {
		if b[i] == '/' {
			if slashes++; slashes == 3 {
				return i
			}
		}
	}
	return to
}

// appendQuery writes b[from:to], a query string, as JSON members.
func appendQuery(b []byte, from, to int) []byte {
	first := true
	for from < to {
		end, eq := from, -1
		for end < to && b[end] != '&' {
			if b[end] == '=' && eq < 0 {
				eq = end
			}
			end++
		}
		if eq > 0 {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(b, '"')
			b = append(b, b[from:eq]...)
			b = append(b, `":"`...)
			b = append(b, b[eq+1:end]...)
			b = append(b, '"')
		}
		from = end + 1
	}
	return b
}

func (e *encoder) bytesIn(c *call) uint64 {
	if c.op.read {
		return 180 + hash(c.salt, 35)%220
	}
	return uint64(quantity(c.salt, 36, 1400, 0.7)) + 200
}

// combined writes NGINX's predefined combined format.
func (e *encoder) combined(b []byte, id *identity, c *call) []byte {
	b = appendIP(b, c.ip)
	b = append(b, " - "...)
	b = append(b, id.name...)
	b = append(b, " ["...)
	b = appendCommonLog(b, c.t)
	b = append(b, `] "`...)
	b = append(b, c.op.method...)
	b = append(b, ' ')
	b = e.sc.append(b, c.op.path)
	b = append(b, ` HTTP/1.1" `...)
	b = appendUint(b, uint64(c.status())) //nolint:gosec // a status
	b = append(b, ' ')
	b = appendUint(b, e.bytesOut(c))
	b = append(b, ` "-" "`...)
	b = append(b, c.agent...)
	return append(b, '"')
}

// nginxJSON writes a log_format with escape=json, as many sites define it.
func (e *encoder) nginxJSON(b []byte, id *identity, c *call) []byte {
	o := c.op
	b = append(b, `{"time_iso8601":"`...)
	b = appendISO(b, c.t)
	b = append(b, `+00:00","remote_addr":"`...)
	b = appendIP(b, c.ip)
	b = append(b, `","remote_user":"`...)
	b = append(b, id.name...)
	b = append(b, `","request_id":"`...)
	b = appendHex(b, hash(c.salt, 33), 32)
	b = append(b, `","host":"`...)
	b = append(b, e.host(id, c)...)
	b = append(b, `","request_method":"`...)
	b = append(b, o.method...)
	b = append(b, `","request_uri":"`...)
	b = e.sc.append(b, o.path)
	b = append(b, `","server_protocol":"HTTP/1.1","status":`...)
	b = appendUint(b, uint64(c.status())) //nolint:gosec // a status
	b = append(b, `,"body_bytes_sent":`...)
	b = appendUint(b, e.bytesOut(c))
	b = append(b, `,"request_length":`...)
	b = appendUint(b, e.bytesIn(c))
	b = append(b, `,"request_time":`...)
	ms := c.millis()
	b = appendUint(b, ms/1000)
	b = append(b, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
	b = append(b, `,"http_referer":"","http_user_agent":"`...)
	b = appendJSONText(b, c.agent)
	b = append(b, `","upstream_addr":"10.61.0.`...)
	b = appendUint(b, 10+c.salt%6)
	return append(b, `:8080"}`...)
}
