package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
)

// newHasher keys the hashes that replace secrets.
func (c *SecretsConfig) newHasher() *ingest.Hasher {
	old := make([][]byte, 0, len(c.OldHMACKeys))
	for _, k := range c.OldHMACKeys {
		old = append(old, []byte(k.Reveal()))
	}
	return ingest.NewHasher([]byte(c.HMACKey.Reveal()), old...)
}

// newParsers makes the parser of every format, by name.
func newParsers(cfg *Config, set *ingest.Set, h *ingest.Hasher) (map[string]ingest.Parser, error) {
	parsers := map[string]ingest.Parser{}
	for _, name := range set.Names() {
		p, err := set.New(name, ingest.Options{Hasher: h, KeepRaw: cfg.Enrich.KeepRaw})
		if err != nil {
			return nil, err
		}
		parsers[name] = p
	}
	return parsers, nil
}

// newEnricher makes the enricher, without an inventory yet.
func newEnricher(cfg *Config, h *ingest.Hasher, reg prometheus.Registerer, log zerolog.Logger) (*enrich.Enricher, error) {
	c := enrich.Config{
		Tenant: cfg.Tenant, Geo: enrich.GeoConfig{Databases: cfg.Geo.Databases}, Hash: h.Candidates,
		TrustedProxies: cfg.Networks.TrustedProxies, TrustPrivatePeers: cfg.Networks.TrustPrivatePeers,
	}
	for _, l := range cfg.Networks.Lists {
		c.Lists = append(c.Lists, enrich.ListConfig(l))
	}
	for _, a := range cfg.APIs {
		c.APIs = append(c.APIs, enrich.APIDocument(a))
	}
	if len(cfg.Secrets.OldHMACKeys) > 0 {
		c.Former = h.Former
	}
	e, err := enrich.New(c, reg, log)
	if err != nil {
		return nil, Usage(err)
	}
	return e, nil
}
