# What is known of binary logs, for who archives them and who reads them again. Part of other scripts, which have `run`.
# A state is what a server's @@gtid_binlog_state is: of each domain and server the last transaction, with commas between.
#
# The state before a log's first transaction; fails where the file is none.
begins() {
  mariadb-binlog --no-defaults "$1" 2>/dev/null | awk '
    /\tGtid list \[/ { list = 1 }
    list && !ended {
      ended = /]/
      sub(/.*\[/, ""); sub(/^# /, ""); sub(/,?].*/, ""); sub(/,$/, "")
      if ($0 != "") found = found (found == "" ? "" : ",") $0
      if (ended && found != "") exit
      next
    }
    # Of a server whose data are a copy the first log says nothing, and does not begin with the first transaction of all.
    match($0, /\tGTID [0-9]+-[0-9]+-[0-9]+/) {
      split(substr($0, RSTART + 6, RLENGTH - 6), first, "-")
      if (first[3] > 1) found = first[1] "-" first[2] "-" (first[3] - 1)
      exit
    }
    END { if (!list) exit 1; print found }'
}
# How who has the first state is to the second one: `behind` where it lacks something of it, `apart` where it has gone
# another way since, else `ahead`, also where both are the same.
compared() {
  awk -v has="$1" -v asked="$2" 'BEGIN {
    said = "ahead"
    count = split(has, all, ",")
    for (i = 1; i <= count; i++) {
      split(all[i], one, "-")
      if (one[3] + 0 > of[one[1] "-" one[2]] + 0) of[one[1] "-" one[2]] = one[3]
      if (one[3] + 0 > last[one[1]] + 0) last[one[1]] = one[3]
    }
    count = split(asked, all, ",")
    for (i = 1; i <= count; i++) {
      split(all[i], one, "-")
      server = one[1] "-" one[2]
      if (last[one[1]] + 0 < one[3] + 0) said = "behind"
      else if (said == "ahead" && server in of && of[server] + 0 < one[3] + 0) said = "apart"
    }
    print said
  }'
}
# Of each domain the last transaction of several states with commas between: from where a log is read.
position() {
  echo "$1" | tr , '\n' | sort -t - -k 1,1n -k 3,3n | awk -F - 'NF == 3 { if (!($1 in last)) all[++count] = $1; last[$1] = $0 }
    END { for (i = 1; i <= count; i++) printf "%s%s", (i > 1 ? "," : ""), last[all[i]] }'
}
covers() { [ "$(compared "$1" "$2")" != behind ]; }
# The series of logs that are archived, oldest first, a line each: when it was last added to, up to which state, its last
# snapshot, which has all of it, its name, and `anew` where it goes on from no other one. The argument is a file that may
# be written.
archived() {
  run timeout 120 restic --option="s3.bucket-lookup=$COLORWAY_LOOKUP" --no-lock snapshots --tag=log --json >"$1" || return
  sed 's/"time":/\n&/g' "$1" | awk '
    function of(key) { return match($0, key "[^\"]*\"") ? substr($0, RSTART + length(key), RLENGTH - length(key) - 1) : "" }
    /^"time":/ {
      at = of("\"at:")
      gsub(/[+]/, ",", at)
      print of("\"time\":\""), at, of("\"short_id\":\""), of("\"hostname\":\""), /"anew"/ ? "anew" : "goes-on"
    }' | sort | awk '{ last[$4] = $0 } END { for (one in last) print last[one] }' | sort
}
