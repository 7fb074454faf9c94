package alerting

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Containment is a way to stop an identity that can be taken back. Lapwing runs
// none of it: it proposes.
type Containment struct {
	// Do and Undo are command lines of the system that issued the credential.
	Do, Undo string
	// Stops says what Do stops, and what goes on.
	Stops string
}

// Names that may stand in a command line as they are. They come from logs, so
// what is not plainly a name of its system is in none.
var (
	awsName    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_+=,.@-]{0,127}$`)
	awsAccount = regexp.MustCompile(`^[0-9]{12}$`)
	awsLongKey = regexp.MustCompile(`^AKIA[A-Z0-9]{12,124}$`)
	gcpProject = regexp.MustCompile(`^[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	gcpAccount = regexp.MustCompile(`^[a-z][a-z0-9-]{4,28}[a-z0-9]$`)
	uuid       = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

// quiet are the detectors of what has stopped or waits for nobody: there is
// nothing to stop.
var quiet = []string{"silence", "source-silent", "stale-credential", "unmanaged-identity", "schema-violation", "shadow-api", "active-hours"}

// Contain proposes how to stop the identity of an alert, as narrowly as its
// system allows. It knows AWS users and roles, Google service accounts, Entra
// applications and Vault entities; false of everything else, of an incident, and
// where nothing calls that could be stopped.
func Contain(a *schemas.Alert) (Containment, bool) {
	l := &a.Unmapped.Lapwing
	if len(l.Identities) > 0 || slices.Contains(quiet, l.Headline) {
		return Containment{}, false
	}
	system, id, _ := strings.Cut(a.Actor.User.UID, ":")
	switch system {
	case "aws":
		return containAWS(id, a.Actor.User.CredentialUID)
	case "gcp":
		return containGCP(id)
	case "entra":
		return containEntra(id)
	case "vault":
		return containVault(id)
	}
	return Containment{}, false
}

// containAWS switches one key off where it is one; else it denies the user or
// role everything, by a policy of AWS's own that is attached and detached. Roles
// that AWS manages take no policy.
func containAWS(id, credential string) (Containment, bool) {
	account, rest, _ := strings.Cut(id, ":")
	kind, path, _ := strings.Cut(rest, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	if !awsAccount.MatchString(account) || !awsName.MatchString(name) || kind != "user" && kind != "role" ||
		strings.HasPrefix(name, "AWSServiceRoleFor") || strings.HasPrefix(name, "AWSReservedSSO_") {
		return Containment{}, false
	}
	if kind == "user" && awsLongKey.MatchString(credential) {
		line := "aws iam update-access-key --user-name " + name + " --access-key-id " + credential + " --status "
		return Containment{
			Do: line + "Inactive", Undo: line + "Active",
			Stops: "this one key of the user, in account " + account + "; sessions that were made with it go on until they expire",
		}, true
	}
	rule := "-" + kind + "-policy --" + kind + "-name " + name + " --policy-arn arn:aws:iam::aws:policy/AWSDenyAll"
	return Containment{
		Do: "aws iam attach" + rule, Undo: "aws iam detach" + rule,
		Stops: "every call of the " + kind + " in account " + account + ", by whatever credential, within seconds",
	}, true
}

func containGCP(id string) (Containment, bool) {
	project, rest, _ := strings.Cut(id, ":")
	name, ok := strings.CutPrefix(rest, "sa/")
	if !ok || !gcpProject.MatchString(project) || !gcpAccount.MatchString(name) {
		return Containment{}, false
	}
	line := "able " + name + "@" + project + ".iam.gserviceaccount.com"
	if name == "appspot" {
		line = "able " + project + "@appspot.gserviceaccount.com"
	}
	return Containment{
		Do: "gcloud iam service-accounts dis" + line, Undo: "gcloud iam service-accounts en" + line,
		Stops: "the service account with all its keys and tokens, within minutes",
	}, true
}

func containEntra(id string) (Containment, bool) {
	kind, guid, _ := strings.Cut(id, "/")
	if kind != "app" && kind != "sp" || !uuid.MatchString(guid) {
		return Containment{}, false
	}
	line := "az ad sp update --id " + guid + " --set accountEnabled="
	return Containment{
		Do: line + "false", Undo: line + "true",
		Stops: "new tokens of the application in this tenant; one that it holds works until it expires, for about an hour",
	}, true
}

func containVault(id string) (Containment, bool) {
	guid, ok := strings.CutPrefix(id, "entity/")
	if !ok || !uuid.MatchString(guid) {
		return Containment{}, false
	}
	line := "vault write identity/entity/id/" + guid + " disabled="
	return Containment{Do: line + "true", Undo: line + "false", Stops: "every token of the entity, without revoking one"}, true
}
