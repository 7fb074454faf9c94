package app

import (
	"fmt"
	"slices"
	"strings"
)

// The five roles of a process.
const (
	RoleIngest = "ingest"
	RoleEnrich = "enrich"
	RoleDetect = "detect"
	RoleStore  = "store"
	RoleAlert  = "alert"
)

// Roles lists the five roles in the order of the data's way.
func Roles() []string {
	return []string{RoleIngest, RoleEnrich, RoleDetect, RoleStore, RoleAlert}
}

// clickhouseDestination is the alert destination that is always there.
const clickhouseDestination = "clickhouse"

// ParseRoles reads a list of roles; an empty one or "all" means all five.
func ParseRoles(names []string) ([]string, error) {
	if len(names) == 0 || (len(names) == 1 && names[0] == "all") {
		return Roles(), nil
	}
	var out []string
	for _, r := range Roles() {
		if slices.Contains(names, r) {
			out = append(out, r)
		}
	}
	for _, n := range names {
		if !slices.Contains(Roles(), n) {
			return nil, Usagef("role %q: want all, or a list of %s", n, strings.Join(Roles(), ", "))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no role: want a list of %s", strings.Join(Roles(), ", "))
	}
	return out, nil
}
