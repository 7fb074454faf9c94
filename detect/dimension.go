package detect

// Dimension is one kind of value that a profile remembers: an operation, a
// prefix, a country. The numbers are part of the snapshot format: never
// renumber one.
type Dimension uint8

// The dimensions. The engine looks up and learns those marked "engine" for
// every event; the others are looked up by the detectors that use them, with
// Call.See, and learned the same way.
const (
	Operation       Dimension = iota // engine: "s3:GetObject", "GET /v1/orders/{id}"
	Service                          // engine: "s3"
	CapabilityBit                    // engine: one value for each class of Call.Can.Set; see Call.NewCapabilities
	Resource                         // engine: the first resource of the event
	Secret                           // engine: the first resource of an operation that reads secrets
	Address                          // engine: source address
	Prefix                           // engine: /24 or /48
	ASN                              // engine: autonomous system
	NetworkClass                     // engine: hosting, tor, vpn, office, …
	Country                          // engine
	Client                           // engine: client family
	Fingerprint                      // engine: TLS fingerprint
	Credential                       // engine: credential id
	CredentialType                   // engine: access_key, session, …
	Account                          // engine: the account that was called (target_account, else account)
	Region                           // engine: cloud region
	CredentialPlace                  // engine: credential x prefix
	OperationDenied                  // engine: an operation that was refused
	Delegation                       // engine: outermost x innermost delegate
	Host                             // engine: host that was called
	Environment                      // engine: environment of the target
	Grantee                          // detector: capability x grantee edge
	Edge                             // detector: any other (verb, target) edge
	Rule                             // engine: (detector, value) that has raised a declared or consequence alert
	Verdict                          // engine: (detector, value) that an analyst called expected
	ActingAs                         // engine: whom the call acted as
	ScopeSet                         // engine: all scopes of the call together
	Scope                            // detector: one scope
	Attested                         // engine: whether the source attested what the call ran on, once it ever did
	Refusal                          // detector: an operation that was refused before it was ever made
	Repository                       // engine: the repository that a pipeline's token names
	Pipeline                         // engine: repository, ref and workflow of it
	Model                            // engine: the AI model that was called, without its version
	MintedFor                        // detector: for whom a credential was made
	Federation                       // engine: who vouched for a pipeline's session, or that nobody did, once anybody has
	Container                        // engine: the bucket, table or namespace of the first resource
	Runner                           // engine: on what a pipeline's job ran: whose, group, labels and name
	ContextKept                      // engine: whether a temporary credential keeps what it was issued for
	dimensions

	// How many a snapshot of format 10, 11 and 12 knows.
	dimensionsOfFormat10 = Model
	dimensionsOfFormat11 = MintedFor
	dimensionsOfFormat12 = Runner
)

var dimensionNames = [dimensions]string{
	"operation", "service", "capability", "resource", "secret", "address", "prefix", "network", "network class", "country",
	"client", "fingerprint", "credential", "credential type", "account", "region", "credential and network", "refused operation",
	"delegation", "host", "environment", "grantee", "edge", "rule", "verdict",
	"impersonated identity", "set of scopes", "scope", "attestation", "first refusal", "repository", "pipeline", "AI model",
	"owner of a new credential", "voucher of a session", "bucket, table or namespace", "runner",
	"context of a credential",
}

// String is the dimension's name in a sentence.
func (d Dimension) String() string {
	if d < dimensions {
		return dimensionNames[d]
	}
	return "unknown"
}

// sensitive dimensions are never evicted to make room for others.
func (d Dimension) sensitive() bool {
	switch d {
	case CapabilityBit, Secret, Grantee, Edge, Rule, Verdict, Country, ActingAs, Scope, Repository, MintedFor, Federation, Runner, ContextKept:
		return true
	default:
		return false
	}
}

// churns says that new values of d are this kind's daily business: they are
// the first to be evicted.
func (d Dimension) churns() bool {
	switch d {
	case Resource, Address, CredentialPlace, Credential, ScopeSet, Refusal, Pipeline:
		return true
	default:
		return false
	}
}

// Trigger is a set of conditions that call a detector's Observe. A detector
// whose conditions don't hold costs nothing.
type Trigger uint64

// triggers is how many there can be.
const triggers = 64

// OnNew triggers on an event with a value never seen by this identity (or seen
// and still in quarantine) in one of the dimensions, learned or not.
func OnNew(ds ...Dimension) Trigger {
	var t Trigger
	for _, d := range ds {
		t |= 1 << d
	}
	return t
}

// Triggers that do not depend on a dimension.
const (
	OnEvery         Trigger = 1 << (63 - iota) // every event: think twice
	OnViolation                                // Event.Declared.Violations is not empty
	OnCapability                               // the operation has a class of capability.Consequence
	OnDenied                                   // the call was refused
	OnGap                                      // the first call, or the gap since the last is above a day and above the identity's own p99
	OnUnmanaged                                // the identity is not in the inventory
	OnRateBudget                               // the event carries a declared rate
	OnGrantee                                  // the event names grantees
	OnDeletes                                  // the operation has the class Deletes or Destroys
	OnSpawns                                   // the operation starts machines, or calls AI models
	OnOldCredential                            // a credential that was not used for a week, of an identity that called meanwhile, or whose successor took over
	OnSpendLimit                               // the event carries a declared limit of spending
	OnDeeper                                   // a chain of delegation longer than any seen
	OnWorkloads                                // the event carries how many machines may use a credential
)
