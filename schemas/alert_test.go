package schemas

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEverySeverityHasOneWord(t *testing.T) {
	for i, word := range SeverityWords() {
		id, ok := SeverityOf(strings.ToUpper(word))
		require.True(t, ok, word)
		require.Equal(t, i+SeverityInfo, id)
		require.Equal(t, word, strings.ToLower(SeverityName(id)))
	}
	require.Len(t, SeverityWords(), SeverityCritical)
	for _, word := range []string{"", "unknown", "loud"} {
		_, ok := SeverityOf(word)
		require.False(t, ok, word)
	}
}
