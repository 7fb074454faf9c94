package app

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// EnvPrefix starts the name of every environment variable that overrides a
// configuration key: kafka.brokers is LAPWING_KAFKA_BROKERS.
const EnvPrefix = "LAPWING_"

// Config is the whole configuration. Every field has a yaml key, a default
// (Defaults) and a sentence of documentation, from which docs/configuration.md
// is generated. Secrets are given in the environment, in a file named by the
// key with _file added, or, if it must be, in the file itself.
type Config struct {
	Tenant          string           `yaml:"tenant" doc:"Name of this deployment, stored with every event and alert."`
	DataDir         string           `yaml:"data_dir" doc:"Where up and demo keep the embedded broker, ClickHouse and their secrets."`
	ShutdownTimeout schemas.Duration `yaml:"shutdown_timeout" doc:"How long a stopping process may drain before it gives up."`
	Log             LogConfig        `yaml:"log"`
	Monitor         Listener         `yaml:"monitor" doc:"Serves /metrics, /healthz, /readyz and /debug/pprof."`
	Ingest          IngestConfig     `yaml:"ingest" doc:"The HTTP receivers."`
	RawTopics       []RawTopicConfig `yaml:"raw_topics" doc:"Topics that hold raw logs, one format each; the list replaces the default one, to which each format of ingest.custom adds raw.NAME. In the environment: the same list as JSON."`
	Secrets         SecretsConfig    `yaml:"secrets"`
	Inventory       InventoryConfig  `yaml:"inventory"`
	Geo             GeoConfig        `yaml:"geo"`
	Networks        NetworksConfig   `yaml:"networks"`
	APIs            []APIConfig      `yaml:"apis" doc:"OpenAPI documents of the APIs behind gateways, and lists of the tools of MCP servers: calls that they do not describe are findings. In the environment: the same list as JSON."`
	Kafka           KafkaConfig      `yaml:"kafka"`
	ClickHouse      ClickHouseConfig `yaml:"clickhouse"`
	Embedded        EmbeddedConfig   `yaml:"embedded"`
	Enrich          EnrichConfig     `yaml:"enrich"`
	Budget          BudgetConfig     `yaml:"budget"`
	Detect          DetectConfig     `yaml:"detect"`
	Store           StoreConfig      `yaml:"store"`
	Destinations    []Destination    `yaml:"destinations" doc:"Where alerts go besides ClickHouse; each is a consumer group of its own. In the environment: the same list as JSON."`
}

// LogConfig says how Lapwing logs about itself, on stderr.
type LogConfig struct {
	Level  string `yaml:"level" doc:"Least severity that is written." accept:"trace,debug,info,warn,error"`
	Format string `yaml:"format" doc:"auto is console on a terminal, json elsewhere." accept:"auto,console,json"`
}

// Listener is an HTTP listener.
type Listener struct {
	Listen         string    `yaml:"listen" doc:"Address to bind; empty turns the listener off."`
	Token          Secret    `yaml:"token" doc:"Callers must send it as \"Authorization: Bearer …\"; empty asks for none."`
	TokenFile      string    `yaml:"token_file" doc:"File that holds the token."`
	TLS            ServerTLS `yaml:"tls"`
	MaxConnections int       `yaml:"max_connections" doc:"Connections held at once; more wait."`
}

// ServerTLS is a listener's certificate.
type ServerTLS struct {
	CertFile     string `yaml:"cert_file" doc:"PEM certificate chain; with key_file it turns TLS on."`
	KeyFile      string `yaml:"key_file" doc:"PEM private key."`
	ClientCAFile string `yaml:"client_ca_file" doc:"PEM authorities; callers must then show a certificate that one of them signed."`
}

// RawTopicConfig is one raw topic.
type RawTopicConfig struct {
	Topic      string           `yaml:"topic" doc:"Name of the topic."`
	Format     string           `yaml:"format" doc:"Format of its records (lapwing parse --help lists them)."`
	Partitions int              `yaml:"partitions" doc:"Partitions when Lapwing creates it; 0 is 4."`
	Disorder   schemas.Duration `yaml:"disorder" doc:"How much out of order its records usually are; 0 is the format's own."`
	Cluster    string           `yaml:"cluster" doc:"The cluster that its records come from; it becomes part of the ids of Kubernetes and Kong, where one name stands in several clusters."`
	Users      string           `yaml:"users" doc:"claimed: the servers of this access log ask for no password, so that a user in it is only what the client said: kept as claimed_user, and nobody's identity. Empty: a user is known unless the status says that nobody was let in."`
}

// SecretsConfig keys the hashes that replace secrets.
type SecretsConfig struct {
	HMACKey     Secret   `yaml:"hmac_key" doc:"Keys the hash that replaces every credential; 32 characters or more. Required by run; up and demo make one."`
	HMACKeyFile string   `yaml:"hmac_key_file" doc:"File that holds hmac_key."`
	OldHMACKeys []Secret `yaml:"old_hmac_keys" doc:"Former keys, newest first, so that a rotation resets no baseline."`
}

// InventoryConfig names what is declared of identities.
type InventoryConfig struct {
	File      string `yaml:"file" doc:"The inventory file; it is read again when it changes."`
	CSVMap    string `yaml:"csv_map" doc:"How the columns of a file that ends in .csv are read (docs/inventory.md); it is followed too."`
	Token     Secret `yaml:"token" doc:"Token of /identities on the monitor listener; without one it is off. Whoever has it can declare identities."`
	TokenFile string `yaml:"token_file" doc:"File that holds the token."`
}

func (c InventoryConfig) file() enrich.InventoryFile {
	return enrich.InventoryFile{Path: c.File, CSVMap: c.CSVMap}
}

// GeoConfig names geography databases; without them countries come from the
// table in the binary.
type GeoConfig struct {
	Databases []string `yaml:"databases" doc:".mmdb files (city, country, ASN, anonymous IP), read again when they change; of two that state the same field the first one stands."`
}

// NetworksConfig says what is known of networks, and which proxies are believed.
type NetworksConfig struct {
	Lists             []NetworkList `yaml:"lists" doc:"Files that give networks a class, read again when they change. Of two that hold the same prefix the first one stands; networks of the inventory win over all. In the environment: the same list as JSON."`
	TrustedProxies    []string      `yaml:"trusted_proxies" doc:"Addresses and prefixes of proxies that are believed about whom they forward for."`
	TrustPrivatePeers bool          `yaml:"trust_private_peers" doc:"Believe every peer with a private or loopback address, too."`
}

// NetworkList is one file of networks.
type NetworkList struct {
	File   string `yaml:"file" doc:"The file: a provider's JSON, CSV, or one prefix a line."`
	Class  string `yaml:"class" doc:"What its networks are: tor, vpn, hosting, cloud, cdn, shared_egress, workload, office or vendor. Empty: what the format or the line says."`
	Name   string `yaml:"name" doc:"Starts the network_name of its addresses. Empty: the provider, or the file's name."`
	Format string `yaml:"format" doc:"aws, gcp, azure, oracle, cloudflare, fastly, tor, geofeed, csv or text. Empty: found by content."`
}

// APIConfig is one OpenAPI document.
type APIConfig struct {
	File    string   `yaml:"file" doc:"OpenAPI 3 document, YAML or JSON, or what an MCP server answers to tools/list; it is read again when it changes."`
	Hosts   []string `yaml:"hosts" doc:"Hosts under which the API is called, such as *.api.example.com; empty: those of its servers."`
	Service string   `yaml:"service" doc:"The gateway's name for the API, for logs without a host; the name of the MCP server."`
}

// KafkaConfig is the connection to Kafka.
type KafkaConfig struct {
	Brokers     []string `yaml:"brokers" doc:"host:port of one or more brokers. Empty: up and demo start the embedded broker."`
	ClientID    string   `yaml:"client_id" doc:"Name shown in the brokers' logs."`
	Prefix      string   `yaml:"prefix" doc:"Starts the names of Lapwing's own topics and consumer groups."`
	Replication int      `yaml:"replication" doc:"Replication factor of topics that Lapwing creates; 0 leaves it to the broker."`

	SessionTimeout schemas.Duration `yaml:"session_timeout" doc:"A process that was silent for this long loses its partitions to the others. The brokers bound it (group.min.session.timeout.ms, 6s unless changed)."`
	RequestTimeout schemas.Duration `yaml:"request_timeout" doc:"How long one attempt of one request may take before it is repeated."`

	TLS  ClientTLS  `yaml:"tls"`
	SASL SASLConfig `yaml:"sasl"`
}

// ClientTLS is how a server's certificate is checked, and our own.
type ClientTLS struct {
	Enabled    bool   `yaml:"enabled" doc:"Use TLS."`
	CAFile     string `yaml:"ca_file" doc:"PEM authorities; empty: the system's."`
	CertFile   string `yaml:"cert_file" doc:"PEM certificate to show."`
	KeyFile    string `yaml:"key_file" doc:"PEM private key of it."`
	ServerName string `yaml:"server_name" doc:"Name to expect in the server's certificate, when it is not the host's."`
}

// SASLConfig is how to log in at Kafka.
type SASLConfig struct {
	Mechanism    string `yaml:"mechanism" doc:"Empty: no login." accept:",plain,scram-sha-256,scram-sha-512"`
	User         string `yaml:"user" doc:"User name."`
	Password     Secret `yaml:"password" doc:"Password."`
	PasswordFile string `yaml:"password_file" doc:"File that holds the password."`
}

// ClickHouseConfig is the connection to ClickHouse.
type ClickHouseConfig struct {
	Addr         []string  `yaml:"addr" doc:"host:port of one or more servers. Empty: up and demo start the embedded engine."`
	Protocol     string    `yaml:"protocol" doc:"Protocol spoken at addr." accept:"native,http"`
	Database     string    `yaml:"database" doc:"Database of Lapwing's tables."`
	User         string    `yaml:"user" doc:"User name."`
	Password     Secret    `yaml:"password" doc:"Password."`
	PasswordFile string    `yaml:"password_file" doc:"File that holds the password."`
	TLS          ClientTLS `yaml:"tls"`
}

// EmbeddedConfig is the broker and the ClickHouse engine that up and demo
// bring along. Both bind to loopback only.
type EmbeddedConfig struct {
	KafkaListen      string `yaml:"kafka_listen" doc:"Loopback address of the embedded broker; port 0 chooses a free one."`
	ClickHouseListen string `yaml:"clickhouse_listen" doc:"Loopback address of the embedded ClickHouse's HTTP interface."`
}

// EnrichConfig tunes the enrich role.
type EnrichConfig struct {
	IdleAfter schemas.Duration `yaml:"idle_after" doc:"A raw partition without input for this long holds back nobody's clock."`
	MaxAhead  schemas.Duration `yaml:"max_ahead" doc:"How far in event time a raw partition may run ahead of the slowest of its topic."`
	KeepRaw   bool             `yaml:"keep_raw" doc:"Keep the redacted raw record in lapwing.events and ClickHouse."`
}

// BudgetConfig is what the team can take: the one thing that most have to state.
type BudgetConfig struct {
	FalseAlertsPerDay float64 `yaml:"false_alerts_per_day" doc:"How many false alerts a day the team can take, for the whole fleet."`
}

// DetectConfig tunes the detect role.
type DetectConfig struct {
	Cells          int              `yaml:"cells" doc:"Into how many cells identities are dealt out; each is a partition of lapwing.events. Another number needs: lapwing migrate --cells N."`
	Disabled       []string         `yaml:"disabled" doc:"Detectors that are switched off."`
	Sigma          []string         `yaml:"sigma" doc:"Sigma rules to run: files, and directories of *.yml and *.yaml. A change needs a restart."`
	SnapshotEvery  schemas.Duration `yaml:"snapshot_every" doc:"Longest time between two snapshots of a cell."`
	SnapshotEvents int              `yaml:"snapshot_events" doc:"Most events between two snapshots of a cell."`
}

// StoreConfig tunes the store role.
type StoreConfig struct {
	MaxRows int              `yaml:"max_rows" doc:"Rows of one insert."`
	MaxWait schemas.Duration `yaml:"max_wait" doc:"Longest time that a row waits for its insert."`
}

// ConfigError is one thing wrong with the configuration.
type ConfigError struct {
	// Source is where the value came from: a file with line, or the name of an
	// environment variable.
	Source string
	Key    string
	// Problem says what is wrong and what is accepted.
	Problem string
}

// Error implements error.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.Source != "" {
		b.WriteString(e.Source)
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key)
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Defaults is the configuration of an empty file.
func Defaults() Config {
	return Config{
		Tenant:          "default",
		DataDir:         "lapwing-data",
		ShutdownTimeout: schemas.Duration(20 * time.Second),
		Log:             LogConfig{Level: "info", Format: "auto"},
		Monitor:         Listener{Listen: "127.0.0.1:9464", MaxConnections: 64},
		Ingest: IngestConfig{
			Listener:        Listener{Listen: "127.0.0.1:8088", MaxConnections: 512},
			MaxBody:         16 << 20,
			MaxDecompressed: 64 << 20,
			MaxRecord:       1_000_000,
			MaxRecords:      100_000,
			MaxRequests:     64,
			MaxInFlight:     256 << 20,
			ClientCerts:     clientCertsRequired,
			Splunk:          SplunkConfig{Acks: true},
		},
		RawTopics: defaultRawTopics(),
		Kafka: KafkaConfig{
			ClientID: "lapwing", Prefix: "lapwing.",
			SessionTimeout: schemas.Duration(30 * time.Second), RequestTimeout: schemas.Duration(10 * time.Second),
		},
		ClickHouse: ClickHouseConfig{
			Protocol: "native", Database: "lapwing", User: "default",
		},
		Embedded: EmbeddedConfig{KafkaListen: "127.0.0.1:0", ClickHouseListen: "127.0.0.1:0"},
		Enrich: EnrichConfig{
			IdleAfter: schemas.Duration(30 * time.Second),
			MaxAhead:  schemas.Duration(time.Hour),
			KeepRaw:   true,
		},
		Budget: BudgetConfig{FalseAlertsPerDay: 3},
		Detect: DetectConfig{
			Cells:         1,
			SnapshotEvery: schemas.Duration(15 * time.Minute), SnapshotEvents: 5_000_000,
		},
		Store: StoreConfig{MaxRows: 50_000, MaxWait: schemas.Duration(time.Second)},
	}
}

// LoadConfig reads the configuration: defaults, then the file (path may be
// empty), then the environment as getenv gives it (nil: the process's own, in
// which names that start with EnvPrefix and mean nothing are refused).
// Everything wrong is reported at once as joined ConfigErrors.
func LoadConfig(path string, getenv func(string) (string, bool)) (Config, error) {
	var errs []error
	if getenv == nil {
		getenv = os.LookupEnv
		errs = unknownVariables(os.Environ())
	}
	cfg := Defaults()
	l := loader{path: path, lines: map[string]int{}, env: map[string]string{}}

	strict := true
	v := viper.New()
	v.SetConfigType("yaml")
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return cfg, Usagef("%s: cannot be read: %w", path, cause(err))
		}
		if err := l.strict(data); err != nil {
			errs, strict = append(errs, err), false
		}
		if err := v.ReadConfig(strings.NewReader(string(data))); err != nil {
			if strict {
				errs = append(errs, &ConfigError{Source: path, Problem: err.Error()})
			}
			return cfg, errors.Join(errs...)
		}
	}
	// viper consults the environment only for keys that it has been told of.
	for _, k := range Keys() {
		name := EnvName(k.Name)
		if val, ok := getenv(name); ok {
			l.env[k.Name] = name
			if k.List == listOfStructs {
				var items []any
				if err := yaml.Unmarshal([]byte(val), &items); err != nil {
					errs = append(errs, &ConfigError{Source: name, Key: k.Name, Problem: "want a JSON list of objects"})
					continue
				}
				v.Set(k.Name, items)
				continue
			}
			v.Set(k.Name, val)
		}
	}
	if err := v.Unmarshal(&cfg, func(c *mapstructure.DecoderConfig) {
		c.TagName = "yaml"
		c.SquashTagOption = "inline"
		c.ErrorUnused = strict // else it was said, with the line
		c.DecodeHook = mapstructure.ComposeDecodeHookFunc(
			mapstructure.TextUnmarshallerHookFunc(),
			mapstructure.StringToWeakSliceHookFunc(","), // lists of secrets too
		)
		// A list given replaces the default list, it does not merge into it.
		c.ZeroFields = true
	}); err != nil {
		errs = append(errs, l.decodeErrors(err))
	}
	if err := l.readSecretFiles(&cfg); err != nil {
		errs = append(errs, err)
	}
	if !v.IsSet("raw_topics") {
		cfg.addCustomTopics()
	}
	return cfg, joinStages(append(errs, l.validate(&cfg)))
}

// joinStages joins the errors of one stage of reading after the other. A later
// stage says nothing of a key that an earlier one could not read.
func joinStages(stages []error) error {
	var out []error
	var said []string
	for _, stage := range stages {
		if stage == nil {
			continue
		}
		var now []string
		for _, err := range unjoin(stage) {
			var ce *ConfigError
			if errors.As(err, &ce) && ce.Key != "" {
				if slices.ContainsFunc(said, func(key string) bool { return sameOrBelow(ce.Key, key) }) {
					continue
				}
				now = append(now, ce.Key)
			}
			out = append(out, err)
		}
		said = append(said, now...)
	}
	return errors.Join(out...)
}

// sameOrBelow says that a key is another one or stands below it.
func sameOrBelow(key, other string) bool {
	rest, ok := strings.CutPrefix(key, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// otherVariables are names that are read elsewhere than by LoadConfig: where
// the engine is, and what steers the tests.
var otherVariables = regexp.MustCompile(`^LAPWING_(CHDB|CACHE|DATA|(TEST|FAULTS?|SOAK|INTERLEAVE)_\w+)$`)

// serviceLinks are names that Kubernetes and Docker make up for a service that
// is called lapwing or lapwing-ingest.
var serviceLinks = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknownVariables finds variables of an environment (name=value) that were
// meant for Lapwing and mean nothing: one error each, by name.
func unknownVariables(environ []string) []error {
	var known []string
	for _, k := range Keys() {
		known = append(known, EnvName(k.Name))
	}
	var errs []error
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, EnvPrefix) || slices.Contains(known, name) || otherVariables.MatchString(name) || serviceLinks.MatchString(name) {
			continue
		}
		problem := "no key has this variable"
		if near := nearest(name, known); near != "" {
			problem += "; did you mean " + near + "?"
		} else {
			problem += " (docs/configuration.md lists the keys: kafka.brokers is " + EnvName("kafka.brokers") + ")"
		}
		errs = append(errs, &ConfigError{Source: name, Problem: problem})
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

// EnvName is the environment variable that overrides a configuration key.
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// loader remembers where each key came from, for error messages.
type loader struct {
	path  string
	lines map[string]int    // key -> line in path
	env   map[string]string // key -> variable
}

// fail builds the error for a key, with the place it was set at.
func (l *loader) fail(key, format string, args ...any) error {
	src := l.path
	if name, ok := l.env[key]; ok {
		src = name
	} else if line, ok := l.lines[key]; ok {
		src = fmt.Sprintf("%s:%d", l.path, line)
	}
	return &ConfigError{Source: src, Key: key, Problem: fmt.Sprintf(format, args...)}
}

// decodeErrors turns mapstructure's list into ConfigErrors.
func (l *loader) decodeErrors(err error) error {
	var out []error
	var walk func(error)
	walk = func(e error) {
		if multi, ok := e.(interface{ Unwrap() []error }); ok {
			for _, sub := range multi.Unwrap() {
				walk(sub)
			}
			return
		}
		var de *mapstructure.DecodeError
		if errors.As(e, &de) {
			key := strings.ToLower(de.Name())
			out = append(out, l.fail(key, "%s", l.say(key, de.Unwrap())))
			return
		}
		if sub := errors.Unwrap(e); sub != nil {
			walk(sub)
			return
		}
		out = append(out, &ConfigError{Source: l.path, Problem: e.Error()})
	}
	walk(err)
	return errors.Join(out...)
}

// say words a decoding failure by what the key accepts.
func (l *loader) say(key string, err error) string {
	for _, k := range Keys() {
		if k.Name == key {
			return "want " + k.Type + " (" + err.Error() + ")"
		}
	}
	return err.Error()
}

// cause drops the "open path:" that the caller has already said.
func cause(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// rootCause is cause in words.
func rootCause(err error) string { return cause(err).Error() }
