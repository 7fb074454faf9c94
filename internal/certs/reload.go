package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Files names the PEM files of one side of TLS connections. A name is empty where
// there is no such file; Cert and Key stand together.
type Files struct {
	Cert, Key string
	// Authorities are those that the other side's certificates are checked against.
	Authorities string
	// Every is how often the files are looked at, at most: a handshake that comes earlier
	// is served with what was read before. 0 is a minute.
	Every time.Duration
}

// Reloaded holds what certificate files say and reads them again once they have
// changed, so that a renewed certificate needs no restart. Files that cannot be read, or
// do not belong together, leave in force what was read before. Safe for concurrent use.
type Reloaded struct {
	files Files
	tell  func(error)
	now   func() time.Time

	mu     sync.Mutex
	looked time.Time
	stamps [3]os.FileInfo
	failed string
	pair   *tls.Certificate
	pool   *x509.CertPool
}

// Open reads the files. tell, which may be nil, learns what became of later
// readings: nil after one that worked, else what was wrong, once for each different
// fault. It is called while a handshake waits.
func Open(f Files, tell func(error)) (*Reloaded, error) {
	r := &Reloaded{files: f, tell: tell, now: time.Now}
	if r.files.Every == 0 {
		r.files.Every = time.Minute
	}
	if r.tell == nil {
		r.tell = func(error) {}
	}
	r.looked = r.now()
	stamps, err := r.stat()
	if err != nil {
		return nil, err
	}
	return r, r.read(stamps)
}

// Server gives the certificate to show, as tls.Config.GetCertificate does.
func (r *Reloaded) Server(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	pair, _ := r.current()
	return pair, nil
}

// Client gives the certificate to show, as tls.Config.GetClientCertificate does: none
// where the server would not take it.
func (r *Reloaded) Client(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, _ := r.current()
	if pair == nil || asked.SupportsCertificate(pair) != nil {
		return &tls.Certificate{}, nil
	}
	return pair, nil
}

// Authorities gives the pool of Files.Authorities, nil where none is named.
func (r *Reloaded) Authorities() *x509.CertPool {
	_, pool := r.current()
	return pool
}

func (r *Reloaded) current() (*tls.Certificate, *x509.CertPool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); now.Sub(r.looked) >= r.files.Every {
		r.looked = now
		r.look()
	}
	return r.pair, r.pool
}

// look reads the files again if they have changed, or could not be read last time.
func (r *Reloaded) look() {
	// Taken before the files are read: what is written meanwhile is seen next time.
	stamps, err := r.stat()
	if err == nil {
		if r.failed == "" && r.same(stamps) {
			return
		}
		err = r.read(stamps)
	}
	if err == nil {
		r.failed = ""
		r.tell(nil)
		return
	}
	if said := err.Error(); said != r.failed {
		r.failed = said
		r.tell(err)
	}
}

func (r *Reloaded) stat() (out [3]os.FileInfo, err error) {
	for i, name := range []string{r.files.Cert, r.files.Key, r.files.Authorities} {
		if name == "" {
			continue
		}
		if out[i], err = os.Stat(name); err != nil {
			return out, err
		}
	}
	return out, nil
}

// same reports whether no file has been replaced or written to since it was read.
func (r *Reloaded) same(stamps [3]os.FileInfo) bool {
	for i, s := range stamps {
		old := r.stamps[i]
		if s != nil && (!os.SameFile(s, old) || !s.ModTime().Equal(old.ModTime()) || s.Size() != old.Size()) {
			return false
		}
	}
	return true
}

// read takes all files or, if one is wrong, none.
func (r *Reloaded) read(stamps [3]os.FileInfo) error {
	var pair *tls.Certificate
	if r.files.Cert != "" {
		p, err := tls.LoadX509KeyPair(r.files.Cert, r.files.Key)
		if err != nil {
			return fmt.Errorf("%s: %w", r.files.Cert, err)
		}
		if p.Leaf != nil && r.now().After(p.Leaf.NotAfter) && r.pair != nil {
			return fmt.Errorf("%s: it expired on %s", r.files.Cert, p.Leaf.NotAfter.UTC().Format(time.RFC3339))
		}
		pair = &p
	}
	var pool *x509.CertPool
	if r.files.Authorities != "" {
		var err error
		if pool, err = Pool(r.files.Authorities); err != nil {
			return err
		}
	}
	r.stamps, r.pair, r.pool = stamps, pair, pool
	return nil
}

// Pool reads the authorities of a PEM file.
func Pool(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %w", path, errNoCertificate)
	}
	return pool, nil
}

var errNoCertificate = errors.New("no PEM certificate in it")
