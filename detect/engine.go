package detect

// Engine judges the events of one cell.
type Engine struct {
	slots slotSlabs
}
