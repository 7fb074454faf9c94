package kafkatest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Listener is one more listener of a broker.
type Listener struct {
	// Name in capitals, such as SASL.
	Name string
	// Protocol is SSL, SASL_SSL or SASL_PLAINTEXT.
	Protocol string
	// KeyStore is a PEM file of private key and certificates, TrustStore one of the
	// authorities of callers; with it callers must show a certificate.
	KeyStore, TrustStore string
	// Host is announced to callers; 127.0.0.1 when empty.
	Host string
}

// User may log in by SCRAM-SHA-256 and SCRAM-SHA-512.
type User struct{ Name, Password string }

// Secure is a broker with listeners beside the plain one, on which everybody is
// an administrator.
type Secure struct {
	*Broker
	// Addrs holds host:port of each Listener by name.
	Addrs map[string]string
}

// StartSecure starts a broker with listeners and users. With acl its users may do
// only what ACLs allow.
func StartSecure(t testing.TB, acl bool, users []User, listeners ...Listener) *Secure {
	t.Helper()
	s := &Secure{Broker: prepare(t), Addrs: map[string]string{}}
	bind := []string{"PLAINTEXT://" + s.Addr, "CONTROLLER://127.0.0.1:" + s.ports[1]}
	advertised := []string{bind[0]}
	protocols := []string{"PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"}
	var more strings.Builder
	for _, l := range listeners {
		port := freePort(t)
		host := l.Host
		if host == "" {
			host = "127.0.0.1"
		}
		s.Addrs[l.Name] = host + ":" + port
		bind = append(bind, l.Name+"://127.0.0.1:"+port)
		advertised = append(advertised, l.Name+"://"+s.Addrs[l.Name])
		protocols = append(protocols, l.Name+":"+l.Protocol)
		prefix := "listener.name." + strings.ToLower(l.Name) + "."
		if l.KeyStore != "" {
			fmt.Fprintf(&more, "%sssl.keystore.type=PEM\n%sssl.keystore.location=%s\n", prefix, prefix, l.KeyStore)
		}
		if l.TrustStore != "" {
			fmt.Fprintf(&more, "%sssl.truststore.type=PEM\n%sssl.truststore.location=%s\n%sssl.client.auth=required\n", prefix, prefix, l.TrustStore, prefix)
		}
		if strings.HasPrefix(l.Protocol, "SASL_") {
			fmt.Fprintf(&more, "%ssasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512\n", prefix)
			for _, m := range []string{"scram-sha-256", "scram-sha-512"} {
				fmt.Fprintf(&more, "%s%s.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n", prefix, m)
			}
		}
	}
	if acl {
		more.WriteString("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nsuper.users=User:ANONYMOUS\n")
	}
	fmt.Fprintf(&more, "listeners=%s\nadvertised.listeners=%s\nlistener.security.protocol.map=%s\ninter.broker.listener.name=PLAINTEXT\n",
		strings.Join(bind, ","), strings.Join(advertised, ","), strings.Join(protocols, ","))
	file := filepath.Join(t.TempDir(), "secure.properties")
	if err := os.WriteFile(file, []byte(more.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s.extra = []string{file}
	for _, u := range users {
		for _, m := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			s.extra = append(s.extra, fmt.Sprintf("%s=[name=%s,password=%s]", m, u.Name, u.Password))
		}
	}
	s.run(t)
	t.Cleanup(s.Kill)
	return s
}
