package detect

// catalogue is the one visible table of detectors, in the order in which they
// are called. To add one: write its file, put it here, and add its golden
// folder under testdata.
var catalogue = []Detector{
	// Statistics: judged when a pane closes.
	callRate{},
	egressVolume{},
	silence{},
	deniedProbing{},
	enumeration{},
	agentSpend{},
	authFailures{},
	slowDrift{},
	objectEnumeration{},
	sharedCredential{},
	tokenChurn{},
	errorMix{},
	responseShape{},
	peerDeviation{},
	activeHours{},
	sequence{},
	riskOf{},
	sourceSilent{},

	// Events: judged on arrival.
	deadCredential{},
	staleCredential{},
	regionPolicy{},
	networkPolicy{},
	scopePolicy{},
	offSchedule{},
	crossEnvironment{},
	rateBudget{},
	sigmaRules{},
	unmanagedIdentity{},
	honeyCredential{},
	watchedIndicator{},
	bindingMismatch{},
	ssrfShape{},
	shadowAPI{},
	schemaViolation{},
	logTampering{},
	secretAccess{},
	mintsCredential{},
	grantsPrivilege{},
	changesTrust{},
	exposesResource{},
	destroysData{},
	runsCode{},
	spawnsCompute{},
	identitySwap{},
	oauthDrift{},
	mintedUse{},
	supersededKey{},
	offWorkload{},
	newTarget{},
	newRegion{},
	newCapability{},
	refusedThenDone{},
	policyChange{},
	newCountry{},
	newNetwork{},
	keyNewSource{},
	tokenReplay{},
	newClient{},
	humanUse{},
	impossibleTravel{},
	newOperation{},
	agentDrift{},
	delegation{},
	ciDrift{},
	dormant{},
	spray{},
}

// Catalogue returns every detector's card, in the order of the table.
func Catalogue() []Meta {
	out := make([]Meta, 0, len(catalogue))
	for _, d := range catalogue {
		out = append(out, *d.Meta())
	}
	return out
}
