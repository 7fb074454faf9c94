package ingest

import (
	"net/url"
	"strings"
)

// resourceParameters name what a call touches, with the word that stands
// before a bare name. ARNs and ids that speak for themselves stay as they are.
var resourceParameters = map[string]string{
	"secretId": "secret/", "roleName": "role/", "userName": "user/", "groupName": "group/", "policyName": "policy/", "instanceProfileName": "instance-profile/",
	"keyId": "key/", "targetKeyId": "key/", "aliasName": "", "tableName": "table/", "functionName": "function/", "layerName": "layer/",
	"instanceId": "", "snapshotId": "", "imageId": "", "volumeId": "", "groupId": "", "vpcId": "", "subnetId": "", "networkInterfaceId": "", "allocationId": "", "routeTableId": "",
	"resourceId": "", "keyName": "key-pair/",
	"roleArn": "", "policyArn": "", "topicArn": "", "queueUrl": "", "secretArn": "", "stateMachineArn": "", "resourceArn": "", "targetArn": "", "certificateArn": "", "sourceArn": "", "fileSystemId": "", "backupVaultName": "backup-vault/",
	"dBInstanceIdentifier": "db/", "dBClusterIdentifier": "db-cluster/", "dBSnapshotIdentifier": "db-snapshot/", "dBClusterSnapshotIdentifier": "db-cluster-snapshot/", "clusterIdentifier": "cluster/", "clusterName": "cluster/", "cluster": "cluster/",
	"repositoryName": "repository/", "logGroupName": "log-group/", "logStreamName": "log-stream/", "trailName": "trail/", "stackName": "stack/", "streamName": "stream/", "deliveryStreamName": "delivery-stream/",
	"hostedZoneId": "hosted-zone/", "domainName": "domain/", "userPoolId": "", "identityPoolId": "", "detectorId": "detector/", "serialNumber": "", "accessKeyId": "", "documentName": "document/",
	"projectName": "project/", "pipelineName": "pipeline/", "environmentName": "environment/", "applicationName": "application/", "restApiId": "rest-api/", "distributionId": "distribution/", "modelId": "model/", "databaseName": "database/", "workgroup": "workgroup/",
	"accountId": "account/", "organizationalUnitId": "", "sAMLProviderArn": "", "openIDConnectProviderArn": "",
}

// namedResources say what the parameter "name" means where it names the
// target.
var namedResources = map[string]string{
	"ssm": "parameter/", "cloudtrail": "trail/", "events": "rule/", "secretsmanager": "secret/", "eks": "cluster/", "sns": "topic/", "guardduty": "", "states": "state-machine/", "glue": "job/", "route53": "zone/", "config": "rule/",
}

// requestResources adds what requestParameters name to the resources.
func (c *trail) requestResources() {
	d, ev := c.d, c.ev
	if c.request == none {
		return
	}
	if bucket := d.text(d.get(c.request, "bucketName")); bucket != "" {
		c.object(bucket, d.text(d.get(c.request, "key")))
	}
	for i := c.request + 1; i < int(d.nodes[c.request].next); i++ {
		n := &d.nodes[i]
		if n.kind != kindString || n.str == "" {
			continue
		}
		key := n.key
		if key == "" {
			key = strings.TrimSuffix(d.nodes[n.parent].key, "s") // a list of them: names, instanceIds
		}
		prefix, ok := resourceParameters[key]
		if !ok {
			if key != "name" || int(n.parent) != c.request && d.nodes[n.parent].kind != kindArray {
				continue
			}
			if prefix, ok = namedResources[ev.Service]; !ok {
				continue
			}
		}
		v := n.str
		if prefix != "" && !strings.HasPrefix(v, "arn:") {
			v = prefix + strings.TrimPrefix(v, "/")
		}
		ev.Resources = addOnce(ev.Resources, clip(v, maxMessage), maxResources)
	}
}

// object adds a bucket of S3, or an object in it, to the resources, where it is
// in most records already.
func (c *trail) object(bucket, key string) {
	const prefix = "arn:aws:s3:::"
	var buf [maxMessage]byte
	arn := buf[:0]
	if !strings.HasPrefix(bucket, "arn:") {
		arn = append(arn, prefix...)
	}
	arn = append(arn, bucket...)
	if key != "" {
		arn = append(append(arn, '/'), key...)
	}
	for _, have := range c.ev.Resources {
		if have == string(arn) {
			return
		}
	}
	c.ev.Resources = addOnce(c.ev.Resources, clip(string(arn), maxMessage), maxResources)
}

// grantVerbs begin the names of calls that can give something to someone.
var grantVerbs = []string{"Attach", "Put", "Create", "Add", "Authorize", "Modify", "Set", "Update", "Associate", "Share", "Grant", "Upload", "Enable", "Register", "Start", "Invite"}

func grants(operation string) bool {
	for _, v := range grantVerbs {
		if strings.HasPrefix(operation, v) {
			return true
		}
	}
	return false
}

// policyDocuments are parameters that hold a policy: as an object, as JSON in
// a string, or percent-encoded.
var policyDocuments = map[string]bool{
	"policyDocument": true, "assumeRolePolicyDocument": true, "bucketPolicy": true, "policy": true, "Policy": true, "resourcePolicy": true,
	"policyText": true, "accessPolicies": true, "AccessPolicies": true, "attributeValue": true, "policyDetails": true, "Policies": true,
}

// givesTo are IAM calls whose userName, roleName or groupName gets something,
// rather than being created or named.
func givesTo(operation string) bool {
	switch operation {
	case "CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile", "CreateServiceSpecificCredential", "UploadSSHPublicKey", "UploadSigningCertificate", "UpdateAccessKey",
		"AddUserToGroup", "AddRoleToInstanceProfile", "PutUserPolicy", "PutRolePolicy", "PutGroupPolicy", "AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy":
		return true
	}
	return false
}

// grantees finds who gets something by this call. A grantee is "public", an
// account id, the ARN of a principal, a service's name, "user:NAME",
// "role:NAME" or "group:NAME" of the same account, or the policy that is being
// given: "policy:NAME", "policy:*" for an inline policy that allows everything
// and "policy:iam:*" for everything of one service.
func (c *trail) grantees() {
	d := c.d
	if c.request == none {
		return
	}
	iam := c.ev.Service == "iam" && givesTo(c.name)
	egress := strings.Contains(c.name, "Egress")
	for i := c.request + 1; i < int(d.nodes[c.request].next); i++ {
		n := &d.nodes[i]
		key := n.key
		if key == "" {
			key = d.nodes[n.parent].key
		}
		switch key {
		case "remove", "valuesToRemove", "accountIdsToRemove", "Owner", "owner":
			i = int(n.next) - 1
			continue
		}
		if policyDocuments[key] {
			c.policy(i)
			continue
		}
		if n.str == "" {
			continue
		}
		switch key {
		case "policyArn", "managedPolicyArn":
			if _, name, ok := strings.Cut(n.str, ":policy/"); ok {
				c.give("policy:" + name[strings.LastIndexByte(name, '/')+1:])
			} else {
				c.give("policy:" + n.str[strings.LastIndexByte(n.str, '/')+1:])
			}
		case "userName":
			if iam {
				c.give("user:" + n.str)
			}
		case "roleName":
			if iam {
				c.give("role:" + n.str)
			}
		case "groupName":
			if iam {
				c.give("group:" + n.str)
			}
		case "x-amz-acl", "acl", "cannedACL", "cannedAcl":
			if strings.HasPrefix(n.str, "public-") || n.str == "authenticated-read" {
				c.give("public")
			}
		case "URI":
			c.group(n.str)
		case "group", "groups":
			if n.str == "all" {
				c.give("public")
			}
		case "userId", "valuesToAdd", "accountIdsToAdd", "accountWithRestoreAccess", "aWSAccountIds", "aWSAccountId", "principal", "principals", "granteePrincipal",
			"principalArn", "organizationArn", "organizationalUnitArn", "account":
			c.principal(n.str)
		case "accountId", "content":
			// A portfolio's share; who may reach an endpoint service ("content" and a
			// number each, below the name of the list).
			if key == "accountId" && c.ev.Service == "servicecatalog" || key == "content" && c.within(i, "AddAllowedPrincipals") {
				c.principal(n.str)
			}
		case "cidrIp", "cidrIpv6", "cidrIpv4", "cidr":
			if !egress && strings.HasSuffix(n.str, "/0") {
				c.give("public")
			}
		case "publiclyAccessible":
			if n.str == "true" {
				c.give("public")
			}
		case "authType":
			if n.str == "NONE" && strings.Contains(c.name, "FunctionUrl") {
				c.give("public")
			}
		default:
			if strings.HasPrefix(key, "x-amz-grant-") {
				c.group(n.str)
			}
		}
	}
}

// within says that a node lies below one of a name, of the request.
func (c *trail) within(i int, name string) bool {
	for at := int(c.d.nodes[i].parent); at > c.request; at = int(c.d.nodes[at].parent) {
		if c.d.nodes[at].key == name {
			return true
		}
	}
	return false
}

func (c *trail) give(to string) {
	c.ev.Grantees = addOnce(c.ev.Grantees, clip(to, maxAttributeValue), maxGrantees)
}

// group recognises the predefined groups of S3 ("Amazon S3 predefined groups").
func (c *trail) group(uri string) {
	if strings.Contains(uri, "global/AllUsers") || strings.Contains(uri, "global/AuthenticatedUsers") {
		c.give("public")
	}
}

// principal adds one principal of a grant or of a policy.
func (c *trail) principal(p string) {
	switch {
	case p == "*" || p == "all":
		c.give("public")
		return
	case strings.HasPrefix(p, "arn:") && strings.HasSuffix(p, ":root"):
		// The root of an account stands for the whole account.
		if parts := strings.Split(p, ":"); len(parts) == 6 {
			p = parts[4]
		}
	}
	if p != c.ev.Account && p != c.recipient {
		c.give(p)
	}
}

// policy reads the policy document at node n.
func (c *trail) policy(n int) {
	d := c.d
	if d.nodes[n].kind == kindObject {
		c.statements(d, n)
		return
	}
	text := strings.TrimSpace(d.nodes[n].str)
	if strings.HasPrefix(text, "%7B") || strings.HasPrefix(text, "%7b") {
		u, err := url.QueryUnescape(text)
		if err != nil {
			return
		}
		text = u
	}
	if !strings.HasPrefix(text, "{") {
		return
	}
	inner := &document{}
	if inner.parse(text) != nil {
		return // not a policy after all
	}
	c.statements(inner, 0)
}

// statements reads the statements of a policy ("IAM JSON policy elements").
func (c *trail) statements(d *document, policy int) {
	s := d.get(policy, "Statement")
	if s == none {
		return
	}
	if d.nodes[s].kind == kindObject {
		c.statement(d, s)
		return
	}
	for n := d.first(s); n != none; n = d.after(s, n) {
		c.statement(d, n)
	}
}

func (c *trail) statement(d *document, s int) {
	if d.text(d.get(s, "Effect")) != "Allow" {
		return
	}
	narrowed := c.condition(d, d.get(s, "Condition"))
	if d.get(s, "NotPrincipal") != none && !narrowed {
		c.give("public")
	}
	if p := d.get(s, "Principal"); p != none {
		for i := p; i < int(d.nodes[p].next); i++ {
			if v := d.nodes[i].str; v != "" && (v != "*" || !narrowed) {
				c.principal(v)
			}
		}
		return // the resource is the one that carries the policy
	}
	everything := false
	each(d, d.get(s, "Resource"), func(v string) { everything = everything || v == "*" })
	if !everything {
		return
	}
	if d.get(s, "NotAction") != none {
		c.give("policy:*")
	}
	each(d, d.get(s, "Action"), func(v string) {
		if v == "*" || v == "*:*" {
			c.give("policy:*")
		} else if strings.HasSuffix(v, ":*") {
			c.give("policy:" + v)
		}
	})
}

// narrowing are the condition keys that keep a "*" principal from being
// everyone ("The meaning of public", S3 user guide).
var narrowing = map[string]bool{
	"aws:principalorgid": true, "aws:principalorgpaths": true, "aws:principalaccount": true, "aws:principalarn": true, "aws:sourcevpce": true, "aws:sourcevpc": true,
	"aws:sourcearn": true, "aws:sourceaccount": true, "aws:sourceowner": true, "aws:sourceip": true, "aws:userid": true, "kms:calleraccount": true, "s3:dataaccesspointaccount": true,
}

// condition reports whether a statement's condition narrows who may call, and
// adds the accounts that it names.
func (c *trail) condition(d *document, condition int) (narrowed bool) {
	if condition == none {
		return false
	}
	for op := d.first(condition); op != none; op = d.after(condition, op) {
		for k := d.first(op); k != none; k = d.after(op, k) {
			if !narrowing[strings.ToLower(d.nodes[k].key)] {
				continue
			}
			wide := false
			each(d, k, func(v string) {
				wide = wide || v == "*" || v == "0.0.0.0/0" || v == "::/0"
				if len(v) == 12 && digits(v) >= 0 {
					c.principal(v)
				}
			})
			narrowed = narrowed || !wide
		}
	}
	return narrowed
}

// each calls f with the string at n, or with each string of the list at n.
func each(d *document, n int, f func(string)) {
	if n == none {
		return
	}
	if d.nodes[n].kind == kindString {
		f(d.nodes[n].str)
		return
	}
	for e := d.first(n); e != none; e = d.after(n, e) {
		f(d.nodes[e].str)
	}
}
