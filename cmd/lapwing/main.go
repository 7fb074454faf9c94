// Command lapwing watches API calls made by non-human identities and says what
// is not normal, in time and in words. The commands live one in a file; what
// they do lives in internal/app.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func main() {
	os.Exit(run(os.Args[1:], app.StdIO()))
}

// run executes one command line and gives the process's exit code.
func run(args []string, io app.IO) int {
	// The first signal asks for a drain; stop() then gives the second one its
	// usual force, so that an impatient Ctrl-C ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root, g := newTree(io)
	root.SetArgs(args)
	err := errors.Join(root.ExecuteContext(ctx), g.refused)
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	code, printIt := app.ExitCode(err)
	if printIt {
		for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
			fmt.Fprintln(io.Err, "lapwing: "+line)
		}
	}
	return code
}
