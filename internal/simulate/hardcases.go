package simulate

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// hardCases are benign events that look like more than they are. Those that
// need identities to themselves cast them; changes of the whole fleet touch
// everybody concerned that no attack is played on.
var hardCases = []hardCase{
	{"release-new-reads", "A release lets several services of one kind read from two APIs that they never used.", func(s *stagehand) error {
		from := s.someDay() + 14*hourMS
		fl, err := parseFlow(s.f.lib, "1 | GET /v1/shipments/{n}/tracking x1-2 ~1 ; GET /v1/discounts ~1")
		if err != nil {
			return err
		}
		ids := s.cast(6, inProduction, "internal")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: from, to: s.f.end, extra: &fl, extraDay: 14})
		}
		s.label(13, ids, from, from+3*dayMS)
		return nil
	}},
	{"release-new-cloud-reads", "A library starts to look up parameters and queues: three services call actions that are new to them.", func(s *stagehand) error {
		from := s.someDay() + 9*hourMS
		fl, err := parseFlow(s.f.lib, "1 | ssm:GetParameter x1-2 ~1 ; sqs:GetQueueAttributes ~1 ; kms:DescribeKey ~1")
		if err != nil {
			return err
		}
		ids := s.cast(3, busy, "service", "lambda")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: from, to: s.f.end, extra: &fl, extraDay: 12})
		}
		s.label(13, ids, from, from+3*dayMS)
		return nil
	}},
	{"access-key-rotated", "Access keys are rotated on schedule; old and new are declared.", func(s *stagehand) error {
		at := s.someDay() + 10*hourMS
		ids := s.cast(2, inProduction, "legacy-key")
		for _, id := range ids {
			next := "AKIA" + string(appendKeyDigits(nil, hash(id.seed, 405), 16))
			s.rotate(id, next, "access_key", at)
		}
		s.label(0, ids, at, at+3*dayMS)
		return nil
	}},
	{"gateway-key-rotated", "Partners get new keys; the change is declared.", func(s *stagehand) error {
		at := s.someDay() + 11*hourMS
		ids := s.cast(2, inProduction, "partner", "saas")
		for _, id := range ids {
			s.rotate(id, string(appendUUID(nil, hash(id.seed, 405))), "api_key", at)
		}
		s.label(0, ids, at, at+3*dayMS)
		return nil
	}},
	{"nat-changed", "The egress addresses of one region are replaced: many workloads leave from new prefixes at once.", func(s *stagehand) error {
		at := s.someDay() + 6*hourMS
		old := nat("eu-west-1", "production", 0)
		fresh := pool(kindCloud, "IE")[s.d.IntN(4)] + uint32(s.d.IntN(60000)) + 77
		var ids []*identity
		for i := range s.f.ids {
			id := &s.f.ids[i]
			if id.cast != "" {
				continue
			}
			nets, hit := []netUse{}, false
			for _, n := range id.nets {
				if n.base == old && n.pool == nil {
					n.base, hit = fresh, true
				}
				nets = append(nets, n)
			}
			if hit {
				id.effects = append(id.effects, effect{from: at, to: s.f.end, nets: nets})
				ids = append(ids, id)
			}
		}
		s.label(0, ids, at, at+2*dayMS)
		return nil
	}},
	{"partner-moved", "A partner moves to another provider in its own country, and says so.", func(s *stagehand) error {
		return s.move("partner", inProduction)
	}},
	{"vendor-moved", "A vendor's collectors get addresses in another range of the same cloud region.", func(s *stagehand) error {
		return s.move("vendor", inProduction)
	}},
	{"promotion", "A promotion quadruples the load of partners, apps and the services behind them for a day and a half.", func(s *stagehand) error {
		from := s.someDay() + 8*hourMS
		to := from + 36*hourMS
		return s.everybody(14, from, to, effect{rate: 4}, "partner", "reader", "mobile", "internal", "edge-user")
	}},
	{"month-end", "Jobs for the end of the month run for the first time since the logs begin.", func(s *stagehand) error {
		var at int64
		for d := int64(0); d < int64(s.f.cfg.Days); d++ {
			t := s.f.start + d*dayMS
			if t >= s.f.judged && time.UnixMilli(t).UTC().Day() == 1 {
				at = t
				break
			}
		}
		if at == 0 {
			return nil
		}
		ids := s.cast(100, nil, "monthly")
		for _, id := range ids {
			s.f.declare(id).lastUsed = time.UnixMilli(at - 30*dayMS).UTC()
		}
		s.label(19, ids, at-hourMS, at+10*hourMS)
		return nil
	}},
	{"job-delayed", "A nightly job starts four hours late, because what it waits for was late.", func(s *stagehand) error {
		day := s.someDay()
		ids := s.cast(2, nightly, "etl", "backup")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: day - 3*hourMS, to: day + 12*hourMS, delay: 4})
		}
		s.label(6, ids, day-3*hourMS, day+16*hourMS)
		return nil
	}},
	{"job-repeated", "A nightly job fails half-way and is run again three hours later.", func(s *stagehand) error {
		day := s.someDay()
		ids := s.cast(2, inProduction, "etl")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: day - 3*hourMS, to: day + 9*hourMS, again: 3})
		}
		s.label(6, ids, day-3*hourMS, day+14*hourMS)
		return nil
	}},
	{"incident-retries", "One service answers with errors for fifty minutes; everybody who uses it tries again and again.", func(s *stagehand) error {
		from := s.someDay() + 13*hourMS + 10*minMS
		to := from + 50*minMS
		return s.everybody(0, from, to, effect{fail: 0.5, fault: faultServer, service: 0, retries: 3}, "partner", "internal", "saas", "mobile", "agent")
	}},
	{"throttling", "A limit of the cloud is reached for an hour: many roles are throttled and retry.", func(s *stagehand) error {
		from := s.someDay() + 3*hourMS
		return s.everybody(0, from, from+hourMS, effect{fail: 0.35, fault: faultThrottled, service: -1, retries: 2}, "etl", "lambda", "service", "controller")
	}},
	{"holiday", "A public holiday: a third of the usual demand.", func(s *stagehand) error {
		from := s.someDay()
		return s.everybody(20, from, from+dayMS, effect{rate: 0.3}, "partner", "reader", "internal", "ci-deploy", "terraform", "edge-user", "notebook", "on-call", "legacy-key", "agent")
	}},
	{"sdk-upgraded", "Several services change to another major version of their client, one to another client altogether.", func(s *stagehand) error {
		at := s.someDay() + 15*hourMS
		ids := s.cast(6, busy, "service", "lambda", "internal", "partner", "edge-json")
		for i, id := range ids {
			f := &clientFamilies[id.family]
			ua := agent(id.family, len(f.versions)-1, hash(id.seed, 9))
			if i == 0 {
				next := "httpx"
				if s.f.kinds[id.kind].form == formatCloudTrail {
					next = "go-v2"
				}
				ua = agent(familyIndex(next), 2, id.seed)
			}
			id.effects = append(id.effects, effect{from: at, to: s.f.end, agent: ua})
		}
		s.label(17, ids, at, at+2*dayMS)
		return nil
	}},
	{"new-region-read", "Inventory tools begin to list a region that the organisation is going to open.", func(s *stagehand) error {
		from := s.someDay() + 8*hourMS
		fl, err := parseFlow(s.f.lib, "1 | ec2:DescribeRegions ; ec2:DescribeInstances x1-2 ~1 ; ec2:DescribeVpcs ~1")
		if err != nil {
			return err
		}
		ids := s.cast(2, busy, "monitor", "vendor")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: from, to: s.f.end, extra: &fl, extraDay: 24, region: "eu-north-1"})
		}
		s.label(4, ids, from, from+2*dayMS)
		return nil
	}},
	{"break-glass", "At night an engineer on call looks into an incident from the VPN and restarts an instance.", func(s *stagehand) error {
		ids := s.cast(1, nil, "on-call")
		for _, id := range ids {
			t := s.someDay() + int64(2-id.tz)*hourMS + 24*hourMS
			from := t
			for _, name := range []string{"monitoring:DescribeAlarms", "monitoring:GetDashboard", "logs:StartQuery", "logs:GetQueryResults", "ecs:DescribeServices", "ecs:DescribeTasks", "ec2:DescribeInstanceStatus", "ec2:GetConsoleOutput", "ec2:RebootInstances", "ec2:DescribeInstanceStatus", "logs:StartQuery", "logs:GetQueryResults", "monitoring:DescribeAlarms"} {
				o, err := s.f.lib.find(name)
				if err != nil {
					return err
				}
				id.script = append(id.script, scripted{t: t, op: o, ip: officeVPN[0]})
				t += int64(20+s.d.IntN(90)) * secMS
			}
			s.label(18, ids, from, t)
		}
		return nil
	}},
	{"onboarding", "New identities start to work; they are declared from their first day.", func(s *stagehand) error {
		at := s.someDay() + 10*hourMS
		ids := s.cast(3, inProduction, "internal", "partner", "lambda")
		for _, id := range ids {
			id.onboarded = at
			s.f.declare(id).managed = true
		}
		s.label(1, ids, at, at+4*dayMS)
		return nil
	}},
	{"more-pods", "Services are scaled out: many new addresses within the known ranges.", func(s *stagehand) error {
		from := s.someDay() + 12*hourMS
		ids := s.cast(4, busy, "internal")
		for _, id := range ids {
			nets := append([]netUse(nil), id.nets...)
			for i := range nets {
				nets[i].hosts, nets[i].churn = nets[i].hosts*4+4, 6
			}
			id.effects = append(id.effects, effect{from: from, to: s.f.end, nets: nets})
		}
		s.label(17, ids, from, from+2*dayMS)
		return nil
	}},
	{"constant-errors", "A partner's new release asks for what is not there: four calls in ten fail, from then on.", func(s *stagehand) error {
		from := s.someDay() + 9*hourMS
		ids := s.cast(2, busy, "partner", "edge-user")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: from, to: s.f.end, fail: 0.4, fault: faultMissing, service: -1})
		}
		s.label(0, ids, from, from+3*dayMS)
		return nil
	}},
	{"retention-catch-up", "The weekly clean-up of snapshots has three weeks to catch up with.", func(s *stagehand) error {
		from := s.f.judged
		for time.UnixMilli(from).UTC().Weekday() != time.Sunday {
			from += dayMS
		}
		if from+dayMS > s.f.end {
			return nil
		}
		ids := s.cast(2, nightly, "backup")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: from, to: from + dayMS, catchUp: 3})
		}
		s.label(0, ids, from, from+dayMS)
		return nil
	}},
	{"declared-batch", "A batch twenty times the usual load, for which the inventory has an exception with an end.", func(s *stagehand) error {
		from := s.someDay() + 14*hourMS
		to := from + 3*hourMS
		ids := s.cast(1, busy, "partner", "saas", "internal")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: from, to: to, rate: 20})
			d := s.f.declare(id)
			d.managed = true
			until := time.UnixMilli(to + 12*hourMS).UTC()
			d.exceptions = append(d.exceptions, schemas.KnownException{Detector: "call-rate", Until: until, Reason: "import of the spring catalogue", By: "alice.ng@harborline.example"})
		}
		s.label(12, ids, from, to)
		return nil
	}},
	{"vpn-travel", "People on call travel: their calls come through the organisation's VPN in another country.", func(s *stagehand) error {
		from := s.someDay() + 7*hourMS
		ids := s.cast(2, nil, "on-call")
		for _, id := range ids {
			other := officeVPN[0]
			if len(id.nets) > 0 && id.nets[0].base == other {
				other = officeVPN[1]
			}
			id.effects = append(id.effects, effect{from: from, to: from + 5*dayMS, nets: []netUse{{base: other, hosts: 1, weight: 1}}})
		}
		s.label(16, ids, from, from+5*dayMS)
		return nil
	}},
	{"back-fill", "A data job works up a week again: three times the objects, one night.", func(s *stagehand) error {
		day := s.someDay()
		ids := s.cast(2, inProduction, "etl")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: day - 3*hourMS, to: day + 9*hourMS, catchUp: 3})
		}
		s.label(24, ids, day-3*hourMS, day+12*hourMS)
		return nil
	}},
	{"wide-infrastructure-change", "A pipeline that changes infrastructure applies a large plan: two hours of roles, rules and tags, all of kinds that it made before.", func(s *stagehand) error {
		from := s.someDay() + 13*hourMS
		fl, err := parseFlow(s.f.lib, "1 | ec2:DescribeVpcs x2-4 ~1 ; iam:CreateRole x3-6 ~1 ; iam:AttachRolePolicy x3-6 ~1 ; ec2:AuthorizeSecurityGroupIngress x4-9 ~1 ; ec2:CreateTags x6-12 ~1 ; s3:PutBucketPolicy x2-4 ~1")
		if err != nil {
			return err
		}
		ids := s.cast(1, inProduction, "terraform")
		for _, id := range ids {
			id.effects = append(id.effects, effect{from: from, to: from + 2*hourMS, extra: &fl, extraDay: 96})
		}
		s.label(13, ids, from, from+2*hourMS)
		return nil
	}},
	{"steady-growth", "A partner wins customers: a few per cent more calls every day.", func(s *stagehand) error {
		ids := s.cast(2, busy, "partner")
		for _, id := range ids {
			for d := int64(0); s.f.judged+d*dayMS < s.f.end; d++ {
				id.effects = append(id.effects, effect{from: s.f.judged + d*dayMS, to: s.f.judged + (d+1)*dayMS, rate: 1 + 0.05*float64(d+1)})
			}
		}
		s.label(14, ids, s.f.judged, s.f.end)
		return nil
	}},
}

// rotate gives an identity a new long-lived credential, both declared.
func (s *stagehand) rotate(id *identity, next, kind string, at int64) {
	d := s.f.declare(id)
	d.managed = true
	d.credentials = []schemas.KnownCredential{
		{Ref: id.keys[0].ref, Type: kind, Issued: time.UnixMilli(at - 80*dayMS).UTC(), RotateEvery: schemas.Duration(90 * 24 * time.Hour)},
		{Ref: next, Type: kind, Issued: time.UnixMilli(at - hourMS).UTC(), RotateEvery: schemas.Duration(90 * 24 * time.Hour)},
	}
	id.keys = append(id.keys, key{ref: next, from: at})
}

// move lets one identity of a kind call from other addresses of its country.
func (s *stagehand) move(kind string, fits func(*Fleet, *identity) bool) error {
	at := s.someDay() + 5*hourMS
	ids := s.cast(1, func(f *Fleet, id *identity) bool {
		return fits(f, id) && len(id.nets) > 0 && id.nets[0].pool == nil && countryOf(id.nets[0].base) != ""
	}, kind)
	for _, id := range ids {
		cc := countryOf(id.nets[0].base)
		p := append(pool(kindHosting, cc), pool(kindCloud, cc)...)
		if len(p) == 0 {
			p = pool(kindISP, cc)
		}
		base := p[s.d.IntN(len(p))] + uint32(s.d.IntN(250))<<8 //nolint:gosec // below 65536
		id.effects = append(id.effects, effect{from: at, to: s.f.end, nets: []netUse{{base: base, bits: 8, hosts: 2, weight: 1}}})
	}
	s.label(16, ids, at, at+2*dayMS)
	return nil
}

// everybody applies an effect to all identities of some kinds on which no
// attack is played.
func (s *stagehand) everybody(no int, from, to int64, e effect, kinds ...string) error {
	e.from, e.to = from, to
	var ids []*identity
	for i := range s.f.ids {
		id := &s.f.ids[i]
		if attacked(id.cast) || !contains(kinds, s.f.kinds[id.kind].name) {
			continue
		}
		id.effects = append(id.effects, e)
		ids = append(ids, id)
	}
	s.label(no, ids, from, to)
	return nil
}

func attacked(cast string) bool {
	for i := range attacks {
		if attacks[i].name == cast {
			return true
		}
	}
	return false
}
