package schemas

// maxKeptAttributes bounds the map that Recycle keeps; a parser writes 64.
const maxKeptAttributes = 128

// Recycle gives the event back to the pool of EventFromVTPool. Unlike
// ReturnToVTPool it keeps the memory of the attributes' map, emptied, too. Whoever
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
	dependants, delegation, scopes := m.Dependants[:0], m.Delegation[:0], m.Scopes[:0]
	resources, grantees, forwarded := m.Resources[:0], m.Grantees[:0], m.ForwardedFor[:0]
	*m = Event{} // without the message's type, which Reset stores at a cost and the first who asks finds
	m.Dependants, m.Delegation, m.Scopes = dependants, delegation, scopes
	m.Resources, m.Grantees, m.ForwardedFor = resources, grantees, forwarded
	m.Attributes = attributes
	vtprotoPool_Event.Put(m)
}
