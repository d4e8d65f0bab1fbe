# Goes on after one that says how a PostgreSQL is told something, once nobody has the other login of its user any more:
# that is let in no more.
other=${user}_2
[ "$login" = "$user" ] || other=$user
ask postgres <<SQL
SET client_min_messages = warning;
SELECT format('ALTER ROLE %I NOLOGIN PASSWORD NULL', rolname) FROM pg_roles
  WHERE rolname = '$other' AND rolcanlogin AND EXISTS (SELECT FROM pg_roles WHERE rolname = '${user}_owner') \gexec
SELECT format('DO \$\$BEGIN PERFORM pg_terminate_backend(%s, 5000); END\$\$', pid) FROM pg_stat_activity
  WHERE usename = '$other' AND backend_type = 'client backend' AND NOT (SELECT rolcanlogin FROM pg_roles WHERE rolname = '$other') \gexec
SQL
