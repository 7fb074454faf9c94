package simulate

import (
	"fmt"
	"strings"
)

// identity is one member of the fleet.
type identity struct {
	index   int
	seed    uint64
	kind    int    // index into Fleet.kinds
	name    string // role, user or consumer
	stem    string // what its resources are named after
	id      string // canonical
	team    string
	env     string // production, staging, development
	account string // home account, or host at a gateway
	region  string
	tz      int
	family  int
	version int
	upgrade int // hour of the upgrade to the next version; never if beyond the end
	agents  [3]string
	nets    []netUse
	private []netUse // VPC endpoint, for storage
	errors  float64
	secrets uint16
	rates   [4]float64 // by duty: runs a day, or the period in seconds
	hours   [4]int     // by duty: hour of the daily run, or -1
	denied  *op        // refused whenever it tries
	quiet   float64    // hour-to-hour unrest, sigma
	keys    []key      // long-lived credentials in turn

	onboarded int64 // active from then on, 0 is always; Unix ms
	noTail    bool  // keeps strictly to its duties
	effects   []effect
	script    []scripted
	cast      string // the scenario that uses it
}

// key is a long-lived credential in use from a time on.
type key struct {
	ref  string
	from int64
}

// Accounts of the organisation, and of others.
const (
	accountProd     = "402857193846"
	accountData     = "518264907731"
	accountStaging  = "731940285566"
	accountDev      = "964110372858"
	accountSecurity = "287755019463"
	accountForeign  = "615309842277"

	hostProd    = "api.harborline.example"
	hostStaging = "api.staging.harborline.example"
	hostDev     = "api.dev.harborline.example"
	edgeProd    = "edge.harborline.example"
	edgeStaging = "edge.staging.harborline.example"
	edgeDev     = "edge.dev.harborline.example"
)

// office and data centre egress; the offices' VPN is shared.
var (
	officeVPN   = []uint32{ip4(62, 155, 201, 18), ip4(50, 16+0, 0, 0) + 0x0c21}
	dataCentres = []uint32{ip4(84, 128, 44, 9), ip4(71, 192, 130, 66), ip4(81, 128, 7, 201), ip4(108, 0, 91, 14)}
)

// nat is one of the cloud network's egress addresses.
func nat(region, env string, i int) uint32 {
	cc := map[string]string{"us-east-1": "US", "eu-west-1": "IE", "eu-central-1": "DE"}[region]
	p := pool(kindCloud, cc)
	h := hash(hashString(region), hashString(env), uint64(i)) //nolint:gosec // small
	return p[h%uint64(len(p))] + uint32(h>>32&0xfffe) + 1
}

// populate draws the members. The kinds are dealt so that every prefix of the
// fleet has them in proportion: small fleets are as mixed as large ones.
func (f *Fleet) populate() {
	total := 0.0
	for i := range f.kinds {
		total += f.kinds[i].share
	}
	given := make([]float64, len(f.kinds))
	names := make(map[string]int)
	f.ids = make([]identity, f.cfg.Identities)
	d := newDice()
	for i := range f.ids {
		// The kind that is most behind its share gets the next one.
		best, lack := 0, -1e9
		for k := range f.kinds {
			l := f.kinds[k].share/total*float64(i+1) - given[k]
			if l > lack {
				best, lack = k, l
			}
		}
		given[best]++
		d.seed(hash(f.cfg.Seed, 1), uint64(i))
		f.ids[i].index, f.ids[i].kind = i, best
		f.draw(&f.ids[i], d, names)
	}
}

func (f *Fleet) draw(id *identity, d *dice, names map[string]int) {
	k := &f.kinds[id.kind]
	id.seed = d.Uint64()
	id.team = teams[d.IntN(len(teams))]
	id.tz = k.tz[0]
	if d.chance(0.4) {
		id.tz = k.tz[1]
	}
	id.env = "production"
	if k.net != "partner" && k.net != "phones" && k.kind != "human" && k.as != asService && k.as != asNobody {
		switch r := d.Float64(); {
		case r < 0.10:
			id.env = "development"
		case r < 0.24:
			id.env = "staging"
		}
	}
	domain := domains[d.IntN(len(domains))]
	id.name = strings.ReplaceAll(strings.ReplaceAll(k.names, "$d", domain), "$n", fmt.Sprint(1+d.IntN(9)))
	if id.env != "production" {
		id.name += map[string]string{"staging": "-stg", "development": "-dev"}[id.env]
	}
	names[id.name]++
	if n := names[id.name]; n > 1 || k.names == "" {
		id.name = fmt.Sprintf("%s-%c%d", id.name, 'a'+(n-1)%26, n)
	}
	id.stem = strings.TrimSuffix(strings.ToLower(id.name), "-vendor")
	id.region = "us-east-1"
	if id.tz > 0 || (id.tz == 0 && d.chance(0.4)) {
		id.region = [...]string{"eu-west-1", "eu-central-1"}[d.IntN(2)]
	}
	id.home(k, d)
	id.credentials(f, k, d)

	id.family = familyIndex(k.clients[d.IntN(len(k.clients))])
	if id.family < 0 {
		id.family = 0
	}
	id.version = d.IntN(3)
	id.upgrade = 1 << 30
	if d.chance(0.35) {
		id.upgrade = d.IntN(f.cfg.Days*24 + 1)
	}
	id.agents = [3]string{agent(id.family, id.version, id.seed), agent(id.family, id.version+1, id.seed), ""}
	if k.second != "" {
		id.agents[2] = agent(familyIndex(k.second), id.version, id.seed)
	}
	id.networks(k, d)
	id.errors = k.errors[0] + (k.errors[1]-k.errors[0])*d.Float64()*d.Float64()
	id.secrets = uint16(d.between(k.secrets[0], k.secrets[1])) //nolint:gosec // small table
	id.quiet = 0.1 + 0.4*d.Float64()
	if len(k.tails) > 0 && d.chance(0.15) {
		id.denied = k.tails[d.IntN(len(k.tails))]
	}
	for i := range k.duties {
		du := &k.duties[i]
		id.hours[i] = -1
		switch {
		case du.prob > 0 && !d.chance(du.prob):
			id.rates[i] = 0
		case len(du.every) > 0:
			id.rates[i] = du.every[d.IntN(len(du.every))].Seconds()
		case du.perDay[1] > 0:
			// Demand differs widely between identities of one kind.
			id.rates[i] = min(8*du.perDay[1], d.lognormal((du.perDay[0]+du.perDay[1])/2.5, 0.95))
		default:
			id.rates[i] = 1
			id.hours[i] = d.between(du.daily[0], du.daily[1]-1)
		}
	}
}

// home sets the canonical id, and the account or host where it lives.
func (id *identity) home(k *compiled, d *dice) {
	switch k.form {
	case formatCloudTrail:
		switch id.env {
		case "staging":
			id.account = accountStaging
		case "development":
			id.account = accountDev
		default:
			id.account = [...]string{accountProd, accountProd, accountData}[d.IntN(3)]
		}
	case formatKong:
		id.account = map[string]string{"production": hostProd, "staging": hostStaging, "development": hostDev}[id.env]
	case formatNGINX, formatNGINXJSON:
		id.account = map[string]string{"production": edgeProd, "staging": edgeStaging, "development": edgeDev}[id.env]
	}
	switch k.as {
	case asRole:
		if k.kind == "human" {
			id.name = "AWSReservedSSO_" + id.name + "_" + string(appendHex(nil, id.seed, 16))
		}
		id.id = "aws:" + id.account + ":role/" + id.name
	case asUser:
		id.id = "aws:" + id.account + ":user/" + id.name
	case asService:
		id.name = [...]string{"lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "ec2.amazonaws.com", "states.amazonaws.com"}[id.index%4]
		id.id = "aws:service/" + id.name
	case asConsumer:
		id.id = "kong:consumer/" + id.name
	case asNginxUser:
		id.id = "nginx:user/" + id.name
	case asNobody:
		id.name = "-"
		id.id = fmt.Sprintf("nobody/%d", id.index)
	}
}

func (id *identity) credentials(f *Fleet, k *compiled, d *dice) {
	switch k.as {
	case asUser:
		id.keys = []key{{ref: "AKIA" + string(appendKeyDigits(nil, d.Uint64(), 16)), from: f.start}}
	case asConsumer:
		id.keys = []key{{ref: string(appendUUID(nil, d.Uint64())), from: f.start}}
	case asRole, asService, asNginxUser, asNobody:
	}
}

// keyAt is the long-lived credential in use at a time.
func (id *identity) keyAt(t int64) string {
	ref := ""
	for i := range id.keys {
		if id.keys[i].from <= t || i == 0 {
			ref = id.keys[i].ref
		}
	}
	return ref
}

var partnerCountries = []string{"US", "US", "US", "US", "US", "DE", "DE", "GB", "GB", "FR", "NL", "CA", "ES", "IT", "PL", "CH", "SE", "BR", "IN"}

func (id *identity) networks(k *compiled, d *dice) {
	one := func(ip uint32, weight uint8) netUse { return netUse{base: ip, hosts: 1, weight: weight} }
	nats := func() []netUse {
		n := 1 + d.IntN(3)
		first := d.IntN(3)
		var out []netUse
		for i := 0; i < n; i++ {
			out = append(out, one(nat(id.region, id.env, (first+i)%3), 1))
		}
		return out
	}
	subnet := func(second byte) netUse {
		return netUse{base: ip4(10, second, byte(d.IntN(64)*4), 0), bits: 10, hosts: uint16(d.between(1, 6)), churn: uint16(24 * d.between(2, 12)), weight: 1} //nolint:gosec // small
	}
	somewhere := func(kind blockKind, cc string) uint32 {
		p := pool(kind, cc)
		if len(p) == 0 {
			p = pool(kindISP, cc)
		}
		return p[d.IntN(len(p))] + uint32(d.IntN(65536))&^3 + 1 //nolint:gosec // below 65536
	}
	switch k.net {
	case "vpc", "lambda":
		id.nets = nats()
		if k.form == formatCloudTrail && d.chance(0.45) {
			id.private = []netUse{subnet(20)}
		}
	case "pods":
		if k.form == formatCloudTrail {
			id.nets = nats()
			if d.chance(0.4) {
				id.private = []netUse{subnet(20)}
			}
		} else {
			id.nets = []netUse{subnet(40)}
		}
	case "ci":
		if d.chance(0.6) {
			id.nets = []netUse{{pool: pool(kindRunner, "US"), weight: 1}}
		} else {
			id.nets = nats()[:1]
		}
	case "onprem":
		id.nets = []netUse{one(dataCentres[d.IntN(len(dataCentres))], 1)}
	case "vendor-cloud":
		base := somewhere(kindCloud, [...]string{"US", "US", "IE", "DE"}[d.IntN(4)]) &^ 255
		id.nets = []netUse{{base: base, bits: 8, hosts: uint16(d.between(2, 5)), weight: 1}} //nolint:gosec // small
	case "partner":
		cc := partnerCountries[d.IntN(len(partnerCountries))]
		kind := [...]blockKind{kindHosting, kindCloud, kindISP}[d.IntN(3)]
		if d.chance(0.6) {
			id.nets = []netUse{one(somewhere(kind, cc), 1)}
		} else {
			id.nets = []netUse{{base: somewhere(kind, cc) &^ 255, bits: 8, hosts: uint16(d.between(2, 8)), churn: uint16(24 * d.between(3, 20)), weight: 4}} //nolint:gosec // small
		}
		if d.chance(0.25) { // a second site, for fail-over
			id.nets = append(id.nets, one(somewhere(kindCloud, cc), 1))
			id.nets[0].weight = 9
		}
	case "phones":
		cc := [][]string{{"US", "CA"}, {"DE", "AT", "CH"}, {"GB"}, {"FR", "ES", "IT"}}[d.IntN(4)]
		id.nets = []netUse{{pool: pool(kindISP, cc...), weight: 1}}
	case "office":
		id.nets = []netUse{one(officeVPN[d.IntN(len(officeVPN))], 8), {base: somewhere(kindISP, "US") &^ 255, bits: 8, hosts: 1, churn: 24 * 9, weight: 2}}
	case "nobody":
		id.nets = []netUse{{pool: pool(kindISP, "US", "CN", "RU", "BR", "IN", "VN", "DE", "NL"), weight: 1}}
	default:
		id.nets = []netUse{one(ip4(10, 0, 0, 1), 1)}
	}
}

// source picks where a call leaves from.
func (id *identity) source(nets []netUse, hour int, run, r uint64) uint32 {
	total := uint64(0)
	for i := range nets {
		total += uint64(nets[i].weight)
	}
	// Most runs stay with one way out, so the run decides.
	w := hash(id.seed, run, 3) % total
	for i := range nets {
		n := &nets[i]
		if w < uint64(n.weight) {
			if n.pool != nil {
				return n.at(id.seed, hour, run)
			}
			return n.at(id.seed, hour, r)
		}
		w -= uint64(n.weight)
	}
	return nets[0].base
}
