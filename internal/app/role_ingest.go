package app

import (
	"net/http"

	"github.com/lapwing-sec/lapwing/ingest"
)

func (p *process) startIngest() error {
	if p.cfg.Ingest.Listen == "" {
		return nil
	}
	c := &p.cfg.Ingest
	topics := map[string]string{}
	for _, t := range p.cfg.RawTopics {
		if topics[t.Format] == "" {
			topics[t.Format] = t.Topic
		}
	}
	rc := ingest.ReceiverConfig{
		Topics:       topics,
		MaxBodyBytes: int64(c.MaxBody), MaxUnpackedBytes: int64(c.MaxDecompressed),
		MaxRecordBytes: int(c.MaxRecord), MaxRecords: c.MaxRecords,
	}
	if c.Token != "" {
		rc.Tokens = []string{c.Token.Reveal()}
	}
	mux := http.NewServeMux()
	mux.Handle("/ingest/", ingest.NewReceiver(rc, p.kafka, p.reg, p.log))
	// The receiver asks for the token itself: it speaks to senders of logs.
	listener := c.Listener
	listener.Token = ""
	addr, err := serve(p.roles, listener, mux, &p.life, "ingest", p.fail)
	if err != nil {
		return err
	}
	p.ingestAddr = addr
	return nil
}
