package ingest

import "strings"

// matchAzureKeyVault recognises the audit log of a vault or of a managed HSM.
func matchAzureKeyVault(p *probe) confidence {
	if azureCategory(p) != "auditevent" {
		return no
	}
	switch id := strings.ToLower((part{p.doc, p.root}).resourceID()); {
	case strings.Contains(id, "/microsoft.keyvault/"):
		return certain
	case strings.Contains(id, "/providers/"):
		return no
	}
	return likely
}

// parseAzureKeyVault reads one call to a key vault ("Azure Key Vault
// logging"). A call without a token, to which the vault answers whom to ask
// for one, names nobody.
func parseAzureKeyVault(r *record) error {
	a, ev := azureRecord(r), r.ev
	if err := a.when(); err != nil {
		return err
	}
	a.where()
	name := a.root.text("operationName")
	if name == "" {
		return missing("operationName")
	}
	ev.Service, ev.Operation = "keyvault", "keyvault:"+name
	a.who()
	a.outcome()
	a.request()
	if object := a.properties.text("id"); object != "" {
		// The object that was touched says more than the vault.
		ev.Resources = addOnce([]string{clip(object, maxMessage)}, a.root.resourceID(), maxResources)
	}
	a.rest()
	return nil
}
