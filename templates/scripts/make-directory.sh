# Makes the directory of a load balancer and puts its entry script there. Argument: the directory.
# Standard input: the entry script.
directory=$1
# All of them here, although nginx writes into some: what root makes in a container, only root could remove.
mkdir -p "$directory/generations/none" "$directory/certs" "$directory/run" "$directory/secrets" "$directory/buffer/body" "$directory/buffer/proxy"
chmod 755 "$directory" "$directory/generations" "$directory/run" "$directory/buffer"
# Workers of nginx go through to the one key that each handshake needs; nobody can list what is there.
chmod 711 "$directory/certs"
chmod 700 "$directory/secrets"
cat >"$directory/entry.sh.new"
mv -f "$directory/entry.sh.new" "$directory/entry.sh"
echo "load balancer directory ready"
