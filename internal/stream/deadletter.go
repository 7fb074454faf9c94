package stream

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Headers of a dead letter: where the sub-record was, which stage refused it
// and why.
const (
	DeadTopic     = "topic"
	DeadPartition = "partition"
	DeadOffset    = "offset"
	DeadIndex     = "index"
	DeadStage     = "stage"
	DeadError     = "error"
	// DeadWhole marks a value that is the whole raw record, because the bytes
	// of the one sub-record could not be told apart.
	DeadWhole = "whole"
	// DeadCount gives the number of refused sub-records that a whole raw record
	// stands for; the index is that of the first.
	DeadCount = "count"
	// DeadTruncated gives the full length of a value that was cut.
	DeadTruncated = "truncated"
)

const (
	// maxDead bounds a dead letter's value; brokers take 1 MB by default.
	maxDead      = 900 << 10
	maxDeadError = 1000
)

// DeadLetter makes the record that tells why a sub-record of rec was refused.
// It copies what it keeps.
func DeadLetter(rec *Record, stage string, index int, sub []byte, reason error) Record {
	text := strings.ToValidUTF8(reason.Error(), "\uFFFD")
	if len(text) > maxDeadError {
		cut := maxDeadError
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	headers := []Header{
		{DeadTopic, []byte(rec.Topic)},
		{DeadPartition, strconv.AppendInt(nil, int64(rec.Partition), 10)},
		{DeadOffset, strconv.AppendInt(nil, rec.Offset, 10)},
		{DeadIndex, strconv.AppendInt(nil, int64(index), 10)},
		{DeadStage, []byte(stage)},
		{DeadError, []byte(text)},
	}
	if len(sub) > maxDead {
		headers = append(headers, Header{DeadTruncated, strconv.AppendInt(nil, int64(len(sub)), 10)})
		sub = sub[:maxDead]
	}
	key := rec.Key
	if len(key) > maxDeadError {
		key = key[:maxDeadError]
	}
	return Record{Key: bytes.Clone(key), Value: bytes.Clone(sub), Headers: headers}
}
