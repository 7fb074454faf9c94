package schemas

import "time"

// Inventory is what the organisation declares of its non-human identities and
// networks. It is the content of the inventory file and a public contract:
// unknown keys are errors.
type Inventory struct {
	Identities []Identity `yaml:"identities" json:"identities,omitempty"`
	Policies   []Policy   `yaml:"policies" json:"policies,omitempty"`
	Networks   []Network  `yaml:"networks" json:"networks,omitempty"`
	Targets    []Target   `yaml:"targets" json:"targets,omitempty"`
	Watch      []Watched  `yaml:"watch" json:"watch,omitempty"`
}

// Identity is a stable thing that owns calls. Only ID is required; an empty
// field states nothing.
type Identity struct {
	ID           string            `yaml:"id" json:"id"`
	Kind         string            `yaml:"kind" json:"kind,omitempty"`
	Name         string            `yaml:"name" json:"name,omitempty"`
	Owner        string            `yaml:"owner" json:"owner,omitempty"`
	Team         string            `yaml:"team" json:"team,omitempty"`
	Environment  string            `yaml:"environment" json:"environment,omitempty"`
	Criticality  string            `yaml:"criticality" json:"criticality,omitempty"`
	Vendor       string            `yaml:"vendor" json:"vendor,omitempty"`
	Aliases      []string          `yaml:"aliases" json:"aliases,omitempty"`
	Dependants   []string          `yaml:"dependants" json:"dependants,omitempty"`
	Runbook      string            `yaml:"runbook" json:"runbook,omitempty"`
	Route        string            `yaml:"route" json:"route,omitempty"`
	Allowed      *Allowed          `yaml:"allowed" json:"allowed,omitempty"`
	Credentials  []KnownCredential `yaml:"credentials" json:"credentials,omitempty"`
	Exceptions   []KnownException  `yaml:"exceptions" json:"exceptions,omitempty"`
	Labels       map[string]string `yaml:"labels" json:"labels,omitempty"`
	LastUsed     time.Time         `yaml:"last_used" json:"last_used,omitzero"`
	OffboardedAt time.Time         `yaml:"offboarded" json:"offboarded,omitzero"`

	// The rest is written by Lapwing for discovered identities, never read
	// from an inventory.
	Discovered bool      `yaml:"-" json:"discovered,omitempty"`
	FirstSeen  time.Time `yaml:"-" json:"first_seen,omitzero"`
	LastSeen   time.Time `yaml:"-" json:"last_seen,omitzero"`
	Source     string    `yaml:"-" json:"source,omitempty"`
}

// Beginnings of keys in lapwing.identities. A record of another key is declared
// by an import, or by a producer of the user's own.
const (
	// DiscoveredKey starts that of an identity that no inventory names.
	DiscoveredKey = "discovered/"
	// StatedKey starts that of an identity as PUT /identities states it. A key of
	// its own keeps an import from replacing it when the topic is compacted, and so
	// keeps its precedence over a restart.
	StatedKey = "api/"
)

// Policy is what every identity that For selects is allowed, as far as the
// identity states nothing of its own: of several policies that are about one, the
// first that states a key of Allowed decides it. Budgets are each identity's, not
// shared among them.
type Policy struct {
	For     Selector `yaml:"for" json:"for"`
	Allowed *Allowed `yaml:"allowed" json:"allowed,omitempty"`
}

// Selector names declared identities by what is declared of them: all fields
// that are set must fit, and one at least is set. ID, Team and Vendor may hold *
// for any run of characters.
type Selector struct {
	ID          string `yaml:"id" json:"id,omitempty"`
	Kind        string `yaml:"kind" json:"kind,omitempty"`
	Team        string `yaml:"team" json:"team,omitempty"`
	Environment string `yaml:"environment" json:"environment,omitempty"`
	Criticality string `yaml:"criticality" json:"criticality,omitempty"`
	Vendor      string `yaml:"vendor" json:"vendor,omitempty"`
}

// Allowed holds closed policies: a list that is present allows what it names
// and nothing else. Patterns use * for any run of characters.
type Allowed struct {
	Operations   []string  `yaml:"operations" json:"operations,omitempty"`
	Countries    []string  `yaml:"countries" json:"countries,omitempty"`
	Regions      []string  `yaml:"regions" json:"regions,omitempty"`
	Networks     []string  `yaml:"networks" json:"networks,omitempty"`
	Environments []string  `yaml:"environments" json:"environments,omitempty"`
	Schedule     *Schedule `yaml:"schedule" json:"schedule,omitempty"`
	Rate         *Rate     `yaml:"rate" json:"rate,omitempty"`
	Spend        *Spend    `yaml:"spend" json:"spend,omitempty"`
	// Workloads is from how many machines at once one credential may be used;
	// nil states nothing.
	Workloads *uint32 `yaml:"workloads" json:"workloads,omitempty"`
}

// Schedule is when an identity may call: windows like "Mon-Fri 01:00-05:00"
// in a time zone (default UTC).
type Schedule struct {
	Timezone string   `yaml:"timezone" json:"timezone,omitempty"`
	Windows  []string `yaml:"windows" json:"windows,omitempty"`
}

// Rate is a token bucket: PerMinute tokens a minute, at most Burst at once.
type Rate struct {
	PerMinute float64 `yaml:"per_minute" json:"per_minute,omitempty"`
	Burst     uint32  `yaml:"burst" json:"burst,omitempty"`
}

// Spend limits what an identity's calls of models cost in a day (UTC), in US
// dollars as logged, and how many tokens they use; zero is no limit.
type Spend struct {
	PerDay       float64 `yaml:"per_day" json:"per_day,omitempty"`
	TokensPerDay uint64  `yaml:"tokens_per_day" json:"tokens_per_day,omitempty"`
}

// KnownCredential is a credential as declared. Ref is what logs show, or
// "sha256:…" or "hmac:…"; it is never a secret.
type KnownCredential struct {
	Ref         string    `yaml:"ref" json:"ref"`
	Type        string    `yaml:"type" json:"type,omitempty"`
	Issued      time.Time `yaml:"issued" json:"issued,omitzero"`
	Expires     time.Time `yaml:"expires" json:"expires,omitzero"`
	Revoked     time.Time `yaml:"revoked" json:"revoked,omitzero"`
	RotateEvery Duration  `yaml:"rotate_every" json:"rotate_every,omitempty"`
	Fingerprint string    `yaml:"fingerprint" json:"fingerprint,omitempty"`
	// Honey marks a planted credential, which nothing has a reason to use.
	Honey bool `yaml:"honey" json:"honey,omitempty"`
}

// KnownException suspends one detector for one identity until a time.
type KnownException struct {
	Detector string    `yaml:"detector" json:"detector"`
	Until    time.Time `yaml:"until" json:"until"`
	Reason   string    `yaml:"reason" json:"reason,omitempty"`
	By       string    `yaml:"by" json:"by,omitempty"`
}

// Network is a network of the organisation's own, or one whose geography says
// nothing. Class is shared_egress, workload, office or vendor.
type Network struct {
	CIDR  string `yaml:"cidr" json:"cidr"`
	Name  string `yaml:"name" json:"name,omitempty"`
	Class string `yaml:"class" json:"class,omitempty"`
}

// Target maps an account, host or workspace that is called to the environment
// it belongs to, or a resource, with * for any run of characters, to the team or
// person that owns it.
type Target struct {
	Account     string `yaml:"account" json:"account,omitempty"`
	Host        string `yaml:"host" json:"host,omitempty"`
	Environment string `yaml:"environment" json:"environment,omitempty"`
	Resource    string `yaml:"resource" json:"resource,omitempty"`
	Owner       string `yaml:"owner" json:"owner,omitempty"`
}

// Watched is one thing that must not be seen: an address or prefix, a
// credential's id, an identity, or a user agent with * for any run of
// characters. Exactly one of the four is set.
type Watched struct {
	Address    string `yaml:"address" json:"address,omitempty"`
	Credential string `yaml:"credential" json:"credential,omitempty"`
	Identity   string `yaml:"identity" json:"identity,omitempty"`
	Agent      string `yaml:"agent" json:"agent,omitempty"`
	Reason     string `yaml:"reason" json:"reason,omitempty"`
}
