package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/schemas"
)

// ProfileWordOptions says what an operator wants done with a profile.
type ProfileWordOptions struct {
	// Action is pin, unpin, reset, import or undo; Identity is whose profile.
	Action, Identity string
	// Of is an identity whose profile is taken over, File an export that holds it;
	// import needs one of them. Without Of a file's profile of Identity is taken, or
	// its only one.
	Of, File string
	// Reason is asked for, By defaults to the user's name.
	Reason, By string
	// DryRun only says what would be done.
	DryRun bool
}

func (o *ProfileWordOptions) check() error {
	switch {
	case o.Reason == "" && o.Action != detect.ProfileUndo:
		return Usagef("profile %s: say why with --reason; it is kept with the change", o.Action)
	case len(o.Reason) > maxReason:
		return Usagef("--reason: %d bytes, at most %d", len(o.Reason), maxReason)
	case o.Action == detect.ProfileImport && o.Of == "" && o.File == "":
		return Usagef("profile import: whose profile? Give --of IDENTITY, or --file EXPORT, or both for one identity of an export")
	}
	return nil
}

// ProfileChange writes an operator's word about a profile into the log of
// events, where it takes effect.
func ProfileChange(ctx context.Context, cfg Config, o ProfileWordOptions, std IO) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.By == "" {
		o.By = userName()
	}
	s := newServices(&cfg)
	all, err := s.identities(ctx)
	if err != nil {
		return err
	}
	id, _ := findIdentity(all, o.Identity)
	from := ""
	if o.Of != "" {
		from, _ = findIdentity(all, o.Of)
		if from == id && o.File == "" {
			return Usagef("profile import: --of %q is the same identity", o.Of)
		}
	}
	now, err := s.profileOf(ctx, id, std)
	if err != nil {
		return err
	}
	c := &schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_PROFILE, Action: o.Action, IdentityId: id, Time: time.Now().UnixNano(), By: o.By, Reason: o.Reason,
	}
	said, err := s.plan(ctx, &o, id, from, now, c, std)
	if err != nil {
		return err
	}
	if !o.DryRun {
		if err := s.sendControls(ctx, []*schemas.Control{c}, anyCell); err != nil {
			return err
		}
	}
	verb := "recorded"
	if o.DryRun {
		verb = "would be recorded"
	}
	fmt.Fprintf(std.Err, "%s of %s %s: %s\n", o.Action, oneLine(id), verb, said)
	if o.Action != detect.ProfileUndo {
		fmt.Fprintf(std.Err, "take it back within 30 days: lapwing profile undo %s\n", oneLine(id))
	}
	return nil
}

// known is what a cell knows of an identity.
type knownProfile struct {
	view  detect.ProfileView
	state []byte
	words []detect.ProfileWord
	ok    bool
}

// profileOf reads the state of an identity's cell.
func (s *services) profileOf(ctx context.Context, id string, std IO) (k knownProfile, err error) {
	kc, err := s.openKafka(ctx)
	if err != nil {
		return k, err
	}
	defer kc.Close()
	cell, err := cellOf(ctx, kc, id)
	if err != nil {
		return k, err
	}
	bar := newProgress(std.Err, "reading the log", 0, false)
	e, err := s.cellEngine(ctx, kc, cell, bar)
	bar.finish()
	if err != nil {
		return k, err
	}
	if k.view, k.ok = e.Profile(id); k.ok {
		k.state, _ = e.ProfileState(id)
	}
	for _, w := range e.ProfileWords() {
		if w.Identity == id && !w.Undone {
			k.words = append(k.words, w)
		}
	}
	return k, nil
}

// plan checks what is asked for, fills the record and says what it will do.
func (s *services) plan(ctx context.Context, o *ProfileWordOptions, id, from string, now knownProfile, c *schemas.Control, std IO) (string, error) {
	if !now.ok && o.Action != detect.ProfileImport {
		return "", fmt.Errorf("there is no profile of %q: no call of it was seen, or it was forgotten for others", id)
	}
	switch o.Action {
	case detect.ProfilePin:
		said := "it stops learning " + sizeOf(&now.view)
		if now.view.Pinned {
			return "", Usagef("profile pin: %s is pinned already", id)
		}
		if !now.view.Mature {
			said += "; mind that it has not learned enough yet to judge by itself"
		}
		return said, nil
	case detect.ProfileUnpin:
		if !now.view.Pinned {
			return "", Usagef("profile unpin: %s is not pinned", id)
		}
		return "it learns again", nil
	case detect.ProfileReset:
		return "it forgets " + sizeOf(&now.view) + " and learns anew; what analysts said of its alerts stays", nil
	case detect.ProfileUndo:
		if len(now.words) == 0 {
			return "", Usagef("profile undo: nothing was done to the profile of %s within 30 days", id)
		}
		w := now.words[len(now.words)-1]
		return fmt.Sprintf("takes back the %s of %s by %s", w.Action, w.Time.Format("2006-01-02 15:04"), oneLine(w.By)), nil
	}
	var source knownProfile
	var err error
	switch {
	case o.File != "":
		source, err = profileOfFile(o.File, cmp.Or(from, id), from != "", std.In)
	default:
		if source, err = s.profileOf(ctx, from, std); err == nil && !source.ok {
			err = fmt.Errorf("there is no profile of %q to take over", from)
		}
	}
	if err != nil {
		return "", err
	}
	if err := detect.CheckProfileState(source.state); err != nil {
		return "", Usagef("profile import: %s: %w; was it exported by another version of lapwing?", oneLine(source.view.Identity), err)
	}
	c.Profile = source.state
	said := "it begins with the baseline of " + oneLine(source.view.Identity) + ", " + sizeOf(&source.view)
	if now.ok {
		said += ", in place of its own " + sizeOf(&now.view)
	}
	return said, nil
}

// sizeOf words how much a profile rests on.
func sizeOf(v *detect.ProfileView) string {
	n := 0
	for i := range v.Sets {
		n += len(v.Sets[i].Values)
	}
	return fmt.Sprintf("(%s, %s, %s)", count(v.ActiveDays, "active day"), count(v.Calls, "call"), count(n, "value"))
}

// profileOfFile finds the profile to take over in an export: that of the identity
// of, or, where nobody was named (of is whose it becomes), the only one.
func profileOfFile(name, of string, named bool, stdin io.Reader) (knownProfile, error) {
	var found, only detect.ProfileView
	n := 0
	err := eachProfile(name, stdin, func(v *detect.ProfileView) error {
		if n++; v.Identity == of {
			found = *v
			return errEnough
		}
		only = *v
		return nil
	})
	if err != nil {
		return knownProfile{}, err
	}
	if found.Identity == "" && n == 1 && !named {
		found = only
	}
	switch {
	case found.Identity == "":
		return knownProfile{}, Usagef("--file %s: %s, none of %q: name the one that is meant with --of", name, count(n, "profile"), of)
	case len(found.State) == 0:
		return knownProfile{}, Usagef("--file %s: the profile of %q has no state: export it with lapwing profile export", name, found.Identity)
	}
	return knownProfile{view: found, state: found.State, ok: true}, nil
}

// ProfileChanges lists what operators did to profiles within 30 days.
func ProfileChanges(ctx context.Context, cfg Config, asJSON bool, std IO) error {
	var words []detect.ProfileWord
	err := newServices(&cfg).engines(ctx, std, func(e *detect.Engine) error {
		words = append(words, e.ProfileWords()...)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(words, func(a, b detect.ProfileWord) int { return a.Time.Compare(b.Time) })
	if asJSON {
		return encodeLines(std.Out, words)
	}
	if _, err := io.WriteString(std.Out, profileWordsText(words)); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, count(len(words), "change"))
	return nil
}

func profileWordsText(words []detect.ProfileWord) string {
	t := newTable("time", "change", "identity", "by", "reason", "taken back")
	for i := range words {
		w := &words[i]
		t.AppendRow(table.Row{
			w.Time.Format("2006-01-02 15:04"), w.Action, oneLine(w.Identity), oneLine(w.By), clipText(oneLine(w.Reason), maxCell), map[bool]string{true: "yes"}[w.Undone],
		})
	}
	return t.Render() + "\n"
}
