#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What `make run` calls: run-demo.sh BUILD [FOLDER]. Makes FOLDER (default ./run) with a certificate, a configuration and two
# demo accounts when they are not there yet, then runs the broker in the foreground until Ctrl-C.
set -eu
build=$1 run=${2:-run}
config=$run/musterd.yaml
users=(alice@localhost bob@localhost)
passwords=(wonderland builder) # for loopback only

umask 077
mkdir -p "$run"
if [ ! -s "$run/cert.pem" ] || ! openssl x509 -checkend 86400 -noout -in "$run/cert.pem" >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$run/key.pem" -out "$run/cert.pem" 2>"$run/openssl.log" ||
        { cat "$run/openssl.log" >&2; exit 1; }
fi
if [ ! -e "$config" ]; then
    cat >"$config" <<YAML
domains: [localhost]
state: $run
tls: {certificate: $run/cert.pem, key: $run/key.pem}
listen:
  - {address: 127.0.0.1, port: 5222, tls: starttls}
  - {address: 127.0.0.1, port: 5223, tls: direct}
admin: {socket: $run/admin.sock}
YAML
fi

# A connection that succeeds means that somebody listens there already.
for port in 5222 5223; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        echo "run: port $port of 127.0.0.1 is in use; is another XMPP server, or another 'make run', running?" >&2
        exit 1
    fi
done
"$build/musterd" --config "$config" --check >/dev/null

known=$("$build/musterctl" --config "$config" user list)
for i in "${!users[@]}"; do
    grep -qxF "${users[$i]}" <<<"$known" ||
        "$build/musterctl" --config "$config" user add "${users[$i]}" <<<"${passwords[$i]}" >/dev/null
done

cat <<TEXT

musterd runs on 127.0.0.1:5222 (STARTTLS) and 127.0.0.1:5223 (direct TLS), domain localhost.

  account            password
  ${users[0]}    ${passwords[0]}
  ${users[1]}      ${passwords[1]}

Connect any XMPP client; server 127.0.0.1, and trust the certificate $run/cert.pem. Or, in a second terminal:

  make demo-client    two clients log in, add each other, and change presence before your eyes

State is in $run/; Ctrl-C stops.

TEXT
exec "$build/musterd" --config "$config"
