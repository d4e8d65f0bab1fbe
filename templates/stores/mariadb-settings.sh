# Runs in the container of the member that the stack's file calls the primary: lets it begin where nobody has any data
# yet, waits until it takes writes, and gives the application its database and its user. Arguments: how long to wait in
# seconds, the store, the stack, the member's host, database, user. The user's password is the input.
limit=$1 store=$2 stack=$3 host=$4 database=$5 user=$6
tell() { setpriv --reuid=mysql --regid=mysql --init-groups -- mariadb --no-defaults --socket=/tmp/mariadb/mariadb.sock --user=mysql --batch --skip-column-names "$@"; }
while :; do
  is=$(tell --execute='SELECT @@read_only' 2>/dev/null </dev/null) || is=
  [ "$is" != 0 ] || break
  if [ "$is" = 1 ]; then
    echo "the member of $store on $host is no primary, whatever the stack's file says: colorway data promote $stack $store --to $host, or put the file back" >&2
    exit 1
  fi
  [ "$limit" -gt 0 ] || { echo "the member of $store on $host takes no writes; what it says: docker service logs $stack-$store-$host" >&2; exit 1; }
  limit=$((limit - 1))
  sleep 1
done
# In a grant _ means any character, unless it is escaped.
granted=$(printf '%s' "$database" | sed 's/_/\\_/g')
{
  # No log of the server's has what this says, for a password is in it; the replica gets it as a hash.
  printf "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';\n"
  printf "CREATE DATABASE IF NOT EXISTS \`%s\`;\nCREATE USER IF NOT EXISTS '%s'@'%%';\nALTER USER '%s'@'%%' IDENTIFIED BY '" "$database" "$user" "$user"
  sed "s/'/''/g" | tr -d '\n'
  printf "';\nGRANT ALL PRIVILEGES ON \`%s\`.* TO '%s'@'%%';\n" "$granted" "$user"
} | tell 2>/tmp/mariadb/said || { sed "s/near '.*/near …/" /tmp/mariadb/said >&2; exit 1; }
