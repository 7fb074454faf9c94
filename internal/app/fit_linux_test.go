package app

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// onTerminal gives what a command writes to a terminal of so many columns.
func onTerminal(t *testing.T, columns int, run func(out io.Writer) error) string {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this machine has no terminals: ", err)
	}
	fd := int(near.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: 40})) //nolint:gosec // of this file
	t.Setenv("COLUMNS", "")
	shown := make(chan string)
	go func() {
		all, _ := io.ReadAll(near) // ends with an error once the far end is closed
		shown <- string(all)
	}()
	require.NoError(t, run(far))
	require.NoError(t, far.Close())
	out := <-shown
	require.NoError(t, near.Close())
	return out
}

func TestTablesOfRulesFitTheTerminal(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(o RulesOptions, std IO) error
	}{
		{"list", func(o RulesOptions, std IO) error { return RulesList(Defaults(), o, std) }},
		{"test", func(o RulesOptions, std IO) error { return RulesTest(t.Context(), Defaults(), o, std) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			show := func(wide bool) (text string, widest int) {
				text = onTerminal(t, 80, func(out io.Writer) error {
					return tt.run(RulesOptions{Rules: []string{exampleRules}, Wide: wide}, IO{Out: out, Err: io.Discard})
				})
				for line := range strings.Lines(text) {
					widest = max(widest, utf8.RuneCountInString(strings.TrimRight(line, "\r\n")))
				}
				return text, widest
			}
			text, widest := show(false)
			require.Contains(t, text, "┌")
			require.LessOrEqual(t, widest, 80, text)
			text, widest = show(true)
			require.Greater(t, widest, 80, text)
		})
	}
}
