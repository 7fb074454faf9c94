package ingest

import "strings"

// Records as Log Analytics keeps them: a row of the table AzureDiagnostics, in
// which everything below properties and identity is a column of its own with its
// type behind the name (clientIP_s, httpStatus_d, identity_claim_appid_g), or of a
// table of one resource type, whose columns have plain names ("Resource logs in
// Azure Monitor Logs", "AzureDiagnostics").

// azureTables are the tables of one resource type, and the category whose records
// they hold.
var azureTables = map[string]string{
	"AGWAccessLogs": "ApplicationGatewayAccessLog", "AGWFirewallLogs": "ApplicationGatewayFirewallLog", "AZKVAuditLogs": "AuditEvent",
}

// azureColumns are those that stand beside properties where a record is not flat,
// by their names in lower case.
var azureColumns = map[string]bool{
	"timegenerated": true, "resourceid": true, "_resourceid": true, "category": true, "operationname": true, "operationversion": true, "resulttype": true, "resultsignature": true,
	"resultdescription": true, "durationms": true, "calleripaddress": true, "correlationid": true, "level": true, "location": true, "identity": true, "properties": true,
}

// workspaceColumns say where the row is kept, and repeat parts of the resource's id.
var workspaceColumns = map[string]bool{
	"Type": true, "SourceSystem": true, "MG": true, "ManagementGroupName": true, "Computer": true, "RawData": true, "SubscriptionId": true, "_SubscriptionId": true, "_ItemId": true, "_BilledSize": true,
	"_IsBillable": true, "Resource": true, "ResourceGroup": true, "ResourceProvider": true, "ResourceType": true,
}

// claimSpaces begin the names of claims that are URIs, as columns spell them.
var claimSpaces = []string{"http_schemas_xmlsoap_org_ws_2005_05_identity_claims_", "http_schemas_microsoft_com_identity_claims_", "http_schemas_microsoft_com_claims_"}

// flatAzure recognises a row.
func flatAzure(p part) bool {
	if !p.at("TimeGenerated").there() {
		return false
	}
	table := p.at("Type").value()
	return table == "AzureDiagnostics" || azureTables[table] != "" || p.at("ResourceType").there() && p.at("Category").there() && !p.at("properties").there()
}

// fromTable makes a parser of diagnostic records read rows of tables, too.
func fromTable(parse func(r *record) error) func(r *record) error {
	return func(r *record) error {
		if !flatAzure(r.part()) {
			return parse(r)
		}
		if r.p.opt.KeepRaw {
			r.ev.Raw = r.doc.source(r.root)
		}
		inner := r.p.newRecord()
		defer inner.free()
		inner.ev = r.ev
		if err := inner.doc.parse(r.nested()); err != nil {
			return err
		}
		return parse(inner)
	}
}

// nested writes a row as the record that it was made of. Secrets are replaced in
// it already.
func (r *record) nested() string {
	var root, properties, identity, claims []byte
	d, table := &r.doc, r.part("Type").value()
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		if d.nodes[n].kind == kindNull {
			continue
		}
		key, plain := columnName(d.nodes[n].key)
		to := &properties
		if rest, ok := strings.CutPrefix(key, "identity_"); ok {
			if to, key = &identity, rest; strings.HasPrefix(rest, "claim_") {
				to, key = &claims, claimName(rest[len("claim_"):])
			}
		} else if plain && (azureColumns[strings.ToLower(key)] || workspaceColumns[key]) {
			to = &root
		} else if plain && key == "TenantId" {
			to, key = &root, "WorkspaceId" // not the tenant of the caller
		} else if table != "AzureDiagnostics" && key != "" {
			key = strings.ToLower(key[:1]) + key[1:]
		}
		v := d.source(n)
		if d.nodes[n].kind == kindNumber {
			v = strings.TrimSuffix(v, ".0") // every number of a row is a real one
		}
		*to = append(append(append(append(*to, ','), quoteJSON(key)...), ':'), v...)
	}
	if category := azureTables[table]; category != "" && !r.part("Category").there() {
		root = append(root, `,"category":"`+category+`"`...)
	}
	if len(claims) > 0 {
		identity = append(append(append(identity, `,"claim":{`...), claims[1:]...), '}')
	}
	b := []byte{'{'}
	if len(root) > 0 {
		b = append(append(b, root[1:]...), ',')
	}
	if len(identity) > 0 {
		b = append(append(append(b, `"identity":{`...), identity[1:]...), "},"...)
	}
	b = append(b, `"properties":{`...)
	if len(properties) > 0 {
		b = append(b, properties[1:]...)
	}
	return string(append(b, "}}"...))
}

// columnName takes the type off a column's name; plain says that there was none.
func columnName(column string) (name string, plain bool) {
	if n := len(column) - 2; n > 0 && column[n] == '_' && strings.IndexByte("sdbgt", column[n+1]) >= 0 {
		return column[:n], false
	}
	return column, true
}

func claimName(column string) string {
	for _, space := range claimSpaces {
		if rest, ok := strings.CutPrefix(column, space); ok {
			return rest
		}
	}
	return column
}
