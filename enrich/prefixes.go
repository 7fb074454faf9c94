package enrich

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/lapwing-sec/lapwing/schemas"
)

// prefixTable finds the longest prefix that holds an address. Nested prefixes
// are flattened into ranges that don't overlap, so that a look-up is a binary
// search in a few flat arrays; for IPv4 within the ranges that start in the
// address's own /16, of which there are few. A nil table holds nothing.
type prefixTable struct {
	// bucket[h] is the first range of IPv4 that starts at h<<16 or above.
	bucket []uint32
	start4 []uint32
	value4 []int32
	start6 []address6
	value6 []int32
}

// address6 is an IPv6 address as a number.
type address6 struct{ high, low uint64 }

func (a address6) above(b address6) bool {
	return a.high > b.high || a.high == b.high && a.low > b.low
}

// nothing is the value of ranges that no prefix covers.
const nothing = -1

// newPrefixTable makes a table in which each prefix stands for its index. Of
// two that are equal the first one stands. IPv4 prefixes must not be written as
// IPv6; parseCIDR sees to that.
func newPrefixTable(prefixes []netip.Prefix) *prefixTable {
	order := make([]int32, len(prefixes))
	for i := range order {
		order[i] = int32(i) //nolint:gosec // bounded by MaxListPrefixes and MaxNetworks
	}
	// A wider prefix comes before those inside it.
	slices.SortStableFunc(order, func(a, b int32) int {
		p, q := prefixes[a], prefixes[b]
		if c := p.Addr().Compare(q.Addr()); c != 0 {
			return c
		}
		return p.Bits() - q.Bits()
	})
	order = slices.CompactFunc(order, func(a, b int32) bool { return prefixes[a] == prefixes[b] })
	t := &prefixTable{}
	six, _ := slices.BinarySearchFunc(order, true, func(i int32, _ bool) int {
		if prefixes[i].Addr().Is4() {
			return -1
		}
		return 1
	})
	flatten(prefixes, order[:six], netip.IPv4Unspecified(), func(start netip.Addr, value int32) {
		b := start.As4()
		t.start4, t.value4 = append(t.start4, binary.BigEndian.Uint32(b[:])), append(t.value4, value)
	})
	flatten(prefixes, order[six:], netip.IPv6Unspecified(), func(start netip.Addr, value int32) {
		t.start6, t.value6 = append(t.start6, number6(start)), append(t.value6, value)
	})
	t.bucket = make([]uint32, 1<<16+1)
	next := 0
	for h := range t.bucket {
		for next < len(t.start4) && int(t.start4[next]>>16) < h {
			next++
		}
		t.bucket[h] = uint32(next) //nolint:gosec // two ranges a prefix
	}
	return t
}

// flatten emits the ranges of one family in rising order, from its first
// address on. The prefixes are sorted.
func flatten(prefixes []netip.Prefix, order []int32, first netip.Addr, emit func(netip.Addr, int32)) {
	type open struct {
		last  netip.Addr
		value int32
	}
	var stack []open
	at, value := first, int32(nothing)
	begin := func(start netip.Addr, v int32) {
		if start != at {
			emit(at, value)
		}
		at, value = start, v
	}
	end := func() {
		last := stack[len(stack)-1].last
		stack = stack[:len(stack)-1]
		outer := int32(nothing)
		if n := len(stack); n > 0 {
			outer = stack[n-1].value
		}
		if after := last.Next(); after.IsValid() {
			begin(after, outer)
		}
	}
	for _, i := range order {
		p := prefixes[i]
		for len(stack) > 0 && stack[len(stack)-1].last.Less(p.Addr()) {
			end()
		}
		begin(p.Addr(), i)
		stack = append(stack, open{lastOf(p), i})
	}
	for len(stack) > 0 {
		end()
	}
	emit(at, value)
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

func number6(a netip.Addr) address6 {
	b := a.As16()
	return address6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// find gives the index of the longest prefix that holds an address, or nothing.
func (t *prefixTable) find(addr netip.Addr) int32 {
	if t == nil || !addr.IsValid() {
		return nothing
	}
	if addr.Is4() {
		b := addr.As4()
		a := binary.BigEndian.Uint32(b[:])
		// The last range that starts at a or below; there always is one.
		low, high := t.bucket[a>>16], t.bucket[a>>16+1]
		for low < high {
			if mid := (low + high) / 2; t.start4[mid] > a {
				high = mid
			} else {
				low = mid + 1
			}
		}
		return t.value4[low-1]
	}
	a := number6(addr)
	low, high := 0, len(t.start6)
	for low < high {
		if mid := (low + high) / 2; t.start6[mid].above(a) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return t.value6[low-1]
}

// networkTable finds the longest declared prefix that holds an address.
type networkTable struct {
	table    *prefixTable
	networks []*schemas.Network
}

// newNetworkTable takes networks in order of precedence: of two that declare
// the same prefix the first one stands. Entries that are not prefixes, which
// the parser of the inventory refuses, are left out.
func newNetworkTable(lists ...[]schemas.Network) *networkTable {
	t := &networkTable{}
	var prefixes []netip.Prefix
	for _, list := range lists {
		for i := range list {
			if p, err := parseCIDR(list[i].CIDR); err == nil {
				prefixes = append(prefixes, p)
				t.networks = append(t.networks, &list[i])
			}
		}
	}
	t.table = newPrefixTable(prefixes)
	return t
}

func (t *networkTable) find(addr netip.Addr) *schemas.Network {
	if t == nil {
		return nil
	}
	if i := t.table.find(addr); i != nothing {
		return t.networks[i]
	}
	return nil
}

// label is what the lists say of a prefix.
type label struct{ class, name string }

// labelled is one prefix of a list. A list has its more telling entries first:
// of two for the same prefix the first one stands.
type labelled struct {
	prefix  netip.Prefix
	label   label
	telling int
}

// listTable finds the longest prefix of all lists that holds an address. The
// labels, which thousands of prefixes share, are kept once.
type listTable struct {
	table   *prefixTable
	numbers []uint32
	labels  []label
}

// newListTable takes lists in order of precedence: of two that hold the same
// prefix the first one stands.
func newListTable(lists ...[]labelled) *listTable {
	t := &listTable{}
	n := 0
	for _, list := range lists {
		n += len(list)
	}
	prefixes := make([]netip.Prefix, 0, n)
	t.numbers = make([]uint32, 0, n)
	known := make(map[label]uint32)
	for _, list := range lists {
		for i := range list {
			number, ok := known[list[i].label]
			if !ok {
				number = uint32(len(t.labels)) //nolint:gosec // at most MaxListPrefixes
				known[list[i].label] = number
				t.labels = append(t.labels, list[i].label)
			}
			prefixes = append(prefixes, list[i].prefix)
			t.numbers = append(t.numbers, number)
		}
	}
	t.table = newPrefixTable(prefixes)
	return t
}

// find gives what the lists say of an address, or nil.
func (t *listTable) find(addr netip.Addr) *label {
	if t == nil {
		return nil
	}
	if i := t.table.find(addr); i != nothing {
		return &t.labels[t.numbers[i]]
	}
	return nil
}
