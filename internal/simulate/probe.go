package simulate

import (
	"slices"
	"time"
)

// Probe is one signal with nothing else changed: so many calls of one class,
// from one network, by one client, accepted or refused.
type Probe struct {
	// Class is one of ProbeClasses.
	Class string
	// Gateway asks for a caller of a gateway instead of a cloud's.
	Gateway bool
	Events  int
	// Network is usual, known or foreign; Client own or other.
	Network, Client string
	Refused         bool
}

// probeClass is what a probe calls. The words are this package's own: detectors
// classify what they see without them.
type probeClass struct {
	name           string
	cloud          string
	params, resp   string
	gateway        string
	cloudKinds     []string
	ownOp, harmful bool
}

var probeClasses = []probeClass{
	{name: "reads a secret", harmful: true, cloud: "secretsmanager:GetSecretValue", params: `{"secretId":"prod/payments/signing"}`, gateway: "GET /v1/admin/secrets/{s}", cloudKinds: []string{"monitor", "vendor", "controller", "notebook", "etl"}},
	{name: "mints a credential", harmful: true, cloud: "iam:CreateAccessKey", params: `{"userName":"breakglass-admin"}`, resp: `{"accessKey":{"userName":"breakglass-admin","accessKeyId":"AKIA$KEY16","status":"Active"}}`, gateway: "POST /v1/admin/api-keys"},
	{name: "grants rights", harmful: true, cloud: "iam:AttachRolePolicy", params: `{"roleName":"$stem","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`, gateway: "PUT /v1/admin/users/{n}/roles"},
	{name: "changes trust", harmful: true, cloud: "iam:UpdateAssumeRolePolicy", params: `{"roleName":"$stem","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::` + accountForeign + `:root\"},\"Action\":\"sts:AssumeRole\"}]}"}`},
	{name: "exposes a resource", harmful: true, cloud: "ec2:ModifySnapshotAttribute", params: `{"snapshotId":"$snap","createVolumePermission":{"add":{"items":[{"userId":"` + accountForeign + `"}]}},"attributeType":"CREATE_VOLUME_PERMISSION"}`},
	{name: "runs code elsewhere", harmful: true, cloud: "ssm:SendCommand", params: `{"documentName":"AWS-RunShellScript","targets":[{"key":"tag:env","values":["production"]}],"parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","interactive":false}`},
	{name: "stops logging", harmful: true, cloud: "cloudtrail:StopLogging", gateway: "PUT /v1/admin/config/logging"},
	{name: "destroys data", harmful: true, cloud: "rds:DeleteDBSnapshot", params: `{"dBSnapshotIdentifier":"orders-prod-$date"}`, gateway: "DELETE /v1/customers/{n}"},
	{name: "exports data", harmful: true, cloud: "dynamodb:ExportTableToPointInTime", gateway: "GET /v1/customers/export"},
	{name: "starts machines", harmful: true, cloud: "ec2:RunInstances", params: `{"instancesSet":{"items":[{"imageId":"ami-$img","minCount":4,"maxCount":4}]},"instanceType":"g5.12xlarge"}`, cloudKinds: []string{"monitor", "vendor", "service", "lambda", "etl"}},
	{name: "a new read", cloud: "route53:ListHostedZones", gateway: "GET /v1/documents/{n}"},
	{name: "its own calls", ownOp: true},
}

// ProbeClasses lists the classes, and which of them do harm.
func ProbeClasses() (names []string, harmful map[string]bool) {
	harmful = map[string]bool{}
	for i := range probeClasses {
		names = append(names, probeClasses[i].name)
		harmful[probeClasses[i].name] = probeClasses[i].harmful
	}
	return names, harmful
}

// Probe plays a probe on the nth of the identities that it fits, at an hour of
// its own, and returns the records and what they are. It is not part of the
// fleet's traffic. ok is false where the log has no such call or the fleet no
// such identity.
func (f *Fleet) Probe(p Probe, nth int) (records []Record, label Label, ok bool) {
	i := slices.IndexFunc(probeClasses, func(c probeClass) bool { return c.name == p.Class })
	if i < 0 {
		return nil, Label{}, false
	}
	c := &probeClasses[i]
	name, kinds := c.cloud, []string{"monitor", "vendor", "service", "lambda", "etl"}
	if c.cloudKinds != nil {
		kinds = c.cloudKinds
	}
	if p.Gateway {
		name, kinds = c.gateway, gateway
	}
	o := f.lib.byName[name]
	if o == nil && !c.ownOp {
		return nil, Label{}, false
	}
	var fits []*identity
	for j := range f.ids {
		id := &f.ids[j]
		a := act{f: f, id: id}
		if id.cast == "" && slices.Contains(kinds, f.kinds[id.kind].name) && busy(f, id) &&
			(o == nil || !slices.Contains(a.own(o.read), o) && !slices.Contains(f.kinds[id.kind].tails, o)) {
			fits = append(fits, id)
		}
	}
	if len(fits) == 0 {
		return nil, Label{}, false
	}
	a, copied := f.stranger(fits[nth%len(fits)], hash(f.draws(p.Class, 7), uint64(nth)), p.Network, p.Client) //nolint:gosec // small
	a.label.ID, a.label.Name = "probe", p.Class
	if o == nil {
		o = a.usual()
	}
	w := with{n: max(1, p.Events), gap: 8, params: c.params, resp: c.resp}
	if p.Gateway || c.ownOp {
		w.params, w.resp = "", ""
	}
	if p.Refused {
		w.fault = faultDenied
	}
	a.make(o, w)
	return f.played(copied), a.finish(), true
}

// stranger prepares an act on a copy of an identity, a day and more after
// judging begins, in the hours in which the identity works.
func (f *Fleet) stranger(id *identity, seed uint64, network, client string) (*act, *identity) {
	copied := *id
	copied.script = nil
	a := &act{f: f, id: &copied, d: newDice(), at: &attack{name: "probe"}}
	a.d.seed(seed, 3)
	local := int64(9+a.d.IntN(8)) - int64(id.tz)
	a.t = f.judged + dayMS + local*hourMS + int64(a.d.IntN(3000))*secMS
	for !workday(a.t) {
		a.t += dayMS
	}
	k := &f.kinds[id.kind]
	switch network {
	case "known":
		a.ip = a.knownAddress(k)
	case "foreign":
		a.ip = a.foreignAddress()
	}
	if client == "other" {
		a.agent = a.otherAgent(k)
	}
	a.first = a.t
	a.label = Label{Kind: KindAttack, Identity: id.id, Log: k.form.String(), Network: network, Client: client}
	return a, &copied
}

func workday(t int64) bool {
	d := time.UnixMilli(t).UTC().Weekday()
	return d != time.Saturday && d != time.Sunday
}

// played encodes what was put into an identity's script.
func (f *Fleet) played(id *identity) []Record {
	enc := newEncoder(f)
	var out []Record
	for i := range id.script {
		c := f.perform(id, &id.script[i], i)
		r := enc.encode(id, &c)
		r.Value = slices.Clone(r.Value)
		out = append(out, r)
	}
	return out
}
