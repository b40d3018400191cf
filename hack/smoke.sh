#!/usr/bin/env bash
# Runs the README's commands as a person would: starts `ringhold dev` on a free port with a data directory of its own,
# talks to it with the CLI, curl and grpcurl, and stops it; then the same with a PostgreSQL server, where the machine has
# one. Expects bin/ringhold (`make smoke` builds it). Says each thing that it checks, and fails at the end if one was not so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
dev=""
cleanup() {
	if [[ -n $dev ]]; then kill -9 "$dev" 2>/dev/null || true; fi
	stop_postgres
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

checks=0
faults=0
fault() {
	printf 'FAIL %s\n' "$1"
	printf '%s\n' "${@:2}" | sed 's/^/     /'
	faults=$((faults + 1))
}

# says WHAT TEXT COMMAND... checks that the command succeeds and its output contains the text.
says() {
	local what=$1 want=$2 output code=0
	output=$("${@:3}" 2>&1) || code=$?
	checks=$((checks + 1))
	if [[ $code == 0 && $output == *"$want"* ]]; then
		printf 'ok   %s\n' "$what"
	else
		fault "$what" "want exit 0 and: $want" "got exit $code and: $output"
	fi
}

# answers WHAT STATUS PATH [BODY] [HEADER] checks the HTTP status of a POST (a GET without a body).
answers() {
	local what=$1 want=$2 path=$3 status
	local flags=(--silent --show-error --max-time 10 --output "$work/body" --write-out '%{http_code}')
	if [[ -n ${4-} ]]; then flags+=(--data "$4"); fi
	if [[ -n ${5-} ]]; then flags+=(--header "$5"); fi
	status=$(curl "${flags[@]}" "http://$address$path") || true
	checks=$((checks + 1))
	if [[ $status == "$want" ]]; then
		printf 'ok   %s\n' "$what"
	else
		fault "$what" "want HTTP $want, got $status: $(cat "$work/body" 2>/dev/null)"
	fi
}

# free_port prints a port on which nothing listens, below those that systems give to outgoing connections.
free_port() {
	local port
	while port=$((20000 + RANDOM % 12000)); (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
	echo "$port"
}

# start_postgres starts a server, which ends when its input does, and leaves its URL in $postgres. It fails where the
# machine has none.
postgres=""
start_postgres() {
	mkfifo "$work/postgres.in" "$work/postgres.url"
	go build -o "$work/pgserver" ./internal/pgtest/cmd/pgserver
	"$work/pgserver" <"$work/postgres.in" >"$work/postgres.url" 2>"$work/postgres.log" &
	server=$!
	exec 9>"$work/postgres.in"
	read -r postgres <"$work/postgres.url"
}

stop_postgres() {
	if [[ -n ${server-} ]]; then
		exec 9>&-
		wait "$server" || true
		server=""
	fi
}

# start MANIFEST FLAG... starts dev and waits until it answers.
start() {
	bin/ringhold dev -f "$1" "${@:2}" --listen "$address" >"$work/dev.log" 2>&1 9>&- &
	dev=$!
	for _ in $(seq 150); do
		if curl --silent --fail --max-time 1 --output /dev/null "http://$address/v1/services"; then
			return 0
		fi
		kill -0 "$dev" 2>/dev/null || break
		sleep 0.2
	done
	echo "ringhold dev -f $1 did not start to answer:" >&2
	cat "$work/dev.log" >&2
	exit 1
}

# stop interrupts dev as Ctrl-C does; it has to drain and end well.
stop() {
	local code=0
	kill -INT "$dev"
	wait "$dev" || code=$?
	dev=""
	checks=$((checks + 1))
	if [[ $code == 0 ]]; then
		echo "ok   dev drains and ends well when it is interrupted"
	else
		fault "dev drains and ends well when it is interrupted" "exit $code" "$(tail -20 "$work/dev.log")"
	fi
}

address=127.0.0.1:$(free_port)
export RINGHOLD_SERVER=$address
ringhold=bin/ringhold

says "the version is known" ringhold "$ringhold" version

# bank FLAG... runs the example on the store that the flags name.
bank() {
	start examples/bank/aggregateservice.yaml "$@"
	local account='{"id":"acc-1","owner":"Ada"}'
	says "open an account with the CLI" "created acc-1 @0" "$ringhold" dispatch open_account "$account" --id smoke-1
	says "the same message again has its first answer" "created acc-1 @0" "$ringhold" dispatch open_account "$account" --id smoke-1
	answers "open an account with curl" 201 /v1/services/open_account '{"id":"acc-2","owner":"Bob"}'
	answers "an account that exists is a conflict" 409 /v1/services/open_account "$account"
	answers "deposit" 200 /v1/services/deposit '{"account_id":"acc-1","amount":100}'
	answers "a deposit to nobody" 404 /v1/services/deposit '{"account_id":"nobody","amount":100}'
	answers "a deposit without an id" 400 /v1/services/deposit '{"amount":100}'
	answers "a negative deposit" 422 /v1/services/deposit '{"account_id":"acc-1","amount":-1}'
	answers "an unknown service" 404 /v1/services/open_vault '{}'
	answers "a body that is no JSON" 400 /v1/services/deposit '{"account_id":'
	says "services by reflection with grpcurl" ringhold.v1.Dispatcher go tool -modfile=hack/tools/go.mod grpcurl -plaintext "$address" list
	says "the account's state" 100 "$ringhold" state accounts acc-1
	says "the account's events" deposited "$ringhold" events accounts acc-1
	stop

	start examples/bank/aggregateservice.yaml "$@"
	says "a second start goes on where the first stopped" 100 "$ringhold" state accounts acc-1
	stop
}

# readme_on_postgres runs the README's lines for PostgreSQL, up to the one that serves, as they stand there, but for the
# server's address; it leaves the URL of the database in $shop.
readme_on_postgres() {
	local lines server=${postgres%%/postgres\?*} address='postgres://localhost/shop'
	lines=$(sed -n '/^createdb /,/^```/{/^```/!p}' README.md)
	shop=$server/shop
	says "the README shows three lines for PostgreSQL" 3 wc -l <<<"$lines"
	if [[ $lines != "createdb shop"$'\n'"ringhold migrate -f "*" --store $address"$'\n'"ringhold dev -f "*" --store $address" ]]; then
		fault "the README's lines for PostgreSQL are those that are run here" "$lines"
	fi
	PATH=$PWD/bin:$PATH
	while read -r -a command; do
		case "${command[*]}" in
		"ringhold dev "*) break ;; # bank does
		createdb*) command+=(--maintenance-db "$postgres") ;;
		esac
		says "${command[*]:0:2}" "" "${command[@]//$address/$shop}" </dev/null
	done <<<"$lines"
	says "the schema is there" "schema 1" "$ringhold" migrate -f examples/bank/aggregateservice.yaml --store "$shop"
}

bank --data "$work/data"
if start_postgres; then
	echo "on PostgreSQL:"
	readme_on_postgres
	bank --store "$shop"
elif [[ ${CI-} == true ]]; then
	fault "a PostgreSQL server starts" "$(cat "$work/postgres.log")"
else
	echo "not on PostgreSQL: $(cat "$work/postgres.log")"
fi

echo "smoke: $checks checks, $faults failed"
[[ $faults == 0 ]]
