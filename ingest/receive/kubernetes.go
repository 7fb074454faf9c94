package receive

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/tidwall/gjson"
)

// The audit webhook of kube-apiserver: an EventList of audit.k8s.io/v1 becomes
// one record an event, each as the log backend would have written it.

const kubernetesFormat = "k8s-audit"

func serveKubernetes(c *call) *refusal {
	if bad := c.method(http.MethodPost); bad != nil {
		return bad
	}
	body, bad := c.all()
	if bad != nil {
		return bad
	}
	var in struct {
		Kind       string   `json:"kind"`
		APIVersion string   `json:"apiVersion"`
		Items      elements `json:"items"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Kind != "EventList" {
		return refuse(http.StatusBadRequest, "want an EventList of audit.k8s.io/v1, as kube-apiserver's audit webhook sends it")
	}
	bad = in.Items.each(c, func(item []byte) *refusal {
		return c.add(kubernetesFormat, c.sender(), named(item, in.APIVersion))
	})
	if bad != nil {
		return bad
	}
	return c.produce()
}

// named gives an item of a list the kind that it has there for granted.
func named(item []byte, version string) []byte {
	if len(item) < 2 || item[0] != '{' || gjson.GetBytes(item, "kind").Exists() {
		return item
	}
	head, _ := json.Marshal(struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
	}{"Event", version}) // two texts
	rest := bytes.TrimLeft(item[1:], " \t\r\n")
	out := make([]byte, 0, len(head)+len(item))
	out = append(out, head[:len(head)-1]...)
	if rest[0] != '}' {
		out = append(out, ',')
	}
	return append(out, rest...)
}

func replyKubernetes(c *call, bad *refusal) reply {
	if bad == nil {
		return jsonReply(http.StatusOK, accepted{c.records})
	}
	// A Status, which is what kube-apiserver's client reads.
	return jsonReply(bad.code, struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Status     string `json:"status"`
		Message    string `json:"message"`
		Code       int    `json:"code"`
	}{"Status", "v1", "Failure", bad.reason, bad.code})
}
