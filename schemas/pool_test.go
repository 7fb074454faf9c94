package schemas

import "testing"

func TestARecycledEventIsEmpty(t *testing.T) {
	for range 100 {
		ev := EventFromVTPool()
		if ev.SizeVT() != 0 || len(ev.Attributes) != 0 || len(ev.Resources) != 0 {
			t.Fatalf("the pool gave %v", ev)
		}
		ev.Id, ev.Attributes, ev.Resources = "a", map[string]string{"k": "v"}, append(ev.Resources, "r")
		ev.Recycle()
	}
	(*Event)(nil).Recycle()
}
