package enrich

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/lapwing-sec/lapwing/schemas"
)

// The detectors that report calls which an API's document does not describe.
const (
	shadowAPI       = "shadow-api"
	schemaViolation = "schema-violation"
)

// Bounds of API documents.
const (
	maxDocuments     = 1_000
	maxDocumentBytes = 32 << 20
	maxDocumentPaths = 50_000
	maxPathSegments  = 64
	maxUnknownNames  = 5 // parameters that one violation names
	// Templates in which each step is a name or a variable, in all combinations,
	// would have a path that none of them matches tried in thousands of ways.
	maxMatchSteps = 1_000
)

// APIDocument is an OpenAPI 3 document, in YAML or JSON, or what an MCP server
// answers to tools/list, in JSON, and what it describes.
type APIDocument struct {
	// File is its path.
	File string
	// Hosts are the names under which the API is called; "*." in front stands
	// for any label. Without any they are those of the document's servers.
	Hosts []string
	// Service is the name that a gateway gives the API, for logs without a host,
	// or that of the MCP server.
	Service string
}

// apiSet is an immutable set of compiled documents; a reload makes a new one.
type apiSet struct {
	documents []*apiDocument
	hosts     map[string][]*apiDocument // by host, or by what follows "*"
	services  map[string][]*apiDocument
	tools     map[string]*toolSet // by server
}

// apiDocument is one document, compiled so that a call is looked up without an
// allocation.
type apiDocument struct {
	title string
	// service is the one API of a host that the document was given for, where no
	// hosts were named: others on that host are not its own.
	service string
	bases   []string // paths in front of all others, without the last slash
	root    segment
	// everywhere holds query parameters that any operation may have: keys of
	// the document's security schemes.
	everywhere []string
}

// segment is one step of a path template.
type segment struct {
	literal map[string]*segment
	// variable matches any one segment. Of templates that differ in the names
	// of their variables only, the first one stands.
	variable *segment
	methods  map[string]*apiOperation
	allowed  string // the methods, in words
}

// apiOperation is one documented operation.
type apiOperation struct {
	template, operation string
	query               []string // names of its query parameters
	open                bool     // takes any parameter
}

// openAPIs reads and compiles documents. The error names the file.
func openAPIs(docs []APIDocument) (*apiSet, error) {
	if len(docs) > maxDocuments {
		return nil, fmt.Errorf("%d API documents, at most %d are read", len(docs), maxDocuments)
	}
	set := &apiSet{hosts: map[string][]*apiDocument{}, services: map[string][]*apiDocument{}, tools: map[string]*toolSet{}}
	var errs []error
	for _, d := range docs {
		if err := set.open(d); err != nil {
			errs = append(errs, fmt.Errorf("API document %s: %w", d.File, err))
		}
	}
	return set, errors.Join(errs...)
}

func (s *apiSet) open(d APIDocument) error {
	data, err := readBounded(d.File, maxDocumentBytes)
	if err != nil {
		return err
	}
	if tools, server, ok, err := readTools(data); ok {
		if err != nil {
			return fmt.Errorf("not a readable list of tools: %w", err)
		}
		return s.addTools(d, tools, server)
	}
	// References to other files and to the network are refused by default.
	spec, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return fmt.Errorf("not a readable OpenAPI 3 document: %w", err)
	}
	if spec.OpenAPI == "" || spec.Paths == nil {
		return errors.New("not an OpenAPI 3 document: it has no paths")
	}
	if n := spec.Paths.Len(); n > maxDocumentPaths {
		return fmt.Errorf("%d paths, at most %d are read", n, maxDocumentPaths)
	}
	if err := spec.Validate(context.Background(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation()); err != nil {
		return err
	}
	doc := &apiDocument{title: title(spec)}
	hosts := d.Hosts
	for _, server := range spec.Servers {
		host, base := serverURL(server)
		if len(d.Hosts) == 0 && host != "" {
			hosts = append(hosts, host)
		}
		if !slices.Contains(doc.bases, base) {
			doc.bases = append(doc.bases, base)
		}
	}
	if len(doc.bases) == 0 {
		doc.bases = []string{""}
	}
	slices.SortFunc(doc.bases, func(a, b string) int { return len(b) - len(a) })
	if len(hosts) == 0 && d.Service == "" {
		return errors.New("its servers name no host: say under which hosts or as which service it is called")
	}
	if len(d.Hosts) == 0 {
		doc.service = d.Service
	}
	doc.compile(spec)
	s.documents = append(s.documents, doc)
	for _, h := range hosts {
		h = strings.TrimPrefix(strings.ToLower(h), "*")
		if !slices.Contains(s.hosts[h], doc) {
			s.hosts[h] = append(s.hosts[h], doc)
		}
	}
	if d.Service != "" {
		s.services[d.Service] = append(s.services[d.Service], doc)
	}
	return nil
}

// addTools takes the tools of an MCP server, under the names that logs give it.
func (s *apiSet) addTools(d APIDocument, tools *toolSet, server string) error {
	names := d.Hosts
	if d.Service != "" {
		names = append(slices.Clip(names), d.Service)
	} else if len(names) == 0 && server != "" {
		names = []string{server}
	}
	if len(names) == 0 {
		return errors.New("a list of tools does not name its server: say as which service logs show it")
	}
	tools.title = "MCP server " + names[len(names)-1]
	for _, name := range names {
		if s.tools[name] != nil {
			return fmt.Errorf("the tools of %s are given twice", shorten(name))
		}
		s.tools[name] = tools
	}
	return nil
}

func title(spec *openapi3.T) string {
	if spec.Info == nil {
		return "API"
	}
	return strings.TrimSpace(spec.Info.Title + " " + spec.Info.Version)
}

// serverURL takes a server apart; of variables the defaults count.
func serverURL(server *openapi3.Server) (host, base string) {
	text := server.URL
	for name, v := range server.Variables {
		text = strings.ReplaceAll(text, "{"+name+"}", v.Default)
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", ""
	}
	return u.Hostname(), strings.TrimRight(u.Path, "/")
}

func (doc *apiDocument) compile(spec *openapi3.T) {
	if spec.Components != nil {
		for _, ref := range spec.Components.SecuritySchemes {
			if ref.Value != nil && ref.Value.Type == "apiKey" && ref.Value.In == "query" {
				doc.everywhere = append(doc.everywhere, ref.Value.Name)
			}
		}
	}
	for _, path := range spec.Paths.InMatchingOrder() {
		item := spec.Paths.Value(path)
		at := &doc.root
		for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			at = at.step(part)
		}
		for method, op := range item.Operations() {
			if at.methods == nil {
				at.methods = map[string]*apiOperation{}
			}
			if at.methods[method] == nil {
				at.methods[method] = newOperation(method, path, item, op)
			}
		}
		at.allowed = enumerate(slices.Sorted(maps.Keys(at.methods)))
	}
}

// step goes one segment down, making it if needed.
func (g *segment) step(part string) *segment {
	if strings.Contains(part, "{") {
		if g.variable == nil {
			g.variable = &segment{}
		}
		return g.variable
	}
	if g.literal == nil {
		g.literal = map[string]*segment{}
	}
	if g.literal[part] == nil {
		g.literal[part] = &segment{}
	}
	return g.literal[part]
}

func newOperation(method, path string, item *openapi3.PathItem, op *openapi3.Operation) *apiOperation {
	o := &apiOperation{template: path, operation: method + " " + path}
	for _, list := range []openapi3.Parameters{item.Parameters, op.Parameters} {
		for _, ref := range list {
			p := ref.Value
			if p == nil || p.In != openapi3.ParameterInQuery {
				continue
			}
			// The members of an object are parameters of their own, unless it is
			// written as name[member].
			if s := p.Schema; s != nil && s.Value != nil && s.Value.Type.Is("object") && p.Style != openapi3.SerializationDeepObject {
				o.open = o.open || len(s.Value.Properties) == 0
				for name := range s.Value.Properties {
					o.query = append(o.query, name)
				}
			}
			o.query = append(o.query, p.Name)
		}
	}
	return o
}

// find returns the documents that describe the API that was called.
func (s *apiSet) find(ev *schemas.Event) []*apiDocument {
	// A name's last dot, which clients may write, leads to the same server.
	host := strings.TrimSuffix(ev.Host, ".")
	if docs := s.hosts[host]; len(docs) > 0 && host != "" {
		return docs
	}
	for i := strings.IndexByte(host, '.'); i >= 0; {
		if docs := s.hosts[host[i:]]; len(docs) > 0 {
			return docs
		}
		next := strings.IndexByte(host[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	if ev.Service == "" {
		return nil
	}
	return s.services[ev.Service]
}

// judge names the operation after the document that describes the called API,
// and appends what the call breaks of it. A call that was answered by 404, 405
// or 410 found nothing: it makes no endpoint known.
func (s *apiSet) judge(ev *schemas.Event, d *schemas.Declared) {
	if len(s.tools) > 0 {
		if tools := s.tools[ev.Service]; tools != nil {
			tools.judge(ev, d)
			return
		}
	}
	if len(s.documents) == 0 || ev.HttpMethod == "" || ev.UrlPath == "" {
		return
	}
	docs := s.find(ev)
	if len(docs) == 0 {
		return
	}
	var at *segment
	doc := docs[0]
	for _, candidate := range docs {
		if g := candidate.lookup(ev.UrlPath); g != nil {
			doc, at = candidate, g
			break
		}
	}
	ev.ApiDocument = doc.title
	found := ev.StatusCode != 404 && ev.StatusCode != 405 && ev.StatusCode != 410 && ev.StatusCode != 501
	if at == nil {
		i := slices.IndexFunc(docs, func(doc *apiDocument) bool { return doc.covers(ev) })
		if i < 0 {
			ev.ApiDocument = ""
			return
		}
		doc = docs[i]
		ev.ApiDocument = doc.title
		if found && ev.HttpMethod != "OPTIONS" && ev.HttpMethod != "HEAD" {
			violate(d, shadowAPI, ev.Operation, "a path of "+doc.title)
		}
		return
	}
	op := at.methods[ev.HttpMethod]
	if op == nil && ev.HttpMethod == "HEAD" {
		op = at.methods["GET"]
	}
	if op == nil {
		if found && ev.HttpMethod != "OPTIONS" {
			violate(d, schemaViolation, "method of "+ev.Operation, at.allowed+", in "+doc.title)
		}
		return
	}
	ev.RouteTemplate = op.template
	if ev.HttpMethod != "HEAD" {
		ev.Operation = op.operation
	}
	if unknown := doc.unknown(op, ev); len(unknown) > 0 && ev.StatusCode != 404 {
		violate(d, schemaViolation, op.operation+" with "+strings.Join(unknown, ", "), op.expected())
	}
}

// covers reports whether a path that the document does not have is one it should
// have. Behind a gateway one host serves many APIs, of which the log names the
// one that was called.
func (doc *apiDocument) covers(ev *schemas.Event) bool {
	return doc.service == "" || ev.Service == "" || ev.Service == doc.service || ev.Service == ev.Host
}

func (o *apiOperation) expected() string {
	if len(o.query) == 0 {
		return "no query parameter"
	}
	return "query parameters " + enumerate(o.query)
}

// lookup returns the template that a path matches, or nil. A literal segment
// wins over a variable one.
//
// A path that climbs is none that a template describes: whoever serves it may
// take it for another.
func (doc *apiDocument) lookup(path string) *segment {
	if climbs(path) {
		return nil
	}
	for _, base := range doc.bases {
		rest, ok := strings.CutPrefix(path, base)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		steps := maxMatchSteps
		if g := doc.root.match(strings.Trim(rest, "/"), maxPathSegments, &steps); g != nil {
			return g
		}
	}
	return nil
}

func (g *segment) match(rest string, left int, steps *int) *segment {
	if *steps--; left == 0 || *steps < 0 {
		return nil
	}
	part, tail, more := strings.Cut(rest, "/")
	for _, next := range [2]*segment{g.literal[part], g.variable} {
		if next == nil || next == g.variable && part == "" {
			continue
		}
		if !more {
			if next.methods != nil {
				return next
			}
			continue
		}
		if found := next.match(tail, left-1, steps); found != nil {
			return found
		}
	}
	return nil
}

// unknown lists the query parameters of a call that its operation does not
// have, a few at most.
func (doc *apiDocument) unknown(op *apiOperation, ev *schemas.Event) (names []string) {
	if op.open || len(ev.Attributes) == 0 {
		return nil
	}
	check := func(name string) {
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		bare, _, _ := strings.Cut(name, "[")
		if name == "" || len(names) >= maxUnknownNames || slices.Contains(op.query, name) || slices.Contains(op.query, bare) ||
			slices.Contains(op.query, bare+"[]") || slices.Contains(doc.everywhere, name) || slices.Contains(names, name) {
			return
		}
		names = append(names, name)
	}
	if query := ev.Attributes["query"]; query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(pair, "=")
			check(name)
		}
	}
	var keys []string
	for key := range ev.Attributes {
		if name, ok := strings.CutPrefix(key, "query."); ok {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys) // which of them are named must not depend on the map's order
	for _, name := range keys {
		check(name)
	}
	slices.Sort(names)
	return names
}
