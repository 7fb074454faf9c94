package ingest

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// weak is a password that nothing but its place gives away.
const weak = "opensesame"

// form is a text of a subject with a secret in it, or with none.
type form struct{ name, text string }

// formSecrets are texts whose secret stands behind its name in a form of its own.
func formSecrets() []form {
	const w, wsse = weak, `<wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText">`
	return []form{
		// Multipart bodies
		{"a part of a form", "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + w + "\r\n--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nalice\r\n--b--\r\n"},
		{"a part with a header of its own", "--b\nContent-Disposition: form-data; name=\"client_secret\"\nContent-Type: text/plain; charset=utf-8\n\n" + w + "\n--b--"},
		{"a part with a name without quotes", "--b\r\nContent-Disposition: form-data; name=password\r\n\r\n" + w + "\r\n--b--\r\n"},
		{"a part that is cut off", "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + w},
		{"a part of several lines", "--b\r\nContent-Disposition: form-data; name=\"password\"; filename=\"pw.txt\"\r\n\r\none\r\n" + w + "\r\n--b--\r\n"},
		{"a field of a form", `<input name="password" type="hidden" value="` + w + `">`},
		{"a parameter of a form", `<param name='db.password' value='` + w + ` of ours'/>`},

		// SQL
		{"identified by", "CREATE USER 'bob'@'%' IDENTIFIED BY '" + w + "'"},
		{"identified by a doubled quote", "CREATE USER bob IDENTIFIED BY 'it''s " + w + "' ACCOUNT LOCK"},
		{"identified by words", `alter user bob identified by "correct horse ` + w + `"`},
		{"identified with a plugin", "CREATE USER bob IDENTIFIED WITH mysql_native_password BY '" + w + "'"},
		{"identified with a method", "CREATE USER bob IDENTIFIED WITH sha256_password BY '" + w + "' HOST ANY"},
		{"identified with a quoted plugin", "ALTER USER bob IDENTIFIED WITH 'caching_sha2_password' BY '" + w + "'"},
		{"identified by, and a former one", "ALTER USER bob IDENTIFIED BY 'new' REPLACE '" + w + "'"},
		{"identified by without quotes", "CREATE USER scott IDENTIFIED BY " + w + " QUOTA UNLIMITED ON users"},
		{"a database link", "CREATE DATABASE LINK l CONNECT TO scott IDENTIFIED BY " + w + " USING 'db'"},
		{"a hash by its old function", "UPDATE mysql.user SET authentication_string=PASSWORD('" + w + "') WHERE user='root'"},
		{"the function alone", "SELECT PASSWORD('" + w + "'), OLD_PASSWORD(\"" + w + "\")"},
		{"the function for a password", "SET PASSWORD = PASSWORD('correct horse " + w + "')"},
		{"a password for somebody", "SET PASSWORD FOR 'bob'@'%' = '" + w + "'"},
		{"a hashed password for somebody", "SET PASSWORD FOR 'bob'@'localhost' = PASSWORD('" + w + "')"},
		{"with password", "CREATE ROLE bob LOGIN WITH PASSWORD '" + w + "' VALID UNTIL 'infinity'"},
		{"with a password of words", "ALTER ROLE bob PASSWORD 'correct horse " + w + "'"},
		{"an encrypted password", "ALTER USER bob WITH ENCRYPTED PASSWORD '" + w + "'"},
		{"a national literal", "CREATE LOGIN bob WITH PASSWORD = N'correct horse " + w + "', CHECK_POLICY = OFF"},
		{"an escape literal", "ALTER USER bob PASSWORD E'" + w + `\'` + w + "'"},
		{"an option of a user mapping", "CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'bob', password '" + w + " x')"},
		{"a secret of DuckDB", "CREATE OR REPLACE SECRET s (TYPE s3, KEY_ID 'AKIAIOSFODNN7EXAMPLE', SECRET '" + w + "', REGION 'eu-west-1')"},
		{"a token of DuckDB", "create secret s (type http, bearer_token '" + w + "')"},
		{"a credential of SQL Server", "CREATE DATABASE SCOPED CREDENTIAL c WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = '" + w + " x'"},

		// XML
		{"an element with an attribute", "<wsse:UsernameToken><wsse:Username>bob</wsse:Username>" + wsse + w + "</wsse:Password></wsse:UsernameToken>"},
		{"an element with lines around its text", wsse + "\n    " + w + "\n  </wsse:Password>"},
		{"a section of CDATA", "<password><![CDATA[" + w + "]]></password>"},
		{"a section of CDATA with a tag in it", `<ns:secret a="1"><![CDATA[<b>` + w + "</b>]]></ns:secret>"},
		{"a section behind text", "<password>a<![CDATA[" + w + "]]></password>"},
		{"text behind a comment", "<password><!-- <old> -->" + w + "</password>"},
		{"a section that is cut off", "<password><![CDATA[" + w},
		{"a property", `<property name="password">` + w + "</property>"},

		// YAML
		{"a literal block", "user: bob\npassword: |\n  " + w + "\nhost: db"},
		{"a folded block of lines", "db:\n  password: >-\n    correct horse\n\n    " + w + "\n  host: db"},
		{"a block in a list", "- password: |\n    " + w + "\n  user: bob"},
		{"a block with a comment", "api_token: |+  # rotated\n    " + w + "\n"},
		{"a block with a stated indent", "password: |2\n     deep\n  " + w + "\nhost: db"},
		{"a block with lines of Windows", "password: |\r\n  one\r\n  " + w + "\r\nhost: db\r\n"},

		// Command lines
		{"docker login", "docker login -u bob -p " + w + " registry.example.com"},
		{"docker login, joined", "docker login registry.example.com -ubob -p" + w},
		{"docker login with an equals sign", "docker login -u=bob -p=" + w},
		{"docker login over lines", "docker login \\\n  -u bob \\\n  -p " + w},
		{"podman login in quotes", `podman login -u bob -p "correct horse ` + w + `" quay.io`},
		{"helm registry login", "helm registry login -u bob -p " + w + " r"},
		{"sshpass", "sshpass -p " + w + " ssh root@10.0.0.1"},
		{"sshpass, joined", "sudo /usr/bin/sshpass -p" + w + " ssh root@10.0.0.1"},
		{"sshpass in quotes", "sshpass -p 'correct horse " + w + "' ssh root@10.0.0.1"},
		{"mysql", "mysql -u root -p" + w + " -h db shop"},
		{"mysql in quotes", "mysql -uroot -p'correct horse " + w + "' shop"},
		{"mysqldump in a pipe", "cd /tmp && mysqldump -p" + w + " shop | gzip > x.gz"},
		{"mariadb in a shell", `sh -c "mariadb -p` + w + ` -e 'select 1'"`},
		{"curl, joined", "curl -s -H 'Accept: a/b; q=1' -ubob:" + w + " https://x/"},
		{"redis-cli", "redis-cli -h cache -a " + w + " ping"},
		{"psql", "PGPASSWORD=" + w + " psql -h db"},
		{"az login", "az login --service-principal -u app -p " + w + " --tenant t"},
		{"az acr login", "az acr login -n r -u bob -p " + w},
		{"sqlcmd", "sqlcmd -S db -U sa -P " + w + " -Q x"},
		{"ldapsearch", "ldapsearch -D cn=admin -w " + w + " -b dc=x"},
		{"mongosh", "mongosh db -u root -p " + w},
		{"net use", `net use Z: \\fs01\share /user:CORP\bob ` + w},
		{"net use with the password before", `net use \\fs01\c$ ` + w + ` /user:CORP\bob`},
		{"net.exe use", `C:\Windows\System32\net.exe use \\fs01\c$ /USER:bob ` + w + " /persistent:no"},
		{"net user", "net user bob " + w + " /add"},
		{"the elements of a command", `["sshpass", "-p", "` + w + `", "ssh", "x"]`},
		{"the elements of a command in Python", "['app', '--password', '" + w + "', '-v']"},
		{"an element with the option in it", `["mysql", "-p` + w + `"]`},

		{"a command that is run in a container", "/api/v1/namespaces/a/pods/b/exec?command=mysql&command=-uroot&command=-p" + w + "&container=c&stdout=true"},
		{"an option that is run in a container", "/api/v1/namespaces/a/pods/b/exec?command=sshpass&command=-p&command=" + w + "&command=ssh"},
		{"a long option that is run in a container", "/api/v1/namespaces/a/pods/b/exec?command=tool&command=--api-token&command=" + w + "&tty=true"},
		{"a command as forms are sent", "cmd=docker+login+-u+bob+-p+" + w + "&x=1"},
		{"an option as forms are sent", "/shell.jsp?cmd=net+user+bob+" + w + "+/add"},
		{"a statement as forms are sent", "sql=ALTER+USER+bob+PASSWORD+'" + w + "'&x=1"},

		// Addresses
		{"an address without a scheme", "//bob:" + w + "@db.internal/shop"},
		{"an address without a scheme in a sentence", "connect to //bob:" + w + "@db.internal:5432/ failed"},
		{"an address without a scheme in a query", "to=//bob:" + w + "@db.internal/x&y=1"},
		{"an address with a slash in its password", `("//svc:` + w + "/" + w + `@db.internal/")`},
	}
}

// linkSecrets are addresses with a token that lets whoever has it act.
func linkSecrets() []form {
	const c = canary
	return []form{
		{"a reset", "/reset-password/" + c}, {"a reset the other way round", "/account/password-reset/" + c + "/"}, {"a reset with underscores", "/users/password_reset/" + c},
		{"a reset below a step", "/password-reset/confirm/MQ/" + c},
		{"an invitation", "/invite/" + c}, {"an invitation that is accepted", "/teams/7/invitations/" + c + "/accept"}, {"an address to verify", "/verify-email/" + c + "?lang=de"},
		{"a magic link", "https://shop.example.com/auth/magic-link/" + c}, {"a way out", "/unsubscribe/" + c}, {"a webhook", "/webhooks/stripe/" + c},
		{"a webhook of a tenant", "/v1/webhooks/acme/eu/" + c + "/push"}, {"a link in a sentence", "sent https://x.example.com/invite/" + c + " to bob"},
		{"a link in a query", "/login?next=/invite/" + c + "&x=1"}, {"an encoded link in a query", "/login?next=%2Finvite%2F" + c + "%3Fx"},
		{"a link with escaped slashes", `{"url":"https:\/\/x.example.com\/invite\/` + c + `"}`}, {"two tokens", "/invite/" + c + "/magic-link/" + c},
	}
}

// hiddenForms are the texts with the secret that must not be seen.
func hiddenForms() map[form]string {
	all := map[form]string{}
	for _, f := range formSecrets() {
		all[f] = weak
	}
	for _, f := range linkSecrets() {
		all[f] = "CaNaRy"
	}
	return all
}

// nginxEscapes and apacheEscapes write a text as they do in a log.
var (
	nginxEscapes  = strings.NewReplacer(`"`, `\x22`, `\`, `\x5C`, "\n", `\x0A`, "\r", `\x0D`, "\t", `\x09`)
	apacheEscapes = strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
)

// formPlaces are records with a text in the places where sources write one.
func formPlaces(text string) map[string][2]string {
	line := func(target, referer, agent string) string {
		return `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET ` + target + ` HTTP/1.1" 200 1 "` + referer + `" "` + agent + `"`
	}
	param := func(v string) [2]string {
		return [2]string{"cloudtrail", trailWith("ssm", "SendCommand", `,"requestParameters":{"p":`+v+`}`)}
	}
	return map[string][2]string{
		"a parameter":           param(quoteJSON(text)),
		"an element":            param(`["a",` + quoteJSON(text) + `]`),
		"a text in a text":      param(quoteJSON(`{"x":` + quoteJSON(text) + `}`)),
		"a text in Python":      param(quoteJSON(`{'x': ` + strconv.Quote(text) + `, 'y': 1}`)),
		"an error message":      {"cloudtrail", trailWith("ssm", "SendCommand", `,"errorCode":"X","errorMessage":`+quoteJSON("refused: "+text))},
		"a header":              {"kong", kongWith("200", `,"x-note":`+quoteJSON(text), "")},
		"a body":                {"kong", kongWith("200", "", `,"request_body":`+quoteJSON(text))},
		"a query":               {"nginx", line("/x?q="+url.PathEscape(text), "-", "-")},
		"a client of nginx":     {"nginx", line("/x", "-", nginxEscapes.Replace("tool "+text))},
		"a referer of Apache":   {"apache", line("/x", apacheEscapes.Replace("https://x/ "+text), "-")},
		"a request of nginx":    {"nginx", `{"time_iso8601":"2026-03-01T10:00:00Z","status":200,"request":"GET /x HTTP/1.1","request_body":` + quoteJSON(text) + `}`},
		"an object of an audit": {"k8s-audit", `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a-1","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/a/pods","verb":"create","user":{"username":"u"},"objectRef":{"resource":"pods","namespace":"a"},"responseStatus":{"code":201},"requestReceivedTimestamp":"2026-03-01T10:00:00Z","requestObject":{"spec":{"containers":[{"args":[` + quoteJSON(text) + `]}]}}}`},
	}
}

func TestSecretsInFormsOfTheirOwnAreHidden(t *testing.T) {
	for f, hide := range hiddenForms() {
		t.Run(f.name, func(t *testing.T) {
			for place, in := range formPlaces(f.text) {
				ev := parseOne(t, in[0], in[1])
				wire, err := ev.MarshalVT()
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(wire), hide) {
					t.Errorf("%s: %q is in the event: %v", place, f.text, ev)
				}
				if shown := Redact(testHasher, []byte(in[1])); strings.Contains(shown, hide) {
					t.Errorf("%s: %q is shown in a dead letter: %s", place, f.text, shown)
				}
			}
			shown := Redact(testHasher, []byte(f.text))
			if strings.Contains(shown, hide) {
				t.Errorf("%q alone is shown: %s", f.text, shown)
			}
			if again := Redact(testHasher, []byte(shown)); again != shown {
				t.Errorf("%q becomes %q, and then %q", f.text, shown, again)
			}
		})
	}
}

// Only the value goes: its name and what is around it tell what happened.
func TestOfAFormOnlyTheValueIsHidden(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	for _, tt := range []struct{ text, secret string }{
		{"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nopen sesame\r\n--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nalice\r\n--b--\r\n", "open sesame"},
		{`<input name="password" value="open sesame" id="x">`, "open sesame"},
		{"CREATE USER 'bob'@'%' IDENTIFIED BY 'open sesame' ACCOUNT LOCK", "open sesame"}, {"SELECT PASSWORD('open sesame') AS x", "open sesame"},
		{"ALTER ROLE bob PASSWORD 'open sesame' VALID UNTIL '2027-01-01'", "open sesame"}, {"CREATE LOGIN bob WITH PASSWORD = N'open sesame', CHECK_POLICY = OFF", "open sesame"},
		{"CREATE SECRET s (TYPE s3, SECRET 'open sesame', REGION 'eu-west-1')", "open sesame"}, {"CREATE USER scott IDENTIFIED BY tiger QUOTA 1 ON users", "tiger"},
		{`<wsse:Password Type="x#PasswordText">open sesame</wsse:Password><a>b</a>`, "open sesame"}, {"<password><![CDATA[open sesame]]></password><a>b</a>", "open sesame"},
		{"user: bob\npassword: |\n  open\n  sesame\nhost: db", "open\n  sesame"}, {"docker login -u bob -p sesame registry.example.com", "sesame"},
		{"sshpass -p 'open sesame' ssh -p 2222 root@10.0.0.1", "open sesame"}, {"mysql -uroot -psesame -h db -P 3306 shop", "sesame"}, {"curl -ubob:sesame https://x/", "sesame"},
		{"redis-cli -a sesame ping", "sesame"}, {`net use Z: \fs01\share /user:bob sesame /persistent:no`, "sesame"}, {"net user bob Sesame!1 /add", "Sesame!1"},
		{"vault login -no-print s.0123456789abcdefABCDEF", "s.0123456789abcdefABCDEF"}, {"//bob:sesame@db.internal/shop", "sesame"},
		{"GET /invite/" + canary + "/accept", canary}, {"/reset-password/3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f?x=1", "3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f"},
	} {
		want := strings.Replace(tt.text, tt.secret, h(tt.secret), 1)
		if got := r.text(tt.text); got != want {
			t.Errorf("%q became %q", tt.text, got)
		}
	}
}

// What only looks like one of these forms stays readable.
func TestWhatOnlyLooksLikeAFormStays(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	for _, s := range []string{
		// Multipart bodies
		"--b\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\nmy words\r\n--b--\r\n", `<input name="password" type="password">`, `name="password" is missing`,
		"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n\r\n--b--\r\n", `<input name="color" value="blue">`, `fields: name="token"` + "\nnext line: x",

		// SQL
		"GRANT SELECT ON a TO b", "the host was identified by alice", "sorted by 'name'", "created by bob", "select * from user where name = 'bob'",
		"secret 'registry-creds' not found", "the token 'sort' is unexpected", "password 'must be longer' says the policy", "ALTER USER bob PASSWORD EXPIRE", "IDENTIFIED BY RANDOM PASSWORD",
		"SELECT secret FROM t WHERE a = 'b'", "reset_password('alice')", "password for bob was reset", "DROP SECRET s", "CREATE USER bob IDENTIFIED BY RANDOM PASSWORD",

		// XML
		`<a href="x">text</a>`, `<wsse:Nonce EncodingType="x">text</wsse:Nonce>`, `<password type="x"/><user>bob</user>`, "a -> b", "1 < 2 and 3 > 2", `<passing min="8">strict</passing>`,
		"<password><![CDATA[]]></password>",

		// YAML
		"user: |\n  bob\nhost: db", "description: >\n  the words of many\n  lines", "password: |\nhost: db", "a: 1\n\npassword policy: |\n  at least 8",

		// Command lines
		"docker run -p 8080:80 nginx", "docker run --name mysql -p3306:3306 mysql", "docker login && docker run -p 80 x", "docker login -u bob --password-stdin r", "ssh -p 2222 root@10.0.0.1",
		"mysql -p shop", "mysqld -port 3306", "mkdir -p /var/lib/mysql", "mysql -P 3306 -h db; cp -p a b", "curl -u bob https://x/", "curl -X POST -p https://x/", "redis-server -a x", "ls -a docs",
		"/exec?command=mkdir&command=-p&command=/var/lib/mysql&stdout=true", "/exec?command=nginx&command=-popen&tty=true", "/exec?command=mysql&command=-p&command=shop", "x=-1&command=-v",
		"q=a+b&cmd=docker+run+-p+8080:80+x", "C++ and c+d", "bob+tag@example.com", "psql -p 5432 -U bob", "az vm list -p x", "sshpass -e ssh -p 22 x", "vault login -method=github", "vault login failed", "net use", `net use Z: /delete`, "net user growth was strong",
		"net user bob /domain", `["docker", "run", "-p", "8080:80"]`, `["mkdir", "-p", "a"]`, "nginx -p /etc/nginx", "tar -xpf a.tar", "kubectl port-forward -p x",

		// Addresses
		"mail bob@example.com", "// see bob@example.com: done", "//cdn.example.com/a/b@2x.png", "//db.internal:5432/shop", "git@github.com:acme/shop.git", "https://x/a//b:c@d",
		"bazel build //cmd/lapwing:image", "acme/shop:v1@sha256", "npm i @acme/shop@1.2.3", "https://x.example.com/@bob",

		// Links
		"/invite", "/invite/bob", "/reset-password/confirm", "/webhooks/3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f", "/v1/webhooks/3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f/deliveries/12",
		"/webhooks/github-enterprise-2026-v2", "/webhooks/84120001", "/orders/CaNaRy7f3Q9zX1vB5nM2k/items", "/docs/how-to-verify-email/in-a-few-words", "/unsubscribe/newsletter-2026-spring",
		"/invitations/accepted-by-somebody", "/v2/invitations/inv_TEyzbreI336AHrfU", "/webhooks/we_1MqqbKLkdIwHu7ixraBm864M",
	} {
		if got := r.text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// What stands as an element of its own on a command line is judged by the
// command's name before it.
func TestElementsOfACommandAreJudgedByIt(t *testing.T) {
	for member, want := range map[string]string{
		`"command":["sshpass","-p","opensesame","ssh"]`:             "",
		`"command":["sudo","/usr/bin/mysql","-popensesame","shop"]`: "",
		`"args":["docker","login","-u","bob","-p","opensesame"]`:    "",
		`"cmd":["curl","-ubob:opensesame","https://x"]`:             "",
		`"command":["docker","run","-p","opensesame"]`:              "opensesame",
		`"command":["mkdir","-p","opensesame"]`:                     "opensesame",
		`"command":["mysql","-p","opensesame"]`:                     "opensesame",
		`"command":["nginx","-popensesame"]`:                        "opensesame",
		`"command":["sshpass","-p","-v","opensesame"]`:              "opensesame",
		`"command":["mysql","-p3306:3306"]`:                         "3306:3306",
	} {
		ev := parseOne(t, "cloudtrail", trailWith("x", "Y", `,"requestParameters":{`+member+`}`))
		if want == "" && strings.Contains(ev.Raw, weak) || want != "" && !strings.Contains(ev.Raw, want) {
			t.Errorf("%s became %s", member, ev.Raw)
		}
	}
}
