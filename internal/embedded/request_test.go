package embedded

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestABodyBeyondItsBoundIsAnErrorAndNotCutOff(t *testing.T) {
	b, err := io.ReadAll(newLimitReader(iotest.HalfReader(strings.NewReader("row\nrow\n")), 8))
	require.NoError(t, err)
	require.Equal(t, "row\nrow\n", string(b))
	_, err = io.ReadAll(newLimitReader(iotest.HalfReader(strings.NewReader("row\nrow\nrow")), 8))
	require.EqualError(t, err, "more than 8 bytes, unpacked")
}
