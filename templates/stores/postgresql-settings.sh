# Goes on after postgresql-members.sh: gives all members their settings, and lets the pool ask for the verifier of
# whoever comes to it. More arguments: the settings. The first line of the input is the pool's own password.
settings=$1
shift
file=$(mktemp)
trap 'rm -f "$file"' EXIT
printf '%s' "$settings" >"$file"
patronictl -c "$patroni" edit-config --quiet --force --replace "$file" >/dev/null
read -r pools
ask postgres <<SQL
SET log_statement = none; SET log_min_duration_statement = -1; SET log_min_error_statement = panic; SET client_min_messages = warning;
SELECT 'CREATE ROLE colorway_pool' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'colorway_pool') \gexec
ALTER ROLE colorway_pool LOGIN PASSWORD '$pools';
BEGIN;
CREATE OR REPLACE FUNCTION public.colorway_login(wanted text) RETURNS TABLE (name text, secret text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS 'SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = wanted AND rolname IN (''$user'', ''${user}_2'') AND rolcanlogin';
REVOKE ALL ON FUNCTION public.colorway_login(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.colorway_login(text) TO colorway_pool;
COMMIT;
SQL
