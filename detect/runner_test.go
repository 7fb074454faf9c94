package detect

import (
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
)

func TestRunnersAreReadFromWhatLogsSay(t *testing.T) {
	for _, x := range []struct {
		is   string
		has  map[string]string
		want string
	}{
		{"nothing said", map[string]string{"sub": "repo:acme/shop"}, ""},
		{"a claim of GitHub's token", map[string]string{"runner_environment": "github-hosted"}, "hosted by the provider"},
		{"a claim of GitLab's token, as AWS logs it", map[string]string{"session.webIdentity.gitlab.com:runner_environment": "gitlab-hosted"}, "hosted by the provider"},
		{"labels in whatever order", map[string]string{"workflow_job.labels.0": "x64", "workflow_job.labels.1": "self-hosted"}, "self-hosted / self-hosted,x64"},
		{"labels in one text", map[string]string{"runner_labels": "self-hosted, gpu"}, "self-hosted / gpu,self-hosted"},
		{"a runner's number does not matter", map[string]string{"runner_name": "arc-runner-x7f2k-9", "runner_group_name": "Default"}, "Default / arc-runner"},
		{"a name that is all number stays", map[string]string{"runner_name": "SHA1HULUD"}, "SHA1HULUD"},
	} {
		r, ok := runnerOf(&schemas.Event{Attributes: x.has})
		assert.Equal(t, x.want != "", ok, x.is)
		if ok {
			assert.Equal(t, x.want, r.String(), x.is)
		}
	}
}
