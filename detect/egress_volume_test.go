package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestTheLargestCallIsStatedInTheUnitOfTheFinding(t *testing.T) {
	pane := &Pane{Number: 1}
	for _, ev := range []*schemas.Event{
		{Id: "a", Time: 1, Operation: "s3:GetObject", BytesOut: 5e9, RecordsOut: 2, SrcIp: "203.0.113.9"},
		{Id: "b", Time: 2, Operation: "bigquery:read", BytesOut: 80e3, RecordsOut: 120_000, SrcIp: "203.0.113.9"},
		{Id: "c", Time: 3, Operation: "GET /v1/orders", RecordsOut: 9000, SrcIp: "203.0.113.9"},
	} {
		pane.add(ev, &Call{Event: ev, Time: ev.Time, Success: true}, 0)
	}
	p := &Profile{}
	bytes := explainEgress(nil, p, pane, &Score{Observed: 5e9, Expected: 1e4, Scale: egressBytes})
	assert.Equal(t, "Largest call, 5 GB: s3:GetObject from 203.0.113.9", bytes.Trigger)
	records := explainEgress(nil, p, pane, &Score{Observed: 129_002, Expected: 100, Scale: egressRecords})
	assert.Equal(t, "Call of most records, 120,000: bigquery:read from 203.0.113.9", records.Trigger)
	assert.Equal(t, "b", pane.shown(&found{&egressVolumeCard, records}).related().UID)
	assert.Equal(t, "a", pane.shown(&found{&egressVolumeCard, bytes}).related().UID)
}
