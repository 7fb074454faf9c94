package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/enrich"
)

// minHMACKey is the shortest key accepted for the hashes of secrets.
const minHMACKey = 32

// minToken is the shortest token accepted for changing the inventory.
const minToken = 16

// Limits on numbers in the configuration; beyond them is a slip of the pen.
const (
	maxCells      = 256
	maxPartitions = 10_000
)

// validate checks values against each other and against what is accepted.
func (l *loader) validate(c *Config) error {
	var errs []error
	bad := func(key, format string, args ...any) { errs = append(errs, l.fail(key, format, args...)) }

	for _, k := range Keys() {
		if k.Accept == nil {
			continue
		}
		if got := textAt(c, k.Name); !slices.Contains(k.Accept, got) {
			bad(k.Name, "%q: want %s", got, oneOf(k.Accept))
		}
	}
	if c.Tenant == "" || len(c.Tenant) > 64 {
		bad("tenant", "want a name of 1 to 64 characters")
	}
	if c.DataDir == "" {
		bad("data_dir", "want a directory")
	}
	if c.ShutdownTimeout <= 0 {
		bad("shutdown_timeout", "want more than 0")
	}
	listener(bad, "monitor", &c.Monitor)
	listener(bad, "ingest", &c.Ingest.Listener)
	for _, k := range []struct {
		key string
		n   int64
	}{
		{"ingest.max_body", int64(c.Ingest.MaxBody)}, {"ingest.max_decompressed", int64(c.Ingest.MaxDecompressed)},
		{"ingest.max_record", int64(c.Ingest.MaxRecord)}, {"ingest.max_records", int64(c.Ingest.MaxRecords)},
		{"ingest.max_requests", int64(c.Ingest.MaxRequests)},
		{"enrich.idle_after", int64(c.Enrich.IdleAfter)}, {"enrich.max_ahead", int64(c.Enrich.MaxAhead)},
		{"detect.snapshot_every", int64(c.Detect.SnapshotEvery)}, {"detect.snapshot_events", int64(c.Detect.SnapshotEvents)},
		{"store.max_rows", int64(c.Store.MaxRows)}, {"store.max_wait", int64(c.Store.MaxWait)},
	} {
		if k.n <= 0 {
			bad(k.key, "want more than 0")
		}
	}
	if c.Ingest.MaxRecord > c.Ingest.MaxDecompressed {
		bad("ingest.max_record", "%s is above ingest.max_decompressed, %s", c.Ingest.MaxRecord, c.Ingest.MaxDecompressed)
	}
	known := FormatNames()
	if set, err := c.formatSet(); err != nil {
		bad("ingest.custom", "%s", err)
	} else {
		known = set.Names()
	}
	l.ingest(bad, &c.Ingest, known)
	l.rawTopics(bad, c, known)
	if k := c.Secrets.HMACKey; k != "" && len(k) < minHMACKey {
		bad("secrets.hmac_key", "has %d characters: want %d or more, such as the output of: openssl rand -hex 32", len(k), minHMACKey)
	}
	for _, f := range []struct{ key, path string }{
		{"inventory.file", c.Inventory.File}, {"inventory.csv_map", c.Inventory.CSVMap},
		{"kafka.tls.ca_file", c.Kafka.TLS.CAFile}, {"kafka.tls.cert_file", c.Kafka.TLS.CertFile}, {"kafka.tls.key_file", c.Kafka.TLS.KeyFile},
		{"clickhouse.tls.ca_file", c.ClickHouse.TLS.CAFile}, {"clickhouse.tls.cert_file", c.ClickHouse.TLS.CertFile}, {"clickhouse.tls.key_file", c.ClickHouse.TLS.KeyFile},
		{"monitor.tls.cert_file", c.Monitor.TLS.CertFile}, {"monitor.tls.key_file", c.Monitor.TLS.KeyFile}, {"monitor.tls.client_ca_file", c.Monitor.TLS.ClientCAFile},
		{"ingest.tls.cert_file", c.Ingest.TLS.CertFile}, {"ingest.tls.key_file", c.Ingest.TLS.KeyFile}, {"ingest.tls.client_ca_file", c.Ingest.TLS.ClientCAFile},
	} {
		isFile(bad, f.key, f.path)
	}
	if c.Inventory.CSVMap != "" && !strings.EqualFold(filepath.Ext(c.Inventory.File), ".csv") {
		bad("inventory.csv_map", "is for an inventory.file whose name ends in .csv")
	}
	if t := c.Inventory.Token; t != "" && len(t) < minToken {
		bad("inventory.token", "has %d characters: want %d or more, such as the output of: openssl rand -hex 32", len(t), minToken)
	}
	for _, path := range c.Geo.Databases {
		isFile(bad, "geo.databases", path)
	}
	networks(bad, &c.Networks)
	clientTLS(bad, "kafka.tls", &c.Kafka.TLS)
	clientTLS(bad, "clickhouse.tls", &c.ClickHouse.TLS)
	if c.Kafka.SASL.Mechanism != "" && (c.Kafka.SASL.User == "" || c.Kafka.SASL.Password == "") {
		bad("kafka.sasl.mechanism", "%s needs kafka.sasl.user and kafka.sasl.password (or password_file)", c.Kafka.SASL.Mechanism)
	}
	if c.Kafka.Prefix == "" {
		bad("kafka.prefix", "want a prefix such as \"lapwing.\"")
	}
	if c.Kafka.Replication < 0 || c.Kafka.Replication > 100 {
		bad("kafka.replication", "%d: want 0 to 100", c.Kafka.Replication)
	}
	if d := time.Duration(c.Kafka.SessionTimeout); d < 500*time.Millisecond || d > time.Hour {
		bad("kafka.session_timeout", "%s: want 500ms to 1h", d)
	}
	if d := time.Duration(c.Kafka.RequestTimeout); d < 100*time.Millisecond || d > 10*time.Minute {
		bad("kafka.request_timeout", "%s: want 100ms to 10m", d)
	}
	for _, k := range []struct{ key, addr string }{
		{"embedded.kafka_listen", c.Embedded.KafkaListen}, {"embedded.clickhouse_listen", c.Embedded.ClickHouseListen},
	} {
		if host, _, err := net.SplitHostPort(k.addr); err != nil || !loopback(host) {
			bad(k.key, "%q: want a loopback address such as 127.0.0.1:0", k.addr)
		}
	}
	for i, b := range c.Kafka.Brokers {
		hostPort(bad, fmt.Sprintf("kafka.brokers[%d]", i), b)
	}
	for i, a := range c.ClickHouse.Addr {
		hostPort(bad, fmt.Sprintf("clickhouse.addr[%d]", i), a)
	}
	if c.ClickHouse.Database == "" {
		bad("clickhouse.database", "want a name")
	}
	if c.Detect.Cells < 1 || c.Detect.Cells > maxCells {
		bad("detect.cells", "%d: want 1 to %d", c.Detect.Cells, maxCells)
	}
	if f := c.Budget.FalseAlertsPerDay; !(f > 0 && f <= 10_000) {
		bad("budget.false_alerts_per_day", "%v: want more than 0 and at most 10000", f)
	}
	var detectors []string
	for _, m := range detect.Catalogue() {
		detectors = append(detectors, m.Name)
	}
	for _, name := range c.Detect.Disabled {
		if !slices.Contains(detectors, name) {
			bad("detect.disabled", "%q: want one of %s", name, strings.Join(detectors, ", "))
		}
	}
	l.destinations(bad, c)
	return errors.Join(errs...)
}

type report = func(key, format string, args ...any)

func listener(bad report, key string, c *Listener) {
	if c.Listen == "" {
		return
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		bad(key+".listen", "%q: want host:port, such as 127.0.0.1:8088", c.Listen)
		return
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		bad(key+".tls.cert_file", "cert_file and key_file belong together")
	}
	if c.TLS.ClientCAFile != "" && c.TLS.CertFile == "" {
		bad(key+".tls.client_ca_file", "needs cert_file and key_file")
	}
	if !loopback(host) && c.Token == "" && c.TLS.ClientCAFile == "" {
		bad(key+".listen", "%s is reachable from other machines: set %s.token (or token_file), or %s.tls.client_ca_file, or bind 127.0.0.1", c.Listen, key, key)
	}
	if c.MaxConnections <= 0 {
		bad(key+".max_connections", "want more than 0")
	}
}

func isFile(bad report, key, path string) {
	if path == "" {
		return
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		bad(key, "%s: %s", path, rootCause(err))
	case st.IsDir():
		bad(key, "%s is a directory: want a file", path)
	}
}

func networks(bad report, c *NetworksConfig) {
	if n := len(c.Lists); n > enrich.MaxLists {
		bad("networks.lists", "%d lists: at most %d", n, enrich.MaxLists)
	}
	for i, list := range c.Lists {
		key := fmt.Sprintf("networks.lists[%d]", i)
		if list.File == "" {
			bad(key+".file", "want a file")
		}
		isFile(bad, key+".file", list.File)
		if list.Class != "" && !slices.Contains(enrich.ListClasses(), list.Class) {
			bad(key+".class", "%q: want %s", list.Class, oneOf(enrich.ListClasses()))
		}
		if list.Format != "" && !slices.Contains(enrich.ListFormats(), list.Format) {
			bad(key+".format", "%q: want %s", list.Format, oneOf(enrich.ListFormats()))
		}
	}
	if n := len(c.TrustedProxies); n > enrich.MaxTrustedProxies {
		bad("networks.trusted_proxies", "%d entries: at most %d", n, enrich.MaxTrustedProxies)
		return
	}
	for _, cidr := range c.TrustedProxies {
		if enrich.CheckTrustedProxy(cidr) != nil {
			bad("networks.trusted_proxies", "%q: want an address or prefix, such as 10.0.0.0/8", cidr)
		}
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func hostPort(bad report, key, addr string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || port == "" {
		bad(key, "%q: want host:port", addr)
	}
}

func clientTLS(bad report, key string, c *ClientTLS) {
	if (c.CertFile == "") != (c.KeyFile == "") {
		bad(key+".cert_file", "cert_file and key_file belong together")
	}
	if !c.Enabled && (c.CAFile != "" || c.CertFile != "" || c.ServerName != "") {
		bad(key+".enabled", "is false, but other keys below %s are set: set it to true or remove them", key)
	}
}

func (l *loader) rawTopics(bad report, c *Config, known []string) {
	seen := map[string]bool{}
	for i, t := range c.RawTopics {
		key := fmt.Sprintf("raw_topics[%d]", i)
		switch {
		case t.Topic == "":
			bad(key+".topic", "want the name of a topic")
		case seen[t.Topic]:
			bad(key+".topic", "%s stands here twice", t.Topic)
		case strings.HasPrefix(t.Topic, c.Kafka.Prefix):
			bad(key+".topic", "%s: names that start with %s are Lapwing's own", t.Topic, c.Kafka.Prefix)
		}
		seen[t.Topic] = true
		if !slices.Contains(known, t.Format) {
			bad(key+".format", "%q: want %s", t.Format, oneOf(known))
		}
		if strings.ContainsAny(t.Cluster, "/: ") || len(t.Cluster) > 128 {
			bad(key+".cluster", "%q: want a name without / : and blanks, of 128 bytes at most", t.Cluster)
		}
		if t.Users != "" && t.Users != claimedUsers {
			bad(key+".users", "%q: want %s or nothing", t.Users, claimedUsers)
		}
		if t.Partitions < 0 || t.Partitions > maxPartitions {
			bad(key+".partitions", "%d: want 0 to %d", t.Partitions, maxPartitions)
		}
	}
}

// CheckRun adds what `lapwing run` needs beyond a valid configuration.
func (c *Config) CheckRun(roles []string) error {
	var errs []error
	if len(c.Kafka.Brokers) == 0 {
		errs = append(errs, &ConfigError{Key: "kafka.brokers", Problem: "run needs a Kafka: set it in the file, or " + EnvName("kafka.brokers") + "=host:9092 (lapwing up brings an embedded one)"})
	}
	if len(c.ClickHouse.Addr) == 0 && (slices.Contains(roles, RoleStore) || slices.Contains(roles, RoleAlert)) {
		errs = append(errs, &ConfigError{Key: "clickhouse.addr", Problem: "the roles store and alert need a ClickHouse: set it in the file, or " + EnvName("clickhouse.addr") + "=host:9000"})
	}
	if c.Secrets.HMACKey == "" && slices.Contains(roles, RoleEnrich) {
		errs = append(errs, &ConfigError{Key: "secrets.hmac_key", Problem: "the role enrich needs it: set " + EnvName("secrets.hmac_key") + " or secrets.hmac_key_file to the output of: openssl rand -hex 32"})
	}
	return errors.Join(errs...)
}

// unreadSecret stands for one whose file could not be read, so that what needs
// the secret is not called wrong as well. Its configuration is never used.
const unreadSecret Secret = "the file of this secret cannot be read"

// readSecretFiles fills every secret whose _file key is set.
func (l *loader) readSecretFiles(c *Config) error {
	var errs []error
	read := func(key string, into *Secret, path string) {
		if path == "" {
			return
		}
		if *into != "" {
			errs = append(errs, l.fail(key, "is set together with %s_file: keep one", key))
			return
		}
		b, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			errs = append(errs, l.fail(key+"_file", "%s: %s", path, rootCause(err)))
			*into = unreadSecret
			return
		}
		*into = Secret(strings.TrimRight(string(b), "\r\n"))
		if *into == "" {
			errs = append(errs, l.fail(key+"_file", "%s is empty", path))
			*into = unreadSecret
		}
	}
	read("secrets.hmac_key", &c.Secrets.HMACKey, c.Secrets.HMACKeyFile)
	read("monitor.token", &c.Monitor.Token, c.Monitor.TokenFile)
	read("inventory.token", &c.Inventory.Token, c.Inventory.TokenFile)
	read("ingest.token", &c.Ingest.Token, c.Ingest.TokenFile)
	errs = append(errs, l.readSecretLists(&c.Ingest)...)
	read("kafka.sasl.password", &c.Kafka.SASL.Password, c.Kafka.SASL.PasswordFile)
	read("clickhouse.password", &c.ClickHouse.Password, c.ClickHouse.PasswordFile)
	for i := range c.Destinations {
		d := &c.Destinations[i]
		read(fmt.Sprintf("destinations[%d].token", i), &d.Token, d.TokenFile)
		read(fmt.Sprintf("destinations[%d].secret", i), &d.Secret, d.SecretFile)
	}
	return errors.Join(errs...)
}

// oneOf lists accepted values for a message.
func oneOf(values []string) string {
	shown := make([]string, len(values))
	for i, v := range values {
		shown[i] = v
		if v == "" {
			shown[i] = `""`
		}
	}
	switch len(shown) {
	case 1:
		return shown[0]
	case 2:
		return shown[0] + " or " + shown[1]
	}
	return "one of " + strings.Join(shown, ", ")
}
