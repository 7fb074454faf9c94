package app

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

func TestADeadLetterGoesBackToTheStageThatRefusedIt(t *testing.T) {
	letter := func(topic, stage string, more ...stream.Header) deadLetter {
		rec := stream.DeadLetter(&stream.Record{Topic: topic, Partition: 2, Offset: 7, Key: []byte("k")}, stage, 0, []byte("v"), errors.New("no"))
		rec.Headers = append(rec.Headers, more...)
		return readDeadLetter(&rec)
	}
	for name, test := range map[string]struct {
		d      deadLetter
		dry    bool
		refuse error
		went   string
		says   string
		fails  string
	}{
		"enrich's to its raw topic":                    {d: letter("raw.kong", "enrich"), went: "topic raw.kong", says: "1 record sent to raw.kong\n"},
		"a destination's to lapwing.alerts":            {d: letter("lapwing.alerts", "alert siem"), went: "topic lapwing.alerts", says: "1 record sent to lapwing.alerts\n"},
		"store's to ClickHouse, never to detect":       {d: letter("lapwing.events", "store"), went: "row deadletter/lapwing.events/2/7", says: "1 record sent to ClickHouse\n"},
		"store's, refused again":                       {d: letter("lapwing.events", "store"), refuse: errors.New("bad row"), went: "row deadletter/lapwing.events/2/7", fails: "ClickHouse refuses it again: bad row"},
		"nowhere in a dry run":                         {d: letter("raw.kong", "enrich"), dry: true, says: "1 record would go to raw.kong\n"},
		"nowhere in a dry run, of store":               {d: letter("lapwing.events", "store"), dry: true, says: "1 record would go to ClickHouse\n"},
		"of a stage that nobody knows, nowhere":        {d: letter("lapwing.events", "other"), fails: `stage "other" is not known`},
		"enrich's to no topic but a raw one":           {d: letter("lapwing.identities", "enrich"), fails: `1 record not sent: stage enrich reads no topic "lapwing.identities"`},
		"enrich's to no alerts":                        {d: letter("lapwing.alerts", "enrich"), fails: `stage enrich reads no topic "lapwing.alerts"`},
		"a destination's to no raw topic":              {d: letter("raw.kong", "alert siem"), fails: `stage alert siem reads no topic "raw.kong"`},
		"not even in a dry run":                        {d: letter("lapwing.feedback", "alert"), dry: true, fails: `stage alert reads no topic "lapwing.feedback"`},
		"one that was cut, nowhere":                    {d: letter("raw.kong", "enrich", stream.Header{Key: stream.DeadTruncated, Value: []byte("9")}), fails: "1 record not sent"},
		"a whole raw record, with what was good in it": {d: letter("raw.kong", "enrich", stream.Header{Key: stream.DeadWhole, Value: []byte("true")}), went: "topic raw.kong", says: "1 record sent to raw.kong\n1 raw record of them whole: what was good in them comes again\n"},
	} {
		t.Run(name, func(t *testing.T) {
			went := ""
			r := replayer{dryRun: test.dry, done: map[string]int{}, strange: map[string]int{}, raw: []string{"raw.kong"}, alerts: "lapwing.alerts",
				produce: func(_ context.Context, topic string, recs []stream.Record) error {
					went += "topic " + topic
					require.Equal(t, []stream.Record{{Key: []byte("k"), Value: []byte("v")}}, recs)
					return nil
				},
				insert: func(_ context.Context, token string, recs []stream.Record) ([]stream.Rejected, error) {
					went += "row " + token
					require.Equal(t, "v", string(recs[0].Value))
					if test.refuse != nil {
						return []stream.Rejected{{Err: test.refuse}}, nil
					}
					return nil, nil
				},
			}
			var said bytes.Buffer
			err := r.replay(t.Context(), test.d)
			if err == nil {
				err = r.report(&said, nil)
			}
			require.Equal(t, test.went, went)
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.says, said.String())
		})
	}
}
