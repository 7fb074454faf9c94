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
		{"labels of GitHub's own runners", map[string]string{"workflow_job.labels.0": "ubuntu-latest"}, "hosted by the provider / ubuntu-latest"},
		{"GitHub's own runners in capitals", map[string]string{"runner_labels": "Windows-2022"}, "hosted by the provider / Windows-2022"},
		{"the group of GitHub's own runners", map[string]string{"runner_group_name": "GitHub Actions"}, "hosted by the provider / GitHub Actions"},
		{"a scale set is not said to be the provider's", map[string]string{"workflow_job.labels.0": "arc-runner-set"}, "arc-runner-set"},
		{"a label of one's own among others", map[string]string{"runner_labels": "ubuntu-22.04,self-hosted"}, "self-hosted / self-hosted,ubuntu-22.04"},
		{"a claim says more than a label", map[string]string{"runner_environment": "self-hosted", "runner_labels": "ubuntu-latest"}, "self-hosted / ubuntu-latest"},
		{"nine more labels than are looked at", map[string]string{"runner_labels": "a b c d e f g h i j k l m n o p q r s"}, "a,b,c,d,e,f,g,h,i,j"},
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

func TestRunnersAreKnownByTheirTextWithoutMakingIt(t *testing.T) {
	ev := &schemas.Event{Attributes: map[string]string{"runner_labels": "x64, self-hosted,gpu", "runner_group_name": "Default", "runner_name": "arc-runner-x7f2k-9"}}
	r, _ := runnerOf(ev)
	assert.Equal(t, hashValue(Runner, "self-hosted / Default / gpu,self-hosted,x64 / arc-runner"), hashBytes(Runner, r.append(nil)))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		r, _ := runnerOf(ev)
		var buf [256]byte
		hashBytes(Runner, r.append(buf[:0]))
	}))
}
