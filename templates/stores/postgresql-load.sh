# Runs as root in the container of the server that takes writes: says what is in the store's database (look), or loads a
# dump into it (sql, custom), all of it or nothing. Arguments: which, the database, its owner, the port, the dump's bytes.
# The dump is the input, with a line after it by which its end is told from a connection that was lost.
what=$1 owner=$3 size=$5
run() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
export PGHOST=/tmp/postgresql PGPORT="$4" PGDATABASE="$2" PGUSER=postgres
case $what in
  look)
    run psql -XAtq -v ON_ERROR_STOP=1 -c "SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
      WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname !~ '^(pg_|information_schema\$)'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      ORDER BY relkind <> 'r', 1" -c "SELECT 'looked'"
    exit
    ;;
  sql)
    # Without the end there is no COMMIT, and who leaves without it changes nothing.
    said=$({
      echo 'BEGIN;'
      head -c "$size"
      read -r end || end=
      [ "$end" != colorway-end ] || printf '\nCOMMIT;\n\\echo loaded\n'
    } | PGOPTIONS="-c role=$owner" run psql -XAtq -v ON_ERROR_STOP=1)
    [ "${said##*
}" = loaded ] || { echo "the dump did not arrive whole, or is not whole itself" >&2; exit 1; }
    ;;
  custom)
    head -c "$size" | run pg_restore --no-owner --no-privileges --role="$owner" --single-transaction --exit-on-error --dbname="$PGDATABASE"
    ;;
esac
run psql -XAtq -c ANALYZE
