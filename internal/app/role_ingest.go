package app

import (
	"context"
	"crypto/tls"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/ingest/receive"
)

func (p *process) startIngest() error {
	if p.cfg.Ingest.Listen == "" {
		return nil
	}
	addr, err := serveReceivers(p.roles, &p.cfg, p.kafka, p.reg, p.log, p.certs, &p.life, p.fail)
	if err != nil {
		return err
	}
	p.ingestAddr = addr
	return nil
}

// serveReceivers starts the listener of all receivers and returns its address.
func serveReceivers(ctx context.Context, cfg *Config, out receive.Producer, reg prometheus.Registerer, log zerolog.Logger, seen *certMetrics, life *lifecycle, fail func(error)) (string, error) {
	// The receivers ask for the token themselves, each in its protocol's way.
	receivers := cfg.receivers()
	set, err := cfg.formatSet()
	if err != nil {
		return "", Usage(err)
	}
	receivers.Formats = set
	listener := cfg.Ingest.Listener
	listener.Token = ""
	clientAuth := tls.RequireAndVerifyClientCert
	if cfg.Ingest.ClientCerts == clientCertsOptional {
		clientAuth = tls.VerifyClientCertIfGiven
	}
	return serve(ctx, listener, clientAuth, receive.New(receivers, out, reg, log), life, "ingest", seen, fail)
}

// receivers gives the settings of the receivers.
func (c *Config) receivers() receive.Config {
	in := &c.Ingest
	out := receive.Config{
		Topics: map[string]string{}, OnlyTopics: true, Secrets: map[string][]string{}, CertificateIsEnough: in.ClientCerts == clientCertsOptional,
		MaxBodyBytes: int64(in.MaxBody), MaxUnpackedBytes: int64(in.MaxDecompressed), MaxRecordBytes: int(in.MaxRecord), MaxRecords: in.MaxRecords,
		MaxConcurrent: in.MaxRequests, MaxInFlightBytes: int64(in.MaxInFlight),
		Splunk: receive.SplunkConfig{NoAcks: !in.Splunk.Acks, DefaultFormat: in.Splunk.DefaultFormat, Sourcetypes: map[string]string{}},
	}
	for _, t := range c.RawTopics {
		if out.Topics[t.Format] == "" {
			out.Topics[t.Format] = t.Topic
		}
	}
	if in.Token != "" {
		out.Tokens = append(out.Tokens, in.Token.Reveal())
	}
	out.Tokens = append(out.Tokens, reveal(in.OldTokens)...)
	for _, s := range in.senders() {
		out.Secrets[s.name] = reveal(s.Secrets)
	}
	for _, f := range in.Splunk.Formats {
		out.Splunk.Sourcetypes[f.Sourcetype] = f.Format
	}
	return out
}

func reveal(secrets []Secret) []string {
	var out []string
	for _, s := range secrets {
		out = append(out, s.Reveal())
	}
	return out
}
