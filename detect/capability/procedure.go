package capability

import "strings"

// procedure reads a path that names a procedure rather than a thing, as gRPC
// ("/acme.identity.v1.Users/DeleteUser"), methods behind a dot ("/api/users.delete")
// and plain function names ("/api/deleteUser") do: always POST, whatever they do.
// The verb in the name says which class it is, and the rest is looked up as the
// route that REST would have. ok is false where the name begins with no known verb,
// or where it may as well be a thing's ("/v1/dropPoints").
func (d *data) procedure(m method, path string, segments []string) (e entry, ok bool) {
	if m != mPost || len(segments) == 0 {
		return e, false
	}
	before, name := "", strings.TrimRight(path, "/")
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		before, name = name[:i], name[i+1:]
	}
	grpc := strings.LastIndexByte(before, '/') == 0 && name != "" && isUpper(name[0]) && isService(before[1:])
	object := ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && !grpc {
		object, name = name[:i], name[i+1:]
	}
	plain := !grpc && object == ""
	if plain && !camel(name) {
		return e, false
	}
	if !grpc && d.segments[word(name)] != nil { // a word of the data as it stands: addPassword
		return e, false
	}
	w := words(name)
	if len(w) == 0 || len(w) > maxWords || strings.ContainsAny(name, "{}()") {
		return e, false
	}
	class := d.words[w[0]]
	if class == 0 {
		class = d.verbs[strings.ToUpper(w[0][:1])+w[0][1:]]
	}
	if class == 0 || plain && d.isThing(w) {
		return e, false
	}
	parents := segments[:len(segments)-1]
	if grpc {
		parents = nil
		for _, s := range strings.FieldsFunc(before, func(r rune) bool { return r == '/' || r == '.' }) {
			if !isVersion(s) {
				parents = append(parents, d.spelling(s))
				if parts := words(s); len(parts) > 1 {
					parents = append(parents, parts...)
				}
			}
		}
	}
	thing := strings.Join(w[1:], "-")
	if thing == "" && object != "" { // users.delete
		thing = object[strings.LastIndexByte(object, '.')+1:]
		thing = strings.Join(words(thing), "-")
	} else if object != "" {
		parents = append(parents[:len(parents):len(parents)], words(object)...)
	}
	if thing != "" && d.segments[thing+"s"] != nil {
		thing += "s"
	}
	things := parents[:len(parents):len(parents)]
	if thing != "" {
		things = append(things, thing)
	}
	e = d.route(restMethod(class, w[0]), things, false)
	if plain {
		switch many := plural(w[len(w)-1]); {
		case class.Has(Deletes) && !d.destroyable(w[len(w)-1]) && (w[0] == "drop" || many && underVersion(before)):
			return e, false
		case class.Any(Reads|Lists) && !asks(w, many && inCollection(before)):
			class = Writes
			asked := e
			e = d.route(mPost, segments, true)
			if looks(w[0]) {
				e.graver(asked)
			}
		}
	}
	// The whole name, and the verb behind its thing, may be words of the data, too.
	for _, tail := range [][]string{append(parents[:len(parents):len(parents)], strings.Join(w, "-")), append(things[:len(things):len(things)], w[0])} {
		e.graver(d.route(mPost, tail, true))
	}
	if !e.set.Has(Administers) {
		e.set = e.set&^Verbs | class
	}
	return e, true
}

// graver adds the consequences of another reading of the same name.
func (e *entry) graver(more entry) {
	for rest := more.set & Grave; rest != 0; rest &= rest - 1 {
		e.known = ByName
		e.add(rest.First(), severity(more.sev, rest.First().Index()))
	}
}

// destroyable says that the data know what a word names as worth destroying.
func (d *data) destroyable(w string) bool {
	return d.route(mDelete, []string{w}, false).set.Has(DestroysData) || d.route(mDelete, []string{w + "s"}, false).set.Has(DestroysData)
}

// isThing says of a name of capitals alone that its first word, though a verb's,
// tells a kind of thing: "deletedUsers", "hardDisk".
func (d *data) isThing(w []string) bool {
	if w[0] == "hard" || w[0] == "soft" { // a deletion only before a verb of one
		return len(w) < 2 || d.words[w[1]] != Deletes
	}
	return strings.HasSuffix(w[0], "ed") && d.participles[w[0]]
}

// asks says that a name of capitals alone can only be a question, which POST asks
// where its answer depends on much. Most verbs of reading begin names of things,
// too ("testRuns", "downloadTokens"), and those that seldom do may in a collection
// ("searchIndexes"): a POST that may create a thing stays a write.
func asks(w []string, collection bool) bool {
	if len(w) < 2 {
		return false
	}
	switch w[0] {
	case "get":
		return true // begins no thing's name
	case "list", "find", "fetch", "search":
		return !collection
	}
	return false
}

// looks says that a verb shows what it is about, whatever else its name may be.
func looks(verb string) bool {
	switch verb {
	case "get", "list", "find", "fetch", "search", "read", "view", "show", "download", "retrieve", "decrypt", "export":
		return true
	}
	return false
}

// inCollection says that what follows a path may be a collection of REST: the path
// has a version or an id.
func inCollection(path string) bool {
	for s := range strings.SplitSeq(path, "/") {
		if s != "" && (s[0] == '{' || s[0] == ':' || isNumber(s) || isVersion(s)) {
			return true
		}
	}
	return false
}

// underVersion says that a path ends in a version.
func underVersion(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	return last != "" && isVersion(last)
}

// plural guesses that a word tells several: "status" and "address" tell one.
func plural(w string) bool {
	return len(w) > 1 && w[len(w)-1] == 's' && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is")
}

// restMethod is the method that REST would have for a verb.
func restMethod(class Set, verb string) method {
	switch {
	case class.Has(Deletes):
		return mDelete
	case class.Any(Reads | Lists):
		return mGet
	}
	switch verb {
	case "set", "update", "replace", "modify", "change", "edit", "patch":
		return mPut
	}
	return mPost
}

// isService recognises a service of gRPC: names with dots between them, the last
// of which begins with a capital.
func isService(s string) bool {
	last := s[strings.LastIndexByte(s, '.')+1:]
	if last == "" || !isUpper(last[0]) {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) && !isDigit(s[i]) && s[i] != '.' && s[i] != '_' {
			return false
		}
	}
	return true
}

// camel says that a name has words told apart by capitals alone.
func camel(s string) bool {
	small, inner := false, false
	for i := range len(s) {
		switch {
		case isUpper(s[i]):
			inner = inner || small
		case isLetter(s[i]) && !isUpper(s[i]):
			small = true
		default:
			return false
		}
	}
	return inner
}
