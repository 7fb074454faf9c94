package app

// formatNames lists the raw log formats by name.
func formatNames() []string {
	return []string{"cloudtrail", "kong", "nginx"}
}
