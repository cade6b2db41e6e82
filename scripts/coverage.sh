#!/bin/sh
# Lines and branches that were reached, for each source file: coverage.sh BUILD.  A branch counts as reached
# when it was taken at least once; calls are not counted.
cd "$1" || exit 1
root=$(cd ../.. && pwd)
find src -name '*.gcda' | sort | while read -r f; do
    gcov -n -b -c -r -s "$root" -o "$(dirname "$f")" "$f" 2> /dev/null
done | awk -F"[:% ']+" '
/^File /      { file = $2 }
/^Lines /     { if (!(file in n)) { order[++k] = file }; if ($NF + 0 > n[file]) { n[file] = $NF + 0; line[file] = $3 } }
/^Taken at /  { if ($NF + 0 > b[file] + 0) { b[file] = $NF + 0; taken[file] = $5 } else if ($5 > taken[file] + 0 && $NF + 0 == b[file]) taken[file] = $5 }
END {
    printf "%-28s %8s %8s %9s %9s\n", "file", "lines", "reached", "branches", "reached"
    for (i = 1; i <= k; i++) {
        f = order[i]
        if (f !~ /^src\//) continue
        printf "%-28s %8d %7.1f%% %9d %8.1f%%\n", f, n[f], line[f], b[f], taken[f]
        sl += n[f]; rl += n[f] * line[f] / 100; sb += b[f]; rb += b[f] * taken[f] / 100
    }
    printf "%-28s %8d %7.1f%% %9d %8.1f%%\n", "all", sl, 100 * rl / sl, sb, 100 * rb / sb
}'
