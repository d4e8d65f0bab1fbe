# Entry script of a cron: runs a program at the times of a schedule (UTC), one at a time. Arguments: minutes, hours,
# days, months, weekdays (each all of its values, 0 is Sunday), whether a day or a weekday is enough (yes or no),
# then the program with its arguments. Its memory is one number: the minute since 1970 up to which every time has been
# started or left out. It is written before a job starts, so that none runs twice.
set -u
for program in date sleep mv id flock; do
  command -v "$program" >/dev/null || { echo "$program is missing in this image; take one that is built on Debian, or has busybox" >&2; exit 1; }
done
memory=$COLORWAY_CRON_MEMORY
minutes=" $1 " hours=" $2 " days=" $3 " months=" $4 " weekdays=" $5 " either=$6
shift 6
job='' stopping='' nap=''
# Without a job there is nothing to wait for. A job gets no signal: init passes it to this shell alone.
stop() { stopping=1; [ -n "$job" ] || { [ -z "$nap" ] || kill "$nap" 2>/dev/null; exit 0; }; }
trap stop TERM
rest() { sleep "$1" & nap=$!; wait "$nap"; nap=; }
now() { now=$(date -u +%s); minute=$((now / 60)); }
# The calendar in numbers, since a day back is 1,440 minutes and a `date` for each of them would take seconds.
# Years begin in March, in eras of 400 years: http://howardhinnant.github.io/date_algorithms.html#civil_from_days
calendar() {
  day=$(($1 / 1440))
  mi=$(($1 % 60)) ho=$(($1 / 60 % 24)) we=$(((day + 4) % 7))
  of_era=$(((day + 719468) % 146097))
  year=$(((of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365))
  of_year=$((of_era - (365 * year + year / 4 - year / 100)))
  mo=$(((5 * of_year + 2) / 153))
  da=$((of_year - (153 * mo + 2) / 5 + 1))
  mo=$((mo < 10 ? mo + 3 : mo - 9))
  year=$((year + (day + 719468) / 146097 * 400 + (mo <= 2)))
}
matches() {
  calendar "$1"
  case $minutes in *" $mi "*) ;; *) return 1 ;; esac
  case $hours in *" $ho "*) ;; *) return 1 ;; esac
  case $months in *" $mo "*) ;; *) return 1 ;; esac
  case $days in *" $da "*) [ "$either" = no ] || return 0 ;; *) [ "$either" = yes ] || return 1 ;; esac
  case $weekdays in *" $we "*) ;; *) return 1 ;; esac
}
# The last time of the schedule after one minute and up to another, a day back at most; empty = none.
last_time() {
  due=
  at=$2
  first=$(($1 > $2 - 1440 ? $1 : $2 - 1440))
  while [ "$at" -gt "$first" ]; do
    if matches "$at"; then due=$at; return; fi
    at=$((at - 1))
  done
}
spoken() { calendar "$1"; spoken=$(printf '%04d-%02d-%02dT%02d:%02dZ' "$year" "$mo" "$da" "$ho" "$mi"); }
# Renamed when whole. Named by user: what another version's user left half-way is not ours to write to.
remember() {
  settled=$1
  { echo "$1" >"$memory/settled.$(id -u)" && mv -f "$memory/settled.$(id -u)" "$memory/settled"; } || {
    echo "cron: what is started cannot be remembered, so nothing is started" >&2
    exit 1
  }
}
# Swarm starts the new task of an update after a minute, even where the old one still finishes its job (measured: two
# alive after 61 s; https://github.com/antongocode/repro-stopgrace). The kernel lets go of the lock with the last process of the old one, which Swarm kills after its grace; so this wait has an end.
exec 9<"$memory" || exit 1
waiting=
while ! flock -n 9; do
  [ -n "$waiting" ] || echo "cron: an earlier task still finishes its job; waiting for its end"
  waiting=1
  rest 1
done
now
settled=$(cat "$memory/settled" 2>/dev/null) || settled=
case $settled in
  '') remember "$minute" ;;
  *[!0-9]*) echo "cron: what is remembered cannot be read; times count from now on"; remember "$minute" ;;
esac
if [ "$settled" -gt $((minute + 1440)) ]; then
  echo "cron: what is remembered is more than a day ahead of the clock; times count from now on"
  remember "$minute"
fi
while :; do
  now
  last_time "$settled" "$minute"
  if [ -z "$due" ]; then
    rest $((60 - now % 60))
    continue
  fi
  spoken "$due"
  [ "$due" -eq "$minute" ] || echo "cron: the job of $spoken is made up, $((minute - due)) min late"
  # From here on a signal stops nothing: what is remembered as started must start.
  job=starting
  remember "$minute"
  (
    code=0
    (export COLORWAY_SCHEDULED="$spoken"; exec "$@") || code=$?
    [ "$code" -eq 0 ] || echo "cron: the job of $spoken ended with exit code $code"
  ) &
  job=$!
  # A signal ends the wait, and not the job.
  while kill -0 "$job" 2>/dev/null; do
    wait "$job"
    [ $? -ne 127 ] || break
  done
  now
  last_time "$settled" "$minute"
  if [ -n "$due" ]; then
    began=$spoken
    spoken "$due"
    echo "cron: the job of $began ended after $spoken had come; what came meanwhile is left out"
  fi
  remember "$minute"
  job=
  [ -z "$stopping" ] || exit 0
done
