package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestModelOf(t *testing.T) {
	with := func(name, value string) *schemas.Event {
		return &schemas.Event{Attributes: map[string]string{name: value}}
	}
	for _, c := range []struct {
		name string
		ev   *schemas.Event
		want string
	}{
		{"Amazon Bedrock", with("requestParameters.modelId", "anthropic.claude-3-5-sonnet-20240620-v1:0"), "anthropic.claude-3-5-sonnet"},
		{"its next version, through a profile of a region", with("requestParameters.modelId", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"), "anthropic.claude-3-5-sonnet"},
		{"by its ARN", with("requestParameters.modelId", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"), "amazon.nova-pro"},
		{"by the ARN of a profile", with("requestParameters.modelId", "arn:aws:bedrock:eu-west-1:111122223333:inference-profile/eu.amazon.nova-pro-v1:0"), "amazon.nova-pro"},
		{"a number of four digits", with("requestParameters.modelId", "mistral.mistral-large-2407-v1:0"), "mistral.mistral-large"},
		{"the size of a model is no date", with("model", "vendor-large-70"), "vendor-large-70"},
		{"another size is another model", with("model", "meta.llama3-1-8b-instruct-v1:0"), "meta.llama3-1-8b-instruct"},
		{"a date with hyphens", with("model", "gpt-4o-2024-08-06"), "gpt-4o"},
		{"a month and a day", with("model", "gpt-4-0613"), "gpt-4"},
		{"a numbered release", with("model", "gemini-1.5-pro-002"), "gemini-1.5-pro"},
		{"a version behind an at", with("model", "claude-3-haiku@20240307"), "claude-3-haiku"},
		{"a model that was tuned", with("model", "ft:gpt-4o-mini-2024-07-18:example::A1b2"), "gpt-4o-mini"},
		{"a path of a gateway of models", with("model", "openrouter/meta-llama/llama-3.3-70b"), "llama-3.3-70b"},
		{"the deployment of Azure OpenAI", with("properties.modelDeploymentName", "Chat-Prod"), "chat-prod"},
		{"Vertex AI, by its resource", &schemas.Event{Resources: []string{"projects/p/locations/us-central1/publishers/google/models/gemini-2.0-flash-001"}}, "gemini-2.0-flash"},
		{"Gemini, by its path", &schemas.Event{UrlPath: "/v1beta/models/gemini-1.5-pro:streamGenerateContent"}, "gemini-1.5-pro"},
		{"Bedrock Runtime, by its path", &schemas.Event{UrlPath: "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke"}, "anthropic.claude-3-haiku"},
		{"Azure OpenAI, by its path", &schemas.Event{UrlPath: "/openai/deployments/gpt-4o/chat/completions"}, "gpt-4o"},
		{"a path that ends early", &schemas.Event{UrlPath: "/v1/models/"}, ""},
		{"nothing said", &schemas.Event{UrlPath: "/v1/chat/completions"}, ""},
	} {
		assert.Equal(t, c.want, modelOf(c.ev), c.name)
	}
}

func FuzzModelName(f *testing.F) {
	for _, s := range []string{"gpt-4o-2024-08-06", "ft:", ":", "-", "us.", "--1234", "a-v", "é-0001", "//", "2024-08-06"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := modelName(s)
		if len(name) > 64+len("…") {
			t.Fatalf("%q is %d bytes long", name, len(name))
		}
		if again := modelName(name); len(again) > len(name)+len("…") {
			t.Fatalf("%q, then %q", name, again)
		}
	})
}
