package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestWhatHoldsWhatIsTouched(t *testing.T) {
	for _, c := range []struct{ name, service, resource, want string }{
		{"an object's bucket", "s3", "arn:aws:s3:::orders/2026/03/part-1.gz", "arn:aws:s3:::orders"},
		{"a bucket is its own", "s3", "arn:aws:s3:::orders", "arn:aws:s3:::orders"},
		{"an access point is none", "s3", "arn:aws:s3:eu-west-1:111122223333:accesspoint/x", ""},
		{"an object of Google's", "storage", "projects/_/buckets/orders/objects/a/b", "projects/_/buckets/orders"},
		{"an index's table", "dynamodb", "arn:aws:dynamodb:us-east-1:111122223333:table/orders/index/by-day", "arn:aws:dynamodb:us-east-1:111122223333:table/orders"},
		{"a bare table", "dynamodb", "table/orders", "table/orders"},
		{"a dataset's table", "bigquery", "projects/p/datasets/d/tables/t", "projects/p/datasets/d/tables/t"},
		{"a machine is no container", "ec2", "i-0abc", ""},
		{"nothing touched", "s3", "", ""},
		{"an object of Kubernetes without a namespace", "k8s", "nodes/a", ""},
	} {
		ev := &schemas.Event{Service: c.service}
		if c.resource != "" {
			ev.Resources = []string{c.resource}
		}
		assert.Equal(t, c.want, containerOf(ev), c.name)
	}
}
