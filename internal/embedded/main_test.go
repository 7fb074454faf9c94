package embedded

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets this test binary be the engine's child process as well.
func TestMain(m *testing.M) {
	if asked, err := ServeIfAsked(os.Args); asked {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
