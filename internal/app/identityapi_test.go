package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// topicLog stands for lapwing.identities: what was produced, in order.
type topicLog struct {
	recs []stream.Record
	down error
}

func (l *topicLog) produce(_ context.Context, recs []stream.Record) error {
	if l.down != nil {
		return l.down
	}
	l.recs = append(l.recs, recs...)
	return nil
}

// api starts /identities on what the log holds, as a restart would.
func api(t *testing.T, l *topicLog) (*identityAPI, *httptest.Server) {
	t.Helper()
	a, err := newIdentityAPI(l.produce, prometheus.NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	for _, rec := range l.recs {
		a.record(rec.Key, rec.Value)
	}
	srv := httptest.NewServer(withToken("inventory-t0ken", a))
	t.Cleanup(srv.Close)
	return a, srv
}

func call(t *testing.T, method, url, token, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, strings.TrimSpace(string(text))
}

const apiToken = "inventory-t0ken"

func TestIdentitiesAreStatedShownAndTakenBack(t *testing.T) {
	l := &topicLog{}
	a, srv := api(t, l)
	url := srv.URL + "/identities"

	code, _ := call(t, http.MethodGet, url, apiToken, "", "")
	require.Equal(t, http.StatusServiceUnavailable, code, "before the topic was read, nobody knows what is stated")
	a.reached()

	const two = "identities:\n  - {id: kong:consumer/a, owner: alice}\n  - {id: spiffe://example.org/x, team: core}\n"
	code, body := call(t, http.MethodPut, url, apiToken, "application/yaml", two)
	require.Equal(t, http.StatusOK, code, body)
	require.JSONEq(t, `{"added":2,"changed":0,"unchanged":0}`, body)
	code, body = call(t, http.MethodPut, url, apiToken, "application/json", `{"identities":[{"id":"kong:consumer/a","owner":"bob"},{"id":"spiffe://example.org/x","team":"core"}]}`)
	require.Equal(t, http.StatusOK, code, body)
	require.JSONEq(t, `{"added":0,"changed":1,"unchanged":1}`, body)
	require.Len(t, l.recs, 3, "what did not change is not written again")
	require.Equal(t, "api/kong:consumer/a", string(l.recs[2].Key))

	code, body = call(t, http.MethodGet, url+"/kong:consumer/a", apiToken, "", "")
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"id":"kong:consumer/a","owner":"bob"}`, body)
	code, body = call(t, http.MethodGet, url+"/spiffe:%2F%2Fexample.org%2Fx", apiToken, "", "")
	require.Equal(t, http.StatusOK, code, body)

	// A restart finds it in the topic, and what GET shows can be PUT again.
	again, srv2 := api(t, l)
	again.reached()
	code, body = call(t, http.MethodGet, srv2.URL+"/identities", apiToken, "", "")
	require.Equal(t, http.StatusOK, code)
	code, counts := call(t, http.MethodPut, srv2.URL+"/identities", apiToken, "application/json", body)
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"added":0,"changed":0,"unchanged":2}`, counts)

	code, _ = call(t, http.MethodDelete, url+"/kong:consumer/a", apiToken, "", "")
	require.Equal(t, http.StatusNoContent, code)
	code, _ = call(t, http.MethodDelete, url+"/kong:consumer/a", apiToken, "", "")
	require.Equal(t, http.StatusNotFound, code)
	require.Nil(t, l.recs[len(l.recs)-1].Value, "the key is deleted in the topic too")
	require.InDelta(t, 2, testutil.ToFloat64(a.requests.WithLabelValues("PUT", "200")), 0)
}

func TestIdentitiesRefuses(t *testing.T) {
	l := &topicLog{}
	a, srv := api(t, l)
	a.reached()
	url := srv.URL + "/identities"
	code, body := call(t, http.MethodPut, url, apiToken, "", "identities: [{id: kong:consumer/a, owner: alice}]")
	require.Equal(t, http.StatusOK, code, body)
	for _, c := range []struct {
		name, method, path, token, contentType, body string
		code                                         int
		want                                         string
	}{
		{"a request without a token", http.MethodPut, "", "", "", "identities: []", 401, "missing or wrong token"},
		{"a wrong token", http.MethodGet, "", "wrong", "", "", 401, "missing or wrong token"},
		{
			"a broken record, and with it the good ones of the request", http.MethodPut, "", apiToken, "",
			"identities:\n  - {id: kong:consumer/b}\n  - {id: kong:consumer/a, kind: robot}\n", 400, `body:3: kind: unknown value "robot"`,
		},
		{"an unknown key in JSON", http.MethodPut, "", apiToken, "application/json", "{\"identities\":[\n{\"id\":\"a:b\",\"ower\":\"x\"}]}", 400, `body:2: unknown key "ower"`},
		{"a broken row of CSV", http.MethodPut, "", apiToken, "text/csv; charset=utf-8", "id,kind\na:b,robot\n", 400, "body.csv:2: kind"},
		{"networks, which belong into the file", http.MethodPut, "", apiToken, "", "networks: [{cidr: 10.0.0.0/8}]", 400, "inventory.file only"},
		{"things to watch, which belong into the file", http.MethodPut, "", apiToken, "", "watch: [{address: 203.0.113.9, reason: seen}]", 400, "policies, networks, targets and watch are taken from inventory.file only"},
		{"an empty body", http.MethodPut, "", apiToken, "", "", 400, "empty"},
		{"a content type that is none", http.MethodPut, "", apiToken, "a/b/c", "identities: []", 400, "content type"},
		{"a body without end", http.MethodPut, "", apiToken, "", strings.Repeat("#", maxIdentitiesBody+1), 413, "more than 16MiB"},
		{"another method", http.MethodPost, "", apiToken, "", "", 405, "GET, PUT"},
		{"PUT to one identity", http.MethodPut, "/a:b", apiToken, "", "", 405, "GET, DELETE"},
		{"an identity that nobody stated", http.MethodGet, "/a:b", apiToken, "", "", 404, `no PUT has stated "a:b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, body := call(t, c.method, url+c.path, c.token, c.contentType, c.body)
			require.Equal(t, c.code, code, body)
			require.Contains(t, body, c.want)
		})
	}
	require.Len(t, l.recs, 1, "nothing that was refused changed anything")

	l.down = errors.New("broker down")
	code, body = call(t, http.MethodPut, url, apiToken, "", "identities: [{id: kong:consumer/a, owner: mallory}]")
	require.Equal(t, http.StatusServiceUnavailable, code, body)
	code, body = call(t, http.MethodGet, url+"/kong:consumer/a", apiToken, "", "")
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"id":"kong:consumer/a","owner":"alice"}`, body, "what Kafka did not take is not stated")
}

func TestMonitorAndIdentitiesHaveTokensOfTheirOwn(t *testing.T) {
	cfg := Defaults()
	cfg.Monitor.Token = "monitor-t0ken"
	p := newProcess(t.Context(), cfg, zerolog.Nop())
	h, err := p.monitorHandler()
	require.NoError(t, err)
	srv := httptest.NewServer(h)
	defer srv.Close()
	code, _ := get(t, srv.URL+"/metrics", "monitor-t0ken")
	require.Equal(t, http.StatusOK, code)
	code, _ = get(t, srv.URL+"/metrics", "")
	require.Equal(t, http.StatusUnauthorized, code)
	for _, token := range []string{"", "monitor-t0ken"} {
		code, body := get(t, srv.URL+"/identities", token)
		require.Equal(t, http.StatusForbidden, code, "without a token of its own it is off")
		require.Contains(t, body, "inventory.token")
	}
}

func TestRecordsOfTheTopicAreStrict(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"an unknown key", `{"id":"a:b","ower":"x"}`, `unknown field "ower"`},
		{"an unknown value", `{"id":"a:b","kind":"robot"}`, `kind: unknown value "robot"`},
		{"no id", `{"owner":"x"}`, "id: an identity needs one"},
		{"two values", `{"id":"a:b"}{"id":"c:d"}`, "more than one JSON value"},
		{"no JSON", `id: a:b`, "invalid character"},
		{"a policy that can't be read", `{"id":"a:b","allowed":{"networks":["x"]}}`, "networks: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readIdentity([]byte(c.value))
			require.ErrorContains(t, err, c.want)
		})
	}
	ident, err := readIdentity([]byte(`{"id":"a:b","kind":"workload"}`))
	require.NoError(t, err)
	text, err := json.Marshal(ident)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":"a:b","kind":"workload"}`, string(text))
}
