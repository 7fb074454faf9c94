package schemas

import "embed"

// Migrations holds the numbered DDL of ClickHouse, migrations/NNNN_name.sql.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Hunts holds the named questions to ClickHouse, hunts/NAME.sql. Each starts
// with comments that give its title, its question and its parameters.
//
//go:embed hunts/*.sql
var Hunts embed.FS

// HuntersSQL makes a role for hunters on a ClickHouse server. It is shown to the
// operator, never applied by Lapwing itself.
//
//go:embed hunters.sql
var HuntersSQL string
