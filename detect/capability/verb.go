package capability

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// verb is the class of an operation that no row states, and whether a verb in
// its name said so. A name without one is a write if the source says that it
// changes something, else a read: an unknown word alone never makes a reader a
// writer.
func (d *data) verb(operation string, n name, f family, readOnly schemas.ReadOnly) (Set, bool) {
	var class Set
	if f == familyAWS || f == familyAny {
		class = d.leading(operation)
	}
	if class == 0 && f != familyAWS {
		class = d.spoken(n, f)
	}
	switch {
	case class != 0:
		return class, true
	case readOnly == schemas.ReadOnly_READ_ONLY_FALSE:
		return Writes, false
	}
	return Reads, false
}

// leading is the class of the longest verb that begins an action's name, as
// AWS names them.
func (d *data) leading(operation string) Set {
	action := operation
	if i := strings.LastIndexByte(action, ':'); i >= 0 {
		action = action[i+1:]
	}
	for n := min(d.longest, len(action)); n > 0; n-- {
		if n < len(action) && action[n] >= 'a' && action[n] <= 'z' {
			continue // in the middle of a word
		}
		head := action[:n]
		if c := head[0]; c >= 'a' && c <= 'z' {
			head = string(c-'a'+'A') + head[1:]
		}
		if class, ok := d.verbs[head]; ok {
			return class
		}
	}
	return 0
}

// spoken finds the verb where the source puts it: "CreateRole" and
// "instances.insert" end in their segment's verb, "secrets/read" in a verb,
// "user.lifecycle.create" too, "file_downloaded" in a participle, "Add member
// to role" and "create pods/exec" begin with one.
func (d *data) spoken(n name, f family) Set {
	action := n.action
	switch f {
	case familyAzure:
		parts := strings.Split(n.keys[0], "/")
		last := parts[len(parts)-1]
		if last == "action" && len(parts) > 1 {
			return d.glued(parts[len(parts)-2])
		}
		if class := d.words[last]; class != 0 {
			return class
		}
	case familyKubernetes, familyVault:
		verb, _, _ := strings.Cut(action, " ")
		return d.words[strings.ToLower(verb)]
	default: // the others put it in the last segment
	}
	if w := words(action); len(w) > 0 {
		if last := w[len(w)-1]; d.participles[last] {
			return d.words[last]
		}
	}
	for action != "" { // segments from the last
		i := strings.LastIndexAny(action, "./:")
		w := words(action[i+1:])
		if len(w) > 0 {
			if class := d.words[w[0]]; class != 0 {
				return class
			}
		}
		for j := len(w) - 1; j > 0; j-- {
			if class := d.words[w[j]]; class != 0 {
				return class
			}
		}
		action = action[:max(i, 0)]
	}
	return 0
}

// glued is the class of the longest verb that begins a word in lower case, whose
// words are not told apart: "regeneratekey".
func (d *data) glued(word string) Set {
	for n := len(word); n > 2; n-- {
		if class := d.words[word[:n]]; class != 0 {
			return class
		}
	}
	return 0
}

// maxWords bounds how much of a name is looked at.
const maxWords = 32

// words cuts a name at every byte that is no letter or digit, and where a
// capital follows a small letter or begins a word after capitals, and gives the
// words in lower case.
func words(s string) (out []string) {
	start := -1
	flush := func(end int) {
		if start >= 0 && len(out) < maxWords {
			out = append(out, strings.ToLower(s[start:end]))
		}
		start = -1
	}
	for i := range len(s) {
		b := s[i]
		switch {
		case !isLetter(b) && !isDigit(b) && b < 0x80:
			flush(i)
			continue
		case start >= 0 && isUpper(b) && (!isUpper(s[i-1]) || i+1 < len(s) && isLetter(s[i+1]) && !isUpper(s[i+1])):
			flush(i)
		}
		if start < 0 {
			start = i
		}
	}
	flush(len(s))
	return out
}

func isUpper(b byte) bool { return b >= 'A' && b <= 'Z' }

func isLetter(b byte) bool { return isUpper(b) || b >= 'a' && b <= 'z' }
