# Makes the directory in which a cron remembers what it has started. Argument: the directory.
directory=$1
mkdir -p "$directory"
# Whoever the job's user is in a version, it must be able to replace what the last version's user wrote, so there
# is no sticky bit; nobody else of the host gets past the directory above.
chmod 700 "$(dirname "$directory")"
chmod 777 "$directory"
echo "cron directory ready"
