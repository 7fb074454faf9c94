package enrich

// Network classes of addresses that are rented by anyone.
const (
	classTor     = "tor"
	classVPN     = "vpn"
	classHosting = "hosting"
	classCloud   = "cloud"
	classCDN     = "cdn"
)

// hostingASNs lists autonomous systems of large hosting and cloud providers,
// by the numbers that they announce publicly. It only names a network's class
// where an ASN database is configured and the inventory says nothing.
var hostingASNs = map[uint32]bool{
	14618: true, 16509: true, // Amazon
	15169: true, 396982: true, // Google
	8075:  true,              // Microsoft
	31898: true,              // Oracle Cloud
	36351: true,              // IBM Cloud
	37963: true, 45102: true, // Alibaba Cloud
	45090: true, 132203: true, // Tencent Cloud
	14061: true,              // DigitalOcean
	16276: true,              // OVH
	24940: true,              // Hetzner
	63949: true,              // Akamai Connected Cloud (Linode)
	20473: true,              // Vultr
	12876: true,              // Scaleway
	51167: true,              // Contabo
	60781: true, 28753: true, // Leaseweb
	9009:   true, // M247
	8100:   true, // QuadraNet
	36352:  true, // ColoCrossing
	53667:  true, // FranTech
	62567:  true, // DigitalOcean
	54825:  true, // Equinix Metal
	8560:   true, // IONOS
	47583:  true, // Hostinger
	26347:  true, // DreamHost
	46606:  true, // Unified Layer
	212238: true, // Datacamp
	60068:  true, // Datacamp
	202425: true, // IP Volume
	49981:  true, // WorldStream
	13335:  true, // Cloudflare
}

// anonymousRecord is MaxMind's layout of what hides behind an address.
type anonymousRecord struct {
	Tor     bool `maxminddb:"is_tor_exit_node"`
	VPN     bool `maxminddb:"is_anonymous_vpn"`
	Proxy   bool `maxminddb:"is_public_proxy"`
	Hosting bool `maxminddb:"is_hosting_provider"`
}

// class gives the worst that is known; a public proxy serves as a VPN does.
func (r anonymousRecord) class() string {
	switch {
	case r.Tor:
		return classTor
	case r.VPN, r.Proxy:
		return classVPN
	case r.Hosting:
		return classHosting
	}
	return ""
}
