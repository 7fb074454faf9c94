package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchAPIGateway looks for the names of API Gateway's variables beside a
// route.
func matchAPIGateway(p *probe) confidence {
	if p.doc == nil {
		if _, ok := gatewayLine(p.line); ok {
			return certain
		}
		return no
	}
	switch {
	case p.has("requestId") && p.count("resourcePath", "routeKey") > 0 && p.count("requestTime", "requestTimeEpoch") > 0:
		return certain
	case p.has("extendedRequestId") && p.count("requestTime", "requestTimeEpoch", "httpMethod", "resourcePath", "apiId", "ip") > 1:
		return certain
	case p.has("requestId", "httpMethod") && p.count("requestTime", "requestTimeEpoch", "apiId", "stage", "responseLength", "integrationLatency", "resourcePath", "routeKey") > 1:
		return likely
	}
	return no
}

// parseAPIGateway reads one JSON object of the access log of a REST, HTTP or
// WebSocket API. What it holds is for the owner of the API to say; members are
// read by the names of API Gateway's variables ("Variables for access logging
// for API Gateway"), however they are joined: identity.sourceIp, sourceIp,
// {"identity":{"sourceIp":…}}, and ip as in the documented formats.
func parseAPIGateway(r *record) error {
	g := apiGateway{access: r.access(), d: &r.doc}
	if err := g.object(r.root, ""); err != nil {
		return err
	}
	return g.done()
}

// apiGateway is one request in such a log.
type apiGateway struct {
	access
	d *document

	time, epoch                                            string
	route, template, path                                  string
	arn, caller, principal, subject, cognito, api, message string
	domain, certificate                                    string
}

// object reads the members of n, whose own name is prefix.
func (g *apiGateway) object(n int, prefix string) error {
	d := g.d
	for c := d.first(n); c != none; c = d.after(n, c) {
		key := d.nodes[c].key
		if prefix != "" {
			key = prefix + "." + key
		}
		switch d.nodes[c].kind {
		case kindObject:
			if err := g.object(c, key); err != nil {
				return err
			}
		case kindArray:
			d.attributes(g.ev, c, key, nil)
		default:
			if v := d.nodes[c].str; v != "" && v != "-" {
				if err := g.field(key, v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// gatewayName joins a name to lower-case letters and digits, without what
// stands before the variable: $context.identity.sourceIp is sourceip.
func gatewayName(buf *[64]byte, key string) []byte {
	n := 0
	for i := 0; i < len(key) && n < len(buf); i++ {
		c := key[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if isAlnum(c) {
			buf[n] = c
			n++
		}
		if c == '.' {
			switch string(buf[:n]) {
			case "context", "identity", "requestcontext":
				n = 0
			}
		}
	}
	return buf[:n]
}

func (g *apiGateway) field(key, v string) error {
	ev := g.ev
	var buf [64]byte
	switch string(gatewayName(&buf, key)) {
	case "requestid":
		ev.RequestId = v
	case "extendedrequestid":
		// API Gateway makes it itself; a caller's x-amzn-RequestId may stand in
		// place of the other.
		setID(ev, v)
		attribute(ev, key, v)
	case "ip", "sourceip":
		setSource(ev, key, v)
	case "requesttime", "time", "timestamp":
		g.time = v
	case "requesttimeepoch":
		g.epoch = v
	case "httpmethod", "method":
		ev.HttpMethod = method(v)
	case "routekey":
		g.route = v
	case "resourcepath":
		g.template = v
	case "path", "requestpath":
		g.path = v
	case "status":
		return g.status(v)
	case "protocol":
		g.protocol = v
	case "responselength":
		ev.BytesOut = count(v)
	case "responselatency", "latency":
		ev.LatencyUs = micros(v, 1000)
	case "useragent":
		ev.UserAgent = clip(v, maxMessage)
	case "domainname":
		g.domain = hostName(v)
	case "apiid":
		g.api = v
	case "accountid":
		ev.Account = v
	case "userarn":
		g.arn = v
	case "caller", "user":
		if g.caller == "" {
			g.caller = v
		} else if v != g.caller {
			attribute(ev, key, v)
		}
	case "accesskey":
		g.key, g.keyKind = v, "access_key" // an id, such as ASIA…
	case "apikeyid":
		g.setKey(v, "api_key")
	case "apikey":
		id, kind := presented(v, "api_key")
		g.setKey(id, kind)
	case "principalid", "authorizerprincipalid":
		g.principal = v
	case "authorizerclaimssub", "authorizerjwtclaimssub", "claimssub":
		g.subject = v
	case "authorizerclaimsclientid", "authorizerjwtclaimsclientid", "claimsclientid", "authorizerclaimsazp", "authorizerjwtclaimsazp", "claimsazp":
		ev.OauthClient = v
	case "authorizerclaimsscope", "authorizerjwtclaimsscope", "claimsscope", "authorizerclaimsscp":
		ev.Scopes = append(ev.Scopes, strings.Fields(strings.Trim(v, "[]"))...)
	case "authorizerclaimsiss", "authorizerjwtclaimsiss", "claimsiss":
		ev.PrincipalIssuer = v
	case "authorizerclaimsjti", "authorizerjwtclaimsjti", "claimsjti":
		ev.SessionId = v
	case "authorizerclaimsiat", "authorizerjwtclaimsiat", "claimsiat":
		ev.CredentialIssued = gatewayTime(ev, key, v)
	case "authorizerclaimsexp", "authorizerjwtclaimsexp", "claimsexp":
		ev.CredentialExpires = gatewayTime(ev, key, v)
	case "cognitoidentityid":
		g.cognito = v
	case "clientcertsubjectdn":
		g.certificate = v
	case "error", "errorresponsetype":
		ev.ErrorCode = v
	case "errormessage", "errormessagestring", "authorizererror", "integrationerrormessage", "integrationerror", "authenticateerror", "authorizeerror":
		if g.message == "" {
			g.message = strings.Trim(v, `"`)
		} else {
			attribute(ev, key, v)
		}
	default:
		attribute(ev, key, v)
	}
	return nil
}

// gatewayTime reads a claim that is a time; Cognito writes some in words.
func gatewayTime(ev *schemas.Event, key, v string) int64 {
	t, err := parseEpoch(v)
	if err != nil {
		attribute(ev, key, v)
		return 0
	}
	return t
}

func (g *apiGateway) done() error {
	ev := g.ev
	if ev.Id == "" {
		setID(ev, ev.RequestId)
	}
	var err error
	if g.epoch != "" {
		ev.Time, err = parseEpoch(g.epoch)
	} else {
		ev.Time, err = parseAnyTime(g.time)
	}
	if err != nil {
		return inField("requestTime", err)
	}
	if m, template, ok := strings.Cut(g.route, " "); ok {
		g.template = template
		ev.HttpMethod = first(ev.HttpMethod, method(m))
	} else if g.route != "" {
		attribute(ev, "routeKey", g.route)
		if ev.HttpMethod == "" && g.template == "" && g.path == "" {
			// A WebSocket's route: $connect, $disconnect, or a word of the API.
			ev.HttpMethod, g.template = "WS", "/"+g.route
		}
	}
	g.target = first(g.path, g.template)
	ev.Host, ev.CloudProvider = g.domain, "aws"
	if api, rest, ok := strings.Cut(g.domain, ".execute-api."); ok {
		g.api = first(g.api, api)
		ev.Region, _, _ = strings.Cut(rest, ".")
	}
	ev.Service = first(g.api, g.domain)
	g.finish()
	ev.ClientCertificate = g.certificate
	if g.template != "" && ev.HttpMethod != "" {
		ev.RouteTemplate = g.template
		ev.Operation = ev.HttpMethod + " " + g.template
	}
	ev.ErrorMessage = clip(g.message, maxMessage)
	g.who()
	return nil
}

// unproven are the kinds of answer that say that the caller did not prove who
// it is ("Gateway response types for API Gateway").
var unproven = map[string]bool{
	"UNAUTHORIZED": true, "MISSING_AUTHENTICATION_TOKEN": true, "INVALID_API_KEY": true, "INVALID_SIGNATURE": true, "EXPIRED_TOKEN": true, "AUTHORIZER_FAILURE": true,
}

// who names the caller: as IAM knows it, else as an authorizer did, else the
// owner of a certificate or of a key.
func (g *apiGateway) who() {
	ev := g.ev
	var kind, who string
	switch {
	case g.arn != "":
		kind, who = "IAM", g.arn
		if _, tail, ok := strings.Cut(g.arn, ":assumed-role/"); ok {
			_, ev.SessionId, _ = strings.Cut(tail, "/")
		}
		if g.caller != "" {
			attribute(ev, "caller", g.caller)
		}
	case g.caller != "":
		kind, who = "IAM", g.caller
	case g.principal != "" || g.subject != "":
		kind, who = "authorizer", first(g.principal, g.subject)
		if who == ev.OauthClient {
			kind = "client"
		}
		if g.subject != who {
			attribute(ev, "subject", g.subject)
		}
	case ev.OauthClient != "":
		kind, who = "client", ev.OauthClient
	case g.cognito != "":
		kind, who = "cognito", g.cognito
	case ev.ClientCertificate != "":
		kind, who = "certificate", ev.ClientCertificate
	case ev.CredentialId != "":
		kind, who = "key", ev.CredentialId
	}
	if kind != "cognito" {
		attribute(ev, "cognitoIdentityId", g.cognito)
	}
	ev.Principal, ev.PrincipalType, ev.Anonymous = who, kind, false
	if ev.StatusCode == 401 || unproven[ev.ErrorCode] {
		if kind != "key" {
			attribute(ev, "refused_user", who)
		}
		who = ""
	}
	awsOwner(ev, who) // of a caller that proved who it is
	if who == "" {
		ev.Principal, ev.PrincipalType, ev.Anonymous = "", "anonymous", true
	}
}
