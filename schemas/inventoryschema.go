package schemas

import (
	_ "embed"
	"strings"
)

// InventorySchema is the JSON Schema (2020-12) of an inventory file, for
// editors and for checks before a file is put in place.
//
//go:embed inventory.schema.json
var InventorySchema string

// InventorySchemaURL is the $id of InventorySchema.
const InventorySchemaURL = "https://lapwing-sec.github.io/schemas/inventory.schema.json"

// InventorySchemaReader reads InventorySchema from its start.
func InventorySchemaReader() *strings.Reader { return strings.NewReader(InventorySchema) }
