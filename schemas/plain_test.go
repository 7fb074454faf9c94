package schemas

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPlainShowsWhatThereIs(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"letters of any script stay", "Größe 日本語 é", "Größe 日本語 é"},
		{"escapes of a terminal go", "x\x1b[2Jy", "x\ufffd[2Jy"},
		{"a line stays one", "a\nb\u2028c", "a\ufffdb\ufffdc"},
		{"the direction stays", "\u202egnp.exe", "\ufffdgnp.exe"},
		{"nothing is invisible", "a\u200bb\u3164c\U000e0041", "a\ufffdb\ufffdc\ufffd"},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, Plain(c.in)) })
	}
}
