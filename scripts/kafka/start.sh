#!/bin/sh
# Runs one Apache Kafka broker (KRaft, one node) on loopback, for tests.
#
#   scripts/kafka/start.sh fetch            fetch the jars once, print their folder
#   scripts/kafka/start.sh run DIR PORT CONTROLLER_PORT [PROPERTIES [SCRAM...]]
#                                           run a broker in the foreground, data in DIR;
#                                           KAFKA_ADVERTISED=host:port: what clients are told
#
# PROPERTIES is a file of settings that win over those below, such as listeners
# with TLS and SASL. Each SCRAM is a user made when DIR is new:
# 'SCRAM-SHA-256=[name=NAME,password=PASSWORD]'.
#
# The jars come from Maven Central through mvn, into
# ${LAPWING_CACHE:-${XDG_CACHE_HOME:-~/.cache}/lapwing}/kafka-VERSION.
# Exit 3: Java or Maven is missing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
cache=${LAPWING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lapwing}
jars=$cache/kafka-$version

need() {
	command -v "$1" >/dev/null 2>&1 || {
		echo "scripts/kafka/start.sh: $1 is missing: install $2" >&2
		exit 3
	}
}

fetch() {
	[ -f "$jars/complete" ] && return
	need mvn "Maven 3.8 or newer (Debian: apt-get install maven)"
	mkdir -p "$cache"
	part=$(mktemp -d "$cache/kafka-part.XXXXXX")
	trap 'rm -rf "$part"' EXIT
	mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$part" >&2
	touch "$part/complete"
	# Two fetches at once: the one that comes second keeps the first one's.
	mv -T "$part" "$jars" 2>/dev/null || [ -f "$jars/complete" ]
	rm -rf "$part"
	trap - EXIT
}

# java_kafka [exec] CLASS ARG...
java_kafka() {
	exec=
	[ "$1" = exec ] && exec=exec && shift
	$exec java -Xmx512m -XX:+UseSerialGC -cp "$jars/*" "-Dlog4j2.configurationFile=$dir/log4j2.yaml" "$@"
}

run() {
	dir=$1 port=$2 controller=$3 properties=${4:-}
	[ $# -le 4 ] && shift $# || shift 4
	mkdir -p "$dir"
	if [ ! -f "$dir/server.properties" ]; then
		cat >"$dir/server.properties" <<-PROPERTIES
			process.roles=broker,controller
			node.id=1
			controller.quorum.voters=1@127.0.0.1:$controller
			listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
			advertised.listeners=PLAINTEXT://${KAFKA_ADVERTISED:-127.0.0.1:$port}
			controller.listener.names=CONTROLLER
			log.dirs=$dir/log
			auto.create.topics.enable=false
			offsets.topic.replication.factor=1
			offsets.topic.num.partitions=4
			transaction.state.log.replication.factor=1
			transaction.state.log.min.isr=1
			transaction.state.log.num.partitions=4
			share.coordinator.state.topic.replication.factor=1
			share.coordinator.state.topic.min.isr=1
			group.initial.rebalance.delay.ms=0
			group.min.session.timeout.ms=500
			log.cleaner.backoff.ms=100
			log.cleaner.min.cleanable.ratio=0.01
		PROPERTIES
		[ -z "$properties" ] || cat "$properties" >>"$dir/server.properties"
		cat >"$dir/log4j2.yaml" <<-'LOG4J'
			Configuration:
			  Appenders:
			    Console: {name: out, PatternLayout: {pattern: "%d %p %m (%c)%n"}}
			  Loggers:
			    Root: {level: WARN, AppenderRef: {ref: out}}
		LOG4J
	fi
	if [ ! -d "$dir/log" ]; then
		for user in "$@"; do
			set -- "$@" --add-scram "$user"
			shift
		done
		id=$(java_kafka kafka.tools.StorageTool random-uuid | tail -n 1)
		java_kafka kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" "$@" >"$dir/format.out" 2>&1
	fi
	java_kafka exec kafka.Kafka "$dir/server.properties"
}

need java "a Java runtime, 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"
case ${1:-} in
fetch)
	fetch
	echo "$jars"
	;;
run)
	[ $# -ge 4 ] || { echo "usage: start.sh run DIR PORT CONTROLLER_PORT [PROPERTIES [SCRAM...]]" >&2; exit 2; }
	fetch
	shift
	run "$@"
	;;
*)
	echo "usage: start.sh fetch | run DIR PORT CONTROLLER_PORT [PROPERTIES [SCRAM...]]" >&2
	exit 2
	;;
esac
