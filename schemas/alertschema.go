package schemas

import (
	_ "embed"
	"strings"
)

// AlertSchema is the JSON Schema (2020-12) of an Alert, a public contract.
//
//go:embed alert.schema.json
var AlertSchema string

// AlertSchemaURL is the $id of AlertSchema.
const AlertSchemaURL = "https://lapwing-sec.github.io/schemas/alert.schema.json"

// AlertSchemaReader reads AlertSchema from its start.
func AlertSchemaReader() *strings.Reader { return strings.NewReader(AlertSchema) }
