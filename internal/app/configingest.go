package app

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/ingest"
)

// IngestConfig is the HTTP receivers.
type IngestConfig struct {
	Listener        `yaml:",inline"`
	OldTokens       []Secret `yaml:"old_tokens" doc:"Tokens that are taken as well, during a rotation."`
	ClientCerts     string   `yaml:"client_certs" doc:"With tls.client_ca_file. optional: a sender shows a certificate or a token; required: a certificate, and the token if one is set." accept:"required,optional"`
	MaxBody         Bytes    `yaml:"max_body" doc:"Largest request body as sent."`
	MaxDecompressed Bytes    `yaml:"max_decompressed" doc:"Largest request body after gzip."`
	MaxRecord       Bytes    `yaml:"max_record" doc:"Largest single record; brokers take 1 MB unless told otherwise."`
	MaxRecords      int      `yaml:"max_records" doc:"Most records in one request."`
	MaxRequests     int      `yaml:"max_requests" doc:"Requests in work at once; others are put off with 503."`
	MaxInFlight     Bytes    `yaml:"max_in_flight" doc:"Bytes that the requests in work hold together, bodies after gzip and records; others are put off with 503. One sender may take three quarters of both."`

	Splunk     SplunkConfig `yaml:"splunk"`
	Firehose   SenderConfig `yaml:"firehose"`
	Kubernetes SenderConfig `yaml:"kubernetes"`
	OTLP       SenderConfig `yaml:"otlp"`
	Okta       SenderConfig `yaml:"okta"`
	GitHub     SenderConfig `yaml:"github"`
	Cloudflare SenderConfig `yaml:"cloudflare"`

	Custom []CustomFormat `yaml:"custom" doc:"Formats of your own: mappings of any JSON, usable wherever a format is named. In the environment: the same list as JSON."`
}

// CustomFormat is a format that a mapping describes.
type CustomFormat struct {
	Name string `yaml:"name" doc:"Name of the format; empty: the one that the mapping gives."`
	File string `yaml:"file" doc:"The mapping (docs/sending-logs.md, \"Any JSON\")."`
}

// What client_certs may be.
const (
	clientCertsRequired = "required"
	clientCertsOptional = "optional"
)

// SenderConfig is what one receiver's senders prove themselves with.
type SenderConfig struct {
	Secrets     []Secret `yaml:"secrets" doc:"What these senders prove themselves with, instead of ingest.token; several during a rotation."`
	SecretsFile string   `yaml:"secrets_file" doc:"File that holds them, one a line."`
}

// SplunkConfig is the Splunk receiver.
type SplunkConfig struct {
	SenderConfig  `yaml:",inline"`
	Acks          bool               `yaml:"acks" doc:"Hand out acknowledgement ids to requests with a channel."`
	Formats       []SourcetypeConfig `yaml:"formats" doc:"Formats of sourcetypes, besides the formats' own names and those of Splunk's add-ons. In the environment: the same list as JSON."`
	DefaultFormat string             `yaml:"default_format" doc:"Format of events that neither sourcetype nor content tells; empty refuses them."`
}

// SourcetypeConfig says which format a sourcetype is.
type SourcetypeConfig struct {
	Sourcetype string `yaml:"sourcetype" doc:"Name of the sourcetype."`
	Format     string `yaml:"format" doc:"Its format (lapwing parse --help lists them)."`
}

// defaultRawTopics is one topic for every format.
func defaultRawTopics() []RawTopicConfig {
	var out []RawTopicConfig
	for _, f := range ingest.Formats() {
		out = append(out, RawTopicConfig{Topic: "raw." + f.Name, Format: f.Name})
	}
	return out
}

// addCustomTopics gives each format of ingest.custom a topic, as the others have
// one by default. What is wrong with a mapping is for validate to say.
func (c *Config) addCustomTopics() {
	set, err := c.formatSet()
	if err != nil {
		return
	}
	for _, f := range set.Formats()[:len(c.Ingest.Custom)] {
		c.RawTopics = append(c.RawTopics, RawTopicConfig{Topic: "raw." + f.Name, Format: f.Name})
	}
}

// sender is a receiver with secrets of its own.
type sender struct {
	name string
	*SenderConfig
}

// senders lists them by the receivers' names.
func (c *IngestConfig) senders() []sender {
	return []sender{
		{"splunk", &c.Splunk.SenderConfig}, {"firehose", &c.Firehose}, {"kubernetes", &c.Kubernetes}, {"otlp", &c.OTLP},
		{"okta", &c.Okta}, {"github", &c.GitHub}, {"cloudflare", &c.Cloudflare},
	}
}

// minSecret is the shortest secret taken from a sender: shorter ones are slips,
// and signatures under them can be guessed.
const minSecret = 8

func (l *loader) ingest(bad report, c *IngestConfig, known []string) {
	if c.ClientCerts == clientCertsOptional {
		switch {
		case c.TLS.ClientCAFile == "":
			bad("ingest.client_certs", "optional needs ingest.tls.client_ca_file")
		case c.Token == "":
			bad("ingest.client_certs", "optional lets senders in that show no certificate: set ingest.token (or token_file) for them")
		}
	}
	if c.MaxInFlight < 2*c.MaxDecompressed {
		bad("ingest.max_in_flight", "%s: want twice ingest.max_decompressed (%s) or more, a body and its records", c.MaxInFlight, c.MaxDecompressed)
	}
	for _, s := range c.senders() {
		for _, secret := range s.Secrets {
			if len(secret) < minSecret {
				bad("ingest."+s.name+".secrets", "one has %d characters: want %d or more, such as the output of: openssl rand -hex 32", len(secret), minSecret)
			}
		}
	}
	for i, f := range c.Splunk.Formats {
		key := fmt.Sprintf("ingest.splunk.formats[%d]", i)
		if f.Sourcetype == "" {
			bad(key+".sourcetype", "want a name")
		}
		if !slices.Contains(known, f.Format) {
			bad(key+".format", "%q: want %s", f.Format, oneOf(known))
		}
	}
	if f := c.Splunk.DefaultFormat; f != "" && !slices.Contains(known, f) {
		bad("ingest.splunk.default_format", "%q: want %s", f, oneOf(known))
	}
}

// maxSecretsFile bounds a file of secrets, in bytes.
const maxSecretsFile = 64 << 10

// readSecretLists fills the senders' secrets from their files.
func (l *loader) readSecretLists(c *IngestConfig) []error {
	var errs []error
	for _, s := range c.senders() {
		key := "ingest." + s.name + ".secrets"
		if s.SecretsFile == "" {
			continue
		}
		if len(s.Secrets) > 0 {
			errs = append(errs, l.fail(key, "is set together with %s_file: keep one", key))
			continue
		}
		text, err := os.ReadFile(filepath.Clean(s.SecretsFile))
		if err == nil && len(text) > maxSecretsFile {
			err = fmt.Errorf("more than %d bytes", maxSecretsFile)
		}
		if err != nil {
			errs = append(errs, l.fail(key+"_file", "%s: %s", s.SecretsFile, rootCause(err)))
			continue
		}
		for line := range bytes.Lines(text) {
			if secret := strings.TrimSpace(string(line)); secret != "" {
				s.Secrets = append(s.Secrets, Secret(secret))
			}
		}
		if len(s.Secrets) == 0 {
			errs = append(errs, l.fail(key+"_file", "%s is empty", s.SecretsFile))
		}
	}
	return errs
}
