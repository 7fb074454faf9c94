package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// mappable are the fields of an event that a mapping may fill, beside time and
// outcome, which have sections of their own.
var mappable = map[string]func(*schemas.Event) *string{
	"id": func(ev *schemas.Event) *string { return &ev.Id }, "principal": func(ev *schemas.Event) *string { return &ev.Principal },
	"principal_type":   func(ev *schemas.Event) *string { return &ev.PrincipalType },
	"principal_issuer": func(ev *schemas.Event) *string { return &ev.PrincipalIssuer },
	"credential_id":    func(ev *schemas.Event) *string { return &ev.CredentialId }, "credential_type": func(ev *schemas.Event) *string { return &ev.CredentialType },
	"session_id": func(ev *schemas.Event) *string { return &ev.SessionId }, "acting_as": func(ev *schemas.Event) *string { return &ev.ActingAs },
	"oauth_client":       func(ev *schemas.Event) *string { return &ev.OauthClient },
	"client_certificate": func(ev *schemas.Event) *string { return &ev.ClientCertificate },
	"workload":           func(ev *schemas.Event) *string { return &ev.Workload }, "operation": func(ev *schemas.Event) *string { return &ev.Operation },
	"service": func(ev *schemas.Event) *string { return &ev.Service }, "url_path": func(ev *schemas.Event) *string { return &ev.UrlPath },
	"route_template": func(ev *schemas.Event) *string { return &ev.RouteTemplate }, "host": func(ev *schemas.Event) *string { return &ev.Host },
	"error_code": func(ev *schemas.Event) *string { return &ev.ErrorCode }, "error_message": func(ev *schemas.Event) *string { return &ev.ErrorMessage },
	"request_id": func(ev *schemas.Event) *string { return &ev.RequestId }, "user_agent": func(ev *schemas.Event) *string { return &ev.UserAgent },
	"tls_fingerprint": func(ev *schemas.Event) *string { return &ev.TlsFingerprint }, "cloud_provider": func(ev *schemas.Event) *string { return &ev.CloudProvider },
	"region": func(ev *schemas.Event) *string { return &ev.Region }, "account": func(ev *schemas.Event) *string { return &ev.Account },
	"target_account": func(ev *schemas.Event) *string { return &ev.TargetAccount },
}

// mappableNumbers are counts.
var mappableNumbers = map[string]func(*schemas.Event) *uint64{
	"bytes_in": func(ev *schemas.Event) *uint64 { return &ev.BytesIn }, "bytes_out": func(ev *schemas.Event) *uint64 { return &ev.BytesOut },
	"tokens_in": func(ev *schemas.Event) *uint64 { return &ev.TokensIn }, "tokens_out": func(ev *schemas.Event) *uint64 { return &ev.TokensOut },
	"cost_micros": func(ev *schemas.Event) *uint64 { return &ev.CostMicros },
	"records_out": func(ev *schemas.Event) *uint64 { return &ev.RecordsOut },
}

// mappableLists take a path, or a list of them.
var mappableLists = map[string]func(ev *schemas.Event, list []string){
	"delegation": func(ev *schemas.Event, list []string) { ev.Delegation = list },
	"grantees":   func(ev *schemas.Event, list []string) { ev.Grantees = list },
	"resources":  func(ev *schemas.Event, list []string) { ev.Resources = list },
	"scopes": func(ev *schemas.Event, list []string) {
		for _, v := range list {
			ev.Scopes = append(ev.Scopes, strings.Fields(strings.ReplaceAll(v, ",", " "))...)
		}
	},
	"forwarded_for": func(ev *schemas.Event, list []string) {
		for _, v := range list {
			ev.ForwardedFor = forwarded(v, ev.ForwardedFor)
		}
	},
}

var errNotFit = fmt.Errorf("does not fit")

// mappableOthers have a reading of their own.
var mappableOthers = map[string]func(ev *schemas.Event, v string) error{
	"http_method": func(ev *schemas.Event, v string) error {
		if ev.HttpMethod = method(v); ev.HttpMethod == "" {
			return errNotFit
		}
		return nil
	},
	"src_ip": func(ev *schemas.Event, v string) error {
		if ev.SrcIp = address(v); ev.SrcIp == "" {
			return errNotFit
		}
		return nil
	},
	"peer_ip": func(ev *schemas.Event, v string) error {
		if ev.PeerIp = address(v); ev.PeerIp == "" {
			return errNotFit
		}
		return nil
	},
	"status_code": func(ev *schemas.Event, v string) error {
		code := count(v)
		if code == 0 || code > 999 {
			return errNotFit
		}
		ev.StatusCode = uint32(code)
		return nil
	},
	"latency_us": latencyOf(1), "latency_ms": latencyOf(1e3), "latency_s": latencyOf(1e6),
	"mfa": func(ev *schemas.Event, v string) error {
		ev.Mfa = v == "true" || v == "yes" || v == "1"
		return nil
	},
	"read_only": func(ev *schemas.Event, v string) error {
		switch strings.ToLower(v) {
		case "true", "yes", "read":
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_TRUE
		case "false", "no", "write":
			ev.ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
		default:
			return errNotFit
		}
		return nil
	},
	"credential_issued": func(ev *schemas.Event, v string) (err error) {
		ev.CredentialIssued, err = parseAnyTime(v)
		return err
	},
	"credential_expires": func(ev *schemas.Event, v string) (err error) {
		ev.CredentialExpires, err = parseAnyTime(v)
		return err
	},
}

func latencyOf(unit float64) func(ev *schemas.Event, v string) error {
	return func(ev *schemas.Event, v string) error {
		ev.LatencyUs = micros(v, unit)
		return nil
	}
}

// setter returns how a field is filled; both are nil when there is none of
// that name.
func setter(name string) (set func(*schemas.Event, string) error, list func(*schemas.Event, []string)) {
	if to := mappable[name]; to != nil {
		return func(ev *schemas.Event, v string) error {
			*to(ev) = v // finish bounds it
			return nil
		}, nil
	}
	if to := mappableNumbers[name]; to != nil {
		return func(ev *schemas.Event, v string) error {
			*to(ev) = count(v)
			return nil
		}, nil
	}
	return mappableOthers[name], mappableLists[name]
}

// mappableNames lists the fields in order, for messages.
func mappableNames() (names []string) {
	for n := range mappable {
		names = append(names, n)
	}
	for n := range mappableNumbers {
		names = append(names, n)
	}
	for n := range mappableLists {
		names = append(names, n)
	}
	for n := range mappableOthers {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
