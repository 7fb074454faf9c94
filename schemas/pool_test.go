package schemas

import (
	"testing"

	"google.golang.org/protobuf/proto"
)

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

// TestARecycledEventIsAMessage: what it is for generic code, such as JSON's, is
// worked out anew.
func TestARecycledEventIsAMessage(t *testing.T) {
	for range 10 {
		ev := EventFromVTPool()
		ev.Id, ev.Attributes = "a", map[string]string{"k": "v"}
		if got, want := proto.Clone(ev), (&Event{Id: "a", Attributes: map[string]string{"k": "v"}}); !proto.Equal(got, want) || ev.ProtoReflect().Descriptor() != want.ProtoReflect().Descriptor() {
			t.Fatalf("got %v, want %v", got, want)
		}
		ev.Recycle()
	}
}
