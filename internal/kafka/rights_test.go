package kafka

import (
	"testing"

	"github.com/rs/zerolog"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/certs/certtest"
	"github.com/lapwing-sec/lapwing/internal/kafka/kafkatest"
)

// Rights are asked of Apache Kafka with its authorizer on.
func TestRightsOnApacheKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker")
	}
	ca := certtest.New(t, "Test CA")
	good := ca.Issue(t, "good", false, "127.0.0.1")
	s := kafkatest.StartSecure(t, true, []kafkatest.User{{Name: "lapwing", Password: canaryPassword}},
		kafkatest.Listener{Name: "SASL", Protocol: "SASL_SSL", KeyStore: good.Both})
	admin, err := Connect(t.Context(), Config{Brokers: []string{s.Addr}}, nil, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	require.NoError(t, admin.EnsureTopics(t.Context(), Topics("lapwing.", 1, []string{"raw.kong"})))
	allow := func(kind kafkago.ResourceType, name string, ops ...kafkago.ACLOperationType) {
		var acls []kafkago.ACLEntry
		for _, op := range ops {
			acls = append(acls, kafkago.ACLEntry{
				ResourceType: kind, ResourceName: name, ResourcePatternType: kafkago.PatternTypeLiteral, Principal: "User:lapwing", Host: "*",
				Operation: op, PermissionType: kafkago.ACLPermissionTypeAllow,
			})
		}
		res, err := admin.api.CreateACLs(t.Context(), &kafkago.CreateACLsRequest{ACLs: acls})
		require.NoError(t, err)
		for _, e := range res.Errors {
			require.NoError(t, e)
		}
	}
	allow(kafkago.ResourceTypeTopic, "lapwing.events", kafkago.ACLOperationTypeRead)
	allow(kafkago.ResourceTypeTopic, "lapwing.state", kafkago.ACLOperationTypeAll)
	allow(kafkago.ResourceTypeGroup, "lapwing-detect", kafkago.ACLOperationTypeRead)

	sec := &secureBroker{Secure: s, ca: ca}
	c, err := Connect(t.Context(), sec.config(t, "SASL", "SCRAM-SHA-512"), nil, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	eventually(t, "the broker to know the ACLs", func() bool {
		got, err := c.TopicRights(t.Context(), []string{"lapwing.state"})
		return err == nil && got["lapwing.state"].Has(Write)
	})
	got, err := c.TopicRights(t.Context(), []string{"lapwing.events", "lapwing.state", "lapwing.alerts", "raw.kong"})
	require.NoError(t, err)
	require.True(t, got["lapwing.events"].Has(Read))
	require.True(t, got["lapwing.events"].Has(Describe), "reading implies describing")
	require.False(t, got["lapwing.events"].Has(Write))
	require.True(t, got["lapwing.state"].Has(DescribeConfigs))
	require.False(t, got["lapwing.alerts"].Has(Describe))
	require.True(t, got["raw.kong"].Known)
	mine, err := c.GroupRights(t.Context(), "lapwing-detect")
	require.NoError(t, err)
	require.True(t, mine.Known && mine.Has(Read), "%+v", mine)
	other, err := c.GroupRights(t.Context(), "lapwing-enrich")
	require.NoError(t, err)
	require.True(t, other.Known && !other.Has(Read), "%+v", other)
	require.Equal(t, "kafka-acls.sh --add --allow-principal User:lapwing --operation Write --operation Describe --topic lapwing.alerts",
		c.Advice("topic", "lapwing.alerts", []Right{Write, Describe}))

}
