package ingest

// kongPlan says where a record of Kong has what, by its keys and brackets alone.
// So it is made once for all records of a shape, which then are read without
// looking at a key.
type kongPlan struct {
	// Members of the record, of its request and of the request's headers; none of
	// those that it lacks.
	started, client, request, tries      int
	method, uri, url, bytesIn, id        int
	host, agent, requestID               int
	status, bytesOut, contentType        int
	latency, proxy, kong                 int
	consumerID, username, customID, tags int
	entityID, entityConsumer             int
	serviceName, serviceHost, serviceID  int
	routeName, routeID, paths            int

	// rest is what has no place above, or comes twice, in its order.
	rest []kongMember
}

// kongMember is a member of one of the objects that are read member by member.
type kongMember struct {
	node int
	of   kongObject
}

type kongObject uint8

const (
	kongRecord kongObject = iota
	kongRequest
	kongHeaders
)

// kongPlanOf returns the plan of the record at node root.
func kongPlanOf(d *document, root int) *kongPlan {
	at, made := d.plan(root)
	p, _ := at.made.(*kongPlan)
	if made {
		return p
	}
	if p == nil {
		p = &kongPlan{}
		at.made = p
	}
	p.make(d, root)
	return p
}

func (p *kongPlan) make(d *document, root int) {
	*p = kongPlan{
		rest: p.rest[:0], started: none, client: none, request: none, tries: none,
		method: none, uri: none, url: none, bytesIn: none, id: none, host: none, agent: none, requestID: none,
	}
	headers, response, latencies, service, route, consumer, entity := none, none, none, none, none, none, none
	for n := d.first(root); n != none; n = d.after(root, n) {
		switch d.nodes[n].key {
		case "started_at":
			p.take(&p.started, n, kongRecord)
		case "client_ip":
			p.take(&p.client, n, kongRecord)
		case "request":
			p.request = n
		case "response":
			response = n
		case "latencies":
			latencies = n
		case "service":
			service = n
		case "route":
			route = n
		case "consumer":
			consumer = n
		case "authenticated_entity":
			entity = n
		case "tries":
			p.tries = n
		default:
			p.rest = append(p.rest, kongMember{n, kongRecord})
		}
	}
	for n := d.first(p.request); n != none; n = d.after(p.request, n) {
		switch d.nodes[n].key {
		case "method":
			p.take(&p.method, n, kongRequest)
		case "uri":
			p.take(&p.uri, n, kongRequest)
		case "url":
			p.take(&p.url, n, kongRequest)
		case "size":
			p.take(&p.bytesIn, n, kongRequest)
		case "id":
			p.take(&p.id, n, kongRequest)
		case "headers":
			headers = n
		default:
			p.rest = append(p.rest, kongMember{n, kongRequest})
		}
	}
	for n := d.first(headers); n != none; n = d.after(headers, n) {
		switch d.lower(n) {
		case "host":
			p.take(&p.host, n, kongHeaders)
		case "user-agent":
			p.take(&p.agent, n, kongHeaders)
		case "x-request-id", "kong-request-id", "x-kong-request-id":
			p.take(&p.requestID, n, kongHeaders)
		case "accept", "accept-encoding", "accept-language", "connection", "content-length":
		default:
			p.rest = append(p.rest, kongMember{n, kongHeaders})
		}
	}
	three := func(n int, a, b, c string, at, bt, ct *int) {
		found := d.pick(n, a, b, c)
		*at, *bt, *ct = found[0], found[1], found[2]
	}
	answer := none
	three(response, "status", "size", "headers", &p.status, &p.bytesOut, &answer)
	p.contentType = d.get(answer, "content-type")
	three(latencies, "request", "proxy", "kong", &p.latency, &p.proxy, &p.kong)
	three(consumer, "id", "username", "custom_id", &p.consumerID, &p.username, &p.customID)
	p.tags = d.get(consumer, "tags")
	p.entityID, p.entityConsumer = d.get(entity, "id"), d.get(entity, "consumer_id")
	three(service, "name", "host", "id", &p.serviceName, &p.serviceHost, &p.serviceID)
	three(route, "name", "id", "paths", &p.routeName, &p.routeID, &p.paths)
}

// take gives member n the place at, unless it is taken: then it is read behind the
// other.
func (p *kongPlan) take(at *int, n int, of kongObject) {
	if *at == none {
		*at = n
		return
	}
	p.rest = append(p.rest, kongMember{n, of})
}
