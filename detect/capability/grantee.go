package capability

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

const policyPrefix = "policy:"

// granteesOf finds the furthest grantee, whether an administrator policy is
// among what is given, and whether the event says to whom: a name of which we
// can't tell whose it is says nothing.
func (c *Classifier) granteesOf(ev *schemas.Event, f family) (far Grantee, admin, who bool) {
	who = true
	somebody := false
	for _, g := range ev.Grantees {
		if policy, ok := strings.CutPrefix(g, policyPrefix); ok {
			admin = admin || c.data.adminPolicy(policy)
			continue
		}
		somebody = true
		kind := c.granteeOf(g, ev, f)
		if kind == GranteeUnknown {
			who = false
		}
		far = max(far, kind)
	}
	return far, admin, who && somebody
}

func (d *data) adminPolicy(name string) bool {
	if d.admins[name] {
		return true
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 && !strings.HasPrefix(name, "roles/") {
		name = name[i+1:]
	}
	return d.admins[name] || strings.Contains(name, "Administrator")
}

// granteeOf judges one grantee: an account number, an ARN, a service, a CIDR,
// a group URI, an organisation, a member of a policy, an address, or a bare name.
func (c *Classifier) granteeOf(g string, ev *schemas.Event, f family) Grantee {
	d, account := c.data, ev.Account
	switch {
	case g == "":
		return GranteeUnknown
	case d.publics[g] || strings.Contains(g, "AllUsers") || strings.Contains(g, "AuthenticatedUsers"):
		return GranteePublic
	case strings.HasSuffix(g, ".amazonaws.com") || strings.HasSuffix(g, ".amazonaws.com.cn"):
		return GranteeService
	case isAccount(g):
		return c.otherAccount(g, account)
	case strings.HasPrefix(g, "arn:"):
		if a := arnAccount(g); isAccount(a) {
			return c.otherAccount(a, account)
		}
		return GranteeInside
	case strings.HasPrefix(g, "aws:"): // a canonical identity, aws:ACCOUNT:…
		a, _, _ := strings.Cut(g[len("aws:"):], ":")
		if isAccount(a) {
			return c.otherAccount(a, account)
		}
		return GranteeInside
	case strings.HasPrefix(g, "account:"):
		return c.otherAccount(g[len("account:"):], account)
	case strings.HasPrefix(g, "domain:"):
		return d.domainOf(g[len("domain:"):], ev, f)
	}
	if at := strings.LastIndexByte(g, '@'); at > 0 {
		if containsFold(g[:at], "#ext#") { // a guest of a Microsoft directory
			return GranteeOutside
		}
		if domain := g[at+1:]; strings.HasSuffix(domain, serviceAccounts) {
			return c.serviceAccount(g[:at], strings.TrimSuffix(domain, serviceAccounts), account)
		}
		return d.domainOf(g[at+1:], ev, f)
	}
	return GranteeInside
}

const serviceAccounts = ".gserviceaccount.com"

// serviceAccount judges a service account of Google Cloud: PROJECT.iam is a
// project's own, gcp-sa-SERVICE.iam one that acts for a service. The others
// (developer, cloudbuild) say only a project's number.
func (c *Classifier) serviceAccount(name, domain, account string) Grantee {
	project, ok := strings.CutSuffix(domain, ".iam")
	switch {
	case strings.HasPrefix(project, "gcp-sa-") || strings.HasPrefix(name, "serviceAccount:service-") || domain == "cloudservices":
		return GranteeService
	case !ok || account == "":
		return GranteeUnknown
	}
	return c.otherAccount(project, account)
}

// domainOf judges an address by its domain. It is inside if the caller, or
// somebody for whom it acts, or the mailbox that is touched has an address in the
// same domain.
func (d *data) domainOf(domain string, ev *schemas.Event, f family) Grantee {
	if d.freemail[domain] {
		return GranteeOutside
	}
	known := false
	for i := -2; i < len(ev.Delegation); i++ {
		caller := ev.Principal
		switch {
		case i == -1:
			caller = ev.ActingAs
		case i >= 0:
			caller = ev.Delegation[i]
		}
		at := strings.LastIndexByte(caller, '@')
		if at <= 0 || strings.HasSuffix(caller, serviceAccounts) {
			continue
		}
		if strings.EqualFold(caller[at+1:], domain) {
			return GranteeInside
		}
		known = true
	}
	if at := strings.LastIndexByte(target(ev), '@'); !known && f == familyO365 && at > 0 {
		// A mailbox of the own organisation, touched by an application, which has no address.
		if strings.EqualFold(target(ev)[at+1:], domain) {
			return GranteeInside
		}
		known = true
	}
	if known || f == familyAWS {
		return GranteeOutside
	}
	return GranteeUnknown
}

func (c *Classifier) otherAccount(a, own string) Grantee {
	if own != "" && a == own || c.Own != nil && c.Own(a) {
		return GranteeInside
	}
	return GranteeOutside
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// arnAccount cuts the fifth field out of an ARN.
func arnAccount(arn string) string {
	for range 4 {
		_, rest, ok := strings.Cut(arn, ":")
		if !ok {
			return ""
		}
		arn = rest
	}
	a, _, _ := strings.Cut(arn, ":")
	return a
}

// secretWords make a parameter's or file's name speak of a secret.
var secretWords = [...]string{"secret", "passw", "token", "credential", "apikey", "api-key", "api_key", "private", "/key", "-key", "_key"}

// secretive says that a name speaks of a secret, without regard to case.
func secretive(name string) bool {
	for _, w := range secretWords {
		if containsFold(name, w) {
			return true
		}
	}
	return false
}

// containsFold is strings.Contains without regard to ASCII case; word is lower case.
func containsFold(s, word string) bool {
	for i := 0; i+len(word) <= len(s); i++ {
		j := 0
		for j < len(word) && lower(s[i+j]) == word[j] {
			j++
		}
		if j == len(word) {
			return true
		}
	}
	return false
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
