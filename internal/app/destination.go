package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Destination is one place that alerts go to.
type Destination struct {
	Name        string           `yaml:"name" doc:"Name of the destination: a-z, 0-9 and -. What was delivered is remembered under it, so keep it."`
	Kind        string           `yaml:"kind" doc:"file, webhook, splunk-hec, syslog, alertmanager or pagerduty."`
	URL         string           `yaml:"url" doc:"http(s)://… ; tcp:// or tls://host:port for syslog."`
	Path        string           `yaml:"path" doc:"File to append to."`
	Format      string           `yaml:"format" doc:"Payload of syslog: cef or ocsf."`
	Token       Secret           `yaml:"token" doc:"HEC token, PagerDuty routing key, or bearer token."`
	TokenFile   string           `yaml:"token_file" doc:"File that holds the token."`
	Secret      Secret           `yaml:"secret" doc:"Signing secret of a webhook, whsec_…"`
	SecretFile  string           `yaml:"secret_file" doc:"File that holds the secret."`
	MinSeverity string           `yaml:"min_severity" doc:"Least severity sent: informational, low, medium, high, critical."`
	Index       string           `yaml:"index" doc:"Splunk index."`
	Source      string           `yaml:"source" doc:"Splunk source."`
	Sourcetype  string           `yaml:"sourcetype" doc:"Splunk sourcetype."`
	Link        string           `yaml:"link" doc:"URL shown to the responder, with {id} for the alert's id."`
	Timeout     schemas.Duration `yaml:"timeout" doc:"Bound of one attempt, at most 5m; default 10s."`
	TLS         DestinationTLS   `yaml:"tls"`
}

// DestinationTLS names the files of a destination's TLS; the scheme of the URL
// turns TLS on.
type DestinationTLS struct {
	CAFile     string `yaml:"ca_file" doc:"PEM authorities; empty: the system's."`
	CertFile   string `yaml:"cert_file" doc:"PEM certificate to show."`
	KeyFile    string `yaml:"key_file" doc:"PEM private key of it."`
	ServerName string `yaml:"server_name" doc:"Name to expect in the server's certificate, when it is not the host's."`
}

// alerting gives the destination in the words of the package that serves it.
func (d Destination) alerting() alerting.Destination {
	return alerting.Destination{
		Name: d.Name, Kind: d.Kind, URL: d.URL, Path: d.Path, Format: d.Format,
		Token: d.Token.Reveal(), Secret: d.Secret.Reveal(), MinSeverity: d.MinSeverity,
		Index: d.Index, Source: d.Source, Sourcetype: d.Sourcetype,
		Link: d.Link, Timeout: time.Duration(d.Timeout),
		TLS: alerting.TLS{CAFile: d.TLS.CAFile, CertFile: d.TLS.CertFile, KeyFile: d.TLS.KeyFile, ServerName: d.TLS.ServerName},
	}
}

func (l *loader) destinations(bad report, c *Config) {
	seen := map[string]bool{}
	for i, d := range c.Destinations {
		key := fmt.Sprintf("destinations[%d]", i)
		switch {
		case d.Name == clickhouseDestination:
			bad(key+".name", "%s is the name of Lapwing's own destination: choose another", d.Name)
		case seen[d.Name]:
			bad(key+".name", "%s stands here twice", d.Name)
		}
		seen[d.Name] = true
		if err := d.alerting().Validate(); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				bad(key, "%s", line)
			}
		}
	}
}
