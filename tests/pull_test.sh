#!/bin/sh
# scripts/pull.sh against a server on loopback: whole, resumed, damaged, absent.  Needs python3 and curl;
# run by .ci/run.
set -u
cd "$(dirname "$0")/.." || exit 1
tmp=$(mktemp -d) failures=0
trap 'kill "$server" 2>/dev/null; rm -rf "$tmp"' EXIT
repo=$tmp/www/Qwen/Qwen2.5-1.5B-Instruct-GGUF file=qwen2.5-1.5b-instruct-q4_k_m.gguf
mkdir -p "$repo/raw/main" "$repo/resolve/main"
head -c 300000 /dev/urandom > "$repo/resolve/main/$file"
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 300000\n' \
    "$(sha256sum "$repo/resolve/main/$file" | cut -d ' ' -f 1)" > "$repo/raw/main/$file"
cat > "$tmp/serve.py" <<'P'
"""A file server that understands `Range: bytes=N-` and writes down what was asked for."""
import http.server, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, rng = sys.argv[1] + self.path, self.headers.get("Range")
        open(sys.argv[1] + "/log", "a").write("%s %s\n" % (self.path, rng))
        if not os.path.isfile(path):
            self.send_error(404)
            return
        data, at = open(path, "rb").read(), int(rng[6:].split("-")[0]) if rng else 0
        self.send_response(206 if rng else 200)
        if rng:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (at, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(data) - at))
        self.end_headers()
        self.wfile.write(data[at:])
    def log_message(self, *a):
        pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
open(sys.argv[1] + "/port", "w").write(str(s.server_port))
s.serve_forever()
P
python3 "$tmp/serve.py" "$tmp/www" &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s "$tmp/www/port" ] && break; sleep 0.3; done
SLM_PULL_BASE=http://127.0.0.1:$(cat "$tmp/www/port")
export SLM_PULL_BASE no_proxy=127.0.0.1

check() { # NAME CONDITION...
    name=$1
    shift
    if "$@"; then echo "ok   $name"; else echo "FAIL $name"; failures=$((failures + 1)); fi
}
pull() { sh scripts/pull.sh "$@" > "$tmp/out" 2> "$tmp/err"; }

pull qwen2.5-1.5b "$tmp/m"
check 'a whole file arrives' cmp -s "$repo/resolve/main/$file" "$tmp/m/$file"
: > "$tmp/www/log"
pull qwen2.5-1.5b "$tmp/m"
check 'what is there is not fetched again' sh -c "! grep -q resolve '$tmp/www/log'"
head -c 123456 "$tmp/m/$file" > "$tmp/m/$file.part" && rm "$tmp/m/$file" && : > "$tmp/www/log"
pull qwen2.5-1.5b "$tmp/m"
check 'a broken download is resumed' grep -q 'resolve.* bytes=123456-' "$tmp/www/log"
check 'and is whole then' cmp -s "$repo/resolve/main/$file" "$tmp/m/$file"
rm "$tmp/m/$file" && head -c 1000 /dev/zero > "$tmp/m/$file.part"
pull qwen2.5-1.5b "$tmp/m"
check 'a damaged file is refused' test $? -eq 1
check 'and gets no name' sh -c "! test -e '$tmp/m/$file' && ! test -e '$tmp/m/$file.part'"
pull llama-3.2-1b "$tmp/m"
check 'an absent file is an error' test $? -eq 1
pull nosuch "$tmp/m"
check 'an unknown name is a usage error' test $? -eq 2
[ $failures -eq 0 ]
