package simulate

// cloudTrail writes one element of a CloudTrail file's Records.
func (e *encoder) cloudTrail(b []byte, id *identity, c *call) []byte {
	k := &e.f.kinds[id.kind]
	o := c.op
	recipient := id.account
	params, resp := o.params, o.resp
	sessionName, credential := "", ""
	if s := c.script; s != nil {
		if s.account != "" {
			recipient = s.account
		}
		if s.params != nil {
			params = s.params
		}
		if s.resp != nil {
			resp = s.resp
		}
		sessionName, credential = s.session, s.key
	}
	region := e.sc.region
	if o.global {
		region = "us-east-1"
	}
	if k.as == asService && o.name == "sts:AssumeRole" {
		recipient = accountProd
	}

	b = append(b, `{"eventVersion":"1.10","userIdentity":`...)
	b = e.userIdentity(b, id, c, sessionName, credential)
	b = append(b, `,"eventTime":"`...)
	b = appendISO(b, c.t)
	b = append(b, `Z","eventSource":"`...)
	b = append(b, o.source...)
	b = append(b, `","eventName":"`...)
	b = append(b, o.action...)
	b = append(b, `","awsRegion":"`...)
	b = append(b, region...)
	b = append(b, `","sourceIPAddress":"`...)
	private := c.ip>>24 == 10
	if k.as == asService {
		b = append(b, id.name...)
	} else {
		b = appendIP(b, c.ip)
	}
	b = append(b, `","userAgent":"`...)
	if k.as == asService {
		b = append(b, id.name...)
	} else {
		b = append(b, c.agent...)
	}
	b = append(b, '"')
	b = e.cloudError(b, id, c)
	b = append(b, `,"requestParameters":`...)
	if len(params) == 0 {
		b = append(b, "null"...)
	} else {
		b = e.sc.append(b, params)
	}
	b = append(b, `,"responseElements":`...)
	if len(resp) == 0 || c.fault != faultNone {
		b = append(b, "null"...)
	} else {
		b = e.sc.append(b, resp)
	}
	s3 := o.source == "s3.amazonaws.com"
	if s3 {
		b = append(b, `,"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":`...)
		if o.read {
			b = append(b, '0')
		} else {
			b = appendUint(b, uint64(quantity(c.salt, 84, 90000, 1.0)))
		}
		b = append(b, `,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"`...)
		b = appendHex(b, hash(c.salt, 85), 32)
		b = append(b, `","bytesTransferredOut":`...)
		out := e.bytesOut(c)
		if c.fault != faultNone {
			out = 243
		}
		b = appendUint(b, out)
		b = append(b, '}')
	}
	b = append(b, `,"requestID":"`...)
	if s3 {
		b = appendKeyDigits(b, hash(c.salt, 86), 16)
	} else {
		b = appendUUID(b, hash(c.salt, 86))
	}
	b = append(b, `","eventID":"`...)
	b = appendUUID(b, hash(c.salt, id.seed, uint64(c.t))) //nolint:gosec // bits only
	b = append(b, `","readOnly":`...)
	b = appendBool(b, o.read)
	if s3 && o.data {
		b = append(b, `,"resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::`...)
		b = e.sc.appendVariable(b, varBucket)
		b = append(b, '/')
		b = e.sc.appendVariable(b, varKey)
		b = append(b, `"},{"accountId":"`...)
		b = append(b, recipient...)
		b = append(b, `","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::`...)
		b = e.sc.appendVariable(b, varBucket)
		b = append(b, `"}]`...)
	}
	b = append(b, `,"eventType":"AwsApiCall","managementEvent":`...)
	b = appendBool(b, !o.data)
	b = append(b, `,"recipientAccountId":"`...)
	b = append(b, recipient...)
	b = append(b, '"')
	if private {
		b = append(b, `,"vpcEndpointId":"vpce-0`...)
		b = appendHex(b, hash(hashString(id.region), hashString(o.source)), 16)
		b = append(b, '"')
	}
	if recipient != id.account {
		b = append(b, `,"sharedEventID":"`...)
		b = appendUUID(b, hash(c.salt, 87))
		b = append(b, '"')
	}
	b = append(b, `,"eventCategory":"`...)
	if o.data {
		b = append(b, `Data"`...)
	} else {
		b = append(b, `Management"`...)
	}
	if k.as != asService {
		b = append(b, `,"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"`...)
		b = append(b, o.source[:len(o.source)-len("amazonaws.com")]...)
		if !o.global {
			b = append(b, region...)
			b = append(b, '.')
		}
		b = append(b, `amazonaws.com"}`...)
	}
	return append(b, '}')
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

func (e *encoder) userIdentity(b []byte, id *identity, c *call, sessionName, credential string) []byte {
	k := &e.f.kinds[id.kind]
	switch k.as {
	case asService:
		b = append(b, `{"type":"AWSService","invokedBy":"`...)
		b = append(b, id.name...)
		return append(b, `"}`...)
	case asUser:
		b = append(b, `{"type":"IAMUser","principalId":"AIDA`...)
		b = appendKeyDigits(b, hash(id.seed, 90), 17)
		b = append(b, `","arn":"arn:aws:iam::`...)
		b = append(b, id.account...)
		b = append(b, `:user/`...)
		b = append(b, id.name...)
		b = append(b, `","accountId":"`...)
		b = append(b, id.account...)
		b = append(b, `","accessKeyId":"`...)
		if credential == "" {
			credential = id.keyAt(c.t)
		}
		b = append(b, credential...)
		b = append(b, `","userName":"`...)
		b = append(b, id.name...)
		return append(b, `"}`...)
	case asRole, asConsumer, asNginxUser, asNobody:
	}
	b = append(b, `{"type":"AssumedRole","principalId":"AROA`...)
	b = appendKeyDigits(b, hash(id.seed, 91), 17)
	b = append(b, ':')
	b = e.appendSession(b, id, c, sessionName)
	b = append(b, `","arn":"arn:aws:sts::`...)
	b = append(b, id.account...)
	b = append(b, `:assumed-role/`...)
	b = append(b, id.name...)
	b = append(b, '/')
	b = e.appendSession(b, id, c, sessionName)
	b = append(b, `","accountId":"`...)
	b = append(b, id.account...)
	b = append(b, `","accessKeyId":"ASIA`...)
	b = appendKeyDigits(b, hash(id.seed, 92, c.run, uint64(c.t/(6*hourMS))), 16) //nolint:gosec // positive
	b = append(b, `","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA`...)
	b = appendKeyDigits(b, hash(id.seed, 91), 17)
	b = append(b, `","arn":"arn:aws:iam::`...)
	b = append(b, id.account...)
	if k.session == "person" {
		b = append(b, `:role/aws-reserved/sso.amazonaws.com/`...)
	} else {
		b = append(b, `:role/`...)
	}
	b = append(b, id.name...)
	b = append(b, `","accountId":"`...)
	b = append(b, id.account...)
	b = append(b, `","userName":"`...)
	b = append(b, id.name...)
	b = append(b, `"},"attributes":{"creationDate":"`...)
	issued := c.t - int64(hash(c.run, 93)%3300)*secMS
	b = appendISO(b, issued)
	b = append(b, `Z","mfaAuthenticated":"`...)
	b = appendBool(b, k.session == "person")
	b = append(b, `"}`...)
	switch k.session {
	case "instance":
		b = append(b, `,"ec2RoleDelivery":"2.0"`...)
	case "run":
		b = append(b, `,"webIdFederationData":{"federatedProvider":"arn:aws:iam::`...)
		b = append(b, id.account...)
		b = append(b, `:oidc-provider/token.actions.githubusercontent.com","attributes":{}}`...)
	}
	return append(b, "}}"...)
}

var people = []string{"alice.ng", "b.okafor", "carla.ruiz", "d.petrov", "emma.lind", "farid.k", "g.rossi", "hana.sato"}

// appendSession writes the role session's name, as the kind of caller picks it.
func (e *encoder) appendSession(b []byte, id *identity, c *call, fixed string) []byte {
	if fixed != "" {
		return append(b, fixed...)
	}
	slot := uint64(c.t / (24 * hourMS)) //nolint:gosec // positive
	switch e.f.kinds[id.kind].session {
	case "run":
		b = append(b, "GitHubActions-"...)
		return appendUint(b, 9_000_000_000+hash(c.run, 94)%900_000_000)
	case "terraform":
		b = append(b, "terraform-"...)
		return appendUint(b, 1_780_000_000_000+hash(c.run, 94)%40_000_000_000)
	case "function":
		return append(b, id.stem...)
	case "instance":
		b = append(b, "i-0"...)
		return appendHex(b, hash(id.seed, 95, slot/9), 16)
	case "task":
		return appendHex(b, hash(id.seed, 96, slot/3, c.run%3), 32)
	case "etl":
		b = append(b, "etl-"...)
		return appendDay(b, e.sc.day)
	case "vendor":
		b = append(b, "collector-"...)
		return appendHex(b, hash(c.run, 97), 8)
	case "person":
		b = append(b, people[hash(id.seed, c.run)%uint64(len(people))]...)
		return append(b, "@harborline.example"...)
	}
	return append(b, "session"...)
}

// cloudError writes the error that the service would report.
func (e *encoder) cloudError(b []byte, id *identity, c *call) []byte {
	if c.fault == faultNone {
		return b
	}
	o := c.op
	ec2 := o.source == "ec2.amazonaws.com"
	code, message := "", ""
	switch c.fault {
	case faultDenied, faultUnauthenticated:
		code = "AccessDenied"
		if ec2 {
			code = "Client.UnauthorizedOperation"
			message = "You are not authorized to perform this operation."
		}
	case faultThrottled:
		code, message = "ThrottlingException", "Rate exceeded"
		if ec2 {
			code, message = "Client.RequestLimitExceeded", "Request limit exceeded."
		}
	case faultMissing:
		code, message = "ResourceNotFoundException", "The requested resource was not found."
		if o.source == "s3.amazonaws.com" {
			code, message = "NoSuchKey", "The specified key does not exist."
		}
		if o.global {
			code, message = "NoSuchEntityException", "The entity cannot be found."
		}
	case faultInvalid:
		code, message = "ValidationException", "1 validation error detected"
	case faultServer, faultNone:
		code, message = "InternalFailure", "An internal error occurred. Please retry your request."
	}
	b = append(b, `,"errorCode":"`...)
	b = append(b, code...)
	b = append(b, `","errorMessage":"`...)
	if message == "" {
		b = append(b, "User: arn:aws:sts::"...)
		b = append(b, id.account...)
		b = append(b, ":assumed-role/"...)
		b = append(b, id.name...)
		b = append(b, " is not authorized to perform: "...)
		b = append(b, o.name...)
		b = append(b, " because no identity-based policy allows the "...)
		b = append(b, o.name...)
		message = " action"
	}
	b = append(b, message...)
	return append(b, '"')
}
