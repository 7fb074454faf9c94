package app

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Bounds of what is said of bad records: how many reasons of one file are told apart,
// and how many of them backtest shows.
const (
	maxReasons   = 1000
	shownReasons = 10
)

// badRecords gathers why records are none, by file; equal reasons are one, with the
// first record that it holds for. It is not safe for concurrent use.
type badRecords map[*inputFile]*badReasons

type badReasons struct {
	byText map[string]*badReason
	// others have a reason beyond maxReasons.
	others int
}

type badReason struct {
	text         string
	first, count int
}

// add notes a bad record; number counts from 1.
func (b badRecords) add(f *inputFile, number int, err error) {
	of := b[f]
	if of == nil {
		of = &badReasons{byText: map[string]*badReason{}}
		b[f] = of
	}
	text := oneLine(err.Error())
	r := of.byText[text]
	switch {
	case r == nil && len(of.byText) >= maxReasons:
		of.others++
		return
	case r == nil:
		r = &badReason{text: text, first: number}
		of.byText[text] = r
	}
	r.count++
	r.first = min(r.first, number)
}

// tell says what was wrong, of each of the files in their order, at most limit reasons
// of each by the first record; rest is what to say of what is left out.
func (b badRecords) tell(w io.Writer, files []*inputFile, limit int, rest string) {
	for _, f := range files {
		of := b[f]
		if of == nil {
			continue
		}
		list := make([]*badReason, 0, len(of.byText))
		for _, r := range of.byText {
			list = append(list, r)
		}
		slices.SortFunc(list, func(a, b *badReason) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.text, b.text)) })
		left := of.others
		for i, r := range list {
			switch {
			case i >= limit:
				left += r.count
			case r.count > 1:
				fmt.Fprintf(w, "%s: record %d and %d more: %s\n", f.label(), r.first, r.count-1, r.text)
			default:
				fmt.Fprintf(w, "%s: record %d: %s\n", f.label(), r.first, r.text)
			}
		}
		if left > 0 {
			fmt.Fprintf(w, "%s: and %s%s\n", f.label(), count(left, "more bad record"), rest)
		}
	}
}
