package schemas

// maxKeptAttributes bounds the map that Recycle keeps; a parser writes 64.
const maxKeptAttributes = 128

// Recycle gives the event back to the pool of EventFromVTPool. Unlike
// ReturnToVTPool it keeps the memory of the attributes' map, emptied. Whoever
// calls it, or has kept the map or a list of the event, may not use them again.
func (m *Event) Recycle() {
	if m == nil {
		return
	}
	attributes := m.Attributes
	if len(attributes) > maxKeptAttributes {
		attributes = nil
	}
	clear(attributes)
	m.ResetVT()
	m.Attributes = attributes
	vtprotoPool_Event.Put(m)
}
