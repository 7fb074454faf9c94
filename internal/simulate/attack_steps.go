package simulate

import (
	"strconv"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

func inProduction(_ *Fleet, id *identity) bool { return id.env == "production" }

// busy identities call often enough that two weeks tell what is usual.
func busy(f *Fleet, id *identity) bool {
	return id.env == "production" && f.load(id) >= 12
}

func frequent(f *Fleet, id *identity) bool {
	for i, du := range f.kinds[id.kind].duties {
		if len(du.every) > 0 && id.rates[i] > 0 && id.rates[i] <= 900 {
			return busy(f, id)
		}
	}
	return false
}

// fixedPlace identities always call from the same few addresses.
func fixedPlace(f *Fleet, id *identity) bool {
	for _, n := range id.nets {
		if n.pool != nil || n.bits > 8 || n.base>>24 == 10 {
			return false
		}
	}
	return busy(f, id)
}

func countriesOf(nets []netUse) []string {
	var out []string
	for _, n := range nets {
		bases := n.pool
		if bases == nil {
			bases = []uint32{n.base}
		}
		for _, b := range bases {
			cc := countryOf(b)
			if cc == "" {
				return nil
			}
			if !contains(out, cc) {
				out = append(out, cc)
			}
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (a *act) moment(t int64) time.Time { return time.UnixMilli(t).UTC() }

func inStaging(_ *Fleet, id *identity) bool { return id.env == "staging" }

func nightly(f *Fleet, id *identity) bool {
	for i, du := range f.kinds[id.kind].duties {
		if id.rates[i] > 0 && (len(du.every) > 0 || du.perDay[1] > 0) {
			return false
		}
	}
	return inProduction(f, id)
}

func readsObjects(f *Fleet, id *identity) bool {
	a := act{f: f, id: id}
	for _, o := range a.own(true) {
		if o.name == "s3:GetObject" {
			return busy(f, id)
		}
	}
	return false
}

// deadKey has the identity's credential revoked some time before, replaced, and used.
func (a *act) deadKey(before time.Duration, fl fault) {
	d := a.f.declare(a.id)
	d.managed = true
	old := a.id.keys[0].ref
	revoked := max(a.f.start+dayMS, a.t-before.Milliseconds())
	next, kind := "AKIA"+string(appendKeyDigits(nil, hash(a.id.seed, 404), 16)), "access_key"
	if a.f.kinds[a.id.kind].form == formatKong {
		next, kind = string(appendUUID(nil, hash(a.id.seed, 404))), "api_key"
	}
	// The new key took over a day before the old one was revoked.
	a.id.keys = append(a.id.keys, key{ref: next, from: revoked - dayMS})
	d.credentials = []schemas.KnownCredential{
		{Ref: old, Type: kind, Issued: a.moment(a.f.start - 150*dayMS), Revoked: a.moment(revoked)},
		{Ref: next, Type: kind, Issued: a.moment(revoked - dayMS), RotateEvery: schemas.Duration(90 * 24 * time.Hour)},
	}
	a.make(a.usual(), with{n: 5, gap: 45, key: old, fault: fl})
}

// quiet stops the identity's own calls.
func (a *act) quiet(from, to int64) {
	a.id.effects = append(a.id.effects, effect{from: from, to: to, stop: true})
}

// earlyDays ends the part of the learning days in which those who fall asleep
// are still at work.
func (a *act) earlyDays() int64 { return a.f.start + max(1, (a.f.judged-a.f.start)*2/5/dayMS)*dayMS }

// silence is an attack in which nothing happens.
func (a *act) silence(length int64) {
	for a.t+length > a.f.end && a.t > a.f.judged+2*hourMS {
		a.t -= hourMS
	}
	from, to := a.t-a.t%hourMS, min(a.t-a.t%hourMS+length, a.f.end)
	a.quiet(from, to)
	a.label.Silence, a.label.Start, a.label.End = true, a.moment(from), a.moment(to)
}

// later moves the attack into the last part of the judged days.
func (a *act) later(share float64) {
	a.t = max(a.t, a.f.judged+int64(share*float64(a.f.end-a.f.judged)))
	a.t -= a.t % secMS
}

// atHour moves it to an hour of its day, UTC.
func (a *act) atHour(h int64) {
	a.t = a.t - a.t%dayMS + h*hourMS + int64(a.d.IntN(3000))*secMS
}

// abroad is an address in a country where the identity never was.
func (a *act) abroad() uint32 {
	home := countriesOf(a.id.nets)
	for {
		ip := a.foreignAddress()
		if cc := countryOf(ip); cc != "US" && cc != "DE" && !contains(home, cc) {
			return ip
		}
	}
}

// scoped declares what a gateway consumer uses as all that it may.
func (a *act) scoped() {
	d := a.f.declare(a.id)
	d.managed = true
	d.allowed.Operations = a.f.scopes(a.id)
}

func (a *act) budget(perMinute float64, burst uint32) {
	d := a.f.declare(a.id)
	d.managed = true
	d.allowed.Rate = &schemas.Rate{PerMinute: perMinute, Burst: burst}
	a.note = "Budget " + strconv.Itoa(int(perMinute)) + " a minute."
}

// probe tries n different actions and is refused each time.
func (a *act) probe(n, gap int) {
	names := []string{"iam:ListUsers", "iam:ListRoles", "secretsmanager:ListSecrets", "s3:ListBuckets", "ec2:DescribeInstances", "rds:DescribeDBInstances", "lambda:ListFunctions20150331", "dynamodb:ListTables", "kms:ListAliases", "iam:GetAccountAuthorizationDetails",
		"organizations:ListAccounts", "ssm:DescribeParameters", "ecr:DescribeRepositories", "guardduty:ListDetectors", "cloudtrail:DescribeTrails", "route53:ListHostedZones", "redshift:DescribeClusters", "ec2:DescribeKeyPairs", "iam:GetAccountSummary", "logs:DescribeLogGroups",
		"ec2:DescribeSecurityGroups", "ssm:ListCommands", "sns:ListTopics", "sqs:ListQueues", "glue:GetDatabases"}
	for i := range min(n, len(names)) {
		a.do(names[i], with{gap: gap, fault: faultDenied})
	}
}
