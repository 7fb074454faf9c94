package detect

// statistics is the part of a profile that closes of panes write.
type statistics struct {
	closed uint32 // panes closed
}
