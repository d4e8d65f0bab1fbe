# Goes on after one that says how a PostgreSQL is told something: gives the application its database, an owner of all in
# it that cannot log in, and the present one of its two logins, which acts as that owner. The other login stays as it is.
# More arguments: extensions. The password is the input.
extensions=${1:-} owner=${user}_owner
password=$(tr -d '\n')
# As whom the server knows the login by this password (since PostgreSQL 16), or why it does not.
said=
if [ "$(echo "SELECT count(rolpassword) FROM pg_authid WHERE rolname = '$login'" | ask postgres)" != 0 ]; then
  passes=$(mktemp)
  printf '*:*:*:*:%s\n' "$(printf '%s' "$password" | sed 's/[\\:]/\\&/g')" >"$passes"
  said=$(PGPASSFILE=$passes psql -qXAtw "$way dbname=$database user=$login" -c 'SELECT system_user' 2>&1) || :
  rm -f "$passes"
fi
is_another() { case $said in *"password authentication failed"*) ;; *) return 1 ;; esac; }
# Set anew, a password has another salt, and a pool could not come in any more for clients that it knows from before.
is_set() { case $said in "scram-sha-256:$login") ;; *) return 1 ;; esac; }
# Of people: the server's own workers have the name of the superuser whose data this may have been.
present=$(echo "SELECT count(*) FROM pg_stat_activity WHERE usename = '$login' AND backend_type = 'client backend'" | ask postgres)
if [ "$present" != 0 ] && is_another; then
  echo "$login has another password, with which $present sessions are there: let the new one count beside it, by one more under \`login\` of colorway:stores (docs/data-stores.md), or put the old one back; no service was changed" >&2
  exit 1
fi
{
  # What this says is never logged, for a password is in it.
  echo "SET log_statement = none; SET log_min_duration_statement = -1; SET log_min_error_statement = panic; SET client_min_messages = warning;"
  cat <<SQL
DO \$\$BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '$owner' AND (rolcanlogin OR rolsuper)) THEN
    RAISE EXCEPTION 'the role $owner can log in, and it is to own the database: rename it';
  END IF;
  IF EXISTS (SELECT FROM pg_roles AS one WHERE rolname = '$login' AND rolname <> '$user' AND NOT EXISTS (
    SELECT FROM pg_auth_members AS had JOIN pg_roles AS owns ON owns.oid = had.roleid WHERE had.member = one.oid AND owns.rolname = '$owner'
  )) THEN
    RAISE EXCEPTION 'the role $login is somebody else''s, and it is to be a login of $owner: rename it';
  END IF;
END\$\$;
SELECT 'CREATE ROLE "$owner" NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$owner') \gexec
SELECT 'CREATE ROLE "$login"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$login') \gexec
SELECT 'GRANT "$owner" TO "$login"' FROM pg_roles WHERE rolname = '$login' AND NOT rolsuper \gexec
SELECT 'CREATE DATABASE "$database" OWNER "$owner"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$database') \gexec
SQL
  is_set || printf "ALTER ROLE \"%s\" LOGIN PASSWORD '%s';\n" "$login" "$(printf '%s' "$password" | sed "s/'/''/g")"
} | ask postgres
# What the logins have made themselves, or one of them alone before it had an owner. Who waits for a lock lets everybody
# wait behind. A superuser that was brought along may own what the server needs, and lends it.
owned() {
  ask "$database" <<SQL
SET lock_timeout = '2s'; SET client_min_messages = warning;
SELECT format('ALTER DATABASE %I OWNER TO %I', datname, '$owner') FROM pg_database WHERE datname = '$database' AND datdba <> '$owner'::regrole \gexec
SELECT CASE WHEN NOT rolsuper THEN format('REASSIGN OWNED BY %I TO %I', rolname, '$owner')
    WHEN current_setting('server_version_num')::int < 160000 THEN format('GRANT %I TO %I', rolname, '$owner')
    ELSE format('GRANT %I TO %I WITH INHERIT TRUE, SET FALSE', rolname, '$owner') END
  FROM pg_roles WHERE rolname IN ('$user', '${user}_2') \gexec
SQL
}
tries=10
until said=$(owned 2>&1); do
  tries=$((tries - 1))
  [ $tries -gt 0 ] || { echo "what $user has made could not be given to $owner: $said" >&2; exit 1; }
  sleep 1
done
echo "ALTER ROLE \"$login\" SET role = '$owner'" | ask postgres
for extension in $extensions; do
  echo "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS \"$extension\" CASCADE;" | ask "$database"
done
